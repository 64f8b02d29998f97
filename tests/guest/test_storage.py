#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux works with virtio and SATA disks and a CD-ROM drive: data, interrupts, another disc, a full host."""

import hashlib
import json
import re
import subprocess

import tap
from machine import MachineStory
from storage import StorageMachine, enter_namespace

MIB = 1 << 20


class DrivesMachine(StorageMachine):
    """Its drives' content is told by their names."""

    def blank(self, name):
        path = self.scratch / name
        with open(path, "wb") as file:
            file.truncate(64 * MIB)
        return path

    def disc(self, name, blocks):
        path = self.scratch / name
        path.write_bytes(hashlib.shake_256(name.encode()).digest(2048 * blocks))
        return path


def sha256_of_start(path):
    return hashlib.sha256(path.read_bytes()[:2048 * 100]).hexdigest()


class Storage(MachineStory):
    """One virtio disk, one SATA disk, one CD-ROM drive, one disk on a host without room."""

    def set_up(self):
        self.machine = DrivesMachine("storage", "linux", "storage-init", memory=256)
        self.machine.mount_small(MIB)
        self.machine.disks = [
            {"id": "disk0", "kind": "disk", "bus": "virtio", "path": str(self.machine.blank("v.img"))},
            {"id": "disk1", "kind": "disk", "bus": "ahci", "path": str(self.machine.blank("s.img"))},
            {"id": "disk2", "kind": "disk", "bus": "virtio", "path": str(self.machine.blank("small/f.img"))},
            {"id": "cd0", "kind": "cdrom", "bus": "ahci", "path": str(self.machine.disc("first.iso", 1000))},
        ]
        self.machine.start()

    def said(self, pattern, seconds):
        return self.machine.wait_serial(rf"^storage: {pattern}", seconds)

    def complaints(self):
        return re.findall(r"^storage: .*(?:differs|failed|kernel:).*", self.machine.serial.read_text(errors="replace"),
                          re.MULTILINE)

    def test_settings(self):
        """The disks are seen with size, cache and queues."""
        settings = self.said(r"vda (\d+) write back\s+sda (\d+) write back\s+depth (\d+)", 120)
        assert settings.groups() == ("131072", "131072", "32"), settings.groups()
        assert self.said(r"serial (\S+)", 5)[1] == "disk0"

    def test_data(self):
        """What is written comes back, read in many ways."""
        self.said("worked", 240)
        assert not self.complaints(), self.complaints()

    def test_disc(self):
        """The disc reads as its file, interrupts are messages, and the kernel has nothing to complain of."""
        digest = self.said(r"disc (\w+)", 60)[1]
        assert digest == sha256_of_start(self.machine.scratch / "first.iso")
        assert int(self.said(r"interrupts (\d+)", 5)[1]) >= 2
        self.said("looked", 60)
        assert not self.complaints(), self.complaints()

    def insert(self, disc):
        """The guest looks again and again whether there is another disc, and locks the tray while it looks."""
        try:
            self.machine.bonsai("cd", self.machine.name, "insert", disc)
        except AssertionError as error:
            if "locked the tray" in str(error):
                return False
            raise
        return True

    def test_another_disc(self):
        """A disc that is put in while it runs is seen."""
        other = self.machine.disc("second.iso", 500)
        self.machine.wait_until(lambda: self.insert(other), "a moment when the guest doesn't hold the tray locked", 60)
        assert self.said(r"new disc (\w+)", 60)[1] == sha256_of_start(other)

    def test_full_host(self):
        """A write for which the host has no room pauses the machine, and goes on when there is."""
        self.machine.wait_until(lambda: self.machine.state() == "paused", "pause", 120)
        assert "no space" in json.dumps(self.machine.show()), self.machine.show()
        subprocess.run(["mount", "-o", "remount,size=32m", self.machine.small], check=True)
        self.machine.bonsai("resume", self.machine.name)
        self.said("done", 120)
        assert not self.complaints(), self.complaints()
        self.machine.wait_off(60)


if __name__ == "__main__":
    enter_namespace()
    tap.main()
