# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job for people who don't use a mouse or don't see the screen; narrow and dark windows.

Usage: test-access.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, Atspi, activate, hold, press, run, type_text, wait, xdotool  # noqa: E402
from invaders import drawn, resting_ship, ship  # noqa: E402

MACHINE = "By keys"
OTHERS = "Delta", "Echo"
USABLE = {"push button", "toggle button", "check box", "radio button", "text", "spin button", "menu item", "slider",
          "list item", "combo box", "link"}
program, artefacts, bonsai = sys.argv[1:4]
app = App([program], artefacts, {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"})


def audit(where):
    """Whatever can be used says what it is, in words of a person."""
    nameless = []
    for node in app.walk():
        if node.get_role_name() not in USABLE or app.parent[node].get_role_name() in USABLE - {"list item"}:
            continue  # a part of a widget that has a name
        title = app.title(node).strip()
        if not title or title.startswith(("Gtk", "Adw", "Bonsai")) or title.count(title.split()[0]) > 3:
            nameless.append(f"{node.get_role_name()} “{title}” in {app.parent[node].get_role_name()} "
                            f"“{app.parent[node].get_name()}”")
    assert not nameless, f"{where}: " + "; ".join(nameless)


def focused():
    node = app.focused()
    return app.title(node) if node else ""


def go_to(name, key):
    """Presses a key until the focus is there, as far round as there are things to focus."""
    for _ in range(40):
        before = focused()
        if before.startswith(name):
            return
        press(key)
        try:
            wait("the focus to move", lambda: focused() != before, 1)
        except AssertionError:
            pass  # two neighbours may be called alike
    raise AssertionError(f"{key} never came to “{name}”")


def tab_to(name):
    go_to(name, "Tab")


def choose_by_arrows(name):
    go_to(name, "Down")
    press("Return")


def everything_has_a_name():
    """Every widget of the empty library and of the wizard's pages has a name."""
    app.find("label", "No Machines Yet")
    app.screenshot("dark-library")
    press("ctrl+n")
    app.find("label", "What Shall It Run?")
    audit("library and wizard")
    app.screenshot("dark-wizard")


def escape_leaves_the_wizard():
    """Escape closes the wizard."""
    activate(app.window("Create a Machine"))
    press("Escape")
    app.gone("label", "What Shall It Run?")


def halves_by_keys():
    """F6 leads to the sidebar from anywhere, and back to where the focus was; Tab leads round."""
    press("alt+3")
    app.find("label", "UEFI Firmware")
    press("Tab", "Tab")
    wait("the focus to be on the page", focused)
    before = focused()
    press("F6")
    wait("the focus to be on the sidebar", lambda: focused() == "This Computer")
    app.screenshot("focus-on-sidebar")
    press("F6")
    wait("the focus to be back", lambda: focused() == before)
    go_to("Main Menu", "shift+Tab")
    press("alt+1")


def create_by_keys():
    """Control+N, Tab and Enter lead through the wizard."""
    press("ctrl+n")
    app.find("label", "What Shall It Run?")
    activate(app.window("Create a Machine"))
    wait("the wizard to have the focus", focused)
    tab_to("Kernel")
    press("space")
    wait("the entry to have the focus", lambda: not focused())  # GTK 4.8 does not say so of an entry's inside
    type_text("/boot/invaders.exec")
    press("Return")
    app.find("label", "Name and Size")
    wait("the name to have the focus", lambda: not focused())
    press("ctrl+a")
    type_text(MACHINE)
    press("Return")
    app.find("label", "Summary")
    app.find("label", MACHINE)
    app.screenshot("summary-by-keys")
    press("Return")
    app.find("list item", f"{MACHINE}, Running")
    wait("its window", lambda: app.console(MACHINE))


def ship_moves(window):
    start = wait("the ship", lambda: ship(app, window))
    hold("Left", "the ship to move left", lambda: (ship(app, window) or start) < start)
    left = wait("the ship", lambda: ship(app, window))
    hold("Right", "the ship to move right", lambda: (ship(app, window) or left) > left)


def type_by_keys():
    """What is typed reaches the guest."""
    window = app.console(MACHINE)
    activate(window)
    wait("the game to draw", lambda: drawn(app, window))
    ship_moves(window)


def snapshots():
    said = subprocess.run([bonsai, "snapshot", "list", "--json", MACHINE], check=True, capture_output=True).stdout
    return json.loads(said)


def snapshot_by_keys():
    """A snapshot is taken, and gone back to, by the keys of the tree."""
    window = app.console(MACHINE)
    place = resting_ship(app, window)
    activate(app.window("Bonsai"))
    press("alt+1")
    tab_to(f"More Actions for {MACHINE}")
    press("space")
    app.find("menu item", "Take Snapshot")
    choose_by_arrows("Take Snapshot")
    wait("the snapshot", lambda: len(snapshots()) == 1)
    activate(window)
    hold("Left", "the ship to be elsewhere", lambda: abs((ship(app, window) or place) - place) > 60)
    app.screenshot("elsewhere-by-keys", moving=True)
    press("ctrl+alt+m", "Right", "Right", "Down", "Return")  # the bar at the top of its window
    wait("the ship to be back", lambda: abs((ship(app, window) or 0) - place) <= 2)
    ship_moves(window)
    app.screenshot("back-by-keys", moving=True)


def control_by_keys():
    """Pause, resume and power off by Tab, Space, arrows and Enter."""
    xdotool("mousemove", 5, 5)  # a pointer over the menu would keep the focus
    activate(app.window("Bonsai"))
    tab_to(f"Pause {MACHINE}")
    press("space")
    app.find("list item", f"{MACHINE}, Paused")
    tab_to(f"Resume {MACHINE}")
    press("space")
    app.find("list item", f"{MACHINE}, Running")
    tab_to(f"More Actions for {MACHINE}")
    press("space")
    app.find("menu item", "Power Off")
    audit("a machine that runs, and its menu")
    choose_by_arrows("Power Off")
    app.find("list item", f"{MACHINE}, Off")


def narrow_window():
    """At 360 pixels nothing is cut off."""
    window = app.window("Bonsai")
    xdotool("windowsize", window, 360, 600)
    geometry = wait("a narrow window", lambda: [g for g in xdotool("getwindowgeometry", "--shell", window)
                                                if g in ("WIDTH=360", "WIDTH=361", "WIDTH=368", "WIDTH=370")])
    width = int(geometry[0].split("=")[1])
    app.screenshot("narrow")
    for name in (f"Start {MACHINE}", f"More Actions for {MACHINE}"):
        box = app.find("push button", name).get_component_iface().get_extents(Atspi.CoordType.WINDOW)
        assert 0 <= box.x and box.x + box.width <= width, f"“{name}” ends at {box.x + box.width} of {width}"


def delete_focused():
    """Deletes the machine that has the focus, by its menu."""
    press("Menu")
    app.find("menu item", "Delete")
    choose_by_arrows("Delete")


def delete_by_keys():
    """Delete by the menu, and Control+Z brings it back."""
    tab_to(f"More Actions for {MACHINE}")
    press("space")
    app.find("menu item", "Delete")
    choose_by_arrows("Delete")
    app.find("label", "No Machines Yet")
    wait("the machine to go", lambda: not app.all("list item", MACHINE))
    wait("the focus to be on the page", lambda: focused().startswith("Create a Machine"))
    press("ctrl+z")
    app.find("list item", f"{MACHINE}, Off")


def focus_stays():
    """After a machine is deleted the next one has the focus, the last one's goes back, and Tab leads to Undo."""
    for name in OTHERS:
        subprocess.run([bonsai, "create", "--kernel", "/boot/invaders.exec", name], check=True, capture_output=True)
        app.find("list item", f"{name}, Off")
    first, second, third = MACHINE, *OTHERS
    tab_to(f"{first}, Off")
    delete_focused()
    wait("the focus to be on the next one", lambda: focused().startswith(second))
    go_to(f"{third}, Off", "Right")
    delete_focused()
    wait("the focus to be on the one that is left", lambda: focused().startswith(second))
    app.screenshot("focus-after-delete")
    tab_to("Undo")
    app.screenshot("focus-on-undo")
    press("space")
    app.find("list item", f"{first}, Off")
    app.find("list item", f"{third}, Off")
    wait("the focus to be where it was deleted from", lambda: focused().startswith(second))


def trash_by_keys():
    """The trash is reached, one machine comes back from it and another is deleted for good, by keys."""
    delete_focused()
    wait("the focus to be on the next one", lambda: focused().startswith(OTHERS[1]))
    delete_focused()
    wait("the focus to be on what is left", lambda: focused().startswith(MACHINE))
    press("alt+2")
    tab_to(f"Restore {OTHERS[0]}")
    app.screenshot("trash-by-keys")
    press("space")
    app.gone("push button", f"Restore {OTHERS[0]}")
    wait("what the trash hasn't any more not to be offered", lambda: not app.all("push button", "Undo"), limit=15)
    wait("the focus to be on the page", lambda: focused().startswith(OTHERS[1]))
    tab_to(f"Delete {OTHERS[1]} for Good")
    press("space")
    app.find("label", f"Delete “{OTHERS[1]}” for Good?")
    tab_to("Delete for Good")
    press("space")
    app.find("label", "The Trash Is Empty")
    wait("the focus to be on the page", lambda: focused() == "The Trash Is Empty")
    app.screenshot("trash-emptied-by-keys")


run(app, [everything_has_a_name, escape_leaves_the_wizard, halves_by_keys, create_by_keys, type_by_keys, snapshot_by_keys,
          control_by_keys, delete_by_keys, focus_stays, trash_by_keys, narrow_window])
