#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""“bonsai disk”, end to end, with qemu-img as the peer.

Usage: test-disk-cli.py BONSAI
"""

import json
import os
import pty
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

BONSAI = os.path.abspath(sys.argv[1])
OK, DIFFERENT, LEAKS, USAGE, DAMAGED, ERROR = 0, 1, 1, 2, 3, 4
MIB = 1 << 20
SEED = int(os.environ.get("BONSAI_TEST_SEED", random.randrange(1 << 32)))
RANDOM = random.Random(SEED)

# Ours, as options of create and convert; the peer's name of the format.
FORMATS = {
    "raw": (["--format", "raw"], "raw"),
    "qcow2": (["--format", "qcow2"], "qcow2"),
    "qcow2 v2": (["--format", "qcow2", "--qcow2-version", "2"], "qcow2"),
    "qcow2 4K": (["--format", "qcow2", "--cluster-size", "4K"], "qcow2"),
    "qcow2 2M": (["--format", "qcow2", "--cluster-size", "2M"], "qcow2"),
    "qcow2 extended": (["--format", "qcow2", "--extended-l2", "--cluster-size", "128K"], "qcow2"),
    "qcow2 lazy": (["--format", "qcow2", "--lazy-refcounts"], "qcow2"),
    "vhd dynamic": (["--format", "vhd"], "vpc"),
    "vhd fixed": (["--format", "vhd", "--subformat", "fixed"], "vpc"),
    "vmdk": (["--format", "vmdk"], "vmdk"),
    "vdi": (["--format", "vdi"], "vdi"),
    "vdi fixed": (["--format", "vdi", "--subformat", "fixed"], "vdi"),
}

scratch = tempfile.mkdtemp(prefix="bonsai-disk-")
os.environ.update(
    BONSAI_LIBRARY=scratch + "/library",
    XDG_RUNTIME_DIR=scratch + "/run",
    XDG_STATE_HOME=scratch + "/state",
    XDG_DATA_HOME=scratch + "/data",
    G_DEBUG="fatal-criticals",
    LC_ALL="C.UTF-8",
)
os.mkdir(scratch + "/run", 0o700)
os.chdir(scratch)


def bonsai(*arguments, status=OK, timeout=60, command="disk", **options):
    """Runs it, checks its exit status, returns what it printed on both."""
    done = subprocess.run([BONSAI, command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, **options)
    shown = f"bonsai {command} {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == status, f"expected status {status}: {shown}"
    return done.stdout + done.stderr


def said(*arguments, **options):
    return json.loads(bonsai(*arguments, "--json", **options))


def qemu_img(*arguments, status=(0,)):
    done = subprocess.run(["qemu-img", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode in status, f"qemu-img {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def fresh(name):
    """A path where nothing is."""
    if os.path.exists(name):
        os.unlink(name)
    return name


def disk(name, size, runs, seed=None):
    """A sparse raw disk with random bytes in @runs: (offset, length)."""
    source = random.Random(RANDOM.random() if seed is None else seed)
    with open(fresh(name), "wb") as file:
        file.truncate(size)
        for offset, length in runs:
            file.seek(offset)
            file.write(source.randbytes(length))
    return name


def write(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def space(path):
    return os.stat(path).st_blocks * 512


def parts():
    return [name for name in os.listdir(".") if name.endswith(".part")]


def same(a, b, format_a="raw", format_b="raw"):
    qemu_img("compare", "-f", format_a, "-F", format_b, a, b)


RUNS = [(0, MIB), (5 * MIB + 512, 70_000), (9 * MIB, 3 * MIB), (31 * MIB + 4096, 4096), (64 * MIB - 512, 512)]


def sample():
    return disk("sample.img", 64 * MIB, RUNS, seed=1)


def test_usage():
    """Mistakes in usage end with status 2, help with 0"""
    bonsai(status=USAGE)
    bonsai("frobnicate", status=USAGE)
    bonsai("info", status=USAGE)
    bonsai("create", "x.qcow2", status=USAGE)
    bonsai("rebase", "x", status=USAGE)
    bonsai("rebase", "x", "--backing", "y", "--no-backing", status=USAGE)
    bonsai("convert", "a", "b", "--existing", "--replace", status=USAGE)
    verbs = [line.split()[0] for line in bonsai("--help").splitlines() if line.startswith("  ")]
    assert len(verbs) >= 10, verbs
    for verb in verbs:
        assert "Usage" in bonsai(verb, "--help"), verb


def test_create():
    """Every format is made as the peer understands it, and refused over what exists"""
    for name, (options, peer) in FORMATS.items():
        path = fresh("new.img")
        made = said("create", path, "24M", *options)
        assert made["format"] == options[1], made
        theirs = json.loads(qemu_img("info", "-f", peer, "--output=json", path))
        assert made["size"] >= 24 * MIB and theirs["virtual-size"] == made["size"], (name, made, theirs)
        assert "exists" in bonsai("create", path, "24M", *options, status=ERROR)
    bonsai("create", "nowhere/x.qcow2", "1M", status=ERROR)
    bonsai("create", fresh("x.qcow2"), "lots", status=ERROR)
    bonsai("create", "x.qcow2", "1M", "--format", "gif", status=ERROR)
    bonsai("create", "x.qcow2", "1M", "--cluster-size", "3K", status=ERROR)
    assert not os.path.exists("x.qcow2")


def test_info():
    """What an image is, for people and for programs"""
    qemu_img("create", "-f", "qcow2", fresh("base.qcow2"), "32M")
    qemu_img("create", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", fresh("top.qcow2"))
    info = said("info", "top.qcow2")
    assert info["format"] == "qcow2" and info["size"] == 32 * MIB and info["cluster-size"] == 65536, info
    assert info["backing-path"] == "base.qcow2" and info["backing-format"] == "qcow2", info
    assert info["encrypted"] is False and info["snapshots"] == [] and info["details"]
    chain = said("info", "--chain", "top.qcow2")
    assert [layer["path"].split("/")[-1] for layer in chain] == ["top.qcow2", "base.qcow2"], chain
    text = bonsai("info", "top.qcow2")
    assert "32 MiB (33554432 bytes)" in text and "base.qcow2" in text, text
    qemu_img("snapshot", "-c", "before", "base.qcow2")
    snapshots = said("info", "base.qcow2")["snapshots"]
    assert len(snapshots) == 1 and snapshots[0]["name"] == "before", snapshots
    assert "missing.img" in bonsai("info", "missing.img", status=ERROR)
    bonsai("info", scratch, status=ERROR)


def test_convert():
    """Every format is written and read, holes stay holes, and the peer agrees"""
    sample()
    for name, (options, peer) in FORMATS.items():
        path = fresh("out.img")
        done = said("convert", "--source-format", "raw", "sample.img", path, *options)
        assert done["verified"] is True
        qemu_img("check", "-f", peer, path, status=(0, 63))
        same("sample.img", path, "raw", peer)
        if "fixed" not in name and "2M" not in name:
            assert space(path) < 12 * MIB, (name, space(path))
        bonsai("convert", path, fresh("back.img"), "--format", "raw", *(["--source-format", "vhd"] if "vhd" in name else []))
        same("sample.img", "back.img")
        assert space("back.img") <= 6 * MIB, (name, space("back.img"))
    for peer in ("qcow2", "vpc", "vmdk", "vdi", "vhdx"):
        qemu_img("convert", "-f", "raw", "-O", peer, "sample.img", fresh("theirs.img"))
        bonsai("convert", "theirs.img", fresh("back.img"), "--format", "raw")
        same("sample.img", "back.img")
    assert not parts()


def test_zeroes():
    """Zeroes that a file holds are not copied"""
    with open(fresh("zeroes.img"), "wb") as file:
        file.write(bytes(16 * MIB) + b"x" * 4096 + bytes(16 * MIB - 4096))
    for options in (["--format", "raw"], ["--format", "qcow2"]):
        done = said("convert", "--source-format", "raw", "zeroes.img", fresh("out.img"), *options)
        assert done["copied"] <= 65536 and done["zeroes"] >= 32 * MIB - 65536, done
        assert space("out.img") < MIB


def test_compress():
    """Compressed images are small, clean and right, by either method"""
    with open(fresh("text.img"), "wb") as file:
        file.write(b"".join(b"line %d of a text\n" % n for n in range(500_000)))
        file.write(RANDOM.randbytes(MIB))
        file.truncate(16 * MIB + 512)
    for method in ("zlib", "zstd"):
        bonsai("convert", "-F", "raw", "text.img", fresh("out.qcow2"), "--compress", "--compression", method)
        qemu_img("check", "-f", "qcow2", "out.qcow2")
        same("text.img", "out.qcow2", "raw", "qcow2")
        assert os.path.getsize("out.qcow2") < 5 * MIB, os.path.getsize("out.qcow2")
    bonsai("convert", "-F", "raw", "text.img", fresh("out.vmdk"), "--subformat", "streamOptimized")
    same("text.img", "out.vmdk", "raw", "vmdk")
    bonsai("convert", "-F", "raw", "text.img", fresh("out.img"), "--format", "raw", "--compress", status=ERROR)
    assert not os.path.exists("out.img") and not parts()


def test_target():
    """A target is never overwritten by chance, and never half"""
    sample()
    disk("old.img", MIB, [(0, 4096)], seed=2)
    with open("old.img", "rb") as file:
        old = file.read()
    assert "exists" in bonsai("convert", "-F", "raw", "sample.img", "old.img", status=ERROR)
    with open("old.img", "rb") as file:
        assert file.read() == old
    os.chmod("old.img", 0o640)
    bonsai("convert", "-F", "raw", "sample.img", "old.img", "--replace", "--format", "raw")
    same("sample.img", "old.img")
    assert os.stat("old.img").st_mode & 0o777 == 0o640
    # Into what is there: a device, an export, an image.
    disk("there.img", 64 * MIB, [(0, 64 * MIB)])
    bonsai("convert", "-F", "raw", "sample.img", "there.img", "--existing", "--format", "raw")
    same("sample.img", "there.img")
    disk("small.img", MIB, [])
    assert "larger" in bonsai("convert", "-F", "raw", "sample.img", "small.img", "--existing", "--format", "raw",
                              status=ERROR)
    assert not parts()


def test_compare():
    """Compare tells the first byte that differs, with cmp's statuses"""
    sample()
    shutil.copyfile("sample.img", "other.img")
    assert said("compare", "sample.img", "other.img", "-f", "raw", "-F", "raw")["same"] is True
    write("other.img", 30 * MIB + 17, b"!")
    write("other.img", 40 * MIB, b"!")
    found = said("compare", "sample.img", "other.img", "-f", "raw", "-F", "raw", status=DIFFERENT)
    assert found["difference"] == "content" and found["offset"] == 30 * MIB + 17, found
    os.truncate(shutil.copyfile("sample.img", "longer.img"), 80 * MIB)
    assert said("compare", "sample.img", "longer.img", "-f", "raw", "-F", "raw")["same"] is True
    strict = said("compare", "--strict", "sample.img", "longer.img", "-f", "raw", "-F", "raw", status=DIFFERENT)
    assert strict["difference"] == "size", strict
    bonsai("compare", "sample.img", "missing.img", status=2)
    for _ in range(5):
        offset = RANDOM.randrange(64 * MIB)
        disk("other.img", 64 * MIB, RUNS, seed=1)
        write("other.img", offset, bytes([RANDOM.randrange(1, 256)]))
        with open("sample.img", "rb") as a, open("other.img", "rb") as b:
            a.seek(offset), b.seek(offset)
            equal = a.read(1) == b.read(1)
        found = said("compare", "sample.img", "other.img", "-f", "raw", "-F", "raw", status=OK if equal else DIFFERENT)
        assert equal or found["offset"] == offset, (offset, found)


def test_map():
    """The map agrees with the peer's, through a chain"""
    sample()
    qemu_img("convert", "-f", "raw", "-O", "qcow2", "sample.img", fresh("base.qcow2"))
    qemu_img("create", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", fresh("top.qcow2"))
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 2M 192k", "-c", "write -z 9M 128k", "top.qcow2"],
                   check=True, capture_output=True)
    def pieces(extents):
        """One (layer, at) for each 64 KiB cluster that holds data."""
        found = {}
        for offset, length, data, layer, at in extents:
            for n in range(offset, offset + length, 65536):
                if data:
                    found[n // 65536] = (layer, at + n - offset)
        return found
    ours = pieces((e["offset"], e["length"], e["data"], e["layer"], e.get("at")) for e in said("map", "top.qcow2"))
    theirs = pieces((e["start"], e["length"], e["data"], e["depth"], e.get("offset"))
                    for e in json.loads(qemu_img("map", "--output=json", "-f", "qcow2", "top.qcow2")))
    assert ours == theirs, (ours, theirs)
    total = sum(e["length"] for e in said("map", "top.qcow2"))
    assert total == 64 * MIB
    assert "OFFSET" in bonsai("map", "top.qcow2")
    assert all(e["layer"] == 0 for e in said("map", "--top", "top.qcow2") if e["data"])


def test_resize():
    """Disks grow; they shrink only when told twice"""
    for name, (options, peer) in FORMATS.items():
        if "fixed" in name or "stream" in name:
            continue
        bonsai("create", fresh("grow.img"), "24M", *options)
        assert "now" in bonsai("resize", "grow.img", "48M", "-f", options[1])
        assert said("info", "grow.img", "-f", options[1])["size"] >= 48 * MIB, name
        qemu_img("check", "-f", peer, "grow.img", status=(0, 63))
    bonsai("create", fresh("grow.qcow2"), "24M")
    bonsai("resize", "grow.qcow2", "+8M")
    assert said("info", "grow.qcow2")["size"] == 32 * MIB
    assert "--shrink" in bonsai("resize", "grow.qcow2", "16M", status=ERROR)
    bonsai("resize", "grow.qcow2", "16M", "--shrink")
    assert said("info", "grow.qcow2")["size"] == 16 * MIB
    qemu_img("check", "-f", "qcow2", "grow.qcow2")


def test_compact():
    """Space that holds zeroes is given back, and nothing else changes"""
    sample()
    for peer, ours in (("raw", "raw"), ("qcow2", "qcow2"), ("vpc", "vhd"), ("vdi", "vdi"), ("vmdk", "vmdk")):
        qemu_img("convert", "-S", "0", "-f", "raw", "-O", peer, "sample.img", fresh("full.img"))
        if peer == "raw":
            write("full.img", 40 * MIB, bytes(8 * MIB))
        before = space("full.img")
        done = said("compact", "full.img", "-f", ours)
        assert done["after"] < before / 2, (peer, before, done)
        qemu_img("check", "-f", peer, "full.img", status=(0, 63))
        same("sample.img", "full.img", "raw", peer)
    # Zeroes over a backing file's data stay zeroes.
    bonsai("convert", "-F", "raw", "sample.img", fresh("base.qcow2"))
    qemu_img("create", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", fresh("top.qcow2"))
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0 9M 2M", "top.qcow2"], check=True, capture_output=True)
    qemu_img("convert", "-O", "raw", "top.qcow2", fresh("expected.img"))
    bonsai("compact", "top.qcow2")
    assert space("top.qcow2") < MIB and said("info", "top.qcow2")["backing-path"] == "base.qcow2"
    same("expected.img", "top.qcow2", "raw", "qcow2")
    assert not parts()


def chain():
    """old.qcow2 ← top.qcow2, beside new.qcow2; the content of top in expected.img."""
    for name, seed in (("old", 3), ("new", 4)):
        disk("raw.img", 48 * MIB, [(MIB * n, MIB // 2 + 512) for n in range(0, 48, 3)], seed=seed)
        write("raw.img", 6 * MIB, b"common" * 1000)
        qemu_img("convert", "-f", "raw", "-O", "qcow2", "raw.img", fresh(name + ".qcow2"))
    qemu_img("create", "-f", "qcow2", "-b", "old.qcow2", "-F", "qcow2", fresh("top.qcow2"), "64M")
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 9 3M 700k", "-c", "write -z 12M 1M", "-c", "write -P 8 60M 1M",
                    "top.qcow2"], check=True, capture_output=True)
    qemu_img("convert", "-O", "raw", "top.qcow2", fresh("expected.img"))


def test_rebase():
    """Rebasing keeps the content; without a backing file the image stands alone"""
    chain()
    bonsai("rebase", "top.qcow2", "--backing", "new.qcow2", "--backing-format", "qcow2")
    assert said("info", "top.qcow2")["backing-path"] == "new.qcow2"
    qemu_img("check", "-f", "qcow2", "top.qcow2")
    same("expected.img", "top.qcow2", "raw", "qcow2")
    bonsai("rebase", "top.qcow2", "--no-backing")
    info = said("info", "top.qcow2")
    assert info["backing-path"] is None, info
    os.rename("new.qcow2", "away.qcow2")
    qemu_img("check", "-f", "qcow2", "top.qcow2")
    same("expected.img", "top.qcow2", "raw", "qcow2")
    os.rename("away.qcow2", "new.qcow2")
    # From none onto one: what was a hole must not show the backing's data.
    bonsai("rebase", "top.qcow2", "--backing", "old.qcow2", "--backing-format", "qcow2")
    same("expected.img", "top.qcow2", "raw", "qcow2")
    # Only the link.
    chain()
    bonsai("rebase", "top.qcow2", "--unsafe", "--backing", "new.qcow2", "--backing-format", "qcow2")
    qemu_img("compare", "-f", "raw", "-F", "qcow2", "expected.img", "top.qcow2", status=(1,))
    bonsai("rebase", "top.qcow2", "--backing", "missing.qcow2", status=ERROR)
    bonsai("rebase", "top.qcow2", "--backing", "top.qcow2", status=ERROR)
    bonsai("rebase", "top.qcow2", "--backing", "raw.img.unknown", status=ERROR)


def test_commit():
    """Committing moves the content into the backing file and empties the image"""
    chain()
    bonsai("commit", "top.qcow2")
    for name in ("top.qcow2", "old.qcow2"):
        qemu_img("check", "-f", "qcow2", name)
        same("expected.img", name, "raw", "qcow2")
    assert not any(e["data"] for e in said("map", "--top", "top.qcow2"))
    assert said("info", "old.qcow2")["size"] == 64 * MIB
    chain()
    bonsai("commit", "--keep", "top.qcow2")
    same("expected.img", "old.qcow2", "raw", "qcow2")
    assert any(e["data"] for e in said("map", "--top", "top.qcow2"))
    assert "no backing" in bonsai("commit", "old.qcow2", status=ERROR)


def refcounts(path):
    """Where the first refcount block is (QEMU's docs/interop/qcow2, “Host cluster management”)."""
    with open(path, "rb") as file:
        file.seek(48)
        table = struct.unpack(">Q", file.read(8))[0]
        file.seek(table)
        return struct.unpack(">Q", file.read(8))[0]


def test_check():
    """Check tells a clean image from one with leaks from a damaged one, and repairs"""
    qemu_img("convert", "-f", "raw", "-O", "qcow2", sample(), fresh("checked.qcow2"))
    report = said("check", "checked.qcow2")
    assert report["clean"] is True and report["errors"] == report["leaks"] == 0, report
    assert report["total-clusters"] == 1024 and report["allocated-clusters"] > 60, report
    size = os.path.getsize("checked.qcow2")
    os.truncate("checked.qcow2", size + 65536)
    write("checked.qcow2", refcounts("checked.qcow2") + 2 * (size // 65536), b"\0\1")
    qemu_img("check", "-f", "qcow2", "checked.qcow2", status=(3,))
    assert said("check", "checked.qcow2", status=LEAKS)["leaks"] == 1
    assert "leak" in bonsai("check", "checked.qcow2", status=LEAKS)
    bonsai("check", "--repair", "checked.qcow2")
    qemu_img("check", "-f", "qcow2", "checked.qcow2")
    # A cluster in use that nothing counts.
    write("checked.qcow2", refcounts("checked.qcow2") + 2 * 8, b"\0\0")
    report = said("check", "checked.qcow2", status=DAMAGED)
    assert report["errors"] >= 1 and report["findings"], report
    bonsai("check", "--repair", "checked.qcow2")
    qemu_img("check", "-f", "qcow2", "checked.qcow2")
    same("sample.img", "checked.qcow2", "raw", "qcow2")
    bonsai("check", "missing.qcow2", status=ERROR)


def at_terminal(arguments, *answers):
    """Answers what is asked at a terminal; the exit status, and all that was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(BONSAI, [BONSAI, "disk", *arguments])
    shown = b""
    signal.alarm(60)  # ends this test, should nobody be asked
    try:
        for number, answer in enumerate(answers, 1):
            while shown.count(b": ") < number:
                shown += os.read(terminal, 1000)
            os.write(terminal, answer.encode() + b"\n")
        while True:
            shown += os.read(terminal, 1000)
    except OSError:
        pass
    signal.alarm(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def test_secrets():
    """Encrypted images take their passphrase from a file, a descriptor or the terminal, and the peer reads them"""
    sample()
    with open("secret", "w") as file:
        file.write("correct horse\n")
    with open("secret.bare", "w") as file:
        file.write("correct horse")
    peer = ["--object", f"secret,id=s,file={scratch}/secret.bare"]
    options = ["driver=qcow2,encrypt.key-secret=s,file.filename=out.qcow2"]
    bonsai("convert", "-F", "raw", "sample.img", fresh("out.qcow2"), "--target-secret-file", "secret", timeout=120)
    assert said("info", "out.qcow2")["encrypted"] is True
    qemu_img("convert", *peer, "--image-opts", *options, "-O", "raw", fresh("back.img"))
    same("sample.img", "back.img")
    with open("out.qcow2", "rb") as file, open("sample.img", "rb") as plain:
        assert plain.read(4096) not in file.read()
    bonsai("convert", "out.qcow2", fresh("back.img"), "--format", "raw", status=ERROR)
    with open("secret.bare") as file:
        bonsai("convert", "out.qcow2", fresh("back.img"), "--format", "raw", "--secret-fd", str(file.fileno()),
               pass_fds=[file.fileno()])
    same("sample.img", "back.img")
    with open("wrong", "w") as file:
        file.write("battery staple")
    bonsai("compare", "out.qcow2", "sample.img", "--secret-file", "wrong", status=2)
    status, shown = at_terminal(["compare", "out.qcow2", "sample.img", "-F", "raw"], "correct horse")
    assert status == 0 and b"Passphrase" in shown and b"horse" not in shown, (status, shown)
    # Nobody sees a slip in a new one.
    status, shown = at_terminal(["create", "twice.qcow2", "8M", "--encrypt"], "one", "other")
    assert status == ERROR and b"differ" in shown and not os.path.exists("twice.qcow2"), (status, shown)
    status, shown = at_terminal(["create", "twice.qcow2", "8M", "--encrypt"], "one", "one")
    assert status == 0 and said("info", "twice.qcow2")["encrypted"] is True, (status, shown)


def test_progress():
    """Progress is told when asked for, and not otherwise"""
    sample()
    quiet = subprocess.run([BONSAI, "disk", "convert", "-F", "raw", "sample.img", fresh("out.img")], capture_output=True,
                           text=True, timeout=60)
    assert quiet.returncode == 0 and quiet.stderr == "", quiet.stderr
    told = subprocess.run([BONSAI, "disk", "convert", "-F", "raw", "sample.img", fresh("out.img"), "--progress"],
                          capture_output=True, text=True, timeout=60)
    steps = [int(line.split()[0]) for line in told.stderr.splitlines()]
    assert steps and steps == sorted(steps) and all(0 <= step <= 100 for step in steps), told.stderr


def big():
    if not os.path.exists("big.img"):
        disk("big.img", 400 * MIB, [(0, 150 * MIB), (200 * MIB, 100 * MIB)])
    return "big.img"


def start(*arguments):
    return subprocess.Popen([BONSAI, "disk", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def test_interrupt():
    """Ctrl+C ends a conversion cleanly"""
    big()
    for number in (signal.SIGINT, signal.SIGTERM):
        job = start("convert", "-F", "raw", "big.img", fresh("out.qcow2"), "--progress")
        job.stderr.readline()
        job.send_signal(number)
        output = job.communicate(timeout=30)[1]
        assert job.returncode == ERROR and "Interrupted" in output, (job.returncode, output)
        assert not os.path.exists("out.qcow2") and not parts()


def killed(job, image):
    """Kills it at some instant. Whether it was still at work."""
    time.sleep(RANDOM.random() ** 2 * 0.3)
    job.kill()
    job.communicate()
    # The kernel ends what the process had under way (io_uring) a moment after the process, and only then its locks.
    end = time.monotonic() + 10
    while "in use" in subprocess.run([BONSAI, "disk", "map", image], capture_output=True, text=True, timeout=60).stderr:
        assert time.monotonic() < end, "a dead process holds the image"
        time.sleep(0.05)
    return job.returncode == -signal.SIGKILL


def test_killed_convert():
    """A conversion that was killed leaves no half image, and the next one cleans up"""
    big()
    n = 0
    for target in ("out.qcow2", "out.img", "out.vdi") * 4:
        fresh(target)
        n += killed(start("convert", "-F", "raw", "big.img", target), "big.img")
        if os.path.exists(target):
            assert said("compare", "big.img", target, "-f", "raw")["same"]
    assert n > 0, "never in time"
    for target in ("out.qcow2", "out.img", "out.vdi"):
        bonsai("convert", "-F", "raw", "big.img", fresh(target))
        assert said("compare", "big.img", target, "-f", "raw")["same"]
    assert not parts(), parts()


def big_chain():
    bonsai("convert", "-F", "raw", big(), fresh("old.qcow2"), "--no-verify")
    disk("raw.img", 400 * MIB, [(MIB * n, 65536) for n in range(0, 400, 2)])
    bonsai("convert", "-F", "raw", "raw.img", fresh("new.qcow2"), "--no-verify")
    bonsai("create", fresh("top.qcow2"), "--backing", "old.qcow2")
    commands = [item for n in range(120) for item in ("-c", f"write -P {n + 1} {3 * n}M {RANDOM.randrange(1, 1024) * 1024}")]
    subprocess.run(["qemu-io", "-f", "qcow2", *commands, "top.qcow2"], check=True, capture_output=True)
    qemu_img("convert", "-O", "raw", "top.qcow2", fresh("expected.img"))


def test_killed_chain():
    """Commit and rebase that were killed lose nothing, and are finished by the next run"""
    work = {
        "rebase": (["top.qcow2", "--backing", "new.qcow2"],),
        "flatten": (["top.qcow2", "--no-backing"],),
        "commit": (["top.qcow2"],),
        "compact": (["top.qcow2"],),
    }
    n = 0
    for name, (arguments,) in work.items():
        verb = "rebase" if name == "flatten" else name
        big_chain()
        for _ in range(4):
            n += killed(start(verb, *arguments), "top.qcow2")
            assert said("compare", "expected.img", "top.qcow2", "-f", "raw")["same"], name
        bonsai(verb, *arguments)
        # Clusters that nothing refers to are all that a killed process may leave.
        for image in ("top.qcow2", "old.qcow2"):
            qemu_img("check", "-f", "qcow2", image, status=(0, 3))
            bonsai("check", "--repair", image)
            qemu_img("check", "-f", "qcow2", image)
        same("expected.img", "top.qcow2", "raw", "qcow2")
    assert n > 0, "never in time"


def test_machine():
    """A machine's disk is named by the machine"""
    made = json.loads(bonsai("Box", "--memory", "64M", "--disk", "16M", "--json", command="create"))
    info = said("info", "Box:disk0")
    assert info["size"] == 16 * MIB and info["format"] == "qcow2" and info["path"].startswith(made["path"]), info
    bonsai("resize", "Box:disk0", "+16M")
    assert said("info", "Box:disk0")["size"] == 32 * MIB
    assert "disk7" in bonsai("info", "Box:disk7", status=ERROR)
    assert "Nobody" in bonsai("info", "Nobody:disk0", status=ERROR)


def disks_of(name):
    found = json.loads(bonsai(name, "--json", command="show"))["config"]["disks"]
    return {disk["id"]: disk for disk in found}


def test_attach():
    """Disks are put into a machine that doesn't run, with all that can be said of them, and taken out again"""
    made = json.loads(bonsai("Rack", "--memory", "64M", "--json", command="create"))
    bonsai("create", fresh("data.qcow2"), "8M")
    disk("plain.img", MIB, [])
    done = said("attach", "Rack", "data.qcow2,serial=S1,iops=100", "--id", "data")
    assert done == {"id": "data", "bus": "virtio", "path": scratch + "/data.qcow2", "format": "qcow2",
                    "running": False}, done
    assert "SATA" in bonsai("attach", "Rack", "plain.img", "--bus", "sata", "--read-only")
    found = disks_of("Rack")
    assert found["data"]["serial"] == "S1" and found["data"]["limits"]["iops"] == 100, found
    assert found["disk0"]["bus"] == "ahci" and found["disk0"]["format"] == "raw" and found["disk0"]["read-only"], found
    # What lies in the bundle moves with it.
    os.makedirs(made["path"] + "/disks", exist_ok=True)
    bonsai("create", made["path"] + "/disks/own.qcow2", "8M")
    bonsai("attach", "Rack", made["path"] + "/disks/own.qcow2", "--bus", "scsi")
    assert disks_of("Rack")["disk1"]["path"] == "disks/own.qcow2", disks_of("Rack")
    before = disks_of("Rack")
    for arguments, word in (
        (["data.qcow2"], "already"), (["other.img", "--id", "data"], "already"), (["other.img", "--id", "Ä"], "a-z"),
        (["other.img", "--bus", "ide"], "ide"), (["missing.img"], "missing.img"), ([""], "empty"),
        (["other.img", "--format", "qcow2"], "other.img"), (["other.img,serial=" + "x" * 21], "serial"),
    ):
        disk("other.img", MIB, [])
        assert word in bonsai("attach", "Rack", *arguments, status=ERROR), arguments
    for number in range(5):
        disk(f"port{number}.img", MIB, [])
        bonsai("attach", "Rack", f"port{number}.img", "--bus", "sata")
    assert "too many" in bonsai("attach", "Rack", "other.img", "--bus", "sata", status=ERROR)
    for number in range(5):
        bonsai("detach", f"Rack:disk{number + 2}")
    assert disks_of("Rack") == before
    bonsai("detach", "Rack", status=USAGE)
    assert "disk7" in bonsai("detach", "Rack:disk7", status=ERROR)
    assert "Nobody" in bonsai("detach", "Nobody:disk0", status=ERROR)
    assert said("detach", "Rack:data") == {"id": "data", "running": False}
    assert "data" not in disks_of("Rack") and os.path.exists("data.qcow2")
    bonsai("attach", "Rack", "", "--cdrom")
    assert disks_of("Rack")["cd0"]["kind"] == "cdrom"


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    wanted = sys.argv[2:]
    if wanted:
        tests = [test for test in tests if test.__name__.removeprefix("test_") in wanted]
    print(f"TAP version 13\n# seed {SEED}\n1..{len(tests)}")
    failures = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except (AssertionError, subprocess.SubprocessError, OSError, KeyError, ValueError) as failure:
            failures += 1
            print(f"not ok {number} - {test.__doc__}")
            for line in f"{type(failure).__name__}: {failure}".splitlines()[:12]:
                print("#", line, flush=True)
    shutil.rmtree(scratch)
    return 1 if failures else 0


sys.exit(main())
