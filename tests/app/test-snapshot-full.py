#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library's file system is full while a machine runs: with any room that is left, taking a snapshot, going back,
deleting, suspending, resuming, cloning, and making, changing and using templates are done or refused for that reason, the
guest goes on, disks and snapshots hold what they held, and nothing is left over.

Usage: test-snapshot-full.py BONSAI [SEED]
"""

import os
import random
import subprocess
import sys

from snapshots import DISK_SIZE, MIB, Library, enter_namespace, report

NAME, CLONE, TEMPLATE, WORKER = "Counter", "Clone", "Gold", "Worker"
SIZE = 128 * MIB
MOST_TRIES = 12

enter_namespace()
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
chance = random.Random(SEED)
library = Library(sys.argv[1], chance)
bonsai = library.bonsai
small = library.folder
os.mkdir(small)
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", small], check=True)
filler = small + "/.filler"

now = chance.randbytes(DISK_SIZE)  # what the machine's disk must hold
held = {}  # the same of each snapshot, by id


def leave(room):
    """Fills the file system but for so many bytes."""
    free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
    with open(filler, "wb") as file:
        if free > room:
            os.posix_fallocate(file.fileno(), 0, free - room)


def make_room():
    os.unlink(filler)


def learn(takes=False, deletes=None):
    """Checks which snapshots there are."""
    present = {node["id"]: node for node in library.nodes(NAME)}
    broken = [node for node in present.values() if "broken" in node]
    assert not broken, broken
    fresh, gone = set(present) - set(held), set(held) - set(present)
    assert gone <= {deletes} and len(fresh) <= bool(takes), (fresh, gone)
    for identity in gone:
        del held[identity]
    for identity in fresh:
        held[identity] = takes


def rooms():
    """More and more, from none."""
    yield 0
    for i in range(MOST_TRIES - 2):
        yield round(4096 * 2.2 ** i * chance.uniform(0.7, 1.3))
    yield SIZE


def squeeze(words, check, before=None):
    """Does it with more and more room until it can be done. @check(done): what must hold then. @before(): each time."""
    failures = 0
    for room in rooms():
        if before:
            before()
        leave(room)
        status, said = library.run(*words())
        make_room()
        try:
            assert status == 0 or "space" in said, f"says nothing of space: {said}"
            check(status == 0)
        except AssertionError as error:
            raise AssertionError(f"“{' '.join(words())}” with {room} bytes left ended with {status} and said: {said}\n"
                                 f"{error}") from None
        failures += status != 0
        if status == 0 and room > 64 << 10:
            print(f"# {' '.join(words()[:2])}: done with {room >> 10} KiB, {failures} failed before", flush=True)
            break
    assert failures > 0, "there was always room"


def still_runs():
    assert library.show(NAME)["state"] == "running", library.show(NAME)
    library.wait_count(NAME)


def rest():
    """Off: nothing is left over, and all hold what they held."""
    global now
    library.run("stop", NAME)
    library.check_doctor()
    assert library.read(NAME) == now, "the disk holds something else"
    for node in library.nodes(NAME):
        assert library.read_node(NAME, node) == held[node["id"]], f"{node['id']} holds something else"
    now = library.write_something(NAME, now)


def test_take():
    """A snapshot of a machine that runs"""
    library.create(NAME, now)
    library.start(NAME)
    library.wait_count(NAME)

    def check(done):
        learn(takes=now)
        still_runs()

    squeeze(lambda: ["snapshot", "take", NAME], check)
    rest()


def test_restore():
    """Going back"""
    global now
    library.start(NAME)
    bonsai("snapshot", "take", NAME, "first")
    learn(takes=now)
    node = next(node["id"] for node in library.nodes(NAME) if node["name"] == "first")

    def check(done):
        learn()
        still_runs()

    squeeze(lambda: ["snapshot", "restore", NAME, node], check)

    def check_both(done):
        learn(takes=now)
        still_runs()

    squeeze(lambda: ["snapshot", "restore", "--take-first", NAME, node], check_both)
    rest()


def test_delete():
    """Deleting, and layers that become one"""
    library.start(NAME)

    def check(done):
        learn(deletes=node)
        still_runs()

    while library.nodes(NAME):
        node = chance.choice(library.nodes(NAME))["id"]
        leave(chance.choice([0, 4096, 20000, 200000]))
        status, said = library.run("snapshot", "delete", NAME, node)
        make_room()
        assert status == 0 or "space" in said, said
        check(status == 0)
    rest()
    library.run("snapshot", "take", NAME)
    learn(takes=now)
    rest()
    node = library.nodes(NAME)[0]["id"]
    leave(0)
    status, said = library.run("snapshot", "delete", NAME, node)
    make_room()
    assert status == 0 or "space" in said, said
    learn(deletes=node)
    rest()


def test_suspend():
    """Suspending, and resuming"""
    library.start(NAME)
    library.wait_count(NAME)

    def check(done):
        learn()
        if done:
            assert library.show(NAME)["state"] == "suspended", library.show(NAME)
        else:
            still_runs()

    squeeze(lambda: ["suspend", NAME], check, before=lambda: library.is_running(NAME) or library.start(NAME))

    def check_start(done):
        if done:
            still_runs()
        else:
            assert library.show(NAME)["state"] == "suspended", library.show(NAME)

    leave(0)
    status, said = library.run("start", "--headless", NAME)
    make_room()
    assert status == 0 or "space" in said, said
    check_start(status == 0)
    if status != 0:
        library.start(NAME)
    rest()


def test_clone():
    """Clones, linked, full and instant, of one that runs and of its snapshots"""
    library.start(NAME)
    bonsai("snapshot", "take", NAME, "origin")
    learn(takes=now)
    origin = next(node["id"] for node in library.nodes(NAME) if node["name"] == "origin")

    def check(done):
        learn(takes=now)
        still_runs()
        clones = [name for name in library.names() if name != NAME]
        assert len(clones) == done, clones
        for name in clones:
            copy = library.scratch + "/copy.raw"
            # Not by qemu-img, to which a layer that a machine reads looks taken.
            bonsai("disk", "convert", "--format", "raw", "--replace", library.top(name)[0], copy)
            with open(copy, "rb") as file:
                assert file.read() == now, "the clone holds something else"
            bonsai("delete", name)
            bonsai("purge", name)

    squeeze(lambda: ["clone", "--linked", "--snapshot", origin, NAME, CLONE], check)
    squeeze(lambda: ["clone", "--snapshot", origin, NAME, CLONE], check)
    squeeze(lambda: ["clone", "--linked", NAME, CLONE], check)
    squeeze(lambda: ["clone", "--instant", "--no-start", NAME, CLONE], check)

    def check_running(done):
        learn(takes=now)
        still_runs()
        for name in library.names():
            if name != NAME:
                assert not done or library.show(name)["state"] == "running", library.show(name)
                library.run("stop", name)
                bonsai("delete", name)
                bonsai("purge", name)

    squeeze(lambda: ["clone", "--instant", "--headless", NAME, CLONE], check_running)
    rest()


# --- templates ---

class Template:
    """What there must be of it."""

    def __init__(self):
        self.content = chance.randbytes(DISK_SIZE)
        self.versions = {}  # what they hold, by number
        library.create(TEMPLATE, self.content)

    def state(self):
        return library.show(TEMPLATE)["config"].get("template", "none")

    def open(self):
        """So that it can be sealed as another version."""
        if self.state() == "sealed":
            bonsai("template", "new-version", TEMPLATE)
            self.content = library.write_something(TEMPLATE, self.content)

    def seal(self):
        if self.state() != "sealed":
            bonsai("template", "make", TEMPLATE)
            self.check("sealed", 1)

    def check(self, state, fresh=0):
        """@fresh: how many versions there are more than there were."""
        assert self.state() == state, self.state()
        assert library.read(TEMPLATE) == self.content, "the template's disk holds something else"
        if fresh:
            self.versions[len(self.versions) + 1] = self.content
        library.check_template(TEMPLATE, self.versions)


def test_template():
    """Templates: making one, new versions, machines of them, and moving those"""
    template = Template()
    first = True

    def check_make(done):
        nonlocal first
        template.check("sealed" if done else "none" if first else "open", done)
        first = first and not done

    squeeze(lambda: ["template", "make", TEMPLATE], check_make, before=template.open)
    squeeze(lambda: ["template", "new-version", TEMPLATE], lambda done: template.check("open" if done else "sealed"),
            before=template.seal)
    template.open()
    template.seal()

    def check_clone(done):
        assert (CLONE in library.names()) == done, library.names()
        if done:
            assert library.read(CLONE) == template.versions[1], "the clone holds something else"
            bonsai("delete", CLONE)
            bonsai("purge", CLONE)
        template.check("sealed")

    squeeze(lambda: ["template", "clone", "--version", "1", TEMPLATE, CLONE], check_clone)
    bonsai("template", "clone", "--version", "1", TEMPLATE, WORKER)
    bonsai("snapshot", "take", WORKER, "clean")
    bonsai("snapshot", "disposable", WORKER, "clean")
    on = 1

    def check_move(done):
        nonlocal on
        bonsai("doctor", "--repair", WORKER)  # what is left to be done once it is on the other version
        content = library.read(WORKER)
        assert content == template.versions[3 - on] or (content == template.versions[on] and not done), "something else"
        on = 3 - on if content == template.versions[3 - on] else on
        config = library.show(WORKER)["config"]
        assert config["disposable"] == config["snapshot"], config
        template.check("sealed")

    squeeze(lambda: ["template", "move", WORKER, "--version", str(3 - on)], check_move)
    library.check_doctor()


print(f"# seed {SEED}", flush=True)
failed = report([test_take, test_restore, test_delete, test_suspend, test_clone, test_template])
library.run("stop", NAME)
if failed:
    print(f"# its files are in {library.scratch}, copied from the tmpfs", flush=True)
    subprocess.run(["cp", "-a", small, library.scratch + "/kept"], check=False)
subprocess.run(["umount", "--lazy", small], check=False)
if not failed:
    library.close()
sys.exit(failed)
