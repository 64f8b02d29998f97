#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desktop's menu and log-in, as the command line keeps them up to date.

Usage: test-desktop-cli.py BONSAI
"""

import configparser
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

BONSAI = os.path.abspath(sys.argv[1])
OK, USAGE, ERROR = 0, 2, 4

scratch = tempfile.mkdtemp(prefix="bonsai-desktop-cli-")
os.environ.update(
    XDG_RUNTIME_DIR=scratch + "/run",
    XDG_STATE_HOME=scratch + "/state",
    XDG_DATA_HOME=scratch + "/data",
    XDG_CONFIG_HOME=scratch + "/config",
    G_DEBUG="fatal-criticals",
    LC_ALL="C.UTF-8",
)
os.environ.pop("BONSAI_LIBRARY", None)
os.mkdir(scratch + "/run", 0o700)
AUTOSTART = scratch + "/config/autostart/org.bonsaivm.Bonsai.autostart.desktop"


def bonsai(*arguments, status=OK, env=None):
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})
    shown = f"bonsai {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == status, f"expected status {status}: {shown}"
    return done.stdout + done.stderr


def entries():
    """What the menu shows: names of machines."""
    found = []
    for path in glob.glob(scratch + "/data/applications/*.desktop"):
        entry = configparser.ConfigParser(interpolation=None)
        entry.read(path)
        found.append(entry["Desktop Entry"]["Name"])
    return sorted(found)


def test_menu():
    """Machines come to the menu when they are made, and leave it with the trash"""
    bonsai("create", "Web")
    bonsai("create", "Mail")
    assert entries() == ["Mail", "Web"], entries()
    bonsai("delete", "Web")
    assert entries() == ["Mail"], entries()
    bonsai("undelete", "Web")
    bonsai("clone", "Mail", "Post")
    assert entries() == ["Mail", "Post", "Web"], entries()
    bonsai("delete", "Post")


def test_switch():
    """A machine's entry can be switched off, and on again"""
    bonsai("launcher", "Web", "off")
    assert entries() == ["Mail"], entries()
    listed = json.loads(bonsai("launcher", "--json"))
    assert [(m["name"], m["launcher"]) for m in listed] == [("Mail", True), ("Web", False)], listed
    assert "off  Web" in bonsai("launcher")
    bonsai("launcher", "Web", "on")
    assert entries() == ["Mail", "Web"], entries()
    bonsai("launcher", "Web", status=USAGE)
    bonsai("launcher", "Web", "maybe", status=USAGE)
    bonsai("launcher", "Nobody", "on", status=ERROR)


def test_template():
    """A template can't be started, and is not in the menu"""
    bonsai("template", "make", "Mail")
    assert entries() == ["Web"], entries()
    bonsai("template", "undo", "Mail")
    assert entries() == ["Mail", "Web"], entries()


def test_autostart():
    """One entry of the session starts the machines that are to run, in their order"""
    assert not os.path.exists(AUTOSTART)
    bonsai("autostart", "Web", "on", "--order", "2")
    bonsai("autostart", "Mail", "on", "--order=1")
    with open(AUTOSTART) as file:
        assert f"Exec={BONSAI} autostart" in file.read()
    listed = json.loads(bonsai("autostart", "--json"))
    assert [(m["name"], m["order"]) for m in listed] == [("Mail", 1), ("Web", 2)], listed
    bonsai("autostart", "Mail", "off")
    assert os.path.exists(AUTOSTART)
    assert bonsai("autostart", "--list").split() == ["2", "Web"]
    bonsai("autostart", "Web", "off")
    assert not os.path.exists(AUTOSTART)
    bonsai("autostart", "Web", status=USAGE)
    bonsai("autostart", "Web", "on", "--order", "5000", status=ERROR)
    bonsai("autostart")  # nothing to do


def test_elsewhere():
    """A library elsewhere is not the desktop's"""
    bonsai("create", "Away", env={"BONSAI_LIBRARY": scratch + "/other"})
    assert entries() == ["Mail", "Web"], entries()


def main():
    tests = [test_menu, test_switch, test_template, test_autostart, test_elsewhere]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception as error:
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            for line in (str(error) or repr(error)).splitlines():
                print("#", line, flush=True)
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
