# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, as a person does it: create a machine, play in its window, stop, delete, undo.

Usage: test-main-job.py BONSAI-DESKTOP ARTEFACTS BONSAI
The guest is one that firmware-class KVM runs, too: a game that needs no operating system.
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, activate, hold, press, run, title_of, wait  # noqa: E402
from invaders import drawn, message, resting_ship, ship, shots  # noqa: E402

GUEST = "GRUB Invaders"
MACHINE = "Saturday game"
program, artefacts, bonsai = sys.argv[1:4]
disk = os.path.join(os.environ["HOME"], "Work.qcow2")
app = App([program], artefacts)


def console():
    return wait("the console window", lambda: app.console(MACHINE))


def library_is_empty():
    """An empty library invites to create a machine."""
    app.find("label", "No Machines Yet")
    app.screenshot("empty-library")


def wizard_checks_the_source():
    """The wizard names at once what is wrong with a file."""
    app.click("push button", "Create a Machine…")
    app.find("label", "What Shall It Run?")
    app.screenshot("wizard-source")
    app.choose("Installation Medium")
    app.find("alert", "Choose an ISO image.")
    app.screenshot("wizard-installation-medium")
    app.type_into("File", "/nowhere.iso")
    app.find("alert", "Can't open “/nowhere.iso”")
    app.screenshot("wizard-missing-file")
    app.type_into("File", __file__)
    app.find("alert", f"“{__file__}” is not an ISO image.")
    app.choose("Disk Image")
    app.type_into("File", "/usr")
    app.find("alert", "“/usr” is a folder.")
    with open(disk, "wb") as file:
        file.write(b"QED" + bytes(4093))
    app.type_into("File", disk)
    app.find("alert", f"Disk image “{disk}” is a QED image, which can't be used")
    os.unlink(disk)
    subprocess.run([bonsai, "disk", "create", disk, "3G"], check=True, stdout=subprocess.DEVNULL)
    app.type_into("File", disk + " ")
    app.type_into("File", disk)
    app.find("alert", "qcow2, 3 GiB")
    app.screenshot("wizard-disk-image")
    app.choose("Kernel")
    app.type_into("File", __file__)
    app.type_into("Initial RAM Disk", "/nowhere.img")
    app.find("alert", "Can't open “/nowhere.img”")
    app.screenshot("wizard-kernel")


def next_page(title):
    app.click("push button", "Next")
    app.find("label", title)


def previous_page(title):
    app.click("push button", "Back")
    app.find("label", title)


def summary_says(name):
    """Goes on from the first page to the summary, and back."""
    next_page("Name and Size")
    next_page("Summary")
    app.find("label", name)
    previous_page("Name and Size")
    previous_page("What Shall It Run?")


def wizard_goes_back_and_forth():
    """What was filled in stays; a name that nobody touched follows the source."""
    app.type_into("Initial RAM Disk", "")
    summary_says("test-main-job")
    app.choose(GUEST)
    summary_says(GUEST)
    next_page("Name and Size")
    app.type_into("Name", "")
    app.find("alert", "Give the machine a name.")
    app.screenshot("wizard-no-name")
    app.type_into("Name", MACHINE)
    previous_page("What Shall It Run?")
    summary_says(MACHINE)
    next_page("Name and Size")
    app.set_value("Memory", 64)
    app.screenshot("wizard-details")
    next_page("Summary")


def wizard_makes_a_machine():
    """Its summary tells what will be; Create makes and starts it."""
    app.find("label", MACHINE)
    app.find("label", "64.0")
    app.screenshot("wizard-summary")
    app.click("push button", "Create")
    app.find("list item", f"{MACHINE}, Running")


def console_shows_the_guest():
    """The console window opens by itself and shows the guest's screen."""
    window = console()
    wait("the game to draw", lambda: drawn(app, window))
    app.screenshot("console", window)


def keyboard_reaches_the_guest():
    """Keys typed into the console window move the ship."""
    window = console()
    activate(window)
    start = wait("the ship", lambda: ship(app, window))
    hold("Left", "the ship to move left", lambda: (ship(app, window) or start) < start)
    left = wait("the ship", lambda: ship(app, window))
    hold("Right", "the ship to move right", lambda: (ship(app, window) or left) > left)
    hold("space", "a shot", lambda: shots(app, window))
    app.screenshot("played", window)


def thumbnail_is_live():
    """The library shows the machine's screen."""
    app.find("image", f"Screen of {MACHINE}")
    activate(app.window("Bonsai"))
    app.screenshot("library-running", moving=True)


def pause_and_resume():
    """Pause says so in the list and over the screen; resume goes on."""
    app.click("push button", f"Pause {MACHINE}")
    app.find("list item", f"{MACHINE}, Paused")
    wait("the window's title to say so", lambda: "Paused" in title_of(console()))
    app.screenshot("library-paused")
    activate(console())  # what lies under another window has no picture
    wait("the message over the picture", lambda: message(app, console()))
    app.screenshot("paused", console())
    app.click("push button", f"Resume {MACHINE}")
    app.find("list item", f"{MACHINE}, Running")
    wait("the window's title to say so", lambda: "Paused" not in title_of(console()))


def command(*words):
    subprocess.run([bonsai, *words], check=True, stdout=subprocess.DEVNULL)


def keys_move_the_ship(window):
    activate(window)
    start = wait("the ship", lambda: ship(app, window))
    hold("Left", "the ship to move left", lambda: (ship(app, window) or start) < start)
    left = wait("the ship", lambda: ship(app, window))
    hold("Right", "the ship to move right", lambda: (ship(app, window) or left) > left)


def goes_back_in_its_window():
    """Gone back to a snapshot, the same window shows what was then, and takes keys."""
    window = console()
    activate(window)
    place = resting_ship(app, window)
    command("snapshot", "take", MACHINE, "Here")
    hold("Left", "the ship to be elsewhere", lambda: abs((ship(app, window) or place) - place) > 60)
    app.screenshot("elsewhere", window)
    for _ in range(2):
        command("snapshot", "restore", MACHINE, "Here")
        wait("the ship to be back", lambda: abs((ship(app, window) or 0) - place) <= 2)
        assert console() == window, "the window is another one"
    app.screenshot("back", window)
    keys_move_the_ship(window)
    app.find("list item", f"{MACHINE}, Running")


def snapshots():
    said = subprocess.run([bonsai, "snapshot", "list", "--json", MACHINE], check=True, capture_output=True).stdout
    return json.loads(said)


def bar_goes_back():
    """The bar at the top of its window takes a snapshot, and goes back there."""
    window = console()
    activate(window)
    place = resting_ship(app, window)
    press("ctrl+alt+m", "Right", "Return")
    wait("the second snapshot", lambda: len(snapshots()) == 2)
    app.screenshot("bar-took", window)
    hold("Left", "the ship to be elsewhere", lambda: abs((ship(app, window) or place) - place) > 60)
    press("ctrl+alt+m", "Right", "Right", "Down")
    app.screenshot("bar-back", window)
    press("Return")
    wait("the ship to be back", lambda: abs((ship(app, window) or 0) - place) <= 2)
    keys_move_the_ship(window)


def suspend_and_start():
    """Suspended to disk it is off, and its next start goes on from there."""
    command("suspend", MACHINE)
    app.find("list item", f"{MACHINE}, Suspended")
    wait("the console window to go", lambda: not app.console(MACHINE))
    app.screenshot("suspended")
    app.click("push button", f"Start {MACHINE}")
    app.find("list item", f"{MACHINE}, Running")
    window = console()
    wait("the game", lambda: drawn(app, window))
    keys_move_the_ship(window)


def power_off():
    """Power Off ends it, and its window goes."""
    app.click("push button", f"More Actions for {MACHINE}")
    app.screenshot("menu")
    app.click("menu item", "Power Off")
    app.find("list item", f"{MACHINE}, Off")
    wait("the console window to go", lambda: not app.console(MACHINE))
    app.screenshot("stopped")


def delete_and_undo():
    """Delete takes it out of the list at once; Undo brings it back."""
    app.click("push button", f"More Actions for {MACHINE}")
    app.click("menu item", "Delete")
    app.find("label", "No Machines Yet")
    app.screenshot("deleted")
    app.click("push button", "Undo")
    app.find("list item", f"{MACHINE}, Off")
    app.screenshot("undone")


def state_outlives_the_app():
    """Quit, and open again: the machine is there as it was."""
    app.quit()
    app.launch()
    app.find("list item", f"{MACHINE}, Off")
    app.screenshot("opened-again")


def wizard_takes_a_disk():
    """A disk image that exists is recorded with the format that the wizard saw, the machine with its firmware."""
    activate(app.window("Bonsai"))
    app.click("push button", "Create a Machine")
    app.choose("Disk Image")
    app.type_into("File", disk)
    next_page("Name and Size")
    app.click_at("check box", "UEFI")
    app.screenshot("wizard-uefi")
    next_page("Summary")
    app.find("label", f"Disk image {disk} (qcow2, 3 GiB)")
    app.screenshot("wizard-disk-summary")
    app.click_at("check box", "Start Now")
    app.click("push button", "Create")
    app.find("list item", "Work, Off")
    shown = json.loads(subprocess.run([bonsai, "show", "Work", "--json"], check=True, capture_output=True).stdout)
    assert shown["config"]["disks"][0]["format"] == "qcow2", shown
    assert shown["config"]["firmware"] == "uefi", shown


run(app, [library_is_empty, wizard_checks_the_source, wizard_goes_back_and_forth, wizard_makes_a_machine,
          console_shows_the_guest, keyboard_reaches_the_guest, thumbnail_is_live, pause_and_resume,
          goes_back_in_its_window, bar_goes_back, suspend_and_start, power_off, delete_and_undo, wizard_takes_a_disk, state_outlives_the_app])
