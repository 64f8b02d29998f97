# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong for people: files that vanish, machines in use elsewhere, slips in vm.json, guests that crash.

Usage: test-trouble.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import fcntl
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, activate, close_window, hold, press, run, wait  # noqa: E402
from faulting import write_kernel  # noqa: E402
from invaders import drawn, ship  # noqa: E402

program, artefacts, bonsai = sys.argv[1:4]
library = os.path.join(os.environ["XDG_DATA_HOME"], "bonsai", "vms")


def cli(*args):
    subprocess.run([bonsai, *args], check=True, stdout=subprocess.DEVNULL)


def bundle(name):
    return os.path.join(library, f"{name.lower()}.bonsai")


def all_memory():
    """What the host has, MiB: more than there is left."""
    with open("/proc/meminfo") as file:
        return int(file.readline().split()[1]) // 1024


def prepare():
    """Machines with a flaw each, and one without."""
    kernel, disk = os.path.join(os.environ["HOME"], "fault.elf"), os.path.join(os.environ["HOME"], "gone.img")
    write_kernel(kernel)
    with open(disk, "wb") as out:
        out.truncate(1 << 20)
    cli("create", "--existing-disk", disk, "--memory", "32M", "Vanished")
    os.remove(disk)
    cli("create", "--kernel", kernel, "--memory", "32M", "Faulty")
    for name in ("Edited", "Locked", "Game"):
        cli("create", "--kernel", "/boot/invaders.exec", "--memory", "32M", name)
    cli("create", "--kernel", "/boot/invaders.exec", "--memory", f"{all_memory()}M", "Huge")
    path = os.path.join(bundle("Edited"), "vm.json")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace('"cpus" : 1', '"cpus" : "many"'))


prepare()
app = App([program], artefacts)


def dialog_says(heading, *words):
    """A dialog with that heading names the cause; Escape closes it."""
    app.find("label", heading)
    text = " ".join(app.title(node) for node in app.all("label"))
    for word in words:
        assert word in text, f"the dialog doesn't name {word}: {text}"
    app.screenshot(heading.replace(" ", "-").replace("/", "-"))
    app.click("push button", "Close")
    app.gone("label", heading)


def library_lists_all():
    """Every machine is listed, with and without a flaw."""
    for name in ("Vanished", "Faulty", "Locked", "Game"):
        app.find("list item", f"{name}, Off")
    app.screenshot("library")


def slip_in_vm_json():
    """A description that was edited by hand with a slip is told by file, line and member."""
    path = os.path.join(bundle("Edited"), "vm.json")
    with open(path) as file:
        line = next(i for i, text in enumerate(file, 1) if "cpus" in text)
    app.find("label", f"vm.json:{line}:")
    assert any("cpus" in app.title(node) for node in app.all("label", f"vm.json:{line}:"))


def slip_mended():
    """Once it is mended, the library takes it back by itself."""
    path = os.path.join(bundle("Edited"), "vm.json")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace('"many"', "1"))
    app.find("list item", "Edited, Off")


def vanished_disk():
    """A disk image that is gone: the dialog names it."""
    app.click("push button", "Start Vanished")
    dialog_says("Can’t Start “Vanished”", "gone.img", "does not exist", "put it back")
    app.find("list item", "Vanished, Off")


def no_room():
    """A machine that the host has no memory for: the dialog says what is in the way, and it starts if its owner insists."""
    app.click("push button", "Start Huge")
    app.find("label", "Not Enough Memory for “Huge”")
    text = " ".join(app.title(node) for node in app.all("label"))
    assert "this host has" in text and "left" in text and "--overcommit" not in text, text
    app.screenshot("no-room")
    app.click("push button", "Cancel")
    app.gone("label", "Not Enough Memory for “Huge”")
    app.find("list item", "Huge, Off")
    app.click("push button", "Start Huge")
    app.click("push button", "Start Anyway")
    app.find("list item", "Huge, Running")
    app.click("push button", "More Actions for Huge")
    app.click("menu item", "Power Off")
    app.find("list item", "Huge, Off")


def locked_elsewhere():
    """A machine that another process holds: the dialog says so, and it starts when that process lets go."""
    with open(os.path.join(bundle("Locked"), "lock"), "w") as lock:
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        app.click("push button", "Start Locked")
        dialog_says("Can’t Start “Locked”", "in use")
    app.click("push button", "Start Locked")
    app.find("list item", "Locked, Running")


def crash_beside_another():
    """Two machines in one process: one crashes its guest, the other does not notice."""
    app.click("push button", "Start Game")
    app.find("list item", "Game, Running")
    window = wait("the game's window", lambda: app.console("Game"))
    wait("the game to draw", lambda: drawn(app, window))
    app.click("push button", "Start Faulty")
    app.find("list item", "Faulty, Crashed")
    app.find("label", "The guest crashed: triple fault")
    wait("the crash to show in its window", lambda: app.console("Faulty"))
    app.screenshot("crashed", moving=True)
    activate(window)
    start = wait("the ship", lambda: ship(app, window))
    hold("Right", "the ship to move", lambda: (ship(app, window) or start) > start)
    app.find("list item", "Game, Running")


def console_closed():
    """Closing a console window leaves the machine running; the list says so and opens it again."""
    close_window(app.console("Game"))
    wait("the window to go", lambda: not app.console("Game"))
    app.find("list item", "Game, Running")
    app.find("label", "Without a window")
    activate(app.window("Bonsai"))
    app.screenshot("without-a-window", moving=True)
    app.click("push button", "More Actions for Game")
    app.click("menu item", "Show Console")
    wait("the window", lambda: app.console("Game"))


def library_closed():
    """Closing the library with machines that run asks; they run on, and opening Bonsai again shows them."""
    close_window(app.window("Bonsai"))
    app.find("label", "2 Machines Are Running")
    app.screenshot("closing", moving=True)
    press("Escape")
    app.gone("label", "2 Machines Are Running")
    close_window(app.window("Bonsai"))
    app.click("push button", "Keep Running")
    wait("the library to go", lambda: "Bonsai" not in app.windows().values())
    wait("the game's window", lambda: app.console("Game"))
    subprocess.run([program], check=True, timeout=60)
    app.find("list item", "Game, Running")


def all_off():
    """With the last machine off and the window closed the app ends."""
    for name in ("Game", "Locked"):
        app.click("push button", f"More Actions for {name}")
        app.click("menu item", "Power Off")
        app.find("list item", f"{name}, Off")
    close_window(app.window("Bonsai"))
    app.has_quit()


run(app, [library_lists_all, slip_in_vm_json, slip_mended, vanished_disk, no_room, locked_elsewhere, crash_beside_another,
          console_closed, library_closed, all_off])
