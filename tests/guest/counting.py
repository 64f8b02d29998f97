# SPDX-License-Identifier: GPL-3.0-or-later
"""What stories of snapshots and clones share: a guest that counts, and says what it has when it is asked."""

import json
import pathlib
import random
import re
import subprocess

from machine import MachineStory
from receiver import Receiver
from storage import StorageMachine

MIB = 1 << 20
SEED = 20
PEER = {"vhd": "vpc"}  # qemu-img's names


class Counting:
    """A BonsaiMachine whose guest counts, in memory and on disks, and has an agent."""

    url = None  # what the guest fetches
    check_script = "/check"

    def wait_counting(self, seconds):
        self.wait_serial(r"^snapshots: counting", seconds)
        self.wait_until(lambda: '"agent-version"' in self.bonsai("guest", "info", "--json", self.name, check=False),
                        "answer of the agent", 60)

    def mark(self, marker, name=None):
        """Puts a word everywhere. @name: of a clone of it."""
        self.bonsai("guest", "exec", name or self.name, "/bin/sh", "/mark", marker)

    def said(self, name=None):
        """What the guest says of itself: its count, its marker, what it fetched."""
        text = self.bonsai("guest", "exec", name or self.name, "/bin/sh", self.check_script, self.url, timeout=120)
        assert "wrong" not in text, text
        return text

    def check(self, name=None):
        return dict(re.findall(r"(\w+)=(\w+)", self.said(name)))

    def take(self, name):
        taken = json.loads(self.bonsai("snapshot", "take", "--json", self.name, name, timeout=120))
        print(f"# {name}: the guest stood for {taken['pause'] / 1e6:.1f} ms", flush=True)
        return taken["id"]

    def go_back(self, identity):
        back = json.loads(self.bonsai("snapshot", "restore", "--json", self.name, identity, timeout=120))
        print(f"# it ran again after {back['time'] / 1e6:.0f} ms", flush=True)

    def has_right_time(self):
        """Whether the guest's clock is less than a second off, as far as an answer that took its time can tell."""
        said = json.loads(self.bonsai("guest", "time", "--json", self.name))
        right = -1 < said["behind"] < 1 + said["took"]
        if not right:
            print(f"# its clock is {said['behind']:.2f} s behind, as an answer after {said['took']:.2f} s says", flush=True)
        return right


class CountingMachine(Counting, StorageMachine):
    """With a file system on a qcow2 disk, an NVMe disk, and a network card; snapshots-init is the guest."""

    def __init__(self, name, url):
        super().__init__(name, "agent", "snapshots-init", memory=256)
        self.url = url
        plain = self.scratch / "plain.raw"
        with open(plain, "wb") as file:
            file.truncate(8 * MIB)
        self.disks = [{"id": "disk0", "bus": "virtio", "path": str(make_file_system(self.scratch / "disk.raw")),
                       "format": "qcow2"},
                      {"id": "disk1", "bus": "nvme", "path": str(plain), "format": "raw"}]

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["networks"] = [{"id": "net0", "network": "nat", "mac": "52:54:00:00:00:07"}]
        path.write_text(json.dumps(description))


def convert(raw, kind):
    """The image, of another format, that takes a raw one's place."""
    image = raw.with_suffix(f".{kind}")
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", PEER.get(kind, kind),
                    *(["-o", "force_size=on"] if kind == "vhd" else []), raw, image], check=True)
    raw.unlink()
    return image


def make_file_system(raw, folder=None):
    """A qcow2 image with one, which holds what is in the folder."""
    with open(raw, "wb") as file:
        file.truncate(32 * MIB)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", *(["-d", folder] if folder else []), raw], check=True)
    return convert(raw, "qcow2")


class SnapshotStory(MachineStory):
    """Goes back and forth between snapshots that were taken under load; is suspended, and goes on."""

    n_nodes, n_returns = 3, 4
    seconds = 120  # until the guest counts

    def make_machine(self):
        """A Counting one. self.receiver is there."""
        raise NotImplementedError

    def set_up(self):
        self.receiver = Receiver(65536)
        self.machine = self.make_machine()
        self.nodes = {}
        self.machine.start()

    def tear_down(self):
        super().tear_down()
        self.receiver.close()

    def agrees(self, marker):
        """All that the guest has is of one instant, and the network works. Returns: its count."""
        found = self.machine.check()
        assert found["marker"] == marker, found
        assert found["digest"] == self.receiver.digest, found
        return int(found["count"])

    def has_right_time(self):
        self.machine.wait_until(self.machine.has_right_time, "right time", 20)

    def test_take(self):
        """Snapshots are taken while it writes."""
        machine = self.machine
        machine.wait_counting(self.seconds)
        for number in range(self.n_nodes):
            name = f"node{number}"
            machine.mark(name)
            before = self.agrees(name)
            self.nodes[name] = (machine.take(name), before)
        self.agrees(name)
        machine.mark("after")

    def test_return(self):
        """Going back in any order, all it has and its clock are as they should be."""
        chance = random.Random(SEED)
        for _ in range(self.n_returns):
            name = chance.choice(list(self.nodes))
            identity, before = self.nodes[name]
            self.machine.go_back(identity)
            count = self.agrees(name)
            assert count >= before, (count, before)
            self.has_right_time()

    def test_suspend(self):
        """Suspended, it is off; started again, it goes on where it was."""
        machine = self.machine
        machine.mark("suspended")
        count = self.agrees("suspended")
        machine.bonsai("suspend", machine.name, timeout=120)
        machine.wait_off()
        assert machine.show()["state"] == "suspended", machine.show()
        machine.start_again()
        assert self.agrees("suspended") >= count
        self.has_right_time()
        assert "the agent ended" not in machine.serial.read_text(errors="replace")

    def test_files(self):
        """The disks of all snapshots hold what they held, and nothing is left over."""
        machine = self.machine
        machine.bonsai("stop", machine.name)
        machine.wait_off()
        bundle = pathlib.Path(machine.show()["path"])
        for name, (identity, _) in self.nodes.items():
            node = json.loads((bundle / "snapshots" / identity / "node.json").read_text())
            for disk in node["disks"]:
                self.check_disk(name, disk["id"], self.read_layer(bundle / disk["layer"], disk["format"]))
        found = json.loads(machine.bonsai("doctor", "--json", machine.name))
        assert not found[0]["findings"], found

    def read_layer(self, layer, kind):
        """As another implementation reads it, raw."""
        raw = self.machine.scratch / "node.raw"
        subprocess.run(["qemu-img", "convert", "-f", PEER.get(kind, kind), "-O", "raw", layer, raw], check=True)
        return raw

    def check_disk(self, marker, name, raw):
        """What a disk held at a snapshot."""
        if name == "disk0":
            checked = subprocess.run(["e2fsck", "-fn", raw], capture_output=True, text=True)
            assert checked.returncode == 0, f"{marker}: {checked.stdout}"
