# SPDX-License-Identifier: GPL-3.0-or-later
"""The desktop around the app: machines in its menu, its search, notifications with buttons, and starting by D-Bus.

Usage: test-integration.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import datetime
import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

from gi.repository import Gio, GLib

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, Atspi, activate, close_window, press, run, wait  # noqa: E402
from faulting import write_kernel  # noqa: E402

program, artefacts, bonsai = (os.path.abspath(argument) for argument in sys.argv[1:4])
NAME, PATH = "org.bonsaivm.Bonsai", "/org/bonsaivm/Bonsai"
data = os.environ["XDG_DATA_HOME"]
notifications = os.path.join(os.environ["HOME"], "notifications.log")
inhibitors = os.path.join(os.environ["HOME"], "inhibitors.log")


def cli(*args):
    return subprocess.run([bonsai, *args], check=True, stdout=subprocess.PIPE, text=True).stdout


def prepare():
    """Two machines, one of which faults; a notification area, a session manager; the service file that an installation
    has."""
    kernel = os.path.join(os.environ["HOME"], "fault.elf")
    write_kernel(kernel)
    cli("create", "--kernel", kernel, "--memory", "32M", "Faulty")
    cli("create", "--kernel", "/boot/invaders.exec", "--memory", "32M", "Game")
    for service, log in ("notifications.py", notifications), ("session-manager.py", inhibitors):
        subprocess.Popen(["/usr/bin/python3", os.path.join(os.path.dirname(__file__), service), log])
    services = os.path.join(data, "dbus-1", "services")
    os.makedirs(services, exist_ok=True)
    with open(os.path.join(services, f"{NAME}.service"), "w") as file:
        print(f"[D-BUS Service]\nName={NAME}\nExec={program} --gapplication-service", file=file)
    call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
    for name in "org.freedesktop.Notifications", "org.gnome.SessionManager":
        wait(name, lambda: call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                                "(s)", name)[0])


bus = Gio.bus_get_sync(Gio.BusType.SESSION)


def call(name, path, interface, method, kinds="()", *values):
    """A method's results."""
    result = bus.call_sync(name, path, interface, method, GLib.Variant(kinds, values), None, 0, 60000)
    return result.unpack() if result else ()


def activate_action(action, *target):
    call(NAME, PATH, "org.freedesktop.Application", "ActivateAction", "(sava{sv})", action,
         [GLib.Variant("s", word) for word in target], {})


def search(method, kinds, *values):
    return call(NAME, f"{PATH}/SearchProvider", "org.gnome.Shell.SearchProvider2", method, kinds, *values)


def machine(name):
    return next(m for m in json.loads(cli("list", "--json")) if m["name"] == name)


def notified(title):
    """The notification of that title that was sent last."""
    def look():
        if not os.path.exists(notifications):
            return None
        with open(notifications) as file:
            found = [json.loads(line) for line in file if line.endswith("\n")]
        return next((n for n in reversed(found) if n.get("title") == title), None)

    return wait(f"the notification “{title}”", look)


def inhibiting():
    """Why the session may not end now."""
    with open(inhibitors) as file:
        said = [json.loads(line) for line in file if line.endswith("\n")]
    over = {entry["uninhibit"] for entry in said if "uninhibit" in entry}
    return [entry for entry in said if "inhibit" in entry and entry["inhibit"] not in over]


def press_button(notification, label):
    actions = notification["actions"]
    names = dict(zip(actions[1::2], actions[0::2]))
    search("GetInitialResultSet", "(as)", [""])  # when it answers it has heard the notification's number, too
    call("org.freedesktop.Notifications", "/org/freedesktop/Notifications", "org.bonsaivm.Test", "Press", "(us)",
         notification["id"], names[label])


class Service(App):
    """The app before it has a window: the bus starts it, or the menu does."""

    def launch(self):
        self.process = self.root = None

    def dump(self, name="tree"):
        if self.root:
            super().dump(name)

    def quit(self):
        if self.process:
            super().quit()

    def adopt(self):
        """The process that has the app's name on the bus."""
        pid, = call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                    "GetConnectionUnixProcessID", "(s)", NAME)
        self.process = Adopted(pid)

    def look(self):
        """From now on it has windows."""
        self.root = wait("the app on the accessibility bus", self._root)


class Adopted:
    """A process that another one started."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, 0

    def poll(self):
        try:
            with open(f"/proc/{self.pid}/stat") as file:
                return 0 if file.read().rpartition(")")[2].split()[0] == "Z" else None
        except OSError:
            return 0

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait(self, seconds):
        wait("its end", lambda: self.poll() is not None, seconds)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)


prepare()
app = Service([program], artefacts)


def starts_from_the_menu():
    """The menu's entry of a machine starts it: its window comes, the library's doesn't."""
    entries = glob.glob(f"{data}/applications/{NAME}.vm-*.desktop")
    assert len(entries) == 2, entries
    uuid = machine("Game")["uuid"]
    with open(f"{data}/applications/{NAME}.vm-{uuid}.desktop") as file:
        command = next(line for line in file if line.startswith("Exec="))
    subprocess.Popen(shlex.split(command[5:]), stdout=app.log, stderr=app.log)
    wait("the app on the bus", lambda: call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                            "NameHasOwner", "(s)", NAME)[0])
    app.adopt()
    wait("the machine's window", lambda: app.console("Game"))
    assert "Bonsai" not in app.windows().values(), app.windows()
    assert machine("Game")["state"] == "running"
    subprocess.run([program, "--start", "Game"], check=True)  # shows its window again
    assert subprocess.run([program, "--start", "Nobody"], capture_output=True).returncode == 1
    wait("the dialog", lambda: "No Such Machine" in str(app.windows()) or len(app.windows()) > 1)
    app.look()
    app.find("label", "No Such Machine")
    app.screenshot("no-such-machine")
    app.click("push button", "Close")


def is_described():
    """bonsai-desktop(1) speaks of every option"""
    text = subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "ui", "bonsai-desktop.1")) as file:
        manual = file.read()
    for option in re.findall(r"^  --([a-z-]+)", text.partition("Application Options")[2], re.MULTILINE):
        assert f"Fl -{option}" in manual, option


def is_searched():
    """The desktop's search finds machines by name and says what they do."""
    uuid = machine("Game")["uuid"]
    assert search("GetInitialResultSet", "(as)", ["gam"]) == ([uuid],)
    assert search("GetInitialResultSet", "(as)", ["is:running"]) == ([uuid],)
    assert search("GetSubsearchResultSet", "(asas)", [uuid], ["game", "x"]) == ([],)
    assert search("GetInitialResultSet", "(as)", [""]) == ([],)
    meta, = search("GetResultMetas", "(as)", [uuid, "nobody"])[0]
    assert (meta["id"], meta["name"], meta["description"]) == (uuid, "Game", "Running"), meta
    assert meta["icon"], meta
    search("ActivateResult", "(sasu)", uuid, ["gam"], 0)


def logging_out_asks():
    """While a machine runs the session knows why it shouldn't end."""
    entry, = wait("the inhibitor", inhibiting)
    assert entry["reason"] == "1 machine is running" and entry["flags"] == 1, entry


def says_that_machines_run():
    """A machine whose window is closed runs on, and the desktop says so; the notice's button opens the library."""
    close_window(app.console("Game"))
    notice = notified("1 Machine Is Still Running")
    assert machine("Game")["state"] == "running"
    press_button(notice, "Show Library")
    app.find("frame", "Bonsai")
    app.screenshot("library")


def takes_a_snapshot():
    """Menus take snapshots and suspend; a notification says when it is done."""
    uuid = machine("Game")["uuid"]
    activate_action("snapshot-vm", uuid)
    notified("Snapshot of “Game” Taken")
    assert len(json.loads(cli("snapshot", "list", "--json", "Game"))) == 1
    activate_action("suspend-vm", uuid)
    notified("“Game” Is Suspended")
    assert machine("Game")["state"] == "suspended"
    wait("the session to be free", lambda: not inhibiting())


def warns_of_expiry():
    """A workspace's end is told once, whoever looks: by a notification, whose button suspends it, and above its page."""
    cli("create", "--kernel", "/boot/invaders.exec", "--memory", "32M", "Lent")
    end = datetime.datetime.now() + datetime.timedelta(minutes=4)
    cli("workspace", "issue", "Lent", "--expires", end.strftime("%Y-%m-%dT%H:%M:%S"))
    cli("workspace", "enforce")
    notice = notified("“Lent” Expires Soon")
    assert "minutes" in notice["body"] and "issuer" in notice["body"], notice
    assert "Suspend Now" not in notice["actions"], notice
    cli("workspace", "enforce")
    activate_action("show-vm", machine("Lent")["uuid"])
    app.find("label", "This workspace expires in")
    app.screenshot("lease")
    with open(notifications) as file:
        assert file.read().count("Expires Soon") == 1


def says_what_ended():
    """A guest that crashes is told with its cause, and a button that starts it again."""
    activate_action("start-vm", machine("Faulty")["uuid"])
    notice = notified("“Faulty” Ended Unexpectedly")
    assert notice["body"], notice
    press_button(notice, "Start Again")
    wait("another notification", lambda: notified("“Faulty” Ended Unexpectedly")["id"] == notice["id"])


def is_started_by_the_bus():
    """A call on the bus starts the app that was closed; it opens files that it is given."""
    app.process.send_signal(signal.SIGTERM)
    wait("its end", lambda: app.process.poll() is not None)
    call(NAME, PATH, "org.freedesktop.Application", "Activate", "(a{sv})", {})
    app.adopt()
    app.look()
    app.find("frame", "Bonsai")
    disk = os.path.join(os.environ["HOME"], "installed.img")
    with open(disk, "wb") as out:
        out.truncate(1 << 20)
    call(NAME, PATH, "org.freedesktop.Application", "Open", "(asa{sv})", [GLib.filename_to_uri(disk)], {})
    app.find("label", "Create a Machine")
    wait("the image to be chosen",
         lambda: app.has(app.find("check box", "Disk Image"), Atspi.StateType.CHECKED))
    app.screenshot("opened-file")
    activate(app.window("Create a Machine"))
    press("Escape")
    app.gone("label", "What Shall It Run?")


def opens_a_description():
    """vm.json stands for the machine's folder: it shows a machine of the library, and brings another one in."""
    game = machine("Game")
    brought = os.path.join(os.environ["HOME"], "Brought")
    shutil.copytree(game["path"], brought)
    for folder in game["path"], brought:
        call(NAME, PATH, "org.freedesktop.Application", "Open", "(asa{sv})",
             [GLib.filename_to_uri(os.path.join(folder, "vm.json"))], {})
        app.find("push button", "Machine Menu")
    wait("the machine that was brought", lambda: len(json.loads(cli("list", "--json"))) == 3)
    app.screenshot("opened-description")


run(app, [starts_from_the_menu, is_described, is_searched, logging_out_asks, says_that_machines_run, takes_a_snapshot, says_what_ended,
          is_started_by_the_bus, opens_a_description, warns_of_expiry])
