# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes and settings on a disk that takes a second for each write: the window never waits for it, nothing that was typed
is lost, also when somebody else changes the machine, when it can't be written, and when the window is closed.

Usage: test-saving.py BONSAI-DESKTOP ARTEFACTS BONSAI SLOW-DISK
"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, close_window, press, run, type_text, wait  # noqa: E402
from machine_page import open_page, show_tab  # noqa: E402

MACHINE = "Birch"
FLUSH = 700  # ms; a description takes two of them: the file, and its folder
program, artefacts, bonsai, slow_disk = sys.argv[1:5]


def command(*words):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True).stdout


def shown():
    return json.loads(command("show", MACHINE, "--json"))


def becomes(what, predicate):
    wait(what, lambda: predicate(shown()["config"]))


command("create", MACHINE, "--ready", "invaders", "--memory", "64M")
full = os.path.join(os.environ["HOME"], "full")
app = App([program], artefacts, {"LD_PRELOAD": slow_disk, "SLOW_DISK": str(FLUSH), "FULL_DISK": full, "BONSAI_STALLS": "16",
                                 # whose runtime wants to be the first that is loaded
                                 "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"})


def stalls():
    """Of the main loop: how long each took in ms, without what was spent on work of its own, as drawing."""
    with open(app.log.name) as log:
        return [float(all) - float(work) for all, work in re.findall(r"stall: ([\d.]+) ms, ([\d.]+) of work", log.read())]


def write(text):
    app.click_at("text", "Notes")
    press("ctrl+a")
    type_text(text)


def notes():
    """Notes are saved when the focus leaves them, and what somebody else changes meanwhile stays."""
    open_page(app, MACHINE)
    write("one")
    show_tab(app, "Settings")
    command("policy", "set", MACHINE, "--cpu-cap", "50%")
    app.set_value("Processors", 2)
    app.set_value("Memory (MiB)", 96)
    becomes("all three", lambda c: (c.get("notes"), c["cpus"], c["memory"]) == ("one", 2, "96M") and "policy" in c)


def quick():
    """None of this has kept the window waiting."""
    slow = [stall for stall in stalls() if stall > FLUSH / 2]
    assert not slow, f"the main loop waited for the disk: {slow} ms"


def start():
    """A machine that is started has what was said a moment before."""
    app.set_value("Processors", 1)
    press("Tab")
    show_tab(app, "Overview")
    app.click("push button", "Start")
    wait("it to run", lambda: shown()["state"] == "running")
    becomes("one processor", lambda c: c["cpus"] == 1)
    command("stop", MACHINE)
    wait("it to be off", lambda: shown()["state"] == "stopped")


def failure():
    """What can't be saved is told with its cause, stays where it was typed, and is saved the next time."""
    open(full, "w").close()
    write("two")
    press("shift+Tab")
    app.find("label", "Can’t Save the Notes")
    app.screenshot("failure")
    os.remove(full)
    app.click("push button", "Close")
    app.gone("label", "Can’t Save the Notes")
    view = app.find("text", "Notes")
    assert view.get_text_iface().get_text(0, -1) == "two", view.get_text_iface().get_text(0, -1)
    app.click_at("text", "Notes")
    press("shift+Tab")
    becomes("the notes", lambda c: c.get("notes") == "two")


def closing():
    """A window that is closed amid a sentence stays until that is saved."""
    write("three")
    close_window(app.window("Bonsai"))
    app.has_quit()
    assert shown()["config"]["notes"] == "three", shown()["config"]


def ending():
    """So does a session that ends."""
    app.launch()
    open_page(app, MACHINE)
    write("four")
    show_tab(app, "Settings")
    app.find("spin button", "Processors")
    app.quit()
    assert shown()["config"]["notes"] == "four", shown()["config"]


run(app, [notes, quick, start, failure, closing, ending])
