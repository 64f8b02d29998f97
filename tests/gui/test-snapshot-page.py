# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of snapshots of a machine, off and running: taken, gone back to, branched, renamed, compared, cloned, deleted
and brought back, by mouse and by keys.

Usage: test-snapshot-page.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, Atspi, activate, press, run, type_text, wait, xdotool  # noqa: E402
from machine_page import open_page  # noqa: E402

MACHINE = "Oak"
program, artefacts, bonsai = sys.argv[1:4]


def command(*words):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True).stdout


command("create", MACHINE, "--ready", "invaders", "--memory", "64M", "--disk", "64M")
app = App([program], artefacts)


def tree():
    """Snapshots as the files have them."""
    return json.loads(command("snapshot", "list", MACHINE, "--json"))


def named(name):
    return next((node for node in tree() if node.get("name") == name), None)


def current():
    return next((node.get("name") for node in tree() if node["current"]), None)


def to_front():
    activate(app.window("Bonsai"))


def card(name):
    return app.find("tree item", name)


def select(name):
    """Clicks a snapshot."""
    to_front()
    app.click_at("tree item", name)
    wait(f"“{name}” to be selected", lambda: app.has(card(name), Atspi.StateType.SELECTED))


def answer(name):
    app.click("push button", name)


def begin():
    """The sidebar leads to the machine's page, its switcher to the snapshots: there are none."""
    open_page(app, MACHINE, "Snapshots")
    app.find("label", "No Snapshots Yet")
    app.screenshot("none")


def take_the_first():
    """Ctrl+S, a name, Enter."""
    to_front()
    app.click("push button", "Take a Snapshot")
    app.find("text", "Name")
    app.screenshot("take")
    press("ctrl+a")
    type_text("Fresh")
    press("Return")
    card("Fresh, Today")
    card("You are here, Off")
    wait("the snapshot", lambda: current() == "Fresh")
    app.screenshot("first")


def take_while_it_runs():
    """The running machine's snapshots have pictures."""
    command("start", MACHINE, "--headless")
    card("You are here, Running")
    for name in ("Level one", "Level two"):
        to_front()
        press("ctrl+s")
        app.find("text", "Name")
        press("ctrl+a")
        type_text(name)
        press("Return")
        card(name)
        app.gone("text", "Name")
    assert current() == "Level two", tree()
    app.screenshot("running", moving=True)


def go_back_by_key():
    """Enter on a snapshot asks, and keeps what is now unless it is told otherwise."""
    select("Level one")
    press("Return")
    app.find("label", "Go Back to “Level one”?")
    app.screenshot("go-back", moving=True)
    answer("Go Back")
    wait("the machine to be back", lambda: current() == "Level one")
    card("You are here, Running")


def branch():
    """A branch keeps what is now, and leads beside it."""
    to_front()
    press("ctrl+s")
    app.find("text", "Name")
    press("ctrl+a")
    type_text("Another way")
    press("Return")
    card("Another way")
    select("Level two")
    press("Return")
    app.find("label", "Go Back to “Level two”?")
    press("Return")
    wait("what was now to be kept", lambda: len(tree()) == 5)
    wait("the machine to be on the other branch", lambda: current() == "Level two")
    assert named("Another way")["parent"] == named("Level one")["id"], tree()
    app.find("tree item", "You are here, Running")
    app.screenshot("branched", moving=True)


def walk_by_arrows():
    """Arrows lead to the parent, to the child and to what stands beside."""
    select("Level one")
    press("Up")
    wait("its parent", lambda: app.has(card("Fresh"), Atspi.StateType.FOCUSED))
    press("Down", "Down")
    wait("the machine's branch", lambda: app.has(card("Level two"), Atspi.StateType.FOCUSED))
    press("Right")
    wait("the other branch", lambda: app.has(card("Another way"), Atspi.StateType.FOCUSED))


def rename_in_place():
    """F2 names and annotates it where it stands."""
    select("Another way")
    press("F2")
    app.find("push button", "Save")
    press("ctrl+a")
    type_text("Detour")
    press("Tab")
    type_text("With a note")
    app.screenshot("rename", moving=True)
    answer("Save")
    card("Detour")
    wait("the note", lambda: named("Detour") and named("Detour")["note"] == "With a note")


def delete_and_undo():
    """Delete takes it away at once; Ctrl+Z brings it back, before anything was lost."""
    select("Detour")
    press("Delete")
    app.gone("tree item", "Detour")
    app.find("label", "“Detour” is deleted")
    app.screenshot("deleted", moving=True)
    to_front()
    press("ctrl+z")
    card("Detour")
    select("Detour")
    press("Delete")
    app.gone("tree item", "Detour")
    app.click("push button", "Undo")
    card("Detour")
    assert named("Detour"), tree()


def delete_for_good():
    """Whoever doesn't undo it has deleted it."""
    n = len(tree())
    select("Detour")
    press("Delete")
    app.gone("tree item", "Detour")
    wait("it to be deleted", lambda: not named("Detour"), 60)
    left = len(tree())
    assert left == n - 1, tree()


def menu():
    """Its menu says what else can be done; a machine goes back there at each power-off."""
    select("Level one")
    press("Menu")
    app.find("menu item", "Compare…")
    app.screenshot("menu", moving=True)
    app.click("menu item", "Go Back Here at Each Power-Off")
    wait("the machine to be disposable", lambda: named("Level one")["disposable"])
    select("Level one")
    press("Menu")
    app.click("menu item", "Go Back Here at Each Power-Off")
    wait("the machine to be as usual", lambda: not named("Level one")["disposable"])


def compare():
    """A snapshot is compared with the machine that runs: state, settings, disks, memory."""
    select("Fresh")
    press("Menu")
    app.click("menu item", "Compare…")
    app.find("label", "Differences")
    app.find("label", "Off → Running")
    activate(app.window("Compare Snapshots"))
    press("Escape")
    app.gone("label", "Differences")
    select("Level one")
    press("Menu")
    app.click("menu item", "Compare…")
    app.find("label", "Memory")
    app.screenshot("compare", moving=True)
    activate(app.window("Compare Snapshots"))
    press("Escape")
    app.gone("label", "Differences")


def clone():
    """A linked clone of a snapshot is a machine of its own."""
    select("Fresh")
    press("Menu")
    app.click("menu item", "Clone…")
    app.find("text", "Name")
    app.screenshot("clone", moving=True)
    press("ctrl+a")
    type_text("Acorn")
    press("Return")
    wait("the clone", lambda: "Acorn" in command("list"))


def broken():
    """A snapshot that can't be read is shown with the cause; the others are as they were."""
    node = named("Fresh")["id"]
    bundle = json.loads(command("show", MACHINE, "--json"))["path"]
    with open(os.path.join(bundle, "snapshots", node, "node.json"), "r+") as file:
        text = file.read()
        file.seek(0)
        file.truncate()
        file.write("rubbish")
    os.utime(os.path.join(bundle, "snapshots"))
    app.find("tree item", f"{node}, broken")
    card("Level one")
    app.screenshot("broken", moving=True)
    with open(os.path.join(bundle, "snapshots", node, "node.json"), "w") as file:
        file.write(text)
    os.utime(os.path.join(bundle, "snapshots"))
    card("Fresh")


def narrow():
    """At 360 pixels all can be reached."""
    xdotool("windowsize", app.window("Bonsai"), 360, 640)
    select("Level one")
    app.screenshot("narrow", moving=True)
    command("stop", MACHINE)


run(app, [begin, take_the_first, take_while_it_runs, go_back_by_key, branch, walk_by_arrows, rename_in_place,
          delete_and_undo, delete_for_good, menu, compare, clone, broken, narrow])
