#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instant clones of a machine that runs go on from where its guest was. Needs KVM, of any kind.

Usage: test-instant-clone.py BONSAI
"""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

BONSAI = os.path.abspath(sys.argv[1])
PATIENCE = 60
USAGE, ERROR = 2, 4
MIB = 1 << 20

scratch = tempfile.mkdtemp(prefix="bonsai-instant-")
os.environ.update(BONSAI_LIBRARY=scratch + "/library", XDG_RUNTIME_DIR=scratch + "/run", LC_ALL="C.UTF-8")
os.mkdir(scratch + "/run", 0o700)


def bonsai(*arguments, status=0):
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    shown = f"bonsai {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == status, shown
    return done.stdout if status == 0 else done.stderr


def clone(*arguments):
    said = json.loads(bonsai("clone", "--instant", "--headless", "--json", *arguments))
    for one in said["clones"]:
        print(f"# {one['name']} after {one.get('time', 0) / 1e6:.0f} ms, {said.get('pause', 0) / 1e6:.1f} ms", flush=True)
    return said


def show(name):
    return json.loads(bonsai("show", name, "--json"))


def said_by(path):
    """The bytes that the guest with this serial file said so far."""
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        return file.read()


def wait_for_more(path, n=20):
    known, deadline = len(said_by(path)), time.monotonic() + PATIENCE
    while len(said_by(path)) < known + n:
        assert time.monotonic() < deadline, f"{path}: the guest says nothing more"
        time.sleep(0.01)
    return said_by(path)


def counts_on(bytes_said):
    """By ones, without a leap."""
    return all((one + 1) % 256 == two for one, two in zip(bytes_said, bytes_said[1:]))


def create():
    """A guest that counts in its memory, and says the number's last byte each time."""
    kernel, disk = scratch + "/kernel", scratch + "/disk.raw"
    address, flags, magic = 0x100000, 0x10000, 0x1badb002  # Multiboot 0.6.96, section 3.1
    code = bytes.fromhex("ff0500002000"              # again: incl 0x200000
                         "66bafd03 ec a820 74f7"     # full: mov $0x3fd,%dx; in; test $0x20; jz full
                         "a000002000 66baf803 ee"    # mov 0x200000,%al; mov $0x3f8,%dx; out
                         "b9d0070000 49 75fd ebdd")  # mov $2000,%ecx; rest: dec; jnz rest; jmp again
    with open(kernel, "wb") as file:
        file.write(struct.pack("<8I", magic, flags, -(magic + flags) & 0xffffffff, address, address, 0, 0, address + 32))
        file.write(code)
    with open(disk, "wb") as file:
        file.truncate(4 * MIB)
    bonsai("create", "Origin", "--memory", "64M", "--kernel", kernel, "--existing-disk", disk, "--serial",
           "file:" + scratch + "/origin.txt")


def is_sound(name):
    found = json.loads(bonsai("doctor", "--json", name))
    assert not found[0]["findings"], found


def test_running():
    """A clone of a running machine goes on beside it, and is another machine"""
    create()
    assert "is not running" in bonsai("clone", "--instant", "Origin", "None", status=ERROR)
    bonsai("start", "--headless", "Origin")
    wait_for_more(scratch + "/origin.txt")
    said = clone("Origin", "Kid")
    kid = said["clones"][0]
    assert said["pause"] > 0 and show("Kid")["state"] == "running"
    theirs = wait_for_more(kid["path"] + "/origin.txt")
    ours = wait_for_more(scratch + "/origin.txt")
    assert counts_on(theirs) and counts_on(ours), (theirs, ours)
    assert theirs[0] != 1, "it has begun anew"
    one, two = show("Origin")["config"], show("Kid")["config"]
    assert one["uuid"] != two["uuid"] and two["clone-of"] == one["uuid"], (one, two)
    assert one["networks"][0]["mac"] == two["networks"][0]["guest-mac"] != two["networks"][0]["mac"]
    assert two["clone-snapshot"] == said["snapshot"] and "resume" not in two
    assert "is a linked clone" in bonsai("snapshot", "delete", "Origin", said["snapshot"], status=ERROR)
    bonsai("stop", "Kid")
    is_sound("Kid")
    is_sound("Origin")


def test_snapshot():
    """Several at once, of a live snapshot, all go on from there; such as are not started wait"""
    base = json.loads(bonsai("snapshot", "take", "--json", "Origin", "Base"))["id"]
    wait_for_more(scratch + "/origin.txt")
    kids = clone("-s", "Base", "Origin", "Many", "--count", "3")["clones"]
    assert [kid["name"] for kid in kids] == ["Many", "Many 2", "Many 3"], kids
    first = [wait_for_more(kid["path"] + "/origin.txt") for kid in kids]
    assert all(counts_on(text) for text in first) and len({text[0] for text in first}) == 1, first
    for kid in kids:
        bonsai("stop", kid["name"])
    later = clone("-s", "Base", "Origin", "Later", "--no-start")["clones"][0]
    assert show("Later")["state"] == "suspended" and "time" not in later, (show("Later"), later)
    is_sound("Origin")
    bonsai("stop", "Origin")
    refusal = bonsai("snapshot", "delete", "Origin", base, status=ERROR)
    assert "is a linked clone" in refusal, refusal
    bonsai("start", "--headless", "Later")
    text = wait_for_more(later["path"] + "/origin.txt")
    assert counts_on(text) and text[0] == first[0][0], (text, first)
    bonsai("stop", "Later")
    is_sound("Later")


def test_own_snapshots():
    """A clone has a tree of its own, and what it goes back to is its own"""
    bonsai("start", "--headless", "Later")  # boots
    node = json.loads(bonsai("snapshot", "take", "--json", "Later", "Own"))["id"]
    bonsai("snapshot", "restore", "Later", node)
    grandchild = clone("Later", "Grandchild")["clones"][0]
    assert counts_on(wait_for_more(grandchild["path"] + "/origin.txt"))
    for name in ("Grandchild", "Later"):
        bonsai("stop", name)
        is_sound(name)


def lender_of(pid):
    """The process that lends the machine's memory, as soon as it is there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for thread in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{thread}/children") as file:
                    children = file.read().split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if children:
                return int(children[0])
    raise AssertionError("there is no lender")


def kill(pid, how=signal.SIGKILL):
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        pass


def wait_state(name, *states):
    deadline = time.monotonic() + PATIENCE
    while (state := show(name)["state"]) not in states:
        assert time.monotonic() < deadline, f"{name} is {state}"
        time.sleep(0.05)
    return state


def boots(name, path):
    """It begins anew, if it can't go on."""
    bonsai("start", "--headless", name)
    wait_for_more(path + "/origin.txt")
    bonsai("stop", name)
    is_sound(name)


def clone_and_hit(victim, wait):
    """@victim is killed @wait seconds after the machine has stood. Returns: what the command ended with, and said."""
    machine = show("Origin")["pid"]
    with subprocess.Popen([BONSAI, "clone", "--instant", "--headless", "--count", "2", "Origin", "Hit"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as command:
        lender = lender_of(machine)
        time.sleep(wait)
        if victim == "cancel":
            kill(command.pid, signal.SIGINT)
        else:
            kill({"machine": machine, "lender": lender, "command": command.pid}[victim])
        said = command.communicate(timeout=PATIENCE)[0]
        return command.returncode, said


def check_hit(name, path):
    """It runs, or says what it has lost, and boots."""
    if show(name)["state"] == "starting":
        wait_state(name, "running", "stopped", "crashed")
    if show(name)["state"] == "running":
        assert counts_on(wait_for_more(path + "/origin.txt"))
        kill(show(name)["pid"])  # has no memory to go on with any more
        wait_state(name, "crashed")
    elif show(name)["reason"] != "host-lost":  # the last one's process was the lender's
        assert "lost" in show(name)["message"] or "lent" in show(name)["message"], show(name)
    assert "resume" not in show(name)["config"]
    subprocess.run([BONSAI, "doctor", "--repair", name], capture_output=True, timeout=120, check=False)
    boots(name, path)
    bonsai("delete", name)
    bonsai("purge", name)


def test_killed():
    """Whoever is killed, a clone is not there, or goes on, or says that its memory is lost; nothing else is"""
    ends = {}
    for victim in ("lender", "machine", "command", "cancel"):
        for wait in (0, 0.05, 0.2, 0.8):
            if show("Origin")["state"] != "running":
                bonsai("start", "--headless", "Origin")
            wait_for_more(scratch + "/origin.txt")
            status, said = clone_and_hit(victim, wait)
            assert status in (0, ERROR, 130, -signal.SIGKILL, -signal.SIGINT), (victim, status, said)
            assert status != 0 or victim != "lender" or said.count("runs") == 2, said
            made = [machine for machine in json.loads(bonsai("list", "--json")) if machine["name"].startswith("Hit")]
            ends[victim] = ends.get(victim, []) + [f"{len(made)} {'done' if status == 0 else 'failed'}"]
            if victim == "machine":
                wait_state("Origin", "crashed")
            else:
                wait_for_more(scratch + "/origin.txt")
            for machine in made:
                check_hit(machine["name"], show(machine["name"])["path"])
            for words in ["stop", "Origin"], ["doctor", "--repair", "Origin"]:
                subprocess.run([BONSAI, *words], capture_output=True, timeout=120, check=False)
            is_sound("Origin")
        print(f"# {victim}: {', '.join(ends[victim])}", flush=True)


def test_chain():
    """Clones of clones, of machines that went back, and their snapshots: memory that is in many places"""
    bonsai("start", "--headless", "Origin")
    base = json.loads(bonsai("snapshot", "take", "--json", "Origin", "Chain"))["id"]
    bonsai("snapshot", "restore", "Origin", base)
    name = "Origin"
    for number in range(4):
        said = clone(name, f"Link {number}")
        bonsai("stop", name)
        name, path = f"Link {number}", said["clones"][0]["path"]
        assert counts_on(wait_for_more(path + "/origin.txt"))
        if number % 2 == 0:
            bonsai("snapshot", "take", name, "here")
            bonsai("snapshot", "restore", name, "here")
            assert counts_on(wait_for_more(path + "/origin.txt")[-10:])
    bonsai("stop", name)
    for number in range(4):
        is_sound(f"Link {number}")


def test_refusals():
    """What can't go on is refused, and nothing is left of it"""
    bonsai("snapshot", "take", "Origin", "Off")
    assert "has no memory" in bonsai("clone", "--instant", "-s", "Off", "Origin", "None", status=ERROR)
    assert "isn't needed" in bonsai("clone", "--instant", "--linked", "Origin", "None", status=USAGE)
    assert "are for instant clones" in bonsai("clone", "--hook", "true", "Origin", "None", status=USAGE)
    assert "--count" in bonsai("clone", "--instant", "--count", "0", "Origin", "None", status=USAGE)
    assert not os.path.exists(scratch + "/library/none.bonsai")
    # The other machine's state is damaged: it says so, and boots if it is told to.
    base = next(node["id"] for node in json.loads(bonsai("snapshot", "list", "--json", "Origin")) if node["name"] == "Base")
    late = clone("-s", "Base", "Origin", "Damaged", "--no-start")["clones"][0]
    with open(f"{show('Origin')['path']}/snapshots/{base}/state", "r+b") as file:
        file.seek(100)
        file.write(b"damage")
    assert "Nothing of it is lost" in bonsai("start", "--headless", "Damaged", status=ERROR)
    bonsai("start", "--headless", "--discard-state", "Damaged")
    assert wait_for_more(late["path"] + "/origin.txt")[0] == 1
    bonsai("stop", "Damaged")


def main():
    tests = [test_running, test_snapshot, test_own_snapshots, test_refusals, test_chain, test_killed]
    failed = False
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception as error:  # noqa: BLE001
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            for line in str(error).splitlines() or [repr(error)]:
                print("#", line, flush=True)
    for machine in json.loads(bonsai("list", "--json")):
        subprocess.run([BONSAI, "stop", machine["name"]], capture_output=True, check=False)
    if not failed:
        shutil.rmtree(scratch, ignore_errors=True)  # hosts may still put something away
    sys.exit(failed)


main()
