# SPDX-License-Identifier: GPL-3.0-or-later
"""The password of an express installation is kept in the user's keyring, a real one of the test's own session, for as long
as the machine can be had.

Usage: test-keyring.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, activate, run, wait  # noqa: E402
from media import make_medium  # noqa: E402

program, artefacts, bonsai = sys.argv[1:4]
PASSWORD = "hush, hush"
for tool, package in (("gnome-keyring-daemon", "gnome-keyring"), ("secret-tool", "libsecret-tools")):
    if not shutil.which(tool):
        print(f"1..0 # SKIP {tool} is missing: apt install {package}")
        sys.exit(0)


class Keyring:
    """A secret service of this session's own: it has the name on the bus, for which none of the host's is started."""

    def __init__(self):
        self.process = subprocess.Popen(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
                                        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process.stdin.write(b"the keyring's own")
        self.process.stdin.close()
        wait("a keyring", self.works)

    @staticmethod
    def works():
        return subprocess.run(["secret-tool", "store", "--label=probe", "probe", "yes"], input=b"yes",
                              stderr=subprocess.DEVNULL).returncode == 0

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def command(*words):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True).stdout


def kept(machine, *more):
    """The password that is kept for a machine, by its UUID."""
    return subprocess.run(["secret-tool", "lookup", "machine", machine, *more], capture_output=True, text=True).stdout


def password_is_stored():
    """The wizard stores the password, for the machine and the user, when it makes the machine."""
    app.click("push button", "Create a Machine")
    app.find("label", "What Shall It Run?")
    app.choose("Debian 12")
    app.click("push button", "Next")
    app.find("label", "Name and Size")
    app.type_into("Name", "Engine")
    app.click_at("check box", "Install by Itself")
    app.click("push button", "Next")
    app.find("label", "Installation")
    app.type_into("User Name", "ada")
    app.type_into("Password", PASSWORD)
    app.click("push button", "Next")
    app.find("label", "Summary")
    app.screenshot("summary")
    app.click_at("check box", "Start Now")
    app.click("push button", "Create")
    app.gone("label", "Summary")
    wait("the machine in the library", lambda: "Engine" in command("list"))
    wait("its password in the keyring", lambda: kept(uuid_of("Engine")) == PASSWORD)
    assert kept(uuid_of("Engine"), "user", "ada") == PASSWORD


def uuid_of(name):
    return json.loads(command("show", name, "--json"))["config"]["uuid"]


def nobody_else_has_it():
    """It is in no file of the machine's, and found by its owner with the tools that come with the keyring."""
    folder = json.loads(command("show", "Engine", "--json"))["path"]
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                assert PASSWORD.encode() not in file.read(), os.path.join(place, name)
    found = subprocess.run(["secret-tool", "search", "machine", uuid_of("Engine")], check=True, capture_output=True,
                           text=True)
    assert "ada in the virtual machine “Engine”" in found.stdout, found.stdout


def trash_keeps_it():
    """A machine in the trash can come back, so its password stays; for good is for good."""
    machine = uuid_of("Engine")
    activate(app.window("Bonsai"))
    command("delete", "Engine")
    app.gone("list item", "Engine, Off")
    assert kept(machine) == PASSWORD
    command("undelete", "Engine")
    app.find("list item", "Engine, Off")
    assert kept(machine) == PASSWORD
    command("delete", "Engine")
    app.gone("list item", "Engine, Off")
    app.click_at("label", "Trash")
    app.click("push button", "Delete Engine for Good…")
    app.click("push button", "Delete for Good")
    app.find("label", "The Trash Is Empty")
    wait("the password to be forgotten", lambda: kept(machine) == "")
    app.screenshot("forgotten")
    assert kept("other") == OTHER


def machines_without_a_keyring():
    """Where the keyring is gone, a machine is deleted for good all the same."""
    keyring.end()
    command("create", "--kernel", "/boot/invaders.exec", "Plain")
    command("delete", "Plain")
    command("purge", "Plain")


OTHER = "somebody else's"
keyring = Keyring()
subprocess.run(["secret-tool", "store", "--label=other", "machine", "other"], input=OTHER.encode(), check=True)
make_medium("debian-12.5.0-amd64-netinst.iso", "Debian 12.5.0 amd64 n")
app = App([program], artefacts)
run(app, [password_is_stored, nobody_else_has_it, trash_keeps_it, machines_without_a_keyring])
