#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux works disks of every format on every bus, one whose chain changes meanwhile, and SCSI devices of the host."""

import errno
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess

import guests
import session
import tap
from machine import BUILD, MachineStory
from storage import StorageMachine, enter_namespace

MIB = 1 << 20
FORMATS = ["raw", "qcow2", "vhd", "vmdk", "vdi"]
BUSES = ["virtio", "ahci", "scsi"]
DISK_MIB = 64
SUM_OFFSET = 16 * MIB  # where the guest leaves random bytes for us


class DisksMachine(StorageMachine):
    """Does what the actions name."""

    def __init__(self, name, actions):
        super().__init__(name, "disks", "disks-init", memory=384)
        self.actions = actions
        self.disks = [{"id": "disk15", "bus": "virtio", "path": str(guests.directory("disks") / "tools.img"),
                       "format": "raw", "read-only": True, "serial": "tools"}]

    def start(self):
        n_disks = sum(disk.get("kind") != "cdrom" for disk in self.disks)
        self.append += f" disks={n_disks} actions={','.join(self.actions)}"
        super().start()

    def add_disk(self, identity, bus, kind, serial=None, folder=None, mib=DISK_MIB):
        serial = serial or f"{bus}-{kind}"
        path = (folder or self.scratch) / f"{serial}.{kind}"
        self.bonsai("disk", "create", "--format", kind, path, f"{mib}M")
        self.disks.append({"id": identity, "bus": bus, "path": str(path), "format": kind, "serial": serial})
        return path

    def disc(self, name, size):
        """An ISO 9660 image with a file that says its name."""
        folder = self.scratch / f"{name}-content"
        folder.mkdir()
        (folder / "name.txt").write_text(name)
        (folder / "rest.bin").write_bytes(hashlib.shake_256(name.encode()).digest(size))
        path = self.scratch / f"{name}.iso"
        subprocess.run(["xorriso", "-outdev", path, "-blank", "as_needed", "-map", folder, "/"], check=True,
                       capture_output=True)
        return path


class Disks(MachineStory):
    """Fifteen disks: five formats on three buses; one on a host without room, one disc."""

    def set_up(self):
        self.machine = DisksMachine("disks", ["formats", "fill", "grow", "change"])
        self.images = {}
        for bus in BUSES:
            for number, kind in enumerate(FORMATS):
                self.images[f"{bus}-{kind}"] = self.machine.add_disk(f"{bus}{number}", bus, kind)
        self.machine.mount_small("12m")
        self.machine.add_disk("scsi9", "scsi", "qcow2", serial="small", folder=self.machine.small, mib=32)
        self.machine.disks.append({"id": "cd10", "kind": "cdrom", "bus": "scsi",
                                   "path": str(self.machine.disc("first", 200000))})
        self.machine.start()

    def said(self, pattern, seconds):
        return self.machine.wait_serial(rf"^disks: {pattern}\r?\n", seconds)

    def complaints(self):
        return re.findall(r"^disks: .*(?:differs|failed|kernel:).*", self.machine.serial.read_text(errors="replace"),
                          re.MULTILINE)

    def test_found(self):
        """The guest finds all disks, by their serial numbers."""
        found = self.said(r"found (.*)", 120)[1]
        for name in [*self.images, "tools", "small"]:
            assert f"{name} " in found, found

    def test_verified(self):
        """fio verifies what it wrote, on each format and bus."""
        for name in self.images:
            result = self.said(rf"fio {name} (\w+)", 240)[1]
            assert result == "good", self.machine.serial.read_text(errors="replace")[-2000:]
        self.said("worked", 120)
        assert not self.complaints(), self.complaints()

    def test_full_host(self):
        """A file system is filled where the host has less room: the machine pauses, and goes on when there is."""
        self.machine.wait_until(lambda: self.machine.state() == "paused", "pause", 240)
        assert "no space" in json.dumps(self.machine.show()), self.machine.show()
        subprocess.run(["mount", "-o", "remount,size=100m", self.machine.small], check=True)
        self.machine.bonsai("resume", self.machine.name)
        self.said("filled", 240)
        assert not self.complaints(), self.complaints()

    def test_grow(self):
        """Disks that grow are seen at once on virtio and SCSI, and on SATA when the guest finds it anew."""
        self.said("ready to grow", 60)
        identities = {disk["serial"]: disk["id"] for disk in self.machine.disks if "serial" in disk}
        for name in ("virtio-raw", "virtio-qcow2", "scsi-raw", "scsi-qcow2", "ahci-raw"):
            self.machine.bonsai("disk", "resize", f"{self.machine.name}:{identities[name]}", "96M")
            assert self.said(rf"grown {name} (\d+)", 60)[1] == str(96 * MIB // 512)
        assert not self.complaints(), self.complaints()

    def test_disc(self):
        """A mounted disc is locked in; by force another one comes, and the guest sees it."""
        self.said("mounted first", 60)
        other = self.machine.disc("second", 500000)
        try:
            self.machine.bonsai("cd", self.machine.name, "insert", other)
        except AssertionError as error:
            assert "locked" in str(error), error
        else:
            raise AssertionError("the disc was changed although the guest locked the tray")
        self.machine.bonsai("cd", "--force", self.machine.name, "insert", other)
        self.said("mounted second", 120)

    def test_kernel(self):
        """The guest's kernel has nothing to complain of."""
        self.said("done", 60)
        wrong = [line for line in self.complaints() if "sr0" not in line and "sr 0" not in line]
        assert not wrong, wrong
        self.machine.wait_off(60)

    def test_images(self):
        """The images are clean, for us and for qemu-img, and hold what the guest wrote."""
        digest = self.said(r"sum (\w+)", 5)[1]
        for name, path in self.images.items():
            kind = name.split("-")[1]
            self.machine.bonsai("disk", "check", "--format", kind, path)
            if kind in ("qcow2", "vmdk", "vdi"):
                subprocess.run(["qemu-img", "check", "-q", "-f", kind, path], check=True)
            raw = self.machine.scratch / "raw"
            peer = {"vhd": "vpc"}.get(kind, kind)
            subprocess.run(["qemu-img", "convert", "-f", peer, "-O", "raw", path, raw], check=True)
            with open(raw, "rb") as file:
                file.seek(SUM_OFFSET)
                assert hashlib.sha256(file.read(MIB)).hexdigest() == digest, name


class Chain(MachineStory):
    """A disk of three layers, whose chain is worked on while the guest writes to it."""

    def set_up(self):
        self.machine = DisksMachine("chain", ["under_load"])
        scratch = self.machine.scratch
        self.layers = [scratch / f"{name}.qcow2" for name in ("base", "middle", "top")]
        raw = scratch / "content"
        raw.write_bytes(hashlib.shake_256(b"content").digest(96 * MIB))
        self.content = raw.read_bytes()
        self.machine.bonsai("disk", "convert", "-F", "raw", raw, self.layers[0])
        raw.unlink()
        for below, path in zip(self.layers, self.layers[1:]):
            self.machine.bonsai("disk", "create", "--backing", below, "--backing-format", "qcow2", path)
        with open(scratch / "piece", "wb") as file:
            file.write(self.content[:MIB])
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -s {scratch}/piece 80M 1M", self.layers[1]], check=True,
                       stdout=subprocess.DEVNULL)
        self.content = self.content[:80 * MIB] + self.content[:MIB] + self.content[81 * MIB:]
        self.machine.disks.append({"id": "disk0", "bus": "virtio", "path": str(self.layers[2]), "format": "qcow2",
                                   "serial": "chain"})
        self.machine.start()
        self.disk = f"{self.machine.name}:disk0"

    def said(self, pattern, seconds):
        return self.machine.wait_serial(rf"^disks: {pattern}\r?\n", seconds)

    def chain(self):
        out = subprocess.run(["qemu-img", "info", "-U", "--backing-chain", "--output", "json", self.layers[2]],
                             check=True, capture_output=True).stdout
        return [pathlib.Path(layer["filename"]).name for layer in json.loads(out)]

    def record(self):
        return self.layers[2].with_name(f".{self.layers[2].name}.work")

    def test_merge(self):
        """The middle layer is merged into the base under the guest's writes."""
        self.said("round 1", 120)
        assert self.chain() == ["top.qcow2", "middle.qcow2", "base.qcow2"], self.chain()
        self.machine.bonsai("disk", "commit", "--layer", "1", self.disk, timeout=120)
        assert self.chain() == ["top.qcow2", "base.qcow2"], self.chain()

    def test_killed(self):
        """Killed in the middle of flattening, the machine goes on flattening when it is started again."""
        pid = self.machine.show()["pid"]
        before = self.layers[2].stat().st_blocks
        with subprocess.Popen([BUILD / "app" / "cli" / "bonsai", "disk", "rebase", "--no-backing", self.disk],
                              env=self.machine.environment, stderr=subprocess.PIPE) as rebase:
            # A host may flatten all in less than a second: once the disk grows, no moment is lost.
            while self.layers[2].stat().st_blocks < before + 4 * MIB // 512:
                assert rebase.poll() is None, "flattening ended before the disk grew"
            os.kill(pid, signal.SIGKILL)
            rebase.stderr.read()
        assert rebase.returncode != 0 and self.record().exists()
        self.machine.wait_until(lambda: self.machine.show()["state"] == "crashed", "crash", 30)
        self.machine.bonsai("start", "--headless", self.machine.name)
        self.machine.session = session.Session(self.machine.runtime, self.machine.show()["uuid"])
        self.machine.wait_until(lambda: self.chain() == ["top.qcow2"] and not self.record().exists(), "flat disk", 120)

    def test_grow(self):
        """All the time the guest read what it had written; it ends when its disk grows."""
        self.said(r"round [1-9]", 120)
        self.machine.bonsai("disk", "resize", self.disk, "112M")
        assert self.said(r"grown to (\d+)", 120)[1] == str(112 * MIB // 512)
        self.said("done", 60)
        self.machine.wait_off(60)
        text = self.machine.serial.read_text(errors="replace")
        wrong = re.findall(r"^disks: .*(?:differs|failed|kernel:).*", text, re.MULTILINE)
        assert not wrong, wrong

    def test_image(self):
        """The image has no errors, is clean when the kill's leaks are mended, for qemu-img too, and holds all."""
        top, raw = self.layers[2], self.machine.scratch / "raw"
        found = json.loads(self.machine.bonsai("disk", "check", "--json", top, check=False))
        assert found["errors"] == 0, found
        self.machine.bonsai("disk", "check", "--repair", top)
        self.machine.bonsai("disk", "check", top)
        subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", top], check=True)
        subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", top, raw], check=True)
        data = raw.read_bytes()
        assert len(data) == 112 * MIB and not any(data[96 * MIB:])
        for start, end in ((0, 8 * MIB), (14 * MIB, 40 * MIB), (44 * MIB, 96 * MIB)):
            assert data[start:end] == self.content[start:end], f"differs between {start} and {end}"
        sums = re.findall(r"^disks: sum (\w+)", self.machine.serial.read_text(errors="replace"), re.MULTILINE)
        assert hashlib.sha256(data[40 * MIB:44 * MIB]).hexdigest() == sums[-1]


class HotPlug(MachineStory):
    """Disks that are attached and detached while the guest runs."""

    def set_up(self):
        self.machine = DisksMachine("hot-plug", ["plug"])
        self.machine.add_disk("disk0", "scsi", "qcow2")
        self.images = {}
        for bus in ("scsi", "ahci"):
            self.images[bus] = self.machine.scratch / f"hot-{bus}.qcow2"
            self.machine.bonsai("disk", "create", self.images[bus], f"{DISK_MIB}M")
        self.machine.start()

    def said(self, pattern, seconds):
        return self.machine.wait_serial(rf"^disks: {pattern}\r?\n", seconds)

    def described(self):
        return {disk["id"]: disk for disk in json.loads(self.machine.bonsai("show", "--json", self.machine.name))
                ["config"]["disks"]}

    def come_and_go(self, bus):
        name, image = f"hot-{bus}", self.images[bus]
        self.said(f"ready for {name}", 120)
        self.machine.bonsai("disk", "attach", "--bus", bus, "--id", name, self.machine.name, image)
        assert self.said(rf"came {name} (\d+)", 60)[1] == str(DISK_MIB * MIB // 512)
        assert self.described()[name]["format"] == "qcow2", self.described()
        self.said(f"wrote {name}", 60)
        self.machine.bonsai("disk", "detach", f"{self.machine.name}:{name}")
        self.machine.bonsai("disk", "check", image)
        assert name not in self.described(), self.described()
        self.said(f"gone {name}", 60)
        digest = self.said(r"sum (\w+)", 5)[1]
        raw = self.machine.scratch / "raw"
        subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, raw], check=True)
        assert hashlib.sha256(raw.read_bytes()[MIB:5 * MIB]).hexdigest() == digest

    def tear_out(self, bus):
        name, image = f"hot-{bus}", self.images[bus]
        self.machine.bonsai("disk", "attach", "--bus", bus, "--id", name, self.machine.name, image)
        self.said(f"back {name}", 60)
        before = image.stat().st_mtime_ns
        self.machine.wait_until(lambda: image.stat().st_mtime_ns != before, "writes", 60)
        self.machine.bonsai("disk", "detach", f"{self.machine.name}:{name}")
        self.machine.bonsai("disk", "check", image)
        subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", image], check=True)
        self.said(f"torn {name}", 120)

    def test_scsi(self):
        """A SCSI disk is found, written to, and let go; its image is closed and holds what was written."""
        self.come_and_go("scsi")

    def test_scsi_load(self):
        """Pulled out while the guest writes to it, its image is clean, and the guest lives."""
        self.tear_out("scsi")

    def test_sata(self):
        """The same on SATA."""
        self.come_and_go("ahci")

    def test_sata_load(self):
        """And under load."""
        self.tear_out("ahci")

    def test_end(self):
        """The guest has lost nothing by it."""
        self.said("done", 60)
        self.machine.wait_off(60)
        wrong = re.findall(r"^disks: .*(?:differs|failed).*", self.machine.serial.read_text(errors="replace"),
                           re.MULTILINE)
        assert not [line for line in wrong if "kernel:" not in line], wrong


class PassThrough(MachineStory):
    """The kernel's scsi_debug, as the guest's own."""

    def set_up(self):
        for command in ("sd_mod", "sg", "scsi_debug dev_size_mb=32 delay=0"):
            subprocess.run(["modprobe", *command.split()], check=True)
        self.sg = next(path for path in pathlib.Path("/sys/class/scsi_generic").iterdir()
                       if (path / "device/model").read_text().strip() == "scsi_debug")
        self.machine = DisksMachine("pass-through", ["pass_through"])
        # The kernel looks for its size in the background.
        self.machine.wait_until(lambda: list(self.sg.glob("device/block/*")), "block device", 20)
        self.block = pathlib.Path("/dev", next(self.sg.glob("device/block/*")).name)
        self.machine.disks.append({"id": "disk0", "kind": "scsi-host", "path": f"/dev/{self.sg.name}"})
        self.machine.start()

    def said(self, pattern, seconds):
        return self.machine.wait_serial(rf"^disks: {pattern}\r?\n", seconds)

    def test_identity(self):
        """The guest sees the device itself."""
        assert self.said(r"inquiry (.*)", 120)[1].split() == ["Linux", "scsi_debug"]

    def test_claimed(self):
        """While the guest has it, nobody else can mount it."""
        try:
            os.close(os.open(self.block, os.O_RDONLY | os.O_EXCL))
        except OSError as error:
            assert error.errno == errno.EBUSY, error
        else:
            raise AssertionError(f"{self.block} could be claimed")

    def test_data(self):
        """What SCSI commands wrote is read as a disk, inside and outside."""
        digest = self.said(r"sum (\w+)", 60)[1]
        assert self.said(r"read (\w+)", 60)[1] == digest
        self.said("passed", 120)

    def test_answers(self):
        """Residuals and sense are the device's own."""
        assert self.said(r"residual (.*)", 5)[1].strip() == "Received 96 bytes"
        assert self.said(r"unknown (.*)", 5)[1].split(maxsplit=1)[1:] == ["Invalid command operation code"]
        assert self.said(r"beyond (.*)", 5)[1].split(maxsplit=1)[1:] == ["Logical block address out of range"]

    def test_content(self):
        """What the guest wrote lies on the device."""
        self.said("done", 60)
        self.machine.wait_off(60)
        with open(self.block, "rb") as file:
            first = file.read(4 * MIB)
            file.seek(8 * MIB)
            assert file.read(4 * MIB) == first
        assert hashlib.sha256(first).hexdigest() == self.said(r"sum (\w+)", 5)[1]


if __name__ == "__main__":
    enter_namespace()
    tap.main()
