#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux works with virtio and SATA disks and a CD-ROM drive: data, interrupts, another disc, a full host."""

import gzip
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import guests
import tap
from machine import BonsaiMachine, MachineStory

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1 << 20


def enter_namespace():
    """Goes on in a mount namespace, where a disk that can be filled up may be mounted."""
    if "BONSAI_TEST_NAMESPACE" not in os.environ:
        os.environ["BONSAI_TEST_NAMESPACE"] = "1"
        identity = [] if os.geteuid() == 0 else ["--map-root-user"]
        os.execvp("unshare", ["unshare", "--mount", *identity, sys.executable, *sys.argv])


def initramfs(directory):
    """The linux guest's, with storage-init beside its /init."""
    packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=HERE, input=b"storage-init\n",
                            stdout=subprocess.PIPE, check=True).stdout
    path = directory / "initrd"
    path.write_bytes((guests.directory("linux") / "initrd").read_bytes() + gzip.compress(packed))
    return path


class StorageMachine(BonsaiMachine):
    """With more drives than the command line gives."""

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["disks"] = [
            {"id": "disk0", "kind": "disk", "bus": "virtio", "path": str(self.blank("v.img"))},
            {"id": "disk1", "kind": "disk", "bus": "ahci", "path": str(self.blank("s.img"))},
            {"id": "disk2", "kind": "disk", "bus": "virtio", "path": str(self.small / "f.img")},
            {"id": "cd0", "kind": "cdrom", "bus": "ahci", "path": str(self.disc("first.iso", 1000))},
        ]
        path.write_text(json.dumps(description))

    def blank(self, name):
        path = self.scratch / name
        with open(path, "wb") as file:
            file.truncate(64 * MIB)
        return path

    def disc(self, name, blocks):
        path = self.scratch / name
        path.write_bytes(hashlib.shake_256(name.encode()).digest(2048 * blocks))
        return path

    def mount_small(self, size):
        """A host's file system that a disk image grows beyond."""
        self.small = self.scratch / "small"
        self.small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.small], check=True)
        with open(self.small / "f.img", "wb") as file:
            file.truncate(64 * MIB)

    def close(self):
        super().close()
        subprocess.run(["umount", "--lazy", self.small], check=False)


def sha256_of_start(path):
    return hashlib.sha256(path.read_bytes()[:2048 * 100]).hexdigest()


class Storage(MachineStory):
    """One virtio disk, one SATA disk, one CD-ROM drive, one disk on a host without room."""

    def set_up(self):
        linux = guests.directory("linux")
        self.machine = StorageMachine("storage", memory=256, cpus=2, network=False, kernel=linux / "vmlinuz",
                                      append="console=ttyS0 quiet rdinit=/storage-init")
        self.machine.mount_small(MIB)
        self.machine.initrd = initramfs(self.machine.scratch)
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

    def test_another_disc(self):
        """A disc that is put in while it runs is seen."""
        other = self.machine.disc("second.iso", 500)
        self.machine.bonsai("cd", self.machine.name, "insert", other)
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
