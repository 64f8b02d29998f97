# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with encrypted disks asks for their passphrases when it starts.

Usage: test-unlock.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, Atspi, activate, press, run, type_text, wait  # noqa: E402

program, artefacts, bonsai = sys.argv[1:4]
PASSPHRASES = {"first": "correct horse", "second": "battery staple"}


def prepare():
    """A machine with two encrypted disks, each with a passphrase of its own."""
    arguments = []
    for name, text in PASSPHRASES.items():
        image, secret = (os.path.join(os.environ["HOME"], name + end) for end in (".qcow2", ".key"))
        with open(secret, "w") as file:
            file.write(text)
        subprocess.run([bonsai, "disk", "create", "--secret-file", secret, image, "8M"], check=True,
                       stdout=subprocess.DEVNULL)
        arguments += ["--existing-disk", image]
    subprocess.run([bonsai, "create", "--kernel", "/boot/invaders.exec", "--memory", "32M", *arguments, "Vault"],
                   check=True, stdout=subprocess.DEVNULL)


prepare()
app = App([program], artefacts)


def asked_for(disk):
    """The dialog asks for that disk's passphrase."""
    app.find("label", f"The disk “{disk}” of “Vault” is encrypted.")
    activate(app.window("Unlock “Vault”"))
    wait("an empty entry", lambda: not usable(app.find("push button", "Unlock")))


def usable(node):
    return app.has(node, Atspi.StateType.SENSITIVE)


def answer(text):
    """What is typed goes to the entry without a click, and Enter unlocks."""
    type_text(text)
    wait("the text to arrive", lambda: usable(app.find("push button", "Unlock")))
    press("Return")


def asks():
    """Start opens a dialog that says which disk is encrypted; Unlock waits for text."""
    app.click("push button", "Start Vault")
    asked_for("disk0")
    app.find("text", "Passphrase")
    app.screenshot("asks")


def gives_up():
    """Escape closes it, and the machine stays off."""
    press("Escape")
    app.gone("label", "The disk “disk0”")
    app.find("list item", "Vault, Off")


def wrong_one():
    """A wrong passphrase is told in the dialog, which asks again; what is typed isn't shown."""
    app.click("push button", "Start Vault")
    asked_for("disk0")
    answer("open sesame")
    app.find("alert", "That passphrase does not open disk0, disk1")
    assert not app.all(None, "open sesame")
    app.screenshot("wrong")
    app.find("list item", "Vault, Off")


def right_ones():
    """The right one opens the first disk, the next one the second, and the machine starts."""
    answer(PASSPHRASES["first"])
    asked_for("disk1")
    assert not app.all("alert", "That passphrase")
    app.screenshot("second-disk")
    answer(PASSPHRASES["second"])
    app.find("list item", "Vault, Running")
    wait("its window", lambda: app.console("Vault"))
    app.gone("label", "The disk “disk1”")
    app.screenshot("running", moving=True)


def asks_again():
    """Nothing is remembered: the next start asks anew."""
    activate(app.window("Bonsai"))
    app.click("push button", "More Actions for Vault")
    app.click("menu item", "Power Off")
    app.find("list item", "Vault, Off")
    app.click("push button", "Start Vault")
    asked_for("disk0")
    app.click("push button", "Cancel")
    app.gone("label", "The disk “disk0”")


run(app, [asks, gives_up, wrong_one, right_ones, asks_again])
