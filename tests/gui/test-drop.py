# SPDX-License-Identifier: GPL-3.0-or-later
"""Files dragged from another program (XDND) and dropped on the library: each kind opens what it is for.

Usage: test-drop.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import contextlib
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, Atspi, activate, press, run, wait, xdotool  # noqa: E402

program, artefacts, bonsai = sys.argv[1:4]
home = os.environ["HOME"]
iso, disk = os.path.join(home, "system with a space.iso"), os.path.join(home, "Größe.qcow2")
bundle = os.path.join(home, "Brought.bonsai")


def command(*words):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True).stdout


def prepare():
    root = os.path.join(home, "root")
    os.makedirs(root)
    with open(os.path.join(root, "boot.img"), "wb") as out:
        out.write(bytes(2048))
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-V", "MY SYSTEM", "-o", iso, "-b", "boot.img", "-c", "boot.cat",
                    "-no-emul-boot", root], check=True, stderr=subprocess.DEVNULL)
    command("disk", "create", disk, "64M")
    command("create", "Brought", "--memory=64M", "--disk=16M")
    shutil.copytree(os.path.join(os.environ["XDG_DATA_HOME"], "bonsai", "vms", "brought.bonsai"), bundle)
    command("delete", "Brought")
    command("purge", "Brought")


prepare()
app = App([program], artefacts)


@contextlib.contextmanager
def files(*paths):
    """Another program's window that has them."""
    argv = ["/usr/bin/python3", os.path.join(os.path.dirname(__file__), "drag-source.py"), "Files", *paths]
    with subprocess.Popen(argv, stdout=app.log, stderr=app.log) as process:
        try:
            window = wait("the other program's window",
                          lambda: xdotool("search", "--onlyvisible", "--pid", process.pid))[0]
            xdotool("windowmove", window, 20, 20)
            yield window
        finally:
            process.terminate()


def middle(window):
    geometry = dict(line.split("=") for line in xdotool("getwindowgeometry", "--shell", window) if "=" in line)
    return tuple(int(geometry[at]) + int(geometry[size]) // 2 for at, size in (("X", "WIDTH"), ("Y", "HEIGHT")))


def drop(*paths):
    """Drags the files onto the library with the mouse."""
    with files(*paths) as source:
        activate(app.window("Bonsai"))
        activate(source)
        (x, y), (to_x, to_y) = middle(source), middle(app.window("Bonsai"))
        xdotool("mousemove", "--sync", x, y, "mousedown", 1)
        for step in range(1, 21):  # as a hand does: a drag begins with some way under the pressed button
            xdotool("mousemove", "--sync", x + (to_x - x) * step // 20, y + (to_y - y) * step // 20)
            time.sleep(0.03)
        app.screenshot("over-the-library", moving=True)
        xdotool("mousemove", "--sync", to_x + 2, to_y + 1, "sleep", 0.3, "mouseup", 1)
        # The other program stays until the file is taken.
        wait("something to come of it", lambda: len(app.windows()) > 1 or "Brought" in command("list"))


def chosen(name, path):
    wait(f"“{name}” to be chosen", lambda: app.has(app.find("check box", name), Atspi.StateType.CHECKED))
    field = app.find("text", "File")
    wait(f"“{path}” in the entry",
         lambda: Atspi.Text.get_text(field, 0, Atspi.Text.get_character_count(field)) == path)


def leave_wizard():
    activate(app.window("Create a Machine"))
    press("Escape")
    app.gone("label", "What Shall It Run?")


def an_iso_image():
    """An ISO image opens the wizard, which will install from it."""
    drop(iso)
    app.find("label", "What Shall It Run?")
    chosen("Installation Medium", iso)
    app.screenshot("iso")
    leave_wizard()


def a_disk_image():
    """A disk image opens the wizard, which will use it."""
    drop(disk)
    app.find("label", "What Shall It Run?")
    chosen("Disk Image", disk)
    app.screenshot("disk")
    leave_wizard()


def a_machine():
    """A machine's folder is copied into the library."""
    drop(bundle)
    app.find("list item", "Brought, Off")
    wait("its description", lambda: "Brought" in command("list"))
    app.screenshot("machine")


run(app, [an_iso_image, a_disk_image, a_machine])
