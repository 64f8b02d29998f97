# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a machine that runs, from its menu: a screenshot is saved, a CD is ejected.

Usage: test-files.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, activate, run, wait  # noqa: E402

program, artefacts, bonsai = sys.argv[1:4]
subprocess.run([bonsai, "create", "--ready=grub", "Rescue"], check=True, stdout=subprocess.DEVNULL)
app = App([program], artefacts)


def menu(entry):
    activate(app.window("Bonsai"))
    app.click("push button", "More Actions for Rescue")
    app.click("menu item", entry)


def saves_a_screenshot():
    """Screenshot… proposes a name and saves a picture of the guest's screen."""
    app.click("push button", "Start Rescue")
    app.find("list item", "Rescue, Running")
    wait("its window", lambda: app.console("Rescue"))
    menu("Screenshot…")
    app.click("push button", "Save")
    path = wait("the picture", lambda: glob.glob(os.path.join(os.environ["HOME"], "Rescue *.png")))[0]

    def whole():
        with open(path, "rb") as file:
            content = file.read()
        return content.startswith(b"\x89PNG") and content.endswith(b"IEND\xaeB`\x82")

    wait("all of it", whole)


def ejects_a_cd():
    """Eject CD is done without complaint, and the machine runs on."""
    menu("Eject CD")
    app.gone("menu item", "Eject CD")
    app.find("list item", "Rescue, Running")
    menu("Power Off")
    app.find("list item", "Rescue, Off")
    complaints = [app.title(node) for node in app.all("label", "Can’t")]
    assert not complaints, complaints


run(app, [saves_a_screenshot, ejects_a_cd])
