#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux goes back and forth between snapshots that were taken under load; is suspended, and goes on."""

import json
import pathlib
import random
import re
import subprocess

import tap
from machine import MachineStory
from receiver import Receiver
from storage import StorageMachine

MIB = 1 << 20
SEED = 20


class SnapshotsMachine(StorageMachine):
    """With a file system on a qcow2 disk, an NVMe disk, and a network card."""

    def __init__(self, name, url, **options):
        super().__init__(name, "agent", "snapshots-init", memory=256, **options)
        self.url = url
        raw = self.scratch / "disk.raw"
        with open(raw, "wb") as file:
            file.truncate(32 * MIB)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", raw], check=True)
        disk, plain = self.scratch / "disk.qcow2", self.scratch / "plain.raw"
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk], check=True)
        raw.unlink()
        with open(plain, "wb") as file:
            file.truncate(8 * MIB)
        self.disks = [{"id": "disk0", "bus": "virtio", "path": str(disk), "format": "qcow2"},
                      {"id": "disk1", "bus": "nvme", "path": str(plain), "format": "raw"}]

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["networks"] = [{"id": "net0", "network": "nat", "mac": "52:54:00:00:00:07"}]
        path.write_text(json.dumps(description))

    def mark(self, marker):
        self.bonsai("guest", "exec", self.name, "/bin/sh", "/mark", marker)

    def check(self):
        """What the guest says of itself: its count, its marker, what it fetched."""
        said = self.bonsai("guest", "exec", self.name, "/bin/sh", "/check", self.url)
        assert "wrong" not in said, said
        return dict(re.findall(r"(\w+)=(\w+)", said))

    def take(self, name):
        taken = json.loads(self.bonsai("snapshot", "take", "--json", self.name, name, timeout=120))
        print(f"# {name}: the guest stood for {taken['pause'] / 1e6:.1f} ms", flush=True)
        return taken["id"]

    def has_right_time(self):
        """Whether the guest's clock is less than a second off, as far as an answer that took its time can tell."""
        said = json.loads(self.bonsai("guest", "time", "--json", self.name))
        return -1 < said["behind"] < 1 + said["took"]


class Snapshots(MachineStory):
    """Two processors."""

    n_nodes, n_returns = 3, 4

    def set_up(self):
        self.receiver = Receiver(65536)
        self.machine = SnapshotsMachine("snapshots", self.receiver.url)
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
        self.machine.wait_until(self.machine.has_right_time, "right time", 5)

    def test_take(self):
        """Snapshots are taken while it writes."""
        machine = self.machine
        machine.wait_serial(r"^snapshots: counting", 120)
        machine.wait_until(lambda: '"agent-version"' in machine.bonsai("guest", "info", "--json", machine.name, check=False),
                           "answer of the agent", 60)
        for number in range(self.n_nodes):
            name = f"node{number}"
            machine.mark(name)
            before = self.agrees(name)
            identity = machine.take(name)
            self.nodes[name] = (identity, before, self.agrees(name))
        machine.mark("after")

    def test_return(self):
        """Going back in any order, memory, disks, network and clock are as they should be."""
        chance = random.Random(SEED)
        for _ in range(self.n_returns):
            name = chance.choice(list(self.nodes))
            identity, before, _ = self.nodes[name]
            self.machine.bonsai("snapshot", "restore", self.machine.name, identity)
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
        """The disks of all snapshots have sound file systems, and nothing is left over."""
        machine = self.machine
        machine.bonsai("stop", machine.name)
        machine.wait_off()
        bundle = pathlib.Path(machine.show()["path"])
        for name, (identity, _, _) in self.nodes.items():
            node = json.loads((bundle / "snapshots" / identity / "node.json").read_text())
            disk = next(disk for disk in node["disks"] if disk["id"] == "disk0")
            raw = machine.scratch / "node.raw"
            subprocess.run(["qemu-img", "convert", "-f", disk["format"], "-O", "raw", bundle / disk["layer"], raw], check=True)
            checked = subprocess.run(["e2fsck", "-fn", raw], capture_output=True, text=True)
            assert checked.returncode == 0, f"{name}: {checked.stdout}"
        found = json.loads(machine.bonsai("doctor", "--json", machine.name))
        assert not found[0]["findings"], found


class Marathon(Snapshots):
    """Fifty times, between ten."""

    n_nodes, n_returns = 10, 50


if __name__ == "__main__":
    tap.main()
