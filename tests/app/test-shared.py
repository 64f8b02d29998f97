#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that its owner shares: what operators, viewers and strangers can do with it, as real processes of five users.

Usage: test-shared.py BONSAI; as root, which can be several users.
"""
import glob
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from users import CAN_BE_OTHERS, User, mode

BONSAI = os.path.abspath(sys.argv[1])
scratch = tempfile.mkdtemp(prefix="bonsai-shared-")
place = scratch + "/shared"


def state():
    return json.loads(owner.bonsai("show", "Lab", "--json"))["state"]


def roles():
    return {one["user"]: one["role"] for one in json.loads(owner.bonsai("share", "Lab", "--json"))}


def seen(user):
    return [f"{one['owner']}/{one['name']} {one['state']}" for one in json.loads(user.bonsai("shared", "--json"))]


def door():
    return glob.glob(f"{place}/{owner.uid}/*.sock")


def wait_for(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)


def test_nobody():
    """Unless it is shared there is nothing to be met"""
    owner.bonsai("create", "Lab", "--memory", "64M", "--kernel", "/boot/invaders.exec")
    owner.bonsai("start", "Lab", "--headless")
    assert os.listdir(place) == [] and seen(operator) == []
    assert "shares no machine" in operator.bonsai("pause", "daemon/Lab", fails=True)


def test_giving():
    """Roles are given, changed and taken, by names that can be users', at once"""
    assert "is no user" in owner.bonsai("share", "Lab", "--viewer", "a b", fails=True)
    owner.bonsai("share", "Lab", "--operator", "games", "--viewer", "news", "--viewer", "@mail", "--operator", "man")
    owner.bonsai("share", "Lab", "--remove", "man")
    assert roles() == {"games": "operator", "news": "viewer", "@mail": "viewer"}
    wait_for("the door", door)
    assert mode(f"{place}/{owner.uid}") == 0o755
    wait_for("the machine", lambda: seen(operator) == ["daemon/Lab running"])
    assert seen(viewer) == seen(member) == ["daemon/Lab running"] and seen(stranger) == []


def test_viewer():
    """Who may look sees its screen and what it uses, and changes nothing"""
    for user in viewer, member:
        user.bonsai("screenshot", "daemon/Lab", user.home + "/screen.png")
        assert os.path.getsize(user.home + "/screen.png") > 100
        assert json.loads(user.bonsai("stats", "daemon/Lab", "--json"))
        for refused in (["pause"], ["reset"], ["stop"], ["key", "left"], ["type", "x"], ["mouse", "move", "1", "1"]):
            said = user.bonsai(refused[0], "daemon/Lab", *refused[1:], fails=True)
            assert "owner doesn't let you" in said, (refused, said)
    assert state() == "running"


def test_operator():
    """Who may work with it does so, and no more"""
    operator.bonsai("pause", "daemon/Lab")
    assert state() == "paused" and seen(viewer) == ["daemon/Lab paused"]
    operator.bonsai("resume", "daemon/Lab")
    operator.bonsai("key", "daemon/Lab", "left")
    operator.bonsai("mouse", "daemon/Lab", "move", "5", "5")
    for refused in (["cd", "daemon/Lab", "insert", "/etc/passwd"], ["link", "daemon/Lab", "down"],
                    ["memory", "daemon/Lab", "64M"], ["snapshot", "take", "daemon/Lab"],
                    ["guest", "exec", "daemon/Lab", "true"]):
        said = operator.run(BONSAI, *refused)
        assert said.returncode != 0, (refused, said.stdout)
    assert state() == "running"


def test_stranger():
    """Who isn't named is turned away unheard, also if he knows the way, or floods the door"""
    code = """
import socket, sys
for i in range(300):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(10)
    one.connect(sys.argv[1])
    assert one.recv(1) == b""
"""
    done = stranger.run("/usr/bin/python3", "-c", code, door()[0])
    assert done.returncode == 0, done.stderr
    assert seen(operator) == ["daemon/Lab running"]


def test_slow():
    """Guests who say nothing at the door hold up nobody but guests, and not for long"""
    code = """
import socket, sys
all = [socket.socket(socket.AF_UNIX) for i in range(40)]
for one in all:
    one.connect(sys.argv[1])
print("there", flush=True)
sys.stdin.read()
"""
    slow = viewer.start("/usr/bin/python3", "-c", code, door()[0])
    assert slow.stdout.readline() == "there\n"
    owner.bonsai("pause", "Lab")
    owner.bonsai("resume", "Lab")
    wait_for("room at the door", lambda: seen(operator) == ["daemon/Lab running"])
    slow.communicate("", timeout=10)


def test_impostor():
    """A socket that isn't the named owner's isn't believed"""
    folder = f"{place}/{viewer.uid}"
    os.mkdir(folder)
    with socket.socket(socket.AF_UNIX) as trap:
        path = f"{folder}/{os.path.basename(door()[0])}"
        trap.bind(path)
        trap.listen()
        os.chmod(path, 0o666)
        assert seen(operator) == ["daemon/Lab running"]
        os.chown(folder, viewer.uid, viewer.uid)
        assert seen(operator) == ["daemon/Lab running"]
    shutil.rmtree(folder)


def test_taking():
    """Who is in when his role is taken is sent away; with the last one the door goes, and comes again"""
    watching = operator.start(BONSAI, "stats", "daemon/Lab", "--watch")
    assert watching.stdout.readline()
    owner.bonsai("share", "Lab", "--remove", "games")
    watching.communicate(timeout=20)
    wait_for("him to be out", lambda: seen(operator) == [])
    owner.bonsai("share", "Lab", "--remove", "news", "--remove", "@mail")
    wait_for("the door to go", lambda: not door())
    owner.bonsai("share", "Lab", "--viewer", "news")
    wait_for("the door to come", lambda: seen(viewer) == ["daemon/Lab running"])
    owner.bonsai("stop", "Lab")
    assert not door()
    owner.bonsai("start", "Lab", "--headless")
    wait_for("it to be shared again", lambda: seen(viewer) == ["daemon/Lab running"])


def main():
    tests = [test_nobody, test_giving, test_viewer, test_operator, test_stranger, test_slow, test_impostor, test_taking]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            print("#", traceback.format_exc().replace("\n", "\n# "), flush=True)
    owner.run(BONSAI, "stop", "Lab")
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


if not CAN_BE_OTHERS:
    print("1..0 # SKIP only root, with setpriv, can be several users")
    sys.exit(0)
os.chmod(scratch, 0o755)
os.mkdir(place)
os.chmod(place, 0o1777)
owner, operator, viewer, member, stranger = (
    User(scratch, name, pwd.getpwnam(name).pw_uid, BONSAI, BONSAI_SHARED=place)
    for name in ("daemon", "games", "news", "mail", "nobody"))
sys.exit(main())
