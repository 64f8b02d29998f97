#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another user of the computer can't read, list, start, or talk to somebody's machines: real processes of two users try.

Usage: test-second-user.py BONSAI; as root, which can be both.
"""
import glob
import json
import os
import shutil
import sys
import tempfile

from users import CAN_BE_OTHERS, User, mode

BONSAI = os.path.abspath(sys.argv[1])
OWNER, OTHER = 54321, 54322
scratch = tempfile.mkdtemp(prefix="bonsai-two-users-")


def test_files():
    """What lies in the library is its owner's alone, whatever the home's permissions"""
    owner.bonsai("create", "Secret", "--memory", "64M", "--kernel", "/boot/invaders.exec", "--disk", "1M")
    bundle = owner.home + "/library/secret.bonsai"
    assert mode(owner.home + "/library") == 0o700 and mode(bundle) == 0o700, (mode(owner.home + "/library"), mode(bundle))
    os.chmod(owner.home + "/library", 0o755)  # as of a library that was there before
    for path in ("vm.json", "disks/disk0.qcow2"):
        assert other.run("cat", f"{bundle}/{path}").returncode != 0, path
        assert other.run("sh", "-c", f"echo x >> {bundle}/{path}").returncode != 0, path
    assert other.run("ls", bundle).returncode != 0


def test_opened():
    """A machine's folder that was opened is closed at its start, and another user's isn't started"""
    bundle = owner.home + "/library/secret.bonsai"
    os.chmod(bundle, 0o755)
    assert "Secret" in other.bonsai("list", as_if=owner)
    other.bonsai("start", "Secret", "--headless", as_if=owner, fails=True)
    owner.bonsai("start", "Secret", "--headless")
    assert mode(bundle) == 0o700, mode(bundle)


def test_running():
    """A machine that runs is neither listed nor shown nor driven by another user"""
    assert json.loads(owner.bonsai("list", "--json"))[0]["state"] == "running"
    assert json.loads(other.bonsai("list", "--json")) == []
    listed = other.run(BONSAI, "list", "--json", as_if=owner).stdout
    assert "running" not in listed and "Secret" not in listed, listed
    for verb in (["stop"], ["pause"], ["start", "--headless"], ["screenshot"], ["type"]):
        extra = [f"{other.home}/x.png"] if verb[0] == "screenshot" else ["x"] if verb[0] == "type" else []
        other.bonsai(verb[0], "Secret", *extra, *verb[1:], as_if=owner, fails=True)
        other.bonsai(verb[0], "Secret", *extra, *verb[1:], fails=True)
    assert json.loads(owner.bonsai("list", "--json"))[0]["state"] == "running"


CONNECT = """
import sys
import gi
from gi.repository import Gio, GLib
address = "unix:path=" + sys.argv[1]
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
bus.call_sync(None, "/org/bonsaivm/Session", "org.freedesktop.DBus.Properties", "GetAll",
              GLib.Variant("(s)", ("org.bonsaivm.Session1",)), None, 0, 5000, None)
"""


def test_socket():
    """The socket of a machine takes nobody else's connection, even if its folder is open"""
    sockets = glob.glob(owner.home + "/run/bonsai/*.sock")
    assert len(sockets) == 1 and mode(owner.home + "/run/bonsai") == 0o700, sockets
    allowed = owner.run("/usr/bin/python3", "-c", CONNECT, sockets[0])
    assert allowed.returncode == 0, allowed.stderr
    refused = other.run("/usr/bin/python3", "-c", CONNECT, sockets[0])
    assert refused.returncode != 0 and "Permission denied" in refused.stderr, refused.stderr
    opened = (owner.home + "/run", owner.home + "/run/bonsai", sockets[0])
    for path in opened:
        os.chmod(path, 0o777)
    refused = other.run("/usr/bin/python3", "-c", CONNECT, sockets[0])
    for path in opened:
        os.chmod(path, 0o700)
    assert refused.returncode != 0 and "Permission denied" not in refused.stderr, refused.stderr


def test_process():
    """Nor can another user look into the process that runs it"""
    pid = json.loads(owner.bonsai("show", "Secret", "--json")).get("pid")
    pids = [pid] if pid else [entry for entry in os.listdir("/proc") if entry.isdigit() and owns(entry)]
    assert pids, "no process of its owner runs"
    for one in pids:
        for file in "mem", "environ", "maps", "fd":
            assert other.run("ls" if file == "fd" else "head", *([] if file == "fd" else ["-c1"]),
                             f"/proc/{one}/{file}").returncode != 0, (one, file)


def owns(pid):
    try:
        return os.stat(f"/proc/{pid}").st_uid == OWNER
    except OSError:
        return False


def main():
    tests = [test_files, test_opened, test_running, test_socket, test_process]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception as error:
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            print("#", str(error or repr(error)).replace("\n", "\n# "), flush=True)
    owner.run(BONSAI, "stop", "Secret")
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


if not CAN_BE_OTHERS:
    print("1..0 # SKIP only root, with setpriv, can be two users")
    sys.exit(0)
os.chmod(scratch, 0o755)
owner, other = User(scratch, "owner", OWNER, BONSAI), User(scratch, "other", OTHER, BONSAI)
sys.exit(main())
