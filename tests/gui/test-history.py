# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's history: graphs of what it uses now, zoomed by buttons, wheel, keys and dragging; exported; light and dark.

Usage: test-history.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, press, run, wait  # noqa: E402
from machine_page import open_page  # noqa: E402

MACHINE = "Game"
program, artefacts, bonsai = sys.argv[1:4]
GRAPHS = ("Processor", "Memory", "Disks", "Network")


def command(*words):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True).stdout


command("create", MACHINE, "--kernel", "/boot/invaders.exec", "--memory", "64M")
command("start", MACHINE, "--headless")
app = App([program], artefacts)


def open_history():
    app.click_at("push button", "Machine Menu")
    app.click("menu item", "History")
    app.find("frame", f"History of “{MACHINE}”")


def said(graph):
    """What who doesn't see a graph hears of it."""
    return app.find("image", graph).get_description() or ""


def span():
    """How many minutes it shows."""
    text = next(app.title(node) for node in app.all("label") if " – " in app.title(node))
    first, last = [int(hour) * 60 + int(minute) for hour, minute in re.findall(r"(\d\d):(\d\d)", text)]
    return (last - first) % (24 * 60)


def shows_what_it_uses():
    """Each graph has a name, and says how much of it there was, soon after the page is opened."""
    open_page(app, MACHINE)
    open_history()
    for graph in GRAPHS:
        app.find("image", graph)
    wait("the guest's processor time", lambda: "%" in said("Processor").split("Devices")[0], 30)
    app.screenshot("hour")


def goes_back():
    """Buttons go from an hour to a year; a machine that is new has nothing there."""
    for name in ("Day", "Week", "Month", "Year", "Hour"):
        app.click_at("push button", name)
    wait("the hour", lambda: "%" in said("Processor").split("Devices")[0], 30)


def is_zoomed_by_keys():
    """The keys + and - zoom the graph that has the focus, arrows pan it."""
    wait("an hour", lambda: span() == 60)
    app.click_at("image", "Processor")
    for _ in range(8):
        press("plus")
    wait("a shorter time", lambda: span() < 30)
    app.screenshot("zoomed")
    press("Left")
    for _ in range(8):
        press("minus")
    wait("an hour", lambda: span() >= 59)
    app.click_at("push button", "Hour")


def has_an_export():
    """The menu exports a table, JSON and a picture."""
    app.click_at("push button", "Export the History")
    for name in ("As a Table", "As JSON", "As a Picture"):
        app.find("menu item", name)
    app.screenshot("export")
    press("Escape")


def is_dark():
    """In a dark desktop the text is light."""
    global app
    app.process.terminate()
    app.process.wait()
    app = App([program], artefacts + "-dark", {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"})
    open_page(app, MACHINE)
    open_history()
    wait("the guest's processor time", lambda: "%" in said("Processor").split("Devices")[0], 30)
    app.screenshot("dark")


run(app, [shows_what_it_uses, goes_back, is_zoomed_by_keys, has_an_export, is_dark])
