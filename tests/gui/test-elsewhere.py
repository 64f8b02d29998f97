# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that the command line starts, in processes of their own, while the app shows them: what it says and shows of
them changes as that of its own machines does, also while assistive technologies read all there is.

Usage: test-elsewhere.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, pixels_differ, run, wait  # noqa: E402
from machine_page import open_page, show_tab  # noqa: E402

MACHINE, OTHERS = "Alpha", ("Beta", "Gamma")
ROUNDS = int(os.environ.get("BONSAI_TEST_ROUNDS", "3"))
program, artefacts, bonsai = sys.argv[1:4]


def cli(*args):
    return subprocess.run([bonsai, *args], check=True, capture_output=True, text=True).stdout


for machine in (MACHINE, *OTHERS):
    cli("create", "--kernel", "/boot/invaders.exec", "--memory", "32M", machine)
app = App([program], artefacts)


def is_told(machine, state):
    app.find("list item", f"{machine}, {state}")


def starts_and_ends():
    """A machine that is started elsewhere runs here, is paused and resumed here and there, and is off when it ends."""
    is_told(MACHINE, "Off")
    cli("start", "--headless", MACHINE)
    is_told(MACHINE, "Running")
    cli("pause", MACHINE)
    is_told(MACHINE, "Paused")
    app.click("push button", f"Resume {MACHINE}")
    is_told(MACHINE, "Running")
    app.screenshot("runs-elsewhere", moving=True)
    cli("stop", MACHINE)
    is_told(MACHINE, "Off")
    wait("nothing to hold it", lambda: not app.all("label", "In use by"))


def its_page():
    """Its page shows its screen as it moves, and offers what a machine that runs offers."""
    open_page(app, MACHINE)
    app.find("push button", f"Start {MACHINE}")
    cli("start", "--headless", MACHINE)
    app.find("push button", f"Pause {MACHINE}")
    window = app.window("Bonsai")
    before = wait("a picture", lambda: app.screenshot("page", window, moving=True))
    wait("the screen to move", lambda: pixels_differ(before, app.glance(window)) > 200)
    show_tab(app, "Settings")
    show_tab(app, "Overview")
    cli("stop", MACHINE)
    app.find("push button", f"Start {MACHINE}")
    app.screenshot("page-off")


def read_all_the_while(stop):
    while not stop.is_set():
        for node in app.walk():
            try:
                node.get_name(), node.get_index_in_parent(), node.get_relation_set(), node.get_interfaces()
            except Exception:  # it vanished while we looked
                continue


def many_at_once():
    """Several start and end again and again while everything is read; the app lives, and says what is so at the end."""
    app.click_at("list item", "All Machines") if not app.all("label", "All Machines") else None
    stop = threading.Event()
    reader = threading.Thread(target=read_all_the_while, args=(stop,))
    reader.start()
    try:
        for _ in range(ROUNDS):
            for machine in (MACHINE, *OTHERS):
                cli("start", "--headless", machine)
            for machine in (MACHINE, *OTHERS):
                cli("stop", machine)
            app.check_alive()
    finally:
        stop.set()
        reader.join()
    for machine in (MACHINE, *OTHERS):
        is_told(machine, "Off")


run(app, [starts_and_ends, its_page, many_at_once])
