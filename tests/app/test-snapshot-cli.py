#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""“bonsai snapshot” and “bonsai doctor” of machines that are off, end to end, with qemu-io as the guest.

Usage: test-snapshot-cli.py BONSAI
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

BONSAI = os.path.abspath(sys.argv[1])
OK, LEFTOVERS, USAGE, BROKEN, ERROR = 0, 1, 2, 3, 4

scratch = tempfile.mkdtemp(prefix="bonsai-snapshot-")
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


def bonsai(*arguments, status=OK, timeout=60):
    """Runs it, checks its exit status, returns what it printed on both."""
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout)
    shown = f"bonsai {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == status, f"expected status {status}: {shown}"
    return done.stdout + done.stderr


def snapshot(*arguments, **options):
    return bonsai("snapshot", *arguments, **options)


def said(*arguments, **options):
    return json.loads(bonsai(*arguments, "--json", **options))


def make(name, *options):
    """A machine with a disk of 64 MiB; its bundle."""
    bonsai("create", name, "--memory", "64M", "--disk", "64M", *options)
    return said("show", name)["path"]


def top(bundle, disk=0):
    with open(bundle + "/vm.json") as file:
        found = json.load(file)["disks"][disk]
    return os.path.join(bundle, found["path"]), found["format"]


def described(bundle):
    with open(bundle + "/vm.json") as file:
        return [(disk["id"], disk["path"]) for disk in json.load(file)["disks"]]


def qemu_io(path, format_name, *commands):
    words = [word for command in commands for word in ("-c", command)]
    done = subprocess.run(["qemu-io", "-f", format_name, *words, path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Pattern verification failed" not in done.stdout, done.stdout + done.stderr


def guest_writes(bundle, number, at="0"):
    qemu_io(*top(bundle), f"write -P {number} {at} 1M")


def guest_reads(bundle, number, at="0"):
    qemu_io(*top(bundle), f"read -P {number} {at} 1M")


def take(machine, name=None):
    words = ["snapshot", "take", machine] + ([name] if name else [])
    return said(*words)["id"]


def names(machine):
    return {node["name"]: node for node in said("snapshot", "list", machine)}


def test_usage():
    """Mistakes in usage end with status 2, help with 0"""
    make("Usage")
    snapshot(status=USAGE)
    snapshot("frobnicate", status=USAGE)
    for verb in ("take", "list", "tree", "show", "diff", "restore", "delete", "rename", "disposable"):
        snapshot(verb, status=USAGE)
        assert "bonsai snapshot" in snapshot(verb, "--help")
        assert f"  {verb} " in snapshot("--help")
    snapshot("rename", "Usage", ".", status=USAGE)
    snapshot("delete", "Usage", ".", "--below", "--before", status=USAGE)
    snapshot("disposable", "Usage", status=USAGE)
    assert "stems from no snapshot" in snapshot("show", "Usage", ".", status=ERROR)
    assert "no machine named" in snapshot("list", "Nobody", status=ERROR)


def test_round_trip():
    """Disks and settings are what they were, on each branch; “.” is where the machine is"""
    bundle = make("Round")
    guest_writes(bundle, 1)
    first = take("Round", "First")
    guest_writes(bundle, 2)
    second = take("Round", "Second")
    guest_writes(bundle, 3)
    snapshot("restore", "Round", "First")
    guest_reads(bundle, 1)
    guest_writes(bundle, 4)
    branch = take("Round", "Branch")
    snapshot("restore", "Round", second[:5])
    guest_reads(bundle, 2)
    snapshot("restore", "Round", branch)
    guest_reads(bundle, 4)
    nodes = names("Round")
    assert [nodes[name]["parent"] for name in ("First", "Second", "Branch")] == [None, first, first]
    assert [name for name in nodes if nodes[name]["current"]] == ["Branch"]
    drawn = snapshot("tree", "Round").splitlines()
    assert [line.split("  [")[0] for line in drawn] == [
        "Round", "└─ First", "   ├─ Second", "   └─ Branch", "      └─ (the machine as it is now)"], drawn
    nested = said("snapshot", "tree", "Round")
    assert [child["name"] for child in nested[0]["children"]] == ["Second", "Branch"]
    shown = said("snapshot", "show", "Round", ".")
    assert shown["name"] == "Branch" and shown["own"] > 0 and shown["disks"][0]["size"] == 64 << 20
    assert "sound" in bonsai("doctor", "--thorough", "Round")


def test_take_first():
    """What was done since is kept before going back, if that is wished"""
    bundle = make("Before")
    guest_writes(bundle, 1)
    take("Before", "Start")
    guest_writes(bundle, 2)
    taken = said("snapshot", "restore", "Before", "Start", "--name", "Kept")["taken"]
    guest_reads(bundle, 1)
    snapshot("restore", "Before", taken)
    guest_reads(bundle, 2)
    assert names("Before")["Kept"]["parent"] == names("Before")["Start"]["id"]


def test_names():
    """Names, notes, and ids of which only the beginning is said; names that mean two snapshots are refused"""
    make("Names")
    one = said("snapshot", "take", "Names", "Same", "--note", "The first")["id"]
    two = take("Names", "Same")
    assert "say which" in snapshot("show", "Names", "Same", status=ERROR)
    snapshot("rename", "Names", two, "Other", "--note", "The second")
    assert said("snapshot", "show", "Names", "Other")["note"] == "The second"
    snapshot("rename", "Names", "Other", "--note", "")
    assert said("snapshot", "show", "Names", two)["note"] is None
    assert said("snapshot", "show", "Names", one)["note"] == "The first"
    assert "control character" in snapshot("rename", "Names", one, "a\nb", status=ERROR)
    assert "Snapshot 3" in [said("snapshot", "show", "Names", take("Names"))["name"]]


def test_delete():
    """Deleting keeps what others need; without snapshots the machine has one image for each disk"""
    bundle = make("Delete")
    for number in range(1, 6):
        guest_writes(bundle, number, at=f"{number}M")
        take("Delete", f"N{number}")
    snapshot("restore", "Delete", "N3")
    take("Delete", "Side")
    assert said("snapshot", "delete", "Delete", "N2")["deleted"] == 1
    assert names("Delete")["N3"]["parent"] == names("Delete")["N1"]["id"]
    snapshot("restore", "Delete", "N5")
    for number in range(1, 6):
        guest_reads(bundle, number, at=f"{number}M")
    assert said("snapshot", "delete", "Delete", "N5", "--before")["deleted"] == 3
    assert sorted(names("Delete")) == ["N5", "Side"]
    for name in ("Side", "N5"):
        snapshot("delete", "Delete", name)
    assert snapshot("list", "Delete").startswith("“Delete” has no snapshots")
    for number in range(1, 6):
        guest_reads(bundle, number, at=f"{number}M")
    assert [f"{bundle}/disks/{name}" for name in os.listdir(bundle + "/disks")] == [top(bundle)[0]]
    assert os.listdir(bundle + "/snapshots") == []
    assert "sound" in bonsai("doctor", "Delete")


def test_delete_below():
    """A whole branch goes at once"""
    make("Below")
    for name in ("A", "B", "C"):
        take("Below", name)
    assert said("snapshot", "delete", "Below", "B", "--below")["deleted"] == 2
    assert [node["name"] for node in said("snapshot", "list", "Below")] == ["A"]
    assert names("Below")["A"]["current"]


def test_diff():
    """What was written since, where, and which settings differ"""
    bundle = make("Diff")
    take("Diff", "Old")
    assert snapshot("diff", "Diff", "Old") == "There is no difference.\n"
    guest_writes(bundle, 7, at="8M")
    with open(bundle + "/vm.json") as file:
        settings = json.load(file)
    settings["cpus"] = 2
    with open(bundle + "/vm.json", "w") as file:
        json.dump(settings, file)
    take("Diff", "New")
    found = said("snapshot", "diff", "Diff", "Old", "New")
    assert found["settings"] == [{"member": "cpus", "from": 1, "to": 2}], found
    assert found["disks"] == [{"id": "disk0", "in-from": True, "in-to": True, "changed": 1 << 20,
                               "extents": [{"offset": 8 << 20, "length": 1 << 20}]}], found
    assert snapshot("diff", "Diff", "Old", "New").splitlines()[0] == "cpus: 1 → 2"


def test_kinds():
    """Raw disks can carry layers; read-only ones and discs stay"""
    subprocess.run(["qemu-img", "create", "-q", "-f", "raw", "other.img", "16M"], check=True)
    bundle = make("Kinds", "--cdrom", f"{scratch}/other.img")
    subprocess.run(["qemu-img", "create", "-q", "-f", "raw", bundle + "/disks/more.img", "16M"], check=True)
    bonsai("disk", "attach", "Kinds", bundle + "/disks/more.img")
    bonsai("disk", "attach", "Kinds", f"{scratch}/other.img", "--read-only", "--id", "fixed")
    index = described(bundle).index(("disk1", "disks/more.img"))
    qemu_io(*top(bundle, index), "write -P 1 0 4M")
    node = said("snapshot", "show", "Kinds", take("Kinds", "All"))
    assert [disk["id"] for disk in node["disks"]] == ["disk0", "disk1"], node
    assert node["disks"][1]["format"] == "raw"
    assert {("cd0", f"{scratch}/other.img"), ("fixed", f"{scratch}/other.img")} < set(described(bundle))
    snapshot("delete", "Kinds", "All")
    assert ("disk1", "disks/more.img") in described(bundle)


def qemu_io_encrypted(path, passphrase, n_layers, *commands):
    """QEMU opens the chain of encrypted layers with one passphrase for all; whether it could."""
    with open("qemu-secret", "w") as file:
        file.write(passphrase)
    options = ",".join(["driver=qcow2", f"file.filename={path}"]
                       + ["backing." * n + "encrypt.key-secret=s" for n in range(n_layers)])
    words = [word for command in commands for word in ("-c", command)]
    done = subprocess.run(["qemu-io", "--object", "secret,id=s,file=qemu-secret", *words, "--image-opts", options],
                          capture_output=True, text=True, timeout=60)
    assert "Pattern verification failed" not in done.stdout, done.stdout
    return done.returncode == 0


def change_passphrase(bundle, verb, old, new=None):
    for name, content in ("old-secret", old), ("new-secret", new or ""):
        with open(name, "w") as file:
            file.write(content)
    words = ["--new-secret-file", "new-secret"] if new else []
    bonsai("disk", "passphrase", verb, top(bundle)[0], "--secret-file", "old-secret", *words)


def test_encrypted():
    """Layers of encrypted disks are encrypted, with one key for all; their passphrases change together"""
    with open("first-secret", "w") as file:
        file.write("first")
    bonsai("disk", "create", "--secret-file", "first-secret", "vault.qcow2", "16M")
    bonsai("create", "Vault", "--memory", "64M", "--existing-disk", f"{scratch}/vault.qcow2")
    bundle = said("show", "Vault")["path"]
    assert qemu_io_encrypted(top(bundle)[0], "first", 1, "write -P 1 0 1M")
    take("Vault", "One")
    assert qemu_io_encrypted(top(bundle)[0], "first", 2, "read -P 1 0 1M", "write -P 2 0 512k", "write -P 0xab 4M 1M")
    take("Vault", "Two")
    assert qemu_io_encrypted(top(bundle)[0], "first", 3, "read -P 2 0 512k", "read -P 1 512k 512k", "write -P 3 0 4k")
    for layer in os.listdir(bundle + "/disks"):
        with open(f"{bundle}/disks/{layer}", "rb") as file:
            assert b"\xab" * 4096 not in file.read(), f"{layer} shows what the guest wrote"

    change_passphrase(bundle, "change", "first", "second")
    snapshot("restore", "Vault", "One")
    assert not qemu_io_encrypted(top(bundle)[0], "first", 2, "read 0 1M")
    assert qemu_io_encrypted(top(bundle)[0], "second", 2, "read -P 1 0 1M", "write -P 4 0 4k")
    snapshot("restore", "Vault", "Two")
    assert qemu_io_encrypted(top(bundle)[0], "second", 3, "read -P 2 0 512k", "read -P 0xab 4M 1M")
    change_passphrase(bundle, "add", "second", "third")
    snapshot("restore", "Vault", "Two")
    assert qemu_io_encrypted(top(bundle)[0], "third", 3, "read -P 2 0 512k")
    change_passphrase(bundle, "remove", "second")
    assert not qemu_io_encrypted(top(bundle)[0], "second", 3, "read 0 4k")

    snapshot("delete", "Vault", "One")
    snapshot("delete", "Vault", "Two")
    assert qemu_io_encrypted(top(bundle)[0], "third", 3, "read -P 2 0 512k", "read -P 1 512k 512k", "read -P 0xab 4M 1M")
    for words in (["clone", "Vault", "Copy"], ["clone", "--linked", "Vault", "Link"]):
        assert "encrypted" in bonsai(*words, status=ERROR)
    bonsai("doctor", "Vault")


def test_guards():
    """Layers that a snapshot needs are kept from the commands that would change them"""
    bundle = make("Guard")
    base, format_name = top(bundle)
    guest_writes(bundle, 1)
    take("Guard", "Kept")
    guest_writes(bundle, 2)
    for words in (["commit", "Guard:disk0"], ["compact", base], ["resize", base, "128M"], ["rebase", "--no-backing", base],
                  ["convert", "--replace", "other.img", base]):
        said_so = bonsai("disk", *words, status=ERROR)
        assert "“Kept” of “Guard” needs it" in said_so, said_so
    assert "needs it" in bonsai("disk", "attach", "Guard", base, status=ERROR)
    bonsai("disk", "resize", "Guard:disk0", "128M")
    bonsai("disk", "rebase", "--no-backing", "Guard:disk0")
    guest_reads(bundle, 2)
    snapshot("restore", "Guard", "Kept")
    guest_reads(bundle, 1)
    assert format_name == "qcow2"


def test_detached():
    """A disk that was detached keeps what it holds, whatever becomes of the snapshots"""
    bundle = make("Detach")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", bundle + "/disks/more.qcow2", "16M"], check=True)
    bonsai("disk", "attach", "Detach", bundle + "/disks/more.qcow2")
    qemu_io(*top(bundle, 1), "write -P 5 0 1M")
    take("Detach", "Both")
    qemu_io(*top(bundle, 1), "write -P 6 1M 1M")
    path, format_name = top(bundle, 1)
    bonsai("disk", "detach", "Detach:disk1")
    snapshot("delete", "Detach", "Both")
    qemu_io(path, format_name, "read -P 5 0 1M", "read -P 6 1M 1M")
    assert "of no disk" in bonsai("doctor", "Detach")


def test_disposable():
    """The snapshot to which a machine goes back at each power-off can't be deleted"""
    bundle = make("Disposable")
    take("Disposable", "Clean")
    snapshot("disposable", "Disposable", "Clean")
    assert names("Disposable")["Clean"]["disposable"]
    assert "at each power-off" in snapshot("delete", "Disposable", "Clean", status=ERROR)
    snapshot("disposable", "Disposable", "--off")
    snapshot("delete", "Disposable", "Clean")
    with open(bundle + "/vm.json") as file:
        assert "disposable" not in json.load(file)


def test_broken():
    """A damaged node is named, and the rest is usable"""
    bundle = make("Broken")
    guest_writes(bundle, 1)
    take("Broken", "Good")
    bad = take("Broken", "Bad")
    with open(f"{bundle}/snapshots/{bad}/node.json", "r+") as file:
        file.write("{ what")
    assert f"{bad}  broken" in snapshot("list", "Broken")
    assert f"{bad}: broken" in snapshot("tree", "Broken")
    assert bad in bonsai("doctor", "Broken", status=BROKEN)
    snapshot("restore", "Broken", "Good")
    guest_reads(bundle, 1)
    assert "is broken" in snapshot("restore", "Broken", bad, status=ERROR)
    snapshot("delete", "Broken", bad)
    assert bonsai("doctor", "Broken", "--repair").count("unused") <= 1
    changed = f"{bundle}/snapshots/{names('Broken')['Good']['id']}/machine.json"
    with open(changed) as file:
        text = file.read()
    with open(changed, "w") as file:
        file.write(text.replace('"cpus" : 1', '"cpus" : 2'))
    assert "sound" not in bonsai("doctor", "Broken", "--thorough", status=BROKEN)


def test_doctor():
    """Left-overs are found, and removed when that is wished"""
    bundle = make("Doctor")
    take("Doctor", "One")
    os.mkdir(f"{bundle}/snapshots/.aaaaaaaaaa.new")
    with open(f"{bundle}/snapshots/.aaaaaaaaaa.new/memory", "wb") as file:
        file.write(bytes(1 << 20))
    with open(f"{bundle}/snapshots/pending.json", "w") as file:
        json.dump({"files": ["disks/disk0-aaaaaaaaaa.qcow2", top(bundle)[0].removeprefix(bundle + "/")]}, file)
    shutil.copy(top(bundle)[0], f"{bundle}/disks/disk0-aaaaaaaaaa.qcow2")
    found = said("doctor", "Doctor", status=LEFTOVERS)[0]["findings"]
    assert sorted(finding["path"] for finding in found) == [
        "disks/disk0-aaaaaaaaaa.qcow2", "snapshots/.aaaaaaaaaa.new"], found
    assert max(finding["bytes"] for finding in found) >= 1 << 20
    assert all(finding["repaired"] for finding in said("doctor", "Doctor", "--repair")[0]["findings"])
    assert "sound" in bonsai("doctor", "Doctor")
    assert os.path.exists(top(bundle)[0])

    unfinished = os.path.join(os.path.dirname(bundle), ".new-abc123")
    os.makedirs(unfinished + "/disks")
    assert "The library: leftover: .new-abc123" in bonsai("doctor", status=BROKEN)  # the machine of another test
    assert "put right" in bonsai("doctor", "--repair", status=BROKEN)
    assert not os.path.exists(unfinished)


def test_linked_clone():
    """A linked clone is there at once, goes its own way, and keeps what it needs of the other machine"""
    bundle = make("Origin")
    guest_writes(bundle, 1)
    base = take("Origin", "Base")
    guest_writes(bundle, 2)
    clone = said("clone", "Origin", "Kid", "--linked", "--snapshot", "Base")["path"]
    guest_reads(clone, 1)
    guest_writes(clone, 3)
    snapshot("restore", "Origin", base)
    guest_reads(bundle, 1)
    guest_reads(clone, 3)
    with open(bundle + "/vm.json") as one, open(clone + "/vm.json") as two:
        one, two = json.load(one), json.load(two)
    assert one["uuid"] != two["uuid"] and one["networks"][0]["mac"] != two["networks"][0]["mac"]
    assert two["clone-of"] == one["uuid"] and two["clone-snapshot"] == base
    assert "is a linked clone that needs" in snapshot("delete", "Origin", base, status=ERROR)
    assert "linked clone “Kid”" in bonsai("delete", "Origin", status=ERROR)
    assert "needs it" in bonsai("disk", "commit", "Kid:disk0", status=ERROR)
    take("Kid", "Own")
    snapshot("delete", "Kid", "Own")
    assert "sound" in bonsai("doctor", "Origin") and "sound" in bonsai("doctor", "Kid")
    bonsai("disk", "rebase", "--no-backing", "Kid:disk0")
    assert "is independent of the snapshot now" in bonsai("doctor", "--repair", "Origin")
    snapshot("delete", "Origin", base)
    guest_reads(clone, 3)
    second = said("clone", "Origin", "Second", "--linked")
    bonsai("delete", "Second")
    assert "is a linked clone" in snapshot("delete", "Origin", second["snapshot"], status=ERROR)
    bonsai("purge", "Second")
    snapshot("delete", "Origin", second["snapshot"])


def test_layers_of_clones():
    """What a linked clone lies on keeps its name, whatever is deleted around it"""
    bundle = make("Ground")
    qemu_io(*top(bundle), "write -P 1 0 32M")
    take("Ground", "First")
    guest_writes(bundle, 2, "40M")
    take("Ground", "Second")
    clone = said("clone", "Ground", "Storey", "--linked", "--snapshot", "Second")["path"]
    guest_writes(bundle, 3)
    take("Ground", "Third")
    for name in ("First", "Third"):
        snapshot("delete", "Ground", name)
        guest_reads(clone, 1)
        guest_reads(clone, 2, "40M")
        guest_reads(bundle, 3)
    bonsai("doctor", "--repair", "Ground")
    assert "sound" in bonsai("doctor", "Storey", "--thorough") and "sound" in bonsai("doctor", "Ground")
    bonsai("delete", "Storey")
    bonsai("purge", "Storey")
    snapshot("delete", "Ground", "Second")
    assert len(os.listdir(bundle + "/disks")) == 1
    guest_reads(bundle, 3)
    guest_reads(bundle, 2, "40M")


def test_full_clone():
    """A full clone has a copy of all, of the machine as it is or of a snapshot"""
    bundle = make("Whole")
    guest_writes(bundle, 1)
    take("Whole", "Then")
    guest_writes(bundle, 2)
    guest_reads(said("clone", "Whole", "Now")["path"], 2)
    copy = said("clone", "Whole", "Past", "--snapshot", "Then")["path"]
    guest_reads(copy, 1)
    bonsai("delete", "Whole")
    bonsai("purge", "Whole")
    guest_reads(copy, 1)


def versions(template):
    shown = said("template", "show", template)
    return shown["state"], [(version["version"], version["name"], sorted(each["name"] for each in version["machines"]))
                            for version in shown["versions"]]


def test_template():
    """A template has versions, and can't be started or changed; machines of it know theirs"""
    bundle = make("Gold")
    assert "is no template" in bonsai("template", "show", "Gold", status=ERROR)
    assert "is no template" in bonsai("template", "clone", "Gold", "None", status=ERROR)
    bonsai("template", status=USAGE)
    bonsai("template", "frobnicate", status=USAGE)
    for verb in ("make", "list", "show", "new-version", "clone", "move", "undo"):
        assert "bonsai template" in bonsai("template", verb, "--help")
        assert f"  {verb} " in bonsai("template", "--help")
    guest_writes(bundle, 1)
    first = said("template", "make", "Gold", "Image 1")
    assert first["version"] == 1
    bonsai("disk", "create", "more.img", "1M")
    for words in (["start", "--headless", "Gold"], ["template", "make", "Gold"], ["snapshot", "take", "Gold"],
                  ["snapshot", "restore", "Gold", "Image 1"], ["snapshot", "disposable", "Gold", "Image 1"],
                  ["disk", "resize", "Gold:disk0", "128M"], ["disk", "attach", "Gold", "more.img"],
                  ["disk", "detach", "Gold:disk0"]):
        refusal = bonsai(*words, status=ERROR)
        assert "is a template: make a machine of it (bonsai template clone)" in refusal, (words, refusal)
    assert "is version 1 of a template" in snapshot("delete", "Gold", "Image 1", status=ERROR)
    one = said("template", "clone", "Gold", "One")
    assert one["version"] == 1 and one["snapshot"] == first["snapshot"]
    guest_reads(one["path"], 1)
    with open(one["path"] + "/vm.json") as file:
        assert "template" not in json.load(file)
    bonsai("clone", "--linked", "Gold", "Two")
    assert versions("Gold") == ("sealed", [(1, "Image 1", ["One", "Two"])])

    bonsai("template", "new-version", "Gold")
    guest_reads(bundle, 1)
    guest_writes(bundle, 2)
    assert said("template", "make", "Gold")["version"] == 2
    three = said("template", "clone", "Gold", "Three")["path"]
    guest_reads(three, 2)
    guest_reads(said("template", "clone", "Gold", "Old", "--version", "1")["path"], 1)
    guest_reads(said("template", "clone", "Gold", "Whole", "--full")["path"], 2)
    assert "has no version 3" in bonsai("template", "clone", "Gold", "No", "--version", "3", status=ERROR)
    assert "is no version" in bonsai("template", "clone", "Gold", "No", "--version", "x", status=ERROR)
    assert versions("Gold") == ("sealed", [(1, "Image 1", ["Old", "One", "Two"]), (2, "Version 2", ["Three"])])
    assert said("template", "list") == [{"name": "Gold", "state": "sealed", "version": 2, "machines": 4}]
    assert "Three" in bonsai("template", "show", "Gold") and "Gold" in bonsai("template", "list")
    assert "sound" in bonsai("doctor", "Gold", "--thorough")
    bonsai("template", "undo", "Gold")
    assert "is a linked clone that needs" in snapshot("delete", "Gold", "Image 1", status=ERROR)
    assert said("template", "list") == []
    assert said("template", "make", "Gold")["version"] == 3


def test_template_move():
    """Stateless machines get the next version of their template, and keep who they are"""
    bundle = make("Mould")
    guest_writes(bundle, 1)
    first = said("template", "make", "Mould")["snapshot"]
    cast = said("template", "clone", "Mould", "Cast")["path"]
    guest_writes(cast, 7, "2M")
    take("Cast", "Clean")
    guest_writes(cast, 8, "2M")
    bonsai("template", "new-version", "Mould")
    guest_writes(bundle, 2)
    assert said("template", "make", "Mould")["version"] == 2
    with open(cast + "/vm.json") as file:
        before = json.load(file)
    assert "isn't disposable" in bonsai("template", "move", "Cast", status=ERROR)
    assert "has snapshots of its own" in bonsai("template", "move", "Cast", "--discard", status=ERROR)
    snapshot("disposable", "Cast", "Clean")
    assert said("template", "move", "Cast") == {"name": "Cast", "version": 2}
    with open(cast + "/vm.json") as file:
        after = json.load(file)
    for member in ("uuid", "name", "clone-of"):
        assert after[member] == before[member]
    assert after["networks"][0]["mac"] == before["networks"][0]["mac"]
    assert [node["name"] for node in said("snapshot", "list", "Cast")] == ["Clean"]
    assert names("Cast")["Clean"]["disposable"]
    guest_reads(cast, 2)
    guest_reads(cast, 0, "2M")
    guest_writes(cast, 9)
    snapshot("restore", "Cast", "Clean")
    guest_reads(cast, 2)
    assert [machines for *_, machines in versions("Mould")[1]] == [[], ["Cast"]]
    assert "sound" in bonsai("doctor", "Cast", "--thorough") and "sound" in bonsai("doctor", "Mould")
    assert len([name for name in os.listdir(cast + "/disks") if not name.startswith(".")]) == 2

    with open(bundle + "/clones.json") as file:
        clones = json.load(file)
    clones["clones"].append(dict(clones["clones"][0], node=first))
    with open(bundle + "/clones.json", "w") as file:
        json.dump(clones, file)
    assert "is independent of the snapshot" in bonsai("doctor", "Mould", status=LEFTOVERS)
    assert "put right" in bonsai("doctor", "--repair", "Mould")
    assert "sound" in bonsai("doctor", "Mould")

    assert said("template", "move", "Cast", "--version", "1")["version"] == 1
    guest_reads(cast, 1)

    # As if it had been interrupted before there was what it goes back to.
    clean = names("Cast")["Clean"]["id"]
    with open(cast + "/vm.json") as file:
        config = json.load(file)
    config["clone-snapshot"] = after["clone-snapshot"]
    with open(cast + "/vm.json", "w") as file:
        json.dump(config, file)
    assert "moving the machine was interrupted" in bonsai("doctor", "Cast", status=LEFTOVERS)
    assert "put right" in bonsai("doctor", "--repair", "Cast")
    assert names("Cast")["Clean"]["disposable"] and names("Cast")["Clean"]["id"] != clean
    assert "sound" in bonsai("doctor", "Cast")
    guest_reads(cast, 1)

    bonsai("template", "undo", "Mould")
    assert "is a linked clone" in snapshot("delete", "Mould", first, status=ERROR)
    snapshot("delete", "Mould", "Version 2")
    assert "is no template" in bonsai("template", "move", "Cast", status=ERROR)
    make("Loner")
    assert "was not made of a template" in bonsai("template", "move", "Loner", status=ERROR)


def test_schedule():
    """Snapshots by the clock are switched on, changed and off; one that gets a name is its owner's"""
    bundle = make("Clock")
    assert "No snapshots" in snapshot("schedule", "Clock")
    assert said("snapshot", "schedule", "Clock") == {"every": None, "last": None, "due": None}
    shown = snapshot("schedule", "Clock", "--keep", "last=2,daily=7")
    assert "1h" in shown and "last=2,daily=7" in shown and "when it runs" in shown
    shown = said("snapshot", "schedule", "Clock", "--every", "2d")
    assert (shown["every"], shown["keep"]["last"], shown["keep"]["hourly"]) == ("2d", 2, 0)
    assert "15m" in snapshot("schedule", "Clock", "--every", "often", status=ERROR)
    assert "hourly=24" in snapshot("schedule", "Clock", "--keep", "some", status=ERROR)
    snapshot("schedule", "Clock", "--off", "--every", "1h", status=USAGE)

    node = take("Clock", "A")
    path = f"{bundle}/snapshots/{node}/node.json"
    with open(path) as file:
        content = json.load(file)
    content["scheduled"] = True
    with open(path, "w") as file:
        json.dump(content, file)
    shown = said("snapshot", "schedule", "Clock")
    assert shown["last"][:19] == content["created"][:19], shown
    # Going back doesn't bring back what it was then.
    snapshot("schedule", "Clock", "--every", "3h")
    snapshot("restore", "Clock", "A")
    assert said("snapshot", "schedule", "Clock")["every"] == "3h"
    snapshot("rename", "Clock", "A", "Mine")
    assert not said("snapshot", "show", "Clock", "Mine")["scheduled"]
    snapshot("schedule", "Clock", "--off")
    assert "No snapshots" in snapshot("schedule", "Clock")
    with open(bundle + "/vm.json") as file:
        assert "schedule" not in json.load(file)


def test_interrupted():
    """Ctrl+C while layers are merged loses nothing"""
    bundle = make("Interrupt")
    qemu_io(*top(bundle), "write -P 1 0 60M")
    take("Interrupt", "A")
    qemu_io(*top(bundle), "write -P 2 30M 30M")
    process = subprocess.Popen([BONSAI, "snapshot", "delete", "Interrupt", "A"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    qemu_io(*top(bundle), "read -P 1 0 30M", "read -P 2 30M 30M")
    bonsai("doctor", "--repair", "Interrupt")
    qemu_io(*top(bundle), "read -P 1 0 30M", "read -P 2 30M 30M")
    assert "sound" in bonsai("doctor", "Interrupt")


def test_many():
    """A tree of 500 nodes, 50 deep, opens and draws in under a second"""
    bundle = make("Many")
    chain = [take("Many", f"Deep {n}") for n in range(50)]
    for n in range(450):
        parent = chain[n % 50]
        with open(f"{bundle}/snapshots/{parent}/node.json") as file:
            node = json.load(file)
        node["id"] = "b" * 7 + "".join("abcdefghij"[int(digit)] for digit in f"{n:03}")
        node["parent"], node["name"] = parent, f"Side {n}"
        os.mkdir(f"{bundle}/snapshots/{node['id']}")
        with open(f"{bundle}/snapshots/{node['id']}/node.json", "w") as file:
            json.dump(node, file)
    begun = time.monotonic()
    drawn = snapshot("tree", "Many").splitlines()
    took = time.monotonic() - begun
    print(f"# drawn in {took:.3f} s", flush=True)
    assert len(drawn) == 502
    assert took < 10, "far beyond a second, even on a slow computer"


def main():
    tests = [(name, function) for name, function in globals().items() if name.startswith("test_")]
    wanted = sys.argv[2:]
    tests = [(name, function) for name, function in tests if not wanted or name in wanted]
    print(f"1..{len(tests)}", flush=True)
    failed = False
    for number, (name, function) in enumerate(tests, 1):
        try:
            function()
            print(f"ok {number} {function.__doc__}", flush=True)
        except Exception as error:
            failed = True
            print(f"not ok {number} {function.__doc__}", flush=True)
            where = traceback.extract_tb(error.__traceback__)[1]
            said_so = f"{type(error).__name__} in line {where.lineno}, {where.line}: {error}"
            print("\n".join("# " + line for line in said_so.splitlines()), flush=True)
    os.chdir("/")
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
