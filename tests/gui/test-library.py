# SPDX-License-Identifier: GPL-3.0-or-later
"""The library: places, grid and list, search, groups and tags, several at once, trash, this computer, jobs, several
windows, and that it is left as it is found again.

Usage: test-library.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, Atspi, activate, close_window, press, run, type_text, wait, xdotool  # noqa: E402

program, artefacts, bonsai = sys.argv[1:4]
library = os.path.join(os.environ["XDG_DATA_HOME"], "bonsai", "vms")
state = os.path.join(os.environ["XDG_STATE_HOME"], "bonsai", "desktop.ini")


def cli(*args):
    return subprocess.run([bonsai, *args], check=True, stdout=subprocess.PIPE, text=True).stdout


for machine in ("Alpha", "Beta", "Gamma", "Delta"):
    cli("create", "--kernel", "/boot/invaders.exec", "--memory", "32M", machine)
cli("label", "--group", "Work/Web", "--tag", "old", "Beta")
cli("label", "--tag", "old", "--tag", "nginx", "Gamma")
app = App([program], artefacts)


def describe(machine):
    return json.loads(cli("show", "--json", machine))["config"]


def cells():
    """Names of the machines in the grid; None if it changed meanwhile."""
    try:
        return [app.title(node).split(",")[0] for node in app.all("table cell")]
    except Exception:
        return None


def shows(*names):
    wait(f"the grid to show {names}", lambda: cells() == list(names))


def fresh(name):
    """Clicks on a place."""
    app.click_at("list item", name)


def places_and_grid():
    """Groups and machines stand in the sidebar, all machines in the grid; a group shows what is in it."""
    shows("Alpha", "Beta", "Delta", "Gamma")
    for name in ("All Machines", "Group Work", "Alpha, Off", "Trash", "This Computer"):
        app.find("list item", name)
    assert not app.all("list item", "Beta, Off"), "the group is expanded"
    app.screenshot("grid")
    all_are_in_sight()
    fresh("Group Work")
    shows("Beta")
    app.screenshot("group")
    press("Right")
    app.find("list item", "Group Web")
    press("alt+1")
    shows("Alpha", "Beta", "Delta", "Gamma")


def all_are_in_sight():
    """No tile is cut off by the sidebar or the window's edge."""
    place = app.find("list item", "All Machines")
    sidebar, window = box(place), box(app.frame_of(place))
    for cell in app.all("table cell"):
        tile = box(cell)
        assert sidebar.x + sidebar.width <= tile.x and tile.x + tile.width <= window.x + window.width, app.title(cell)


def box(node):
    return node.get_component_iface().get_extents(Atspi.CoordType.WINDOW)


def search():
    """Typing searches names, tags and groups; Escape ends it."""
    app.click_at("label", "All Machines")
    type_text("old")
    shows("Beta", "Gamma")
    app.screenshot("search")
    press("ctrl+a")
    type_text("tag:nginx is:stopped")
    shows("Gamma")
    press("ctrl+a")
    type_text("nowhere")
    app.find("label", "Nothing Found")
    app.screenshot("nothing-found")
    press("Escape")
    shows("Alpha", "Beta", "Delta", "Gamma")


def list_view():
    """Control+1 shows a list and back; machines can be started, cloned and so on with one click in it."""
    press("ctrl+1")
    app.find("push button", "Show as Grid")
    for verb in ("Start", "Take Snapshot of", "Clone", "More Actions for"):
        app.find("push button", f"{verb} Gamma")
    app.screenshot("list")


def one_click_each():
    """Snapshot and clone take one click each and are jobs; the clone is there, linked; the menu makes full ones."""
    app.click("push button", "Take Snapshot of Gamma")
    wait("the snapshot", lambda: len(json.loads(cli("snapshot", "list", "--json", "Gamma"))) == 1)
    app.click("push button", "Clone Gamma")
    app.find("list item", "Gamma 2, Off")
    app.click("push button", "Jobs")
    app.find("label", "Cloning “Gamma”")
    app.screenshot("jobs")
    press("Escape")
    app.gone("push button", "Jobs")
    assert is_linked("Gamma 2"), "a clone by one click is there at once"
    cli("delete", "Gamma 2")
    cli("purge", "Gamma 2")
    app.gone("list item", "Gamma 2, Off")
    app.click("push button", "More Actions for Gamma")
    app.click("menu item", "Full Clone")
    app.find("list item", "Gamma 2, Off")
    assert not is_linked("Gamma 2")


def is_linked(machine):
    with open(os.path.join(library, machine.lower().replace(" ", "-") + ".bonsai", "vm.json")) as file:
        return "clone-of" in json.load(file)


def machines():
    return {machine["name"] for machine in json.loads(cli("list", "--json"))}


def clones_and_original():
    """An original alone is refused by name; with its linked clone it goes, comes back, and goes for good."""
    cli("clone", "--linked", "Gamma", "Gamma 9")
    app.find("push button", "Start Gamma 9")
    app.click("push button", "More Actions for Gamma")
    app.click("menu item", "Delete")
    app.find("label", "Can’t Delete the Machine")
    app.find("label", "“Gamma” can’t be deleted alone")
    app.screenshot("original-refused")
    app.click("push button", "Close")
    app.gone("label", "Can’t Delete the Machine")
    app.click_at("table cell", "Gamma")
    app.find("label", "1 selected")
    app.scroll_to(app.find("table cell", "Gamma 9"), margin=96)  # the bar has come
    xdotool("keydown", "ctrl")
    app.click_at("table cell", "Gamma 9")
    xdotool("keyup", "ctrl")
    app.find("label", "2 selected")
    app.click("push button", "Delete Selected")
    app.find("label", "2 machines deleted")
    wait("both to be gone", lambda: not machines() & {"Gamma", "Gamma 9"})
    app.screenshot("clone-and-original-deleted")
    app.click("push button", "Undo")
    wait("both to be back", lambda: machines() >= {"Gamma", "Gamma 9"})
    assert is_linked("Gamma 9")
    cli("delete", "Gamma 9")
    cli("purge", "Gamma 9")


def group_and_tags():
    """A dialog moves a machine to a group and tags it; the tree follows."""
    app.click("push button", "More Actions for Gamma")
    app.click("menu item", "Group and Tags…")
    app.find("list item", "Work/Web")
    app.screenshot("organise")
    app.type_into("Group", "Work / Data")
    app.type_into("Tags", "nginx, big")
    app.click("push button", "Apply")
    wait("vm.json to say so", lambda: describe("Gamma").get("group") == "Work/Data")
    wait("the tags", lambda: describe("Gamma").get("tags") == ["big", "nginx"])
    app.find("list item", "Group Data")


def drag_to_group():
    """A machine is dragged from the sidebar onto a group, and onto all machines to leave it."""
    drag("list item", "Delta, Off", "Group Data")
    wait("Delta to be there", lambda: describe("Delta").get("group") == "Work/Data")
    app.find("list item", "Delta, Off")


def drag(role, what, onto):
    x, y, *_ = app.place(app.find(role, what))
    to_x, to_y, *_ = app.place(app.find("list item", onto))
    xdotool("mousemove", x, y, "mousedown", 1)
    for step in range(1, 11):  # as a hand does: a drag begins with some way under the pressed button
        xdotool("mousemove", "--sync", x + (to_x - x) * step // 10, y + (to_y - y) * step // 10)
        time.sleep(0.03)
    xdotool("mousemove", "--sync", to_x + 2, to_y + 1, "sleep", 0.1, "mouseup", 1)


def several_at_once():
    """Control+A selects all; the bar at the bottom acts on them; one word undoes the deletion of several."""
    press("alt+1")
    app.click_at("push button", "Start Alpha", button=3)  # the secondary button opens the menu
    app.find("menu item", "Delete")
    press("Escape")
    app.click_at("label", "big, nginx")
    press("ctrl+a")
    app.find("label", "5 selected")
    app.screenshot("selected")
    app.click("push button", "Delete Selected")
    app.find("label", "No Machines Yet")
    app.find("label", "5 machines deleted")
    app.screenshot("all-deleted")
    app.click("push button", "Undo")
    app.find("push button", "Start Alpha")
    wait("all to be back", lambda: len(json.loads(cli("list", "--json"))) == 5)


def trash():
    """What is deleted lies in the trash, survives a new start, is restored, and goes for good when asked."""
    for name in ("Alpha", "Gamma 2"):
        app.click("push button", f"More Actions for {name}")
        app.click("menu item", "Delete")
        app.gone("push button", f"Start {name}")
    fresh("Trash")
    app.find("push button", "Restore Alpha")
    app.screenshot("trash")
    app.quit()
    app.launch()
    app.find("push button", "Restore Alpha")
    app.click("push button", "Restore Alpha")
    app.find("list item", "Alpha, Off")
    app.click("push button", "Delete Gamma 2 for Good…")
    app.find("label", "Delete “Gamma 2” for Good?")
    app.screenshot("for-good")
    app.click("push button", "Delete for Good")
    app.find("label", "The Trash Is Empty")
    wait("the last file to be gone", lambda: os.listdir(os.path.join(library, ".trash")) == [])


def menu_keys():
    """Shift+F10 and the menu key open a machine's menu where the focus is: on a tile, a row, a place in the sidebar."""
    press("alt+1")
    app.click_at("label", "big, nginx")
    for key in ("shift+F10", "Menu"):
        press(key)
        app.find("menu item", "Group and Tags…")
        app.screenshot("menu-of-a-row")
        press("Escape")
        app.gone("menu item", "Group and Tags…")
    press("ctrl+1")
    app.find("push button", "Show as List")
    app.click_at("table cell", "Beta")
    press("Menu")
    app.find("menu item", "Group and Tags…")
    app.screenshot("menu-of-a-tile")
    press("Escape")
    fresh("Alpha, Off")
    press("Menu")
    app.find("menu item", "Take Snapshot")
    app.screenshot("menu-of-a-place")
    press("Escape")
    app.gone("menu item", "Take Snapshot")
    press("ctrl+1", "alt+1")
    app.find("push button", "Show as Grid")


def host():
    """This Computer tells of KVM, memory, room and firmware, and what to do."""
    press("alt+3")
    for label in ("Virtualization (KVM)", "Memory", "Disk Room", "BIOS Firmware", "UEFI Firmware", "Network Boot"):
        app.find("label", label)
    app.screenshot("host")


def machine_page_and_windows():
    """Picking a machine shows its page; it opens in a window of its own as well, and closing that leaves the first."""
    fresh("Alpha, Off")
    app.find("push button", "Machine Menu")
    app.screenshot("machine")
    press("alt+Left")
    app.find("push button", "Start Alpha")
    app.click("push button", "More Actions for Alpha")
    app.click("menu item", "Open in New Window")
    wait("two windows", lambda: len(list(app.windows())) == 2)
    app.screenshot("two-windows")
    press("ctrl+w")
    wait("one window", lambda: len(list(app.windows())) == 1)


def running():
    """A machine's state shows in the sidebar, its screen as well; Restart, Suspend and Shut Down are one click away."""
    app.click("push button", "Start Alpha")
    app.find("list item", "Alpha, Running")
    wait("its window", lambda: app.console("Alpha"))
    activate(app.window("Bonsai"))
    for button in ("Pause Alpha", "Shut Down Alpha", "Restart Alpha", "Suspend Alpha to Disk"):
        app.find("push button", button)
    app.screenshot("running", moving=True)
    app.click("push button", "Suspend Alpha to Disk")
    app.find("list item", "Alpha, Suspended")


def opens_a_bundle():
    """A machine's folder that is opened is copied into the library, as another one if it is there already."""
    subprocess.run([program, os.path.join(library, "alpha.bonsai")], check=True, timeout=60)
    app.find("list item", "Alpha 2,")
    assert describe("Alpha 2")["uuid"] != describe("Alpha")["uuid"]


def found_again():
    """Window size, view, order, place and expanded groups are as they were left."""
    activate(app.window("Bonsai"))
    fresh("Group Work")
    press("Right")
    fresh("Group Data")
    app.find("push button", "Show as Grid")
    xdotool("windowsize", app.window("Bonsai"), 900, 560)
    wait("the state to be written", lambda: os.path.exists(state) and "place=group:Work/Data" in open(state).read())
    wait("the size, too", lambda: any(f"width={w}" in open(state).read() for w in range(880, 901)))
    app.quit()
    app.launch()
    app.find("push button", "Show as Grid")
    app.find("list item", "Group Data")
    app.find("push button", "Start Delta")
    assert not app.all("push button", "Start Alpha")
    app.screenshot("found-again")


run(app, [places_and_grid, search, list_view, one_click_each, clones_and_original, group_and_tags, drag_to_group, several_at_once, trash,
          menu_keys, host, machine_page_and_windows, running, opens_a_bundle, found_again])
