#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that have rules for USB devices start, and tell what they couldn't have. Needs KVM, of any kind.

Usage: test-usb-start.py BONSAI
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import usb_tree

BONSAI = os.path.abspath(sys.argv[1])
PATIENCE = 60
STICK, STICK_ID = "Kingston DataTraveler", "0951:1666"
LAB, COPY = "Lab", "Copy"

scratch = tempfile.mkdtemp(prefix="bonsai-usb-start-")
ROOT = scratch + "/root"
os.environ.update(BONSAI_LIBRARY=scratch + "/library", BONSAI_USB_ROOT=ROOT, XDG_RUNTIME_DIR=scratch + "/run",
                  XDG_STATE_HOME=scratch + "/state", XDG_DATA_HOME=scratch + "/data", HOME=scratch,
                  G_DEBUG="fatal-criticals", LC_ALL="C.UTF-8")
os.mkdir(scratch + "/run", 0o700)


def bonsai(*arguments, status=0):
    """Runs it, checks its exit status, returns what it printed on both."""
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, f"bonsai {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def events(machine, *kinds):
    return [event for event in json.loads(bonsai("events", "--machine", machine, "--json")) if event["kind"] in kinds]


def wait_events(machine, kind, n):
    deadline = time.monotonic() + PATIENCE
    while len(events(machine, kind)) < n:
        assert time.monotonic() < deadline, events(machine, kind)
        time.sleep(0.1)
    return events(machine, kind)


def rules(machine):
    return [rule["device"] for rule in json.loads(bonsai("usb", "rule", "list", machine, "--json"))]


def test_start():
    """What a rule names and can't be had doesn't keep a machine from starting, and is told once, with its name and why"""
    usb_tree.plug(ROOT, "2-1.4", 7, STICK_ID, "Kingston", "DataTraveler", "60A44C4251")
    bonsai("create", LAB, "--memory", "64M", "--ready", "invaders")
    bonsai("usb", "rule", "add", LAB, STICK_ID)
    bonsai("start", "--headless", LAB)
    told = wait_events(LAB, "usb-attach", 1)
    assert told[0]["detail"] == STICK and told[0]["result"] == "failed", told
    assert f"“{STICK}” (port 2-1.4) can't be attached: it is no USB device" in told[0]["cause"], told
    assert "plug it in again" in told[0]["cause"], told
    assert json.loads(bonsai("usb", "list", "--json"))[0]["machine"] is None, "it is claimed, and not had"


def test_command():
    """A command that can't attach it says so, and so does the log, in the same way"""
    said = bonsai("usb", "attach", LAB, STICK_ID, status=4)
    assert f"“{STICK}” (port 2-1.4) can't be attached: it is no USB device" in said, said
    told = wait_events(LAB, "usb-attach", 2)
    assert len(told) == 2 and told[0]["cause"] == told[1]["cause"] and told[1]["detail"] == STICK, told
    said = bonsai("usb", "detach", LAB, "2-1.4", status=4)
    assert LAB in said and "2-1.4" in said, said
    assert wait_events(LAB, "usb-detach", 1)[0]["result"] == "failed"


def test_clones():
    """A device is one machine's: clones of any kind have no rules"""
    bonsai("clone", "--instant", "--headless", LAB, "Instant")
    bonsai("stop", "Instant")
    bonsai("stop", LAB)
    bonsai("clone", LAB, COPY)
    bonsai("clone", "--linked", LAB, "Linked")
    assert rules(LAB) == [STICK_ID]
    for clone in "Instant", COPY, "Linked":
        assert rules(clone) == [], clone
    assert not events("Instant", "usb-attach", "usb-detach", "usb-unplug")
    bonsai("usb", "rule", "add", COPY, STICK_ID)
    bonsai("template", "make", COPY)
    bonsai("template", "clone", COPY, "Student")
    assert rules("Student") == []


TESTS = [test_start, test_command, test_clones]


def main():
    failed = False
    print(f"1..{len(TESTS)}")
    for number, test in enumerate(TESTS, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            print("#", traceback.format_exc().replace("\n", "\n# "), flush=True)
    for machine in LAB, "Instant":
        subprocess.run([BONSAI, "stop", "--force", machine], capture_output=True, timeout=60)
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
