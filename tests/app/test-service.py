#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""org.bonsaivm.Library on a session bus of its own, which starts it: as other programs would use it.

Usage: test-service.py BONSAI
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

BONSAI = os.path.abspath(sys.argv[1])
INVADERS = "/boot/invaders.exec"
NAME, ROOT = "org.bonsaivm.Library", "/org/bonsaivm/Library"
PROPERTIES, OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"

scratch = tempfile.mkdtemp(prefix="bonsai-service-")
os.environ.update(BONSAI_LIBRARY=scratch + "/library", XDG_RUNTIME_DIR=scratch + "/run", XDG_STATE_HOME=scratch + "/state",
                  XDG_DATA_HOME=scratch + "/data", XDG_CONFIG_HOME=scratch + "/config", G_DEBUG="fatal-criticals",
                  LC_ALL="C.UTF-8")
os.mkdir(scratch + "/run", 0o700)
os.makedirs(scratch + "/data/dbus-1/services")
with open(scratch + "/data/dbus-1/services/org.bonsaivm.Library.service", "w") as file:
    file.write(f"[D-BUS Service]\nName={NAME}\nExec={BONSAI} service\n")

daemon = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
bus = Gio.DBusConnection.new_for_address_sync(
    daemon.stdout.readline().strip(),
    Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)


def bonsai(*arguments, status=0):
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, f"expected status {status}: {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def call(path, method, signature=None, *arguments):
    """method: "Library1.Apply". What it returns: nothing, a value, or several."""
    interface, name = method.rsplit(".", 1)
    if not interface.startswith("org."):
        interface = "org.bonsaivm." + interface
    parameters = GLib.Variant(f"({signature})", arguments) if signature else None
    result = bus.call_sync(NAME, path, interface, name, parameters, None, Gio.DBusCallFlags.NONE, 120000, None).unpack()
    return result[0] if len(result) == 1 else result


def refused(error, *arguments):
    try:
        call(*arguments)
    except GLib.Error as raised:
        assert Gio.DBusError.get_remote_error(raised) == "org.bonsaivm.Error." + error, raised.message
        return raised.message
    raise AssertionError(f"{arguments} was done")


def find(name):
    return call(ROOT, "Library1.FindMachine", "s", name)


def names():
    return [interfaces["org.bonsaivm.Machine1"]["Name"]
            for interfaces in call(ROOT, OBJECTS + ".GetManagedObjects").values()]


def prop(path, interface, name):
    return call(path, PROPERTIES + ".Get", "ss", "org.bonsaivm." + interface, name)


def wait_for(what, condition, seconds=60):
    """Signals are heard meanwhile."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        if not GLib.MainContext.default().iteration(False):
            time.sleep(0.02)


class Heard:
    """The signals of an interface."""

    def __init__(self, interface):
        self.signals = []
        self.id = bus.signal_subscribe(NAME, interface, None, None, None, Gio.DBusSignalFlags.NONE, self.add)

    def add(self, _bus, _sender, path, _interface, signal, parameters):
        self.signals.append((path, signal, parameters.unpack()))

    def end(self):
        bus.signal_unsubscribe(self.id)


def test_activation():
    """The bus starts it; machines are objects that come and go"""
    objects = call(ROOT, OBJECTS + ".GetManagedObjects")
    assert objects == {}, objects
    heard = Heard(OBJECTS)
    bonsai("create", "Web server", "--memory", "64M", "--kernel", INVADERS)
    wait_for("the new machine", lambda: heard.signals)
    path, signal, (machine, interfaces) = heard.signals[0]
    assert (path, signal) == (ROOT, "InterfacesAdded")
    assert interfaces["org.bonsaivm.Machine1"]["Name"] == "Web server", interfaces
    assert set(interfaces) == {f"org.bonsaivm.{name}" for name in ("Machine1", "Stats1", "Policy1", "Workspace1")}
    assert find("Web server") == machine == ROOT + "/" + interfaces["org.bonsaivm.Machine1"]["Uuid"].replace("-", "_")
    item = call(machine, "Machine1.Delete")
    wait_for("the machine to go", lambda: heard.signals[-1][1] == "InterfacesRemoved")
    assert call(ROOT, "Library1.ListTrash") == [item]
    assert call(ROOT, "Library1.Undelete", "s", item) == machine
    heard.end()


def test_introspection():
    """All of it can be found out by asking"""
    xml = call(find("Web server"), "org.freedesktop.DBus.Introspectable.Introspect")
    node = Gio.DBusNodeInfo.new_for_xml(xml)
    for name in ("Machine1", "Stats1", "Policy1", "Workspace1"):
        assert node.lookup_interface("org.bonsaivm." + name), xml
    assert Gio.DBusNodeInfo.new_for_xml(call(ROOT, "org.freedesktop.DBus.Introspectable.Introspect")) \
        .lookup_interface("org.bonsaivm.Library1")


def test_life():
    """A machine starts in a process of its own, is controlled, and says how it is"""
    machine = find("Web server")
    heard = Heard(PROPERTIES)
    assert prop(machine, "Machine1", "State") == "stopped"
    assert "There is no option" in refused("Invalid", machine, "Machine1.Start", "a{sv}", {"turbo": GLib.Variant("b", True)})
    assert "type b, not s" in refused("Invalid", machine, "Machine1.Start", "a{sv}", {"window": GLib.Variant("s", "on")})
    assert "not running" in refused("NotRunning", machine, "Stats1.GetCounters")
    call(machine, "Machine1.Start", "a{sv}", {})
    assert prop(machine, "Machine1", "State") == "running"
    call(machine, "Machine1.Pause")
    wait_for("paused", lambda: any(one[2][1].get("State") == "paused" for one in heard.signals))
    said = json.loads(bonsai("show", "Web server", "--json"))
    assert said["state"] == "paused", said
    call(machine, "Machine1.Resume")
    assert call(machine, "Stats1.GetCounters")["cpu-time"] > 0
    call(machine, "Machine1.PowerOff")
    wait_for("stopped", lambda: prop(machine, "Machine1", "State") == "stopped")
    heard.end()


def test_description():
    """Descriptions, labels and names are changed, and mistakes are told where they are"""
    machine = find("Web server")
    before = json.loads(prop(machine, "Machine1", "Description"))
    call(machine, "Machine1.Describe", "s", json.dumps(before | {"memory": "96M"}))
    assert json.loads(prop(machine, "Machine1", "Description")) == before | {"memory": "96M"}
    assert json.loads(bonsai("show", "Web server", "--json"))["config"]["memory"] == "96M"
    assert "vm.json:1:" in refused("Invalid", machine, "Machine1.Describe", "s", json.dumps(before | {"memory": "huge"}))
    call(machine, "Machine1.Rename", "s", "Mail server")
    assert prop(machine, "Machine1", "Name") == "Mail server" and find("Mail server") == machine
    call(machine, "Machine1.Rename", "s", "Web server")
    call(machine, "Machine1.SetGroup", "s", "Lab")
    call(machine, "Machine1.ChangeTags", "asas", ["a", "b"], [])
    call(machine, "Machine1.ChangeTags", "asas", [], ["a"])
    assert (prop(machine, "Machine1", "Group"), prop(machine, "Machine1", "Tags")) == ("Lab", ["b"])


def test_snapshots():
    """Snapshots are taken, listed, gone back to, cloned and deleted"""
    machine = find("Web server")
    first = call(machine, "Machine1.TakeSnapshot", "ss", "First", "")
    second = call(machine, "Machine1.TakeSnapshot", "ss", "Second", "A note")
    listed = json.loads(call(machine, "Machine1.ListSnapshots"))
    assert [(one["id"], one["name"]) for one in listed] == [(first, "First"), (second, "Second")]
    assert listed == json.loads(bonsai("snapshot", "list", "Web server", "--json"))
    taken = call(machine, "Machine1.RestoreSnapshot", "sa{sv}", first, {"take-first": GLib.Variant("s", "Before")})
    assert taken and call(machine, "Machine1.RestoreSnapshot", "sa{sv}", second, {}) == ""
    copy = call(machine, "Machine1.Clone", "ssb", "Copy", first, True)
    assert prop(copy, "Machine1", "Name") == "Copy"
    assert refused("NotFound", machine, "Machine1.DeleteSnapshot", "ss", "nothing", "one")
    assert "“one”, “below” or “before”" in refused("Invalid", machine, "Machine1.DeleteSnapshot", "ss", taken, "all")
    assert call(machine, "Machine1.DeleteSnapshot", "ss", taken, "one") == 1
    call(copy, "Machine1.Delete")


def test_policy():
    """A policy is set, tried out, and refused with the place of its mistake"""
    machine = find("Web server")
    known = json.loads(prop(machine, "Policy1", "Policy"))
    call(machine, "Policy1.Set", "s", json.dumps({"cpu-cap": "50%"}))
    assert json.loads(prop(machine, "Policy1", "Policy")) == {"cpu-cap": "50%"} != known
    assert "policy:1:" in refused("Invalid", machine, "Policy1.Set", "s", '{"cpu-cap": "500%"}')
    now = int(time.time())
    refused("Invalid", machine, "Policy1.Test", "sxx", "", now, now)
    assert "no history yet" in refused("NotFound", machine, "Policy1.Test", "sxx", "", now - 3600, now)


def test_workspace():
    """A machine is issued, shown, renewed and revoked"""
    machine = find("Web server")
    assert refused("NotFound", machine, "Workspace1.Get")
    assert "no expiry" in refused("Invalid", machine, "Workspace1.Issue", "sssx", "", "test", "someday", 0)
    until = int(time.time()) + 86400
    identity = call(machine, "Workspace1.Issue", "sssx", "", "test", "date", until)
    said = json.loads(call(machine, "Workspace1.Get"))
    assert said["id"] == identity and said["expiry-at"] == until, said
    assert said == json.loads(bonsai("workspace", "show", "Web server", "--json")) | {
        name: said[name] for name in ("remaining", "trusted-time")}
    call(machine, "Workspace1.Renew", "sxb", "date", until + 86400, False)
    assert json.loads(call(machine, "Workspace1.Get"))["renewals"] == 1
    call(machine, "Workspace1.Revoke")
    assert "is over" in refused("Failed", machine, "Machine1.Start", "a{sv}", {})


def test_apply():
    """What a file says is told, then done, and mistakes have their line"""
    text = "bonsai: 1\nmachines:\n- name: Lab\n  memory: 64M\n"
    plan = json.loads(call(ROOT, "Library1.Apply", "ssb", text, "lab.yaml", True))
    assert not plan["done"] and plan["due"] == 1 and not bonsai("list").count("Lab")
    assert json.loads(call(ROOT, "Library1.Apply", "ssb", text, "lab.yaml", False))["done"]
    assert prop(find("Lab"), "Machine1", "State") == "stopped"
    assert json.loads(call(ROOT, "Library1.Apply", "ssb", text, "lab.yaml", False))["due"] == 0
    assert "lab.yaml:4:" in refused("Invalid", ROOT, "Library1.Apply", "ssb", text.replace("64M", "much"), "lab.yaml", True)


def test_events():
    """What happened is told when it does, and afterwards; reports and histories are made of it"""
    heard = Heard("org.bonsaivm.Library1")
    bonsai("create", "Last", "--memory", "64M", "--kernel", INVADERS)
    wait_for("the machine", lambda: "Last" in names())
    uuid = prop(find("Last"), "Machine1", "Uuid")
    wait_for("the event", lambda: any(one[2][:3] == (uuid, "create", "done") for one in heard.signals))
    event = next(one[2][3] for one in heard.signals if one[2][0] == uuid)
    assert json.loads(event)["name"] == "Last", event
    found = json.loads(call(ROOT, "Library1.GetEvents", "sxx", uuid, 0, 0))
    assert [one["kind"] for one in found] == ["create"], found
    now = int(time.time()) + 1
    for report in ("utilisation", "changes", "storage", "expiries"):
        assert call(ROOT, "Library1.GetReport", "sxxs", report, now - 3600, now, "csv").count("\n") >= 1
    assert call(ROOT, "Library1.GetReport", "sxxs", "changes", 0, now, "html").startswith("<!DOCTYPE html>")
    assert "no report" in refused("Invalid", ROOT, "Library1.GetReport", "sxxs", "weather", 0, now, "csv")
    assert refused("NotFound", find("Last"), "Stats1.GetHistory", "xxus", now - 60, now, 0, "csv")
    assert refused("Invalid", find("Last"), "Stats1.GetHistory", "xxus", now, now, 0, "csv")
    heard.end()


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} {test.__doc__}", flush=True)
        except Exception:
            failed += 1
            print("# " + traceback.format_exc().replace("\n", "\n# "))
            print(f"not ok {number} {test.__doc__}", flush=True)
    bus.close_sync(None)
    for machine in json.loads(bonsai("list", "--json")):
        if machine["state"] not in ("stopped", "suspended"):
            bonsai("stop", machine["name"])
    daemon.terminate()
    daemon.wait()
    shutil.rmtree(scratch)
    sys.exit(failed > 0)


main()
