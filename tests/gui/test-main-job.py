# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, as a person does it: create a machine, play in its window, stop, delete, undo.

Usage: test-main-job.py BONSAI-DESKTOP ARTEFACTS
The guest is one that firmware-class KVM runs, too: a game that needs no operating system.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, Tap, pixels_differ, wait, window_of_class, xdotool  # noqa: E402

GUEST = "GRUB Invaders"
MACHINE = "Saturday game"
program, artefacts = sys.argv[1], sys.argv[2]
app = App([program], artefacts)


def library_is_empty():
    """An empty library invites to create a machine."""
    app.find("label", "No Machines Yet")
    app.screenshot("empty-library")


def wizard_makes_a_machine():
    """The wizard leads from a source to a summary, and checks each page."""
    app.click("push button", "Create a Machine…")
    app.find("label", "What Shall It Run?")
    app.screenshot("wizard-source")
    app.click("check box", "Installation Medium")
    app.type_into("File", "/nowhere.iso")
    app.find("label", "Can't open “/nowhere.iso”")
    app.screenshot("wizard-missing-file")
    app.click("check box", GUEST)
    app.click("push button", "Next")
    app.type_into("Name", MACHINE)
    app.set_value("Memory", 64)
    app.screenshot("wizard-details")
    app.click("push button", "Next")
    app.find("label", MACHINE)
    app.screenshot("wizard-summary")
    app.click("push button", "Create")
    app.find("list item", f"{MACHINE}, Running")


def console_shows_the_guest():
    """The console window opens by itself and shows the guest's screen."""
    window = wait("the console window", lambda: window_of_class("bonsai"))
    first = app.screenshot("console", window)
    wait("the game to draw", lambda: pixels_differ(first, app.screenshot("console-drawn", window)) > 1000)


def keyboard_reaches_the_guest():
    """Keys typed into the console window change what the guest shows."""
    window = window_of_class("bonsai")
    xdotool("windowactivate", "--sync", window)
    xdotool("key", "--window", window, "space")
    before = app.screenshot("before-keys", window)
    for key in ("Left", "Left", "space", "Left", "space"):
        xdotool("key", key)
    wait("the ship to move", lambda: pixels_differ(before, app.screenshot("after-keys", window)) > 100)


def thumbnail_is_live():
    """The library shows the machine's screen."""
    app.find("image", f"Screen of {MACHINE}")
    app.screenshot("library-running")


def pause_and_resume():
    """Pause says so in the list; resume goes on."""
    app.click("push button", f"Pause {MACHINE}")
    app.find("list item", f"{MACHINE}, Paused")
    app.screenshot("paused")
    app.click("push button", f"Resume {MACHINE}")
    app.find("list item", f"{MACHINE}, Running")


def power_off():
    """Power Off ends it."""
    app.click("toggle button", f"More Actions for {MACHINE}")
    app.screenshot("menu")
    app.click("menu item", "Power Off")
    app.find("list item", f"{MACHINE}, Off")
    app.screenshot("stopped")


def delete_and_undo():
    """Delete takes it out of the list at once; Undo brings it back."""
    app.click("toggle button", f"More Actions for {MACHINE}")
    app.click("menu item", "Delete")
    app.find("label", "No Machines Yet")
    app.screenshot("deleted")
    app.click("push button", "Undo")
    app.find("list item", f"{MACHINE}, Off")
    app.screenshot("undone")


def app_quits():
    """The app ends when told to."""
    app.quit()


Tap().run([library_is_empty, wizard_makes_a_machine, console_shows_the_guest, keyboard_reaches_the_guest,
           thumbnail_is_live, pause_and_resume, power_off, delete_and_undo, app_quits])
