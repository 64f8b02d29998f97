#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever works on snapshots is killed at random instants, the process that runs a machine or the command itself, while
it takes them, goes back, deletes, merges layers, suspends, resumes, clones, makes templates and their versions, and moves
machines of theirs: disks hold what they held before or should hold afterwards, snapshots what they always held, and nothing is left over.

Usage: test-snapshot-kill.py BONSAI [ROUNDS [SEED]]; BONSAI_TEST_KILLS: how many rounds without that
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

from snapshots import DISK_SIZE, Library, report

ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else int(os.environ.get("BONSAI_TEST_KILLS", "16"))
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
NAME, TEMPLATE, WORKER, CLONE = "Counter", "Gold", "Worker", "Clone"
MOST_NODES = 12

chance = random.Random(SEED)
library = Library(sys.argv[1], chance)
bonsai = library.bonsai

now = chance.randbytes(DISK_SIZE)  # what the machine's disk must hold
held = {}  # the same of each snapshot, by id
versions = {}  # what the template's hold, by number
gold = b""  # what its disk must hold
MOST_VERSIONS = 5
took = {}  # how long operations take, in seconds
killed = {}  # how often they were


def show(name=NAME):
    return library.show(name)


def nodes():
    return library.nodes(NAME)


def is_running():
    return library.is_running(NAME)


def create():
    """A machine with a disk; a template of two versions, and a machine that goes back to one of them at each
    power-off."""
    global gold
    for name in (NAME, TEMPLATE):
        library.create(name, now)
    versions[1] = now
    bonsai("template", "make", TEMPLATE)
    bonsai("template", "clone", TEMPLATE, WORKER)
    bonsai("snapshot", "take", WORKER, "clean")
    bonsai("snapshot", "disposable", WORKER, "clean")
    bonsai("template", "new-version", TEMPLATE)
    gold = versions[2] = library.write_something(TEMPLATE, now)
    bonsai("template", "make", TEMPLATE)


# --- what is done, and what may have come of it ---

class Operation:
    """Words for the command line, and who is killed: the process that runs the machine, or the command."""

    def __init__(self, *words, victim, after=None, takes=False, deletes=None, prepare=None):
        self.words = words
        self.victim = victim
        self.after = after or (lambda: now)  # what the disk holds when it is done
        self.takes = takes  # a snapshot of what is now
        self.deletes = deletes
        self.prepare = prepare or (lambda: None)
        self.title = " ".join(words[:2] if words[0] in ("snapshot", "template") or "--instant" in words else words[:1])
        self.key = self.title + (" of one that runs" if victim == "machine" and words[0] != "start" else "")


def template_state(name):
    return show(name)["config"].get("template", "none")


def operations(running):
    """What is possible now."""
    known = nodes()
    identities = [node["id"] for node in known]
    live = [node["id"] for node in known if node["kind"] == "live"]
    victim = chance.choice(["machine"] * 4 + ["command"]) if running else "command"
    possible = []
    if len(identities) < MOST_NODES:
        possible += [Operation("snapshot", "take", NAME, victim=victim, takes=True)] * 3
    for _ in range(3 if identities else 0):
        node = chance.choice(identities)
        possible += [Operation("snapshot", "restore", NAME, node, victim=victim, after=lambda node=node: held[node]),
                     Operation("snapshot", "delete", NAME, node, victim=victim, deletes=node),
                     Operation("snapshot", "restore", "--take-first", NAME, node, victim=victim, takes=True,
                               after=lambda node=node: held[node]),
                     Operation("clone", "--linked", "--snapshot", node, NAME, CLONE, victim="command"),
                     Operation("clone", "--snapshot", node, NAME, CLONE, victim="command")]
    possible += [Operation("clone", "--linked", NAME, CLONE, victim=victim, takes=True),
                 Operation("template", "move", WORKER, "--version", str(chance.choice(list(versions))), victim="command"),
                 Operation("template", "clone", TEMPLATE, CLONE, victim="command"),
                 Operation("template", "make", CLONE, victim="command", prepare=lambda: library.create(CLONE, now))]
    if template_state(TEMPLATE) == "open":
        possible += [Operation("template", "make", TEMPLATE, victim="command")] * 2
    elif len(versions) < MOST_VERSIONS:
        possible += [Operation("template", "new-version", TEMPLATE, victim="command")]
    if live:
        possible += [Operation("clone", "--instant", "--headless", "--snapshot", chance.choice(live), NAME, CLONE,
                               victim="command")] * 2
    if running:
        possible += [Operation("clone", "--instant", "--no-start", NAME, CLONE, victim=victim, takes=True)] * 2
        possible += [Operation("clone", "--instant", "--headless", NAME, CLONE, victim=victim, takes=True)] * 2
        possible += [Operation("suspend", NAME, victim=victim)] * 3
    else:
        possible += [Operation("start", "--foreground", "--headless", NAME, victim="command")] * 6
        possible += [Operation("doctor", "--repair", NAME, victim="command")] * 6  # merges layers
    return possible


def run_and_kill(operation):
    pid = show()["pid"] if operation.victim == "machine" else None
    usual = took.get(operation.key, 0.2)
    begun = time.monotonic()
    with subprocess.Popen([library.program, *operation.words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        try:
            process.wait(chance.uniform(0, 1.1 * usual))
            took[operation.key] = 0.7 * usual + 0.3 * (time.monotonic() - begun)
            if pid and chance.random() < 0.5:
                time.sleep(chance.uniform(0, usual))  # layers become one in the background
        except subprocess.TimeoutExpired:
            if operation.words[0] != "start":
                took[operation.key] = max(usual, time.monotonic() - begun)
        try:
            os.kill(pid or process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has suspended itself
            pass
        said = process.communicate(timeout=60)[0]
    done = process.returncode == 0
    killed[f"{operation.key}: {'done' if done else 'killed'}"] = killed.get(
        f"{operation.key}: {'done' if done else 'killed'}", 0) + 1
    return done, said


# --- what must hold ---

def learn(operation, done, before):
    """Checks which snapshots there are, and what the disk holds."""
    global now
    present = {node["id"]: node for node in nodes()}
    broken = [node for node in present.values() if "broken" in node]
    assert not broken, broken
    fresh, gone = set(present) - set(held), set(held) - set(present)
    assert gone <= {operation.deletes}, f"lost: {gone}"
    assert not done or operation.deletes not in present, f"{operation.deletes} is still there"
    assert len(fresh) <= operation.takes, f"unexpected: {fresh}"
    assert not done or len(fresh) == operation.takes, "the snapshot is not there"
    for identity in gone:
        del held[identity]
    for identity in fresh:
        held[identity] = before
    now = library.read(NAME)
    wanted = operation.after()
    assert now == wanted or (not done and now == before), f"the disk holds something else; done: {done}"


def check_worker():
    config = show(WORKER)["config"]
    content = library.read(WORKER)
    assert content in versions.values(), "the template's machine holds something else"
    for node in library.nodes(WORKER):
        assert library.read_node(WORKER, node) == content, node
    assert config["disposable"] == config["snapshot"], config


def check_template(operation, done):
    """It is sealed as another version, or open to be, if that was done; or as it was."""
    global gold
    state = template_state(TEMPLATE)
    assert library.read(TEMPLATE) == gold, "the template's disk holds something else"
    if operation.words == ("template", "make", TEMPLATE):
        assert state == "sealed" or (state == "open" and not done), state
        if state == "sealed":
            versions[len(versions) + 1] = gold
    elif operation.words == ("template", "new-version", TEMPLATE):
        assert state == "open" or (state == "sealed" and not done), state
        if state == "open":
            gold = library.write_something(TEMPLATE, gold)
    library.check_template(TEMPLATE, versions)


def end_clones():
    """Instant ones may have been started, or be about to be."""
    deadline = time.monotonic() + 60
    while running := [name for name in library.names() if name.startswith(CLONE)
                      and library.show(name)["state"] in ("starting", "running")]:
        assert time.monotonic() < deadline, running
        for name in running:
            library.kill(name)
        time.sleep(0.02)


def check_clones(operation, done):
    """Those that are there are whole, and go."""
    names = library.names()
    clones = [name for name in names if name not in (NAME, TEMPLATE, WORKER)]
    assert len(clones) == 1 if done and CLONE in operation.words else len(clones) <= 1, names
    for name in clones:
        end_clones()
        content = library.read(name)
        assert content == now or content in held.values() or content in versions.values(), "a clone holds something else"
        if operation.words[1:] == ("make", CLONE):
            sealed = template_state(name) == "sealed"
            assert sealed or not done, "it is no template"
            library.check_template(name, {1: now} if sealed else {})
        bonsai("delete", name)
        bonsai("purge", name)


def check_snapshots():
    for node in nodes():
        assert library.read_node(NAME, node) == held[node["id"]], f"{node['id']} holds something else"


def test_kill():
    """Killed at random instants, nothing is lost"""
    global now
    create()
    for number in range(ROUNDS):
        if not is_running() and chance.random() < (0.3 if "resume" in show()["config"] else 0.7):
            library.start(NAME)
        before = now
        operation = chance.choice(operations(is_running()))
        operation.prepare()
        done, said = run_and_kill(operation)
        try:
            library.kill(NAME)
            end_clones()
            if chance.random() < 0.7:  # else with all that may be left over
                library.wait_unused()
            learn(operation, done, before)
            check_clones(operation, done)
            is_of_template = operation.words[0] == "template"
            if chance.random() < 0.7 or is_of_template:
                library.check_doctor()
            if is_of_template:
                check_worker()
                check_template(operation, done)
            if number % 8 == 7:
                check_snapshots()
        except AssertionError as error:
            raise AssertionError(f"round {number}, after “{' '.join(operation.words)}”, which said: {said}\n"
                                 f"{error}") from None
        if "resume" not in show()["config"]:
            now = library.write_something(NAME, now)
    for key in sorted(killed):
        print(f"# {key}: {killed[key]}", flush=True)


def test_all_are_usable():
    """Each snapshot that is there can be gone back to"""
    check_snapshots()
    check_worker()
    print("#", len(held), "snapshots", flush=True)
    for node in nodes():
        if not is_running():
            library.start(NAME)
        bonsai("snapshot", "restore", NAME, node["id"])
        assert node["kind"] != "live" or show()["state"] == "running", show()
    library.run("stop", NAME)
    library.check_doctor()


def test_while_it_stands():
    """Killed while it stands where it went back to, a machine goes on from there; not if it has moved since"""
    def resumes():
        with open(show()["path"] + "/vm.json") as file:
            return json.load(file).get("resume") is not None

    def stop_process():
        os.kill(show()["pid"], signal.SIGKILL)
        deadline = time.monotonic() + 60
        while (state := show()["state"]) in ("running", "paused"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return state

    library.start(NAME)
    bonsai("snapshot", "take", NAME, "here")
    bonsai("snapshot", "restore", "--paused", NAME, "here")
    assert resumes(), show()
    assert (state := stop_process()) == "suspended", state
    library.start(NAME)
    assert not resumes() and show()["state"] == "running", show()
    bonsai("snapshot", "restore", NAME, "here")
    assert (state := stop_process()) == "crashed", state
    library.start(NAME)
    for verb in ["resume"], ["snapshot", "take"], ["stop"]:
        bonsai("snapshot", "restore", "--paused", NAME, "here")
        assert resumes()
        bonsai(*verb, NAME)
        assert not resumes(), verb
    library.check_doctor()


print(f"# seed {SEED}", flush=True)
failed = report([test_kill, test_all_are_usable, test_while_it_stands])
library.run("stop", NAME)
if failed:
    print(f"# its files are in {library.scratch}", flush=True)
else:
    library.close()
sys.exit(failed)
