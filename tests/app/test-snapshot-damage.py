#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file of a snapshot is damaged in turn while the machine runs: that snapshot is refused whole, by name, the guest
goes on, the other snapshots can be gone back to, “bonsai doctor” finds the file, and mended it is as before.

Usage: test-snapshot-damage.py BONSAI
"""

import json
import os
import random
import shutil
import sys
import time

from snapshots import DISK_SIZE, Library, report

NAME = "Counter"
BROKEN = 3  # doctor's exit status

chance = random.Random(1)
library = Library(sys.argv[1], chance)
bonsai = library.bonsai
content = chance.randbytes(DISK_SIZE)
identities = {}  # by name


def write(path, data):
    """Another file: a machine that runs may have the old one as its memory."""
    os.unlink(path)
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def empty(path, data):
    write(path, b"")


def cut(path, data):
    write(path, data[:len(data) // 2])


def lengthen(path, data):
    write(path, data + b"\0" * 4096)


def flip(path, data):
    # A page that holds something: what isn't saved doesn't count.
    third = len(data) // 3
    place = next(place for place in (*range(third, len(data)), *range(third)) if data[place])
    write(path, data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1:])


def fill(path, data):
    write(path, chance.randbytes(len(data)))


def remove(path, data):
    os.unlink(path)


def make_folder(path, data):
    os.unlink(path)
    os.mkdir(path)


def make_pipe(path, data):
    """Which would keep a reader waiting for ever."""
    os.unlink(path)
    os.mkfifo(path)


def lead_astray(path, data):
    os.unlink(path)
    os.symlink("/dev/zero", path)


DAMAGES = [empty, cut, lengthen, flip, fill, remove, make_folder, make_pipe, lead_astray]


def mend(path, kept):
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
    shutil.copy2(kept, path)


def folder_of(name):
    return os.path.join(library.show(NAME)["path"], "snapshots", identities[name])


def go_back(name):
    bonsai("snapshot", "restore", NAME, identities[name])
    assert library.show(NAME)["state"] == "running", library.show(NAME)
    library.wait_count(NAME)


def check_others(victim):
    """They are listed, and not as broken."""
    listed = {node["id"]: node for node in library.nodes(NAME)}
    for name, identity in identities.items():
        assert name == victim or "broken" not in listed[identity], (name, listed[identity])
    bonsai("snapshot", "tree", NAME)
    return "broken" in listed[identities[victim]]


def check(victim, file, damage):
    """One file of a snapshot on which nothing else lies."""
    path, kept = os.path.join(folder_of(victim), file), library.scratch + "/kept"
    shutil.copy2(path, kept)
    damage(path, read(path))
    try:
        check_others(victim)
        in_memory = file == "memory" and damage in (flip, fill)
        if not in_memory:
            status, said = library.run("snapshot", "restore", NAME, identities[victim])
            if file in ("screenshot.png", "memory") and damage == lengthen or file == "screenshot.png":
                assert status == 0, f"refused for that: {said}"
            else:
                assert status != 0, "not refused"
                assert victim in said or identities[victim] in said, f"doesn't say which: {said}"
        library.wait_count(NAME)
        status, said = library.run("doctor", *(["--thorough"] if damage in (flip, fill) else []), NAME)
        assert status == BROKEN and identities[victim] in said, f"doctor ended with {status}: {said}"
        if damage is DAMAGES[-1]:
            go_back("other")
    finally:
        mend(path, kept)


def test_each_file():
    """What is damaged is refused by name, and nothing else is"""
    library.create(NAME, content)
    bonsai("snapshot", "take", NAME, "off")
    library.start(NAME)
    library.wait_count(NAME)
    for name in ("other", "victim"):
        bonsai("snapshot", "take", NAME, name)
    identities.update({node["name"]: node["id"] for node in library.nodes(NAME)})
    files = sorted(os.listdir(folder_of("victim")))
    assert {"node.json", "machine.json", "state", "memory", "memory.index"} <= set(files), files
    failures = []
    for file in files:
        for damage in DAMAGES:
            try:
                check("victim", file, damage)
            except Exception as error:  # noqa: BLE001
                failures.append(f"{damage.__name__} {file}: {error}")
    assert not failures, "\n".join(failures)


def flip_last(path):
    """The last that holds something: the guest doesn't look at it."""
    data = read(path)
    place = len(data.rstrip(b"\0")) - 1
    write(path, data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])


def wait_found(owner, path):
    """The machine is paused for what @owner's memory file lacks, and says so; it may go on all the same."""
    deadline = time.monotonic() + 60
    while (shown := library.show(NAME))["state"] != "paused":
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)
    said = shown["message"]
    assert shown["reason"] == "io-error" and owner in said and path in said and "another snapshot" in said, shown
    while said not in [event["cause"] for event in json.loads(bonsai("events", "--json", "--machine", NAME))]:
        assert time.monotonic() < deadline, "the log doesn't have it"
        time.sleep(0.05)
    bonsai("resume", NAME)
    library.wait_count(NAME)


def test_found_late():
    """What has changed of its memory is found while the guest runs from there: that pauses it, and names the snapshot"""
    path, kept = os.path.join(folder_of("victim"), "memory"), library.scratch + "/kept"
    shutil.copy2(path, kept)
    flip_last(path)
    bonsai("snapshot", "restore", NAME, identities["victim"])
    wait_found("“victim”", path)
    mend(path, kept)
    go_back("victim")

    bonsai("suspend", NAME)
    path = os.path.join(library.show(NAME)["path"], "suspended", "memory")
    flip_last(path)
    library.start(NAME)
    wait_found("suspended", path)


def test_shared_memory():
    """A memory file that is cut off keeps back all snapshots whose memory lies in it, and no others"""
    path, kept = os.path.join(folder_of("other"), "memory"), library.scratch + "/kept"
    shutil.copy2(path, kept)
    write(path, read(path)[:6 << 20])
    for name in ("other", "victim"):
        status, said = library.run("snapshot", "restore", NAME, identities[name])
        assert status != 0 and (name in said or identities["other"] in said), said
        library.wait_count(NAME)
    status, said = library.run("doctor", NAME)
    assert status == BROKEN and "“victim”" in said and "“other”" in said, said
    mend(path, kept)
    for name in ("victim", "other"):
        go_back(name)


def test_as_before():
    """Mended, everything is as it was"""
    go_back("victim")
    library.run("stop", NAME)
    library.check_doctor()
    bonsai("doctor", "--thorough", NAME)
    bonsai("snapshot", "restore", NAME, identities["off"])
    assert library.read(NAME) == content, "the disk holds something else"


failed = report([test_each_file, test_found_late, test_shared_memory, test_as_before])
library.run("stop", NAME)
if failed:
    print(f"# its files are in {library.scratch}", flush=True)
else:
    library.close()
sys.exit(failed)
