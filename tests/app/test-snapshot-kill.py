#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that runs a machine is killed while it takes snapshots, goes back, deletes and suspends: whatever it was
doing, the disks hold what they held, the tree is whole, and the machine starts.

Usage: test-snapshot-kill.py BONSAI [ROUNDS [SEED]]
"""

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

BONSAI = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 12
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
NAME = "Counter"
LATEST = 0.4  # seconds into an operation
MIB = 1 << 20

scratch = tempfile.mkdtemp(prefix="bonsai-kill-")
os.environ.update(BONSAI_LIBRARY=scratch + "/library", XDG_RUNTIME_DIR=scratch + "/run", LC_ALL="C.UTF-8")
os.mkdir(scratch + "/run", 0o700)
chance = random.Random(SEED)
content = chance.randbytes(4 * MIB)


def bonsai(*arguments, check=True):
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    shown = f"bonsai {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert not check or done.returncode == 0, shown
    return done.stdout if check else shown


def show():
    return json.loads(bonsai("show", NAME, "--json"))


def nodes():
    return json.loads(bonsai("snapshot", "list", "--json", NAME))


def create():
    """A guest that counts in its memory, and has a disk with something on it."""
    kernel, disk = scratch + "/kernel", scratch + "/disk.raw"
    address, flags, magic = 0x100000, 0x10000, 0x1badb002  # Multiboot 0.6.96, section 3.1
    code = bytes.fromhex("ff0500002000" "ebf8")  # 1: incl 0x200000; jmp 1b
    with open(kernel, "wb") as file:
        file.write(struct.pack("<8I", magic, flags, -(magic + flags) & 0xffffffff, address, address, 0, 0, address + 32))
        file.write(code)
    with open(disk, "wb") as file:
        file.write(content)
    bonsai("create", NAME, "--memory", "64M", "--kernel", kernel, "--existing-disk", disk, "--network", "none")


def start():
    bonsai("start", "--headless", NAME)


def operation():
    """Something that is possible now."""
    known = [node["id"] for node in nodes()]
    possible = [["snapshot", "take", NAME], ["snapshot", "take", NAME], ["suspend", NAME]]
    if known:
        possible += [["snapshot", "restore", NAME, chance.choice(known)] for _ in range(3)]
        possible += [["snapshot", "delete", NAME, chance.choice(known)]]
        possible += [["snapshot", "restore", "--take-first", NAME, chance.choice(known)]]
    return chance.choice(possible)


def check_disk():
    """What it holds now, by another implementation's reading."""
    shown = show()
    disk = shown["config"]["disks"][0]
    path = os.path.join(shown["path"], disk["path"])
    raw = scratch + "/read.raw"
    subprocess.run(["qemu-img", "convert", "-U", "-f", disk.get("format", "raw"), "-O", "raw", path, raw], check=True)
    with open(raw, "rb") as file:
        assert file.read() == content, "the disk holds something else"


def check_tree():
    broken = [node for node in nodes() if "broken" in node]
    assert not broken, broken
    # What the process had begun to write by itself may hold its locks for a moment longer.
    deadline = time.monotonic() + 20
    while "use by" in (said := bonsai("doctor", "--repair", NAME, check=False)):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    found = json.loads(bonsai("doctor", "--json", NAME))
    assert not found[0]["findings"], found


def test_kill():
    """Killed at random instants, nothing is lost"""
    create()
    start()
    counts = {}
    for _ in range(ROUNDS):
        words = operation()
        pid = show()["pid"]
        with subprocess.Popen([BONSAI, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            time.sleep(chance.uniform(0, LATEST))
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # it has suspended itself
                pass
            process.communicate(timeout=60)
        outcome = f"{words[0] if words[0] == 'suspend' else words[1]} {'done' if process.returncode == 0 else 'killed'}"
        counts[outcome] = counts.get(outcome, 0) + 1
        check_tree()
        check_disk()
        start()
    print("#", counts, len(nodes()), "nodes", flush=True)


def test_all_are_usable():
    """Each snapshot that is there can be gone back to"""
    for node in nodes():
        if "pid" not in show():
            start()
        bonsai("snapshot", "restore", NAME, node["id"])
        assert node["kind"] != "live" or show()["state"] == "running", show()
    bonsai("stop", NAME, check=False)
    check_tree()
    check_disk()


def main():
    tests = [test_kill, test_all_are_usable]
    failed = False
    print(f"1..{len(tests)}\n# seed {SEED}", flush=True)
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception as error:  # noqa: BLE001
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            for line in str(error).splitlines() or [repr(error)]:
                print("#", line, flush=True)
    subprocess.run([BONSAI, "stop", NAME], capture_output=True, check=False)
    if not failed:
        shutil.rmtree(scratch)
    sys.exit(failed)


main()
