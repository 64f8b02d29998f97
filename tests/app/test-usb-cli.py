#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bonsai usb, with a computer's USB devices made up.

Usage: test-usb-cli.py BONSAI
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

import usb_tree

BONSAI = os.path.abspath(sys.argv[1])
OK, USAGE, ERROR = 0, 2, 4

scratch = tempfile.mkdtemp(prefix="bonsai-usb-")
ROOT = scratch + "/root"
os.environ.update(BONSAI_LIBRARY=scratch + "/library", BONSAI_USB_ROOT=ROOT, XDG_RUNTIME_DIR=scratch + "/run",
                  XDG_STATE_HOME=scratch + "/state", XDG_DATA_HOME=scratch + "/data", HOME=scratch,
                  G_DEBUG="fatal-criticals", LC_ALL="C.UTF-8")
os.mkdir(scratch + "/run", 0o700)


def bonsai(*arguments, status=OK):
    """Runs it, checks its exit status, returns what it printed on both."""
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    shown = f"bonsai {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == status, f"expected status {status}: {shown}"
    return done.stdout + done.stderr


def plug_some():
    usb_tree.plug(ROOT, "2-1.4", 7, "0951:1666", "Kingston", "DataTraveler 3.0", "60A44C4251")
    usb_tree.plug(ROOT, "2-1.5", 8, "0951:1666", "Kingston", "DataTraveler 3.0", "60A44C4252")
    usb_tree.plug(ROOT, "1-2", 3, "046d:c31c", "Logitech", "USB Keyboard", classes=((3, 1, 1),))
    usb_tree.give_input(ROOT, "1-2")
    usb_tree.plug(ROOT, "1-9", 5, "046d:082d", "Evil\x1b[2J\u202e", "Cam\nera" + "x" * 300, classes=((14, 1, 0), (1, 1, 0)))
    usb_tree.plug(ROOT, "2-1", 2, "05e3:0610", "GenesysLogic", "USB2.0 Hub", device_class=9, classes=((9, 0, 0),))


def test_nothing():
    """A computer without USB has no devices"""
    assert bonsai("usb", "list") == ""
    assert json.loads(bonsai("usb", "list", "--json")) == []
    bonsai("usb", status=USAGE)
    bonsai("usb", "frobnicate", status=USAGE)


def test_list():
    """Devices are listed with what is known of them, hubs aside, and what they say can't do harm"""
    plug_some()
    devices = json.loads(bonsai("usb", "list", "--json"))
    assert [device["port"] for device in devices] == ["1-2", "1-9", "2-1.4", "2-1.5"], devices
    stick = devices[2]
    assert stick["id"] == "0951:1666" and stick["serial"] == "60A44C4251" and stick["kind"] == "mass-storage", stick
    assert stick["bus"] == 2 and stick["device"] == 7 and stick["speed"] == 480 and stick["machine"] is None, stick
    assert stick["accessible"] and stick["classes"] == ["08/06/50"] and stick["only"] is None, stick
    assert devices[0]["only"] == "keyboard", devices[0]
    evil = devices[1]
    assert evil["vendor"] == "Evil[2J" and evil["product"].startswith("Cam eraxx"), evil
    assert len(evil["product"]) <= 80 and evil["kind"] == "video", evil
    text = bonsai("usb", "list")
    assert "Kingston DataTraveler 3.0, 60A44C4251" in text and "\x1b" not in text and len(text.splitlines()) == 4, text
    assert "the only keyboard" in text.splitlines()[0], text


def test_rules():
    """Rules are by id, port or serial number, kept in vm.json, and each there once"""
    bonsai("create", "Lab", "--no-usb")
    assert bonsai("usb", "rule", "list", "Lab") == ""
    said = bonsai("usb", "rule", "add", "Lab", "0951:1666")
    assert "usb0" in said and "USB controller" in said, said
    assert bonsai("usb", "rule", "add", "Lab", "1-9").strip() == "usb1"
    assert bonsai("usb", "rule", "add", "Lab", "60A44C4252").strip() == "usb2"
    assert bonsai("usb", "rule", "add", "Lab", "2.7").strip() == "usb3"
    assert "usb0" in bonsai("usb", "rule", "add", "Lab", "0951:1666", status=ERROR)
    assert "bonsai usb list" in bonsai("usb", "rule", "add", "Lab", "NoSuchSerial", status=ERROR)
    rules = json.loads(bonsai("usb", "rule", "list", "Lab", "--json"))
    assert rules == [
        {"id": "usb0", "device": "0951:1666", "serial": None, "port": None, "name": None},
        {"id": "usb1", "device": None, "serial": None, "port": "1-9", "name": None},
        {"id": "usb2", "device": "0951:1666", "serial": "60A44C4252", "port": None, "name": "Kingston DataTraveler 3.0"},
        {"id": "usb3", "device": "0951:1666", "serial": "60A44C4251", "port": None, "name": "Kingston DataTraveler 3.0"},
    ], rules
    bonsai("usb", "rule", "remove", "Lab", "usb1")
    bonsai("usb", "rule", "remove", "Lab", "usb1", status=ERROR)
    assert "serial number 60A44C4252" in bonsai("usb", "rule", "list", "Lab")
    with open(json.loads(bonsai("show", "Lab", "--json"))["path"] + "/vm.json") as file:
        config = json.load(file)
    assert config["usb"] is True and [rule["id"] for rule in config["usb-rules"]] == ["usb0", "usb2", "usb3"], config
    bonsai("usb", "rule", "add", "Lab", status=USAGE)
    bonsai("usb", "rule", "list", "Lab", "x", status=USAGE)
    bonsai("usb", "rule", "keep", "Lab", status=USAGE)


def test_attach():
    """A device that is meant ambiguously, the only keyboard, and a machine that is off are told"""
    said = bonsai("usb", "attach", "Lab", "0951:1666", status=ERROR)
    assert "2-1.4 " in said and "2-1.5 " in said and "60A44C4252" in said, said
    said = bonsai("usb", "attach", "Lab", "046d:c31c", status=ERROR)
    assert "the only keyboard of this computer" in said and "--force" in said, said
    assert "isn't running" in bonsai("usb", "attach", "Lab", "046d:c31c", "--force", status=ERROR)
    assert "isn't running" in bonsai("usb", "attach", "Lab", "60A44C4252", status=ERROR)
    assert "isn't running" in bonsai("usb", "detach", "Lab", "2-1.5", status=ERROR)
    bonsai("usb", "attach", "Nobody", "2-1.5", status=ERROR)
    bonsai("usb", "attach", "Lab", status=USAGE)


TESTS = [test_nothing, test_list, test_rules, test_attach]


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
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
