#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""“bonsai workspace”, with machines that run: what is over is suspended, and doesn't start until it is renewed.

Usage: test-workspace-cli.py BONSAI
"""
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

BONSAI = os.path.abspath(sys.argv[1])
INVADERS = "/boot/invaders.exec"

scratch = tempfile.mkdtemp(prefix="bonsai-workspace-")
os.environ.update(BONSAI_LIBRARY=scratch + "/library", XDG_RUNTIME_DIR=scratch + "/run", XDG_STATE_HOME=scratch + "/state",
                  XDG_DATA_HOME=scratch + "/data", XDG_CONFIG_HOME=scratch + "/config", G_DEBUG="fatal-criticals",
                  LC_ALL="C.UTF-8")
os.mkdir(scratch + "/run", 0o700)


def bonsai(*arguments, status=0):
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, f"expected status {status}: {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def show(name):
    return json.loads(bonsai("workspace", "show", name, "--json"))


def state(name):
    return json.loads(bonsai("show", name, "--json"))["state"]


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.3)


def create(name):
    bonsai("create", name, "--memory", "64M", "--kernel", INVADERS)


def after(seconds):
    """A date, in local time."""
    return (datetime.datetime.now() + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def test_terms():
    """Terms are put on a machine once, shown and listed"""
    create("Terms")
    assert "no workspace" in bonsai("workspace", "show", "Terms", status=4)
    assert "--expires" in bonsai("workspace", "issue", "Terms", status=4)
    assert "no date" in bonsai("workspace", "issue", "Terms", "--expires", "soon", status=4)
    assert "no profile" in bonsai("workspace", "issue", "Terms", "--never", "--profile", "odd", status=4)
    issued = json.loads(bonsai("workspace", "issue", "Terms", "--for", "anna", "--profile", "entertainment", "--after-start", "30d",
                               "--json"))
    assert issued["issuer"].startswith("ed25519:"), issued
    shown = show("Terms")
    assert shown["for"] == "anna" and shown["profile"] == "entertainment" and shown["state"] == "not-started", shown
    assert shown["expiry"] == "start" and shown["remaining"] == 30 * 86400 and shown["issuer"] == issued["issuer"], shown
    assert shown["permissions"]["hours"]["from"] == "08:00", shown
    assert "already" in bonsai("workspace", "issue", "Terms", "--never", status=4)
    listed = json.loads(bonsai("workspace", "list", "--json"))
    assert [one["name"] for one in listed] == ["Terms"] and listed[0]["state"] == "not-started", listed
    assert "30 days" in bonsai("workspace", "list") and "anna" in bonsai("workspace", "show", "Terms")
    ends = {row["name"]: row for row in json.loads(bonsai("report", "expiries", "--json"))}
    assert abs(ends["Terms"]["remaining-hours"] - 720) < 1 and ends["Terms"]["for"] == "anna", ends
    assert ends["Terms"]["then"] == "archive" and "<td>Terms</td>" in bonsai("report", "expiries", "--html"), ends


def test_own_profile():
    """A profile of one's own forbids; its mistakes are told with line and column"""
    os.makedirs(scratch + "/config/bonsai/profiles")
    with open(scratch + "/config/bonsai/profiles/shut.json", "w") as file:
        file.write('{ "bonsai-profile" : 1,\n  "permissions" : { "snapshots" : false, "export" : 1 } }')
    create("Shut")
    assert "shut.json:2:" in bonsai("workspace", "issue", "Shut", "--never", "--profile", "shut", status=4)
    with open(scratch + "/config/bonsai/profiles/shut.json", "w") as file:
        file.write('{ "bonsai-profile" : 1, "permissions" : { "snapshots" : false, "export" : false, "networks" : [ "none" ] } }')
    bonsai("workspace", "issue", "Shut", "--never", "--profile", "shut")
    assert "don't allow snapshots" in bonsai("snapshot", "take", "Shut", status=4)
    assert "don't allow copies" in bonsai("clone", "Shut", "Copy", status=4)
    assert "network" in bonsai("start", "Shut", "--headless", status=4)


def test_ways_out():
    """What terms forbid no way out has: copies, other machines, files of the host, pictures of the screen"""
    with open(scratch + "/config/bonsai/profiles/kept.json", "w") as file:
        file.write('{ "bonsai-profile" : 1, "permissions" : { "export" : false, "screenshots" : false, "shared-folders" : false, '
                   '"clipboard" : "to-guest" } }')
    bonsai("create", "Kept", "--memory", "64M", "--kernel", INVADERS, "--disk", "1M")
    create("Thief")
    disk, out = scratch + "/library/kept.bonsai/disks/disk0.qcow2", scratch + "/out.qcow2"
    path = scratch + "/library/kept.bonsai/vm.json"
    with open(path) as file:
        config = json.load(file)
    config.setdefault("agents", {})["clipboard"] = "to-guest"
    with open(path, "w") as file:
        json.dump(config, file)
    bonsai("workspace", "issue", "Kept", "--never", "--profile", "kept")
    for source in "Kept:disk0", disk:
        assert "don't allow copies" in bonsai("disk", "convert", source, out, status=4)
    assert "don't allow copies" in bonsai("clone", "Kept", "Copy", status=4)
    assert "don't allow copies" in bonsai("run", "--disk", disk, "--headless", "--timeout", "5", status=4)
    bonsai("disk", "attach", "Thief", disk)
    assert "don't allow copies" in bonsai("start", "Thief", "--headless", status=4)
    bonsai("disk", "detach", "Thief:disk0")
    bonsai("start", "Thief", "--headless")
    assert "don't allow copies" in bonsai("disk", "attach", "Thief", disk, "--read-only", status=4)
    bonsai("stop", "Thief")
    bonsai("disk", "convert", "Kept:disk0", scratch + "/library/kept.bonsai/disks/smaller.qcow2")
    bonsai("disk", "create", out, "1M")
    bonsai("start", "Kept", "--headless")
    assert "disks outside" in bonsai("disk", "attach", "Kept", out, status=4)
    assert "pictures" in bonsai("screenshot", "Kept", scratch + "/picture.png", status=4)
    assert not os.path.exists(scratch + "/picture.png")
    bonsai("stop", "Kept")
    wait_for("let go of", lambda: subprocess.run([BONSAI, "disk", "attach", "Kept", out], capture_output=True).returncode == 0)
    assert "host's files" in bonsai("start", "Kept", "--headless", status=4)


def test_life():
    """What runs is suspended when it is over, doesn't start then, and goes on when it is renewed"""
    create("Life")
    bonsai("workspace", "issue", "Life", "--expires", after(20))
    bonsai("start", "Life", "--headless")
    assert show("Life")["state"] == "active"
    wait_for("suspended", lambda: state("Life") == "suspended", 100)
    assert "renew" in bonsai("start", "Life", "--headless", status=4)
    assert show("Life")["state"] == "grace"
    enforced = {one["name"]: one["state"] for one in json.loads(bonsai("workspace", "enforce", "--json"))}
    assert enforced["Life"] == "grace" and enforced["Terms"] == "not-started", enforced
    bonsai("workspace", "renew", "Life", "--never")
    bonsai("start", "Life", "--headless")
    assert state("Life") == "running"
    assert show("Life")["renewals"] == 1 and show("Life")["remaining"] is None
    bonsai("stop", "Life")
    with open(scratch + "/data/bonsai/workspaces/" + json.loads(bonsai("show", "Life", "--json"))["uuid"] + "/log") as file:
        log = file.read()
    for word in "issued", "started", "active → expired", "expired → grace", "renewed":
        assert word in log, log


def test_warned_in_time():
    """Of what is off, systemd is asked for a look when a warning is due, as the regular one would come too late"""
    asked = scratch + "/asked"
    os.mkdir(scratch + "/bin")
    with open(scratch + "/bin/systemd-run", "w") as file:
        file.write(f'#!/bin/sh\necho "$@" >> {asked}\n')
    os.chmod(scratch + "/bin/systemd-run", 0o755)
    create("Soon")
    bonsai("workspace", "issue", "Soon", "--expires", after(900))
    path = os.environ["PATH"]
    os.environ["PATH"] = scratch + "/bin:" + path
    bonsai("workspace", "enforce")
    os.environ["PATH"] = path
    wait_for("asked", lambda: os.path.exists(asked) and "enforce" in open(asked).read())
    with open(asked) as file:
        words = file.read().split()
    after_s = next(int(word[len("--on-active="):-1]) for word in words if word.startswith("--on-active="))
    assert 500 < after_s <= 600 and words[-2:] == ["workspace", "enforce"] and "--user" in words, words
    bonsai("delete", "Soon")


class Elsewhere:
    """Another person's machine: a library, keys and state of their own."""

    NAMES = {"BONSAI_LIBRARY": "library", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state"}

    def __init__(self, name):
        self.folder = f"{scratch}/{name}"

    def __enter__(self):
        self.before = {name: os.environ[name] for name in self.NAMES}
        os.environ.update({name: f"{self.folder}/{folder}" for name, folder in self.NAMES.items()})

    def __exit__(self, *_):
        os.environ.update(self.before)


def change(path):
    with open(path, "r+") as file:
        text = file.read().replace('"subject":"anna"', '"subject":"otto"')
        file.seek(0)
        file.write(text)


def test_offers():
    """An offer is accepted elsewhere, once, and renewed and revoked by files; changed ones are refused"""
    bonsai("create", "Base", "--memory", "64M", "--kernel", INVADERS, "--disk", "1M")
    offer, first, second = (f"{scratch}/{name}" for name in ("office.bonsai-offer", "first", "second"))
    terms = ("--for", "anna", "--profile", "corporate", "--after-start", "30d")
    assert "template" in bonsai("workspace", "offer", "Base", *terms, "--out", offer, status=4)
    bonsai("template", "make", "Base")
    with open(scratch + "/config/bonsai/profiles/plain.json", "w") as file:
        file.write('{ "bonsai-profile" : 1, "permissions" : { "clipboard" : "off", "networks" : [ "none" ] } }')
    terms = ("--for", "anna", "--profile", "plain", "--after-start", "30d", "--name", "Office")
    offered = json.loads(bonsai("workspace", "offer", "Base", *terms, "--out", offer, "--json"))
    late = scratch + "/late"
    bonsai("workspace", "offer", "Base", *terms, "--until", "2020-01-01", "--out", late)
    assert {one["workspace"] for one in json.loads(bonsai("workspace", "offers", "--json"))} >= {offered["workspace"]}
    changed = scratch + "/changed"
    shutil.copy(offer, changed)
    change(changed)
    with Elsewhere("anna"):
        assert "as it was signed" in bonsai("workspace", "accept", changed, status=4)
        assert "until" in bonsai("workspace", "accept", late, status=4)
        assert "not by" in bonsai("workspace", "accept", offer, "--issuer", "ed25519:x", status=4)
        assert "--template" in bonsai("workspace", "accept", offer, status=4)
        accepted = json.loads(bonsai("workspace", "accept", offer, "--template", scratch + "/library/base.bonsai", "--json",
                                     "--issuer", offered["issuer"]))
        assert accepted["workspace"] == offered["workspace"], accepted
        assert "accepted before" in bonsai("workspace", "accept", offer, status=4)
        shown = show("Office")
        assert shown["for"] == "anna" and shown["state"] == "not-started" and shown["template-version"] == 1, shown
        bonsai("start", "Office", "--headless")
        bonsai("stop", "Office")
        assert "Only its issuer" in bonsai("workspace", "renew", "Office", "--never", status=4)
    assert "no offer" in bonsai("workspace", "renew", "Nobody", "--never", "--out", first, status=4)
    bonsai("workspace", "renew", offered["workspace"], "--after-start", "60d", "--out", first)
    bonsai("workspace", "revoke", offered["workspace"], "--out", second)
    shutil.copy(first, changed)
    with open(changed, "r+") as file:
        text = file.read().replace('"at":5184000', '"at":9999999')
        file.seek(0)
        file.write(text)
    with Elsewhere("anna"):
        assert "next renewal" in bonsai("workspace", "accept", changed, status=4)
        assert "next renewal" in bonsai("workspace", "accept", second, status=4)
        bonsai("workspace", "accept", first)
        assert show("Office")["remaining"] > 59 * 86400
        assert "next renewal" in bonsai("workspace", "accept", first, status=4)
        bonsai("workspace", "accept", second)
        assert "is over" in bonsai("start", "Office", "--headless", status=4)
    create("Mine")
    bonsai("workspace", "issue", "Mine", "--never")
    bonsai("workspace", "revoke", "Mine")
    assert "is over" in bonsai("start", "Mine", "--headless", status=4)


def test_locked():
    """A lost record locks; its issuer mends that"""
    create("Locked")
    bonsai("workspace", "issue", "Locked", "--never")
    os.unlink(scratch + "/library/locked.bonsai/workspace/lease.json")
    assert "--mend" in bonsai("start", "Locked", "--headless", status=4)
    assert show("Locked")["state"] == "locked"
    assert "--mend" in bonsai("workspace", "renew", "Locked", "--never", status=4)
    bonsai("workspace", "renew", "Locked", "--never", "--mend")
    assert show("Locked")["state"] == "not-started"
    with open(scratch + "/library/locked.bonsai/workspace/terms.json", "r+") as file:
        text = file.read().replace('"clipboard":"both"', '"clipboard":"off"')
        file.seek(0)
        file.write(text)
        file.truncate()
    assert "changed" in bonsai("start", "Locked", "--headless", status=4)
    assert "locked" in bonsai("workspace", "list")


def main():
    tests = [test_terms, test_own_profile, test_ways_out, test_life, test_warned_in_time, test_offers, test_locked]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception as error:
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            line = traceback.extract_tb(error.__traceback__)[-1]
            print(f"# {line.line}:", str(error or repr(error)).replace("\n", "\n# "), flush=True)
    for one in json.loads(bonsai("list", "--json")):
        if one["state"] == "running":
            subprocess.run([BONSAI, "stop", one["name"]], check=False)
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
