#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""“bonsai snapshot diff” of a machine that runs, stands, is suspended and is off: its disks' bytes and its memory's.

Usage: test-snapshot-diff.py BONSAI
"""

import json
import random
import sys

from snapshots import BLOCK, DISK_SIZE, MIB, Library, report

NAME = "Counter"
PAGE = 4096

chance = random.Random(1)
library = Library(sys.argv[1], chance)
bonsai = library.bonsai
content = chance.randbytes(DISK_SIZE)


def take(name):
    bonsai("snapshot", "take", NAME, name)


def diff(*nodes):
    return json.loads(bonsai("snapshot", "diff", "--json", NAME, *nodes))


def written(found):
    disk, = found["disks"]
    assert disk["in-from"] and disk["in-to"], found
    assert disk["changed"] == sum(extent["length"] for extent in disk["extents"]), found
    return [(extent["offset"], extent["length"]) for extent in disk["extents"]]


def test_disk():
    """What was written to the disk that a running machine has open is told, and where"""
    library.create(NAME, content)
    take("off")
    after = library.write_something(NAME, content)
    place = next(at for at in range(0, DISK_SIZE, BLOCK) if after[at:at + BLOCK] != content[at:at + BLOCK])
    library.start(NAME)
    library.wait_count(NAME)
    found = diff("off")
    assert written(found) == [(place, BLOCK)] and found["settings"] == [], found
    assert "memory" not in found, "it was off then"
    assert "disk0: 64" in bonsai("snapshot", "diff", NAME, "off")


def test_memory():
    """As is how much of its memory has changed"""
    take("live")
    library.wait_count(NAME)
    found = diff("live")
    assert written(found) == [] and PAGE <= found["memory"] <= MIB, found
    assert "memory: " in bonsai("snapshot", "diff", NAME, "live")
    found = diff("off", "live")
    assert len(written(found)) == 1 and "memory" not in found, found


def test_exact():
    """Of one that stands it is what a snapshot says then"""
    bonsai("pause", NAME)
    now = diff("live")
    assert diff("live") == now
    take("paused")
    assert diff("paused") == {**now, "memory": 0}, "nothing has moved since"
    assert bonsai("snapshot", "diff", NAME, "paused") == "There is no difference.\n"
    assert diff("live", "paused") == now == diff("paused", "live")


def test_back():
    """Where it went back to there is no difference, and then there is"""
    bonsai("snapshot", "restore", "--paused", NAME, "live")
    found = diff("live")
    assert found["memory"] == 0, found
    found, expected = diff("paused"), diff("live", "paused")
    assert found == expected, (found, expected)
    bonsai("resume", NAME)
    library.wait_count(NAME)
    found = diff("live")
    assert 0 < found["memory"] <= MIB, found


def test_off():
    """A suspended machine has memory, one that is off has none"""
    bonsai("suspend", NAME)
    found = diff("live")
    assert 0 < found["memory"] <= MIB, found
    library.start(NAME)
    library.wait_count(NAME)
    bonsai("stop", NAME)
    assert "memory" not in diff("live")
    assert written(diff("off")) == written(diff("off", "live"))
    library.check_doctor()


failed = report([test_disk, test_memory, test_exact, test_back, test_off])
library.run("stop", NAME)
library.close()
sys.exit(failed)
