#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, end to end: real bundles, real machines on this host's KVM.

Usage: test-cli.py BONSAI
"""

import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

BONSAI = os.path.abspath(sys.argv[1])
INVADERS = "/boot/invaders.exec"
OK, USAGE, ERROR, TRIPLE_FAULT, TIMEOUT = 0, 2, 4, 6, 10

scratch = tempfile.mkdtemp(prefix="bonsai-cli-")
os.environ.update(
    BONSAI_LIBRARY=scratch + "/library",
    XDG_RUNTIME_DIR=scratch + "/run",
    XDG_STATE_HOME=scratch + "/state",
    XDG_DATA_HOME=scratch + "/data",
    G_DEBUG="fatal-criticals",
    LC_ALL="C.UTF-8",
)
os.mkdir(scratch + "/run", 0o700)


def bonsai(*arguments, status=OK, timeout=60):
    """Runs it, checks its exit status, returns what it printed on both."""
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout)
    shown = f"bonsai {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == status, f"expected status {status}: {shown}"
    return done.stdout + done.stderr


def show(name):
    return json.loads(bonsai("show", name, "--json"))


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)


def read_png(path):
    """Width, height and the rows' bytes of an 8-bit RGB or RGBA picture."""
    with open(path, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n", path
        data = b""
        while True:
            length, kind = struct.unpack(">I4s", file.read(8))
            chunk = file.read(length)
            file.read(4)
            if kind == b"IHDR":
                width, height, depth, colour = struct.unpack(">IIBB", chunk[:10])
                assert depth == 8 and colour in (2, 6), (depth, colour)
            elif kind == b"IDAT":
                data += chunk
            elif kind == b"IEND":
                return width, height, zlib.decompress(data)


def multiboot(path, code):
    """A kernel by Multiboot 0.6.96, section 3.1: its header with load addresses, then @code at 1 MiB."""
    header = 0x100000
    entry = header + 32
    flags = 1 << 16
    fields = [0x1BADB002, flags, -(0x1BADB002 + flags) & 0xFFFFFFFF, header, header, 0, 0, entry]
    with open(path, "wb") as file:
        file.write(struct.pack("<8I", *fields) + code)
    return path


# cli; lidt [0]; ud2: with no interrupt table the fault has nowhere to go.
CRASH = b"\xfa\x0f\x01\x1d\x00\x00\x50\x00\x0f\x0b"
# mov al, 21; out 0xf4, al; hlt
DEBUG_EXIT = b"\xb0\x15\xe6\xf4\xf4\xeb\xfd"
# cli; hlt; jmp
SLEEP = b"\xfa\xf4\xeb\xfd"


def test_usage():
    """Mistakes in usage end with status 2, help with 0"""
    bonsai("frobnicate", status=USAGE)
    bonsai("show", status=USAGE)
    bonsai("show", "a", "b", status=USAGE)
    bonsai("run", "--nonsense", status=USAGE)
    bonsai("run", "--cpus", "-1", status=USAGE)
    bonsai("run", "--initrd", "/x", status=USAGE)
    assert "Usage" in bonsai("--help")
    verbs = [line.split()[0] for line in bonsai("--help").splitlines() if line.startswith("  ")]
    for verb in verbs:
        assert verb in bonsai(verb, "--help"), verb


def test_processors():
    """Processors have models and places; what can't be is refused with the reason"""
    models = {model["name"]: model for model in json.loads(bonsai("host", "--cpus", "--json"))}
    assert models["host"]["runs-here"] and not models["host"]["missing"]
    for model in models.values():
        assert model["runs-here"] == (model["obstacle"] is None), model
    foreign = "EPYC" if models["EPYC"]["vendor"] != models["baseline"]["vendor"] else "Haswell"
    assert not models[foreign]["runs-here"]
    for topology in ("2,2", "1,0,2", "1,2,x", "256,1,1"):
        assert "--topology: " in bonsai("create", "--topology", topology, "odd", status=ERROR)
    assert "make 4 processors" in bonsai("create", "--cpus", "3", "--topology", "1,2,2", "odd", status=ERROR)
    assert "no processor model" in bonsai("create", "--cpu", "6502", "odd", status=ERROR)
    assert models[foreign]["obstacle"] in bonsai("run", "--headless", "--cpu", foreign, status=ERROR)


def test_host():
    """The host is described, also as JSON"""
    report = json.loads(bonsai("host", "--json"))
    assert report["kvm"] in ("hardware", "pvm"), report
    assert report["memory-total"] > 0


def test_create():
    """A machine is made with its disk, listed and shown"""
    made = json.loads(bonsai("create", "First one", "--memory", "64M", "--disk", "8M", "--cdrom", "", "--json"))
    disk = json.loads(bonsai("disk", "info", "First one:disk0", "--json"))
    assert disk["path"] == made["path"] + "/disks/disk0.qcow2" and disk["size"] == 8 << 20, disk
    assert [vm["name"] for vm in json.loads(bonsai("list", "--json"))] == ["First one"]
    config = show("First one")["config"]
    assert config["memory"] == "64M" and [disk["id"] for disk in config["disks"]] == ["disk0", "cd0"]
    assert len(os.listdir(scratch + "/library")) == 1


def test_labels():
    """A machine is in a group and has tags, by which it is listed"""
    def names(*options):
        return [vm["name"] for vm in json.loads(bonsai("list", "--json", *options))]

    bonsai("label", "--group", " Work / Web ", "--tag", "old, nginx", "--tag", "OLD", "First one")
    listed = json.loads(bonsai("list", "--json"))[0]
    assert listed["group"] == "Work/Web" and listed["tags"] == ["nginx", "OLD"], listed
    for options in (["--group", "work"], ["--tag", "Old", "--tag", "nginx"], ["--search", "web is:stopped"]):
        assert names(*options) == ["First one"], options
    for options in (["--group", "Web"], ["--tag", "new"], ["--search", "first two"]):
        assert names(*options) == [], options
    bonsai("label", "--group", "a/b/c/d/e/f/g/h/i", "First one", status=ERROR)
    bonsai("label", "First one", status=USAGE)
    bonsai("label", "--no-group", "--untag", "old", "First one")
    assert "group" not in show("First one")["config"] and show("First one")["config"]["tags"] == ["nginx"]


def test_create_refused():
    """What can't be is refused, and nothing stays behind"""
    before = os.listdir(scratch + "/library")
    assert "this host has" in bonsai("create", "Big", "--memory", "500T", status=ERROR)
    assert "not a size" in bonsai("create", "Odd", "--memory", "lots", status=ERROR)
    assert "no file" in bonsai("create", "Odd", "--kernel", "/nonexistent", status=ERROR)
    bonsai("create", "First one", status=ERROR)
    bonsai("create", "Odd", "--disk", "9000T", status=ERROR)
    assert os.listdir(scratch + "/library") == before


def test_hand_edited():
    """A mistake in vm.json is told with its line, and undone by hand"""
    path = show("First one")["path"] + "/vm.json"
    with open(path) as file:
        good = file.read()
    with open(path, "w") as file:
        file.write(good.replace('"64M"', '"sixty"'))
    broken = json.loads(bonsai("list", "--json"))[0]
    assert broken["state"] == "broken" and "vm.json:5:" in broken["message"], broken
    assert "memory" in bonsai("start", "first-one", "--headless", status=ERROR)
    with open(path, "wb") as file:
        file.write(os.urandom(10000))
    assert json.loads(bonsai("list", "--json"))[0]["state"] == "broken"
    with open(path, "w") as file:
        file.write(good)
    assert show("First one")["state"] == "stopped"


def test_delete():
    """Deleting can be undone until it is purged"""
    item = json.loads(bonsai("delete", "First one", "--json"))["deleted"]
    assert json.loads(bonsai("list", "--json")) == []
    assert json.loads(bonsai("list", "--deleted", "--json")) == [item]
    bonsai("undelete", "First one")
    assert show("First one")["state"] == "stopped"
    bonsai("delete", "First one")
    bonsai("purge", "--all")
    bonsai("undelete", "First one", status=ERROR)


def test_life():
    """A machine runs in a process of its own and does what every verb says"""
    bonsai("create", "Game", "--memory", "64M", "--kernel", INVADERS)
    bonsai("start", "Game", "--headless")
    running = show("Game")
    assert running["state"] == "running" and running["pid"] > 1
    assert "running" in bonsai("start", "Game", "--headless", status=ERROR)
    assert "running" in bonsai("delete", "Game", status=ERROR)
    bonsai("pause", "Game")
    assert show("Game")["state"] == "paused"
    bonsai("pause", "Game")
    bonsai("resume", "Game")
    assert show("Game")["state"] == "running"
    bonsai("reset", "Game")
    bonsai("shutdown", "Game", "--timeout", "1", status=TIMEOUT)
    assert show("Game")["state"] == "running"
    bonsai("stop", "Game")
    stopped = show("Game")
    assert stopped["state"] == "stopped" and stopped["reason"] == "user", stopped
    assert os.path.exists(stopped["path"] + "/screenshot.png")
    assert "not running" in bonsai("pause", "Game", status=ERROR)


def test_stats():
    """What a running machine uses is told, once and as it goes on"""
    started = time.monotonic()
    bonsai("start", "Game", "--headless")
    first = json.loads(bonsai("stats", "Game", "--json"))
    wait_for("processor time", lambda: json.loads(bonsai("stats", "Game", "--json"))["cpu-time"] > first["cpu-time"])
    assert first["memory"] == 64 << 20 and 0 < first["memory-resident"] <= 80 << 20, first
    assert "Processors:" in bonsai("stats", "Game")
    watch = subprocess.Popen([BONSAI, "stats", "Game", "--watch", "--json"], stdout=subprocess.PIPE, text=True)
    lines = [json.loads(watch.stdout.readline()) for _ in range(2)]
    assert lines[1]["time"] > lines[0]["time"] and lines[1]["loop-time"] >= lines[0]["loop-time"], lines
    time.sleep(max(0, started + 12 - time.monotonic()))  # two looks
    bonsai("stop", "Game")
    watch.stdout.read()
    assert watch.wait(20) == OK
    assert "not running" in bonsai("stats", "Game", status=ERROR)


def test_history():
    """What a machine has used is kept, exported, and goes when it is purged"""
    history = json.loads(bonsai("stats", "Game", "--from", "10m", "--json"))
    rows = [row for row in history["average"] if row]
    cpu, memory = history["columns"].index("cpu"), history["columns"].index("memory")
    assert history["step"] == 5 and rows and 0 < rows[0][cpu] < 2 and 0 < rows[-1][memory] <= 80 << 20, history
    csv = bonsai("stats", "Game", "--from", "1d", "--csv").splitlines()
    assert csv[0].startswith("time,cpu,cpu-maximum,") and len(csv) > 1, csv
    assert "CPU" in bonsai("stats", "Game", "--from", "1h", "--step", "60")
    assert json.loads(bonsai("stats", "--host", "--json"))["columns"] == history["columns"]
    assert "no time" in bonsai("stats", "Game", "--from", "yore", status=ERROR)
    assert "before" in bonsai("stats", "Game", "--to", "2001-01-01", "--from", "2001-01-02T10:00", status=ERROR)
    assert "no machine" in bonsai("stats", "First one", "--csv", status=ERROR)
    for wrong in (["Game", "--host"], [], ["Game", "--watch", "--csv"]):
        bonsai("stats", *wrong, status=USAGE)
    bonsai("clone", "Game", "Twin")
    assert "no history yet" in bonsai("stats", "Twin", "--csv", status=ERROR)
    file = f"{scratch}/state/bonsai/history/{show('Game')['uuid']}.rrd"
    assert os.stat(file).st_size < 2 << 20
    shutil.copy(file, f"{scratch}/state/bonsai/history/{show('Twin')['uuid']}.rrd")
    file = f"{scratch}/state/bonsai/history/{show('Twin')['uuid']}.rrd"
    bonsai("delete", "Twin")
    assert os.path.exists(file)
    bonsai("purge", "Twin")
    assert not os.path.exists(file)


def test_events():
    """What happened is listed, by whichever process it was done"""
    def kinds(*options):
        return [event["kind"] for event in json.loads(bonsai("events", "--json", *options))]

    wait_for("the end of the run", lambda: "stop" in kinds("--machine", "Game"))
    assert kinds("--machine", "Game")[:3] == ["create", "start", "stop"], kinds("--machine", "Game")
    events = json.loads(bonsai("events", "--machine", show("Game")["uuid"], "--json"))
    assert events[2]["detail"] == "user" and events[2]["result"] == "done" and events[2]["cause"], events[2]
    assert kinds("--since", "2099-01-01") == [] and len(kinds("--since", "1d")) == len(kinds())
    follow = subprocess.Popen([BONSAI, "events", "--follow", "--json", "--machine", "Game"], stdout=subprocess.PIPE,
                              text=True)
    try:
        for event in events:
            assert json.loads(follow.stdout.readline())["id"] == event["id"]
        bonsai("snapshot", "take", "Game", "before")
        taken = json.loads(follow.stdout.readline())
        assert (taken["kind"], taken["detail"], taken["result"]) == ("snapshot-take", "before", "done"), taken
        bonsai("snapshot", "delete", "Game", "before")
        assert json.loads(follow.stdout.readline())["kind"] == "snapshot-delete"
        bonsai("autostart", "Game", "on")
        changed = json.loads(follow.stdout.readline())
        assert changed["kind"] == "settings" and "true" in changed["detail"], changed
        bonsai("autostart", "Game", "off")
    finally:
        follow.kill()
        follow.wait()
    assert "snapshot-take" in bonsai("events", "--machine", "Game")


def test_report():
    """Reports are made of history, events and folders"""
    bonsai("create", "Store", "--disk", "8M", "--cdrom", "")
    used = {row["name"]: row for row in json.loads(bonsai("report", "utilisation", "--json"))}
    assert used["Game"]["memory"] == 64 << 20 and "This host" in used, used
    changes = json.loads(bonsai("report", "changes", "--json"))
    assert {"create", "settings"} <= {row["change"] for row in changes}, changes
    assert "start" not in {row["change"] for row in changes}, changes
    stored = {row["name"]: row for row in json.loads(bonsai("report", "storage", "--json"))}
    assert stored["All"]["total"] >= stored["Store"]["disks"] > 0, stored
    assert bonsai("report", "storage", "--csv").startswith("name,total,disks,snapshots,")
    assert json.loads(bonsai("report", "expiries", "--json")) == []
    assert bonsai("report", "expiries", "--csv").startswith("name,state,remaining-hours,when,for,then")
    assert "<td>Game</td>" in bonsai("report", "utilisation", "--html", "--from", "2d")
    assert "highest" in bonsai("report", "utilisation")
    bonsai("report", "weather", status=USAGE)
    bonsai("report", "storage", "--html", "--csv", status=USAGE)
    bonsai("delete", "Store")
    bonsai("purge", "Store")


def test_keys():
    """The game is played by key and type"""
    bonsai("start", "Game", "--headless")
    first, second = scratch + "/1.png", scratch + "/2.png"

    def ship(path):
        """The columns in the lowest eighth of the picture that are not black."""
        bonsai("screenshot", "Game", path)
        width, height, rows = read_png(path)
        stride = len(rows) // height
        size = (stride - 1) // width
        return {x for y in range(height * 7 // 8, height) for x in range(width)
                if any(rows[y * stride + 1 + x * size:][:3])}

    try:
        wait_for("the ship", lambda: ship(first))
        before = min(ship(first))

        def moved():
            bonsai("key", "Game", "--hold", "500", "left")
            return min(ship(second) or {before}) < before

        # How fast the ship goes depends on the host: each look comes after another stroke.
        wait_for("the ship to go left", moved, 60)
        bonsai("type", "Game", "abc XYZ")
        bonsai("mouse", "Game", "move", "-5", "7")
        bonsai("mouse", "Game", "click", "right")
        bonsai("mouse", "Game", "wheel", "-1")
        bonsai("mouse", "Game", "click", "wrong", status=USAGE)
        bonsai("key", "Game", "no-such-key", status=USAGE)
        bonsai("type", "Game", "日", status=USAGE)
    finally:
        bonsai("stop", "Game")


def test_cd():
    """A CD-ROM drive's medium changes while the machine runs"""
    disc = scratch + "/disc.iso"
    with open(disc, "wb") as file:
        file.truncate(1 << 20)
    bonsai("create", "Drive", "--memory", "64M", "--kernel", multiboot(scratch + "/sleep", SLEEP), "--cdrom", "")
    bonsai("start", "Drive", "--headless")
    try:
        bonsai("cd", "Drive", "insert", disc)
        assert show("Drive")["config"]["disks"][0]["path"] == disc
        bonsai("cd", "Drive", "eject")
        assert "path" not in show("Drive")["config"]["disks"][0]
        bonsai("cd", "Drive", "insert", disc)
        bonsai("cd", "Drive", "insert", scratch, status=ERROR)
        bonsai("cd", "Drive", "insert", "/nonexistent", status=ERROR)
        bonsai("cd", "Drive", "insert", disc, "--drive", "cd7", status=ERROR)
    finally:
        bonsai("stop", "Drive")
    # The next start has the disc that was in the drive.
    assert show("Drive")["config"]["disks"][0]["path"] == disc
    bonsai("start", "Drive", "--headless")
    bonsai("stop", "Drive")
    # Nor need it run.
    bonsai("cd", "Drive", "eject")
    assert "path" not in show("Drive")["config"]["disks"][0]
    assert "nonexistent" in bonsai("cd", "Drive", "insert", "/nonexistent", status=ERROR)
    assert "no CD-ROM" in bonsai("cd", "Drive", "insert", disc, "--drive", "cd7", status=ERROR)
    bonsai("cd", "Drive", "insert", disc)
    assert show("Drive")["config"]["disks"][0]["path"] == disc


def disks_of(name):
    return {disk["id"]: disk for disk in show(name)["config"]["disks"]}


def test_disks():
    """Disks come and go while the machine runs, and the next start has those that stayed"""
    images = [scratch + f"/disk{n}.qcow2" for n in range(3)]
    for image in images:
        bonsai("disk", "create", image, "8M")
    worked = scratch + "/worked.img"
    with open(worked, "wb") as file:
        file.write(os.urandom(64 << 20))
    bonsai("create", "Rack", "--memory", "64M", "--kernel", scratch + "/sleep", "--existing-disk", images[0] + ",bus=scsi",
           "--network", "none")
    bonsai("start", "Rack", "--headless")
    try:
        done = json.loads(bonsai("disk", "attach", "Rack", images[1] + ",serial=one", "--json"))
        assert done == {"id": "disk1", "bus": "scsi", "path": images[1], "format": "qcow2", "running": True}, done
        bonsai("disk", "attach", "Rack", images[2], "--bus", "sata", "--id", "more")
        found = disks_of("Rack")
        assert found["disk1"]["serial"] == "one" and found["disk1"]["format"] == "qcow2", found
        assert found["more"]["bus"] == "ahci", found
        assert "in use" in bonsai("disk", "check", images[1], status=ERROR)
        bonsai("disk", "resize", "Rack:disk1", "16M")
        bonsai("disk", "limit", "Rack:disk1", "--iops", "1")
        assert "virtio" in bonsai("disk", "attach", "Rack", scratch + "/disc.iso", "--bus", "virtio", status=ERROR)
        assert "in use" in bonsai("disk", "attach", "Rack", images[1], status=ERROR)
        assert "another id" in bonsai("disk", "attach", "Rack", scratch + "/disc.iso", "--id", "more", status=ERROR)
        assert "disk9" in bonsai("disk", "detach", "Rack:disk9", status=ERROR)
        # Work on its layers holds a disk.
        bonsai("disk", "create", scratch + "/top.qcow2", "--backing", worked, "--backing-format", "raw")
        bonsai("disk", "attach", "Rack", scratch + "/top.qcow2,iops=1,iops-burst=1", "--id", "top")
        with subprocess.Popen([BONSAI, "disk", "rebase", "--no-backing", "--progress", "Rack:top"],
                              stderr=subprocess.PIPE) as rebase:
            rebase.stderr.read(1)
            assert "worked on" in bonsai("disk", "detach", "Rack:top", status=ERROR)
            rebase.send_signal(signal.SIGINT)
            bonsai("disk", "limit", "Rack:top")
            rebase.stderr.read()
        bonsai("disk", "detach", "Rack:top")
        bonsai("disk", "detach", "Rack:disk1")
        assert "disk1" not in disks_of("Rack")
        bonsai("disk", "check", images[1])
        assert json.loads(bonsai("disk", "info", images[1], "--json"))["size"] == 16 << 20
        # A drive goes with its disc.
        bonsai("disk", "attach", "Rack", scratch + "/disc.iso", "--cdrom")
        assert disks_of("Rack")["cd0"]["kind"] == "cdrom"
        bonsai("cd", "Rack", "eject")
        bonsai("disk", "detach", "Rack:cd0")
        assert "no CD-ROM" in bonsai("cd", "Rack", "eject", status=ERROR)
    finally:
        bonsai("stop", "Rack")
    bonsai("start", "Rack", "--headless")
    try:
        assert "in use" in bonsai("disk", "check", images[2], status=ERROR)
        bonsai("disk", "detach", "Rack:more")
    finally:
        bonsai("stop", "Rack")


def at_terminal(arguments, *answers):
    """Answers what is asked at a terminal; the exit status, and all that was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(BONSAI, [BONSAI, *arguments])
    shown = b""
    signal.alarm(120)  # ends this test, should nobody be asked
    try:
        for number, answer in enumerate(answers, 1):
            while shown.decode(errors="replace").count("”: ") < number:
                shown += os.read(terminal, 1000)
            os.write(terminal, answer.encode() + b"\n")
        while True:
            shown += os.read(terminal, 1000)
    except OSError:
        pass
    signal.alarm(0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def test_passphrase():
    """The passphrases of encrypted disks are asked for at the start; a wrong one is told, and asked again"""
    for name, text in (("right", "correct horse"), ("other", "battery staple"), ("wrong", "open sesame")):
        with open(f"{scratch}/{name}", "w") as file:
            file.write(text + "\n")
    for name in ("right", "other"):
        bonsai("disk", "create", f"{scratch}/{name}.qcow2", "8M", "--secret-file", f"{scratch}/{name}")
    bonsai("disk", "create", scratch + "/same.qcow2", "8M", "--secret-file", scratch + "/right")
    bonsai("create", "Vault", "--memory", "64M", "--kernel", scratch + "/sleep", "--network", "none",
           "--existing-disk", scratch + "/right.qcow2", "--existing-disk", scratch + "/same.qcow2")
    subprocess.run(["setsid", BONSAI, "start", "--headless", "Vault"], stdin=subprocess.DEVNULL, capture_output=True)
    assert show("Vault")["state"] == "stopped"

    # One passphrase is enough for two disks that share it.
    status, shown = at_terminal(["start", "--headless", "Vault"], "open sesame", "correct horse")
    assert status == OK and b"does not open disk0, disk1" in shown, (status, shown)
    assert b"sesame" not in shown and b"horse" not in shown, shown
    running = show("Vault")
    assert running["state"] == "running", running
    with open(f"/proc/{running['pid']}/cmdline", "rb") as file:
        words = file.read()
        assert b"disk-secret-fd" in words and b"horse" not in words, words
    # Nobody keeps it: not the description, and no file beside it.
    for folder, _, names in os.walk(running["path"]):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                assert b"horse" not in file.read(), name
    bonsai("stop", "Vault")

    status, shown = at_terminal(["start", "--headless", "Vault"], "a", "b", "c")
    assert status == ERROR and show("Vault")["state"] == "stopped", (status, shown)
    assert "does not open" in bonsai("start", "--headless", "Vault", "--secret-file", scratch + "/wrong", status=ERROR)
    bonsai("start", "--headless", "Vault", "--secret-file", scratch + "/right")
    try:
        assert "wrong" in bonsai("disk", "attach", "Vault", scratch + "/other.qcow2", "--secret-file",
                                 scratch + "/wrong", status=ERROR)
        bonsai("disk", "attach", "Vault", scratch + "/other.qcow2", "--secret-file", scratch + "/other")
    finally:
        bonsai("stop", "Vault")
    # Now there are two passphrases: a file has one, the terminal is asked for the other.
    status, shown = at_terminal(["start", "--headless", "Vault", "--secret-file", scratch + "/right"], "battery staple")
    assert status == OK and shown.count(b"Passphrase") == 1 and b"disk2" in shown, (status, shown)
    bonsai("stop", "Vault")


def test_encrypted_snapshots():
    """A running machine's encrypted disks get encrypted layers; nobody is asked again before the next start"""
    def layers():
        return sorted(os.listdir(show("Safe")["path"] + "/disks"))

    with open(scratch + "/safe", "w") as file:
        file.write("correct horse\n")
    bonsai("disk", "create", scratch + "/safe.qcow2", "8M", "--secret-file", scratch + "/safe")
    bonsai("create", "Safe", "--memory", "64M", "--kernel", INVADERS, "--network", "none", "--existing-disk",
           scratch + "/safe.qcow2")
    bonsai("start", "--headless", "Safe", "--secret-file", scratch + "/safe")
    assert "--disks-only" in bonsai("snapshot", "take", "Safe", status=ERROR)
    for name in "One", "Two", "Three":
        bonsai("snapshot", "take", "--disks-only", "Safe", name)
    assert len(layers()) == 3, layers()
    for name in layers():
        info = json.loads(bonsai("disk", "info", "--json", f"{show('Safe')['path']}/disks/{name}"))
        assert info["encrypted"] is True, info
    # The running machine's layers are merged with the key that it has.
    bonsai("snapshot", "delete", "Safe", "Two")
    wait_for("two layers are one", lambda: len(layers()) == 2)
    bonsai("snapshot", "restore", "Safe", "One")
    assert show("Safe")["state"] == "running"
    bonsai("stop", "Safe")
    status, shown = at_terminal(["start", "--headless", "Safe"], "correct horse")
    assert status == OK and shown.count(b"Passphrase") == 1, (status, shown)
    bonsai("stop", "Safe")
    bonsai("doctor", "Safe")


def test_disk_of_stray():
    """A machine without a bundle takes disks as well"""
    image = scratch + "/disk1.qcow2"
    run = subprocess.Popen([BONSAI, "run", "--kernel", INVADERS, "--headless", "--memory", "64M", "--name", "stray"])
    try:
        wait_for("stray", lambda: any(vm["name"] == "stray" for vm in json.loads(bonsai("list", "--json"))))
        assert "SCSI controller" in bonsai("disk", "attach", "stray", image, "--bus", "scsi", status=ERROR)
        bonsai("disk", "attach", "stray", image)
        assert "in use" in bonsai("disk", "check", image, status=ERROR)
        bonsai("disk", "detach", "stray:disk0", "--force")
        bonsai("disk", "check", image)
    finally:
        run.terminate()
        run.wait(20)


def test_autostart():
    """What starts at log-in: in order, without windows, in processes of their own; one that fails holds up none"""
    for name, order in ("Late", "3"), ("Early", "1"), ("Gone", "2"):
        bonsai("create", name, "--memory", "64M", "--kernel", INVADERS)
        bonsai("autostart", name, "on", "--order", order)
    path = show("Gone")["path"] + "/vm.json"
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace(INVADERS, "/no/kernel"))
    said = bonsai("autostart", status=ERROR)
    assert "Gone: " in said and "/no/kernel" in said, said
    assert show("Early")["state"] == "running" and show("Late")["state"] == "running"
    bonsai("autostart", "Gone", "off")
    bonsai("autostart")  # they run already
    for name in "Early", "Late":
        bonsai("stop", name)
    for name in "Early", "Gone", "Late":
        wait_for("the end of its run", lambda: show(name)["state"] == "stopped")
        bonsai("delete", name)


def test_host_killed():
    """A killed host process is told as such, and the machine starts again"""
    bonsai("start", "Game", "--headless")
    os.kill(show("Game")["pid"], signal.SIGKILL)
    wait_for("the news", lambda: show("Game")["state"] == "crashed")
    assert show("Game")["reason"] == "host-lost"
    bonsai("start", "Game", "--headless")
    bonsai("stop", "Game")


def test_end_of_session():
    """A host process that is asked to end does with its machine what its description says"""
    for policy, state in ("suspend", "suspended"), ("power-off", "stopped"):
        name = f"Ends by {policy}"
        bonsai("create", name, "--memory", "64M", "--kernel", INVADERS, "--at-host-shutdown", policy)
        bonsai("start", name, "--headless")
        os.kill(show(name)["pid"], signal.SIGTERM)
        wait_for("the end of its run", lambda: show(name)["state"] == state)
    bonsai("start", "Ends by suspend", "--headless")
    assert show("Ends by suspend")["state"] == "running"
    bonsai("stop", "Ends by suspend")
    bonsai("create", "No", "--at-host-shutdown", "never", status=USAGE)


def test_crash_is_remembered():
    """How a guest crashed is remembered until the next start"""
    bonsai("create", "Crash", "--memory", "64M", "--kernel", multiboot(scratch + "/crash", CRASH))
    bonsai("start", "Crash", "--foreground", "--headless", status=TRIPLE_FAULT)
    crashed = show("Crash")
    assert crashed["state"] == "crashed" and crashed["reason"] == "triple-fault", crashed
    assert crashed["exit-status"] == TRIPLE_FAULT and crashed["message"]


def test_missing_files():
    """A start without its files names the file"""
    bonsai("create", "Gone", "--memory", "64M", "--kernel", multiboot(scratch + "/gone", SLEEP), "--disk", "1M")
    path = show("Gone")["path"]
    os.rename(scratch + "/gone", scratch + "/gone.away")
    assert scratch + "/gone" in bonsai("start", "Gone", "--headless", status=ERROR)
    os.rename(scratch + "/gone.away", scratch + "/gone")
    os.unlink(path + "/disks/disk0.qcow2")
    assert "disk0.qcow2" in bonsai("start", "Gone", "--headless", status=ERROR)
    os.mkdir(path + "/disks/disk0.qcow2")
    assert "disk0.qcow2" in bonsai("start", "Gone", "--foreground", "--headless", status=ERROR)
    assert show("Gone")["state"] == "stopped"


def test_noise():
    """Random bytes as kernel or CD end in a message or in a guest that does nothing"""
    noise = scratch + "/noise"
    with open(noise, "wb") as file:
        file.write(os.urandom(10000))
    bonsai("run", "--kernel", noise, "--headless", status=ERROR)
    bonsai("run", "--cdrom", noise, "--memory", "64M", "--headless", "--timeout", "2", status=TIMEOUT)


def test_run_statuses():
    """bonsai run ends as its guest does"""
    picture = scratch + "/x.png"
    bonsai("run", "--kernel", scratch + "/crash", "--headless", "--memory", "64M", status=TRIPLE_FAULT)
    bonsai("run", "--kernel", multiboot(scratch + "/exit", DEBUG_EXIT), "--headless", "--memory", "64M", "--debug-exit",
           status=21 << 1 | 1)
    bonsai("run", "--kernel", INVADERS, "--headless", "--memory", "64M", "--timeout", "2", "--screenshot-on-exit",
           picture, status=TIMEOUT)
    assert read_png(picture)[:2] == (720, 400)
    bonsai("run", "--kernel", INVADERS, "--memory", "900T", "--headless", status=ERROR)


def test_run_is_met():
    """A machine without a bundle is met by its name, and ends cleanly by a signal"""
    run = subprocess.Popen([BONSAI, "run", "--kernel", INVADERS, "--headless", "--memory", "64M", "--name", "stray"])
    try:
        wait_for("stray", lambda: any(vm["name"] == "stray" for vm in json.loads(bonsai("list", "--json"))))
        bonsai("pause", "stray")
        bonsai("screenshot", "stray", scratch + "/stray.png")
        bonsai("resume", "stray")
        bonsai("key", "stray", "left")
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == OK
        bonsai("pause", "stray", status=ERROR)
    finally:
        run.kill()
        run.wait()


def main():
    tests = [value for name, value in globals().items()
             if name.startswith("test_") and (not sys.argv[2:] or name in sys.argv[2:])]
    print(f"TAP version 13\n1..{len(tests)}")
    failures = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired, OSError, KeyError, ValueError) as failure:
            failures += 1
            print(f"not ok {number} - {test.__doc__}")
            place = traceback.extract_tb(failure.__traceback__)[-1].line
            for line in (f"{type(failure).__name__}: {failure}".splitlines() + [place]):
                print("#", line, flush=True)
    for name in os.listdir(scratch + "/library") if os.path.isdir(scratch + "/library") else []:
        if name.endswith(".bonsai"):
            subprocess.run([BONSAI, "stop", name], capture_output=True, timeout=60)
    shutil.rmtree(scratch)
    return 1 if failures else 0


sys.exit(main())
