#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux, on two processors and with every disk and device there is, goes back and forth between snapshots that were taken
under load; is suspended, and goes on. Two machines share what there is, so that each story is short."""

import hashlib
import json
import os
import pathlib
import random
import re
import socket

import counting
import guests
import tap
from complaints import of_the_machine
from console import Console
from machine import BonsaiMachine

MIB = 1 << 20
DISK_SIZE = 8 * MIB
NAME_PLACE, DATA_PLACE, DATA_SIZE = MIB, 4 * MIB, MIB
# What the kernel says at each boot of such a guest, or because time was set; whatever the hypervisor.
INNOCENT = r"clocksource: Override clocksource|clocksource: Switched to clocksource"


class CountingPc(counting.Counting, BonsaiMachine):
    """Boots from a disc. disk0 is a qcow2 image with a file system; the other disks hold their name, and bytes."""

    check_script = "/check.sh"
    others = {}  # disks, by id: bus and format
    expected = ()  # what the guest waits for
    features = {}  # members of vm.json
    ports = []  # and of its "serial", after the first

    def __init__(self, name, url, firmware):
        super().__init__(f"{name}-{firmware}", memory=384, cpus=2, firmware=firmware)
        self.url = url
        self.data = {}

    def content(self, name):
        """Of a disk or disc: its name, and bytes of its own."""
        self.data[name] = os.urandom(DATA_SIZE)
        raw = self.scratch / f"{name}.raw"
        with open(raw, "wb") as file:
            file.truncate(DISK_SIZE)
            file.seek(NAME_PLACE)
            file.write(f"{name}\n".encode())
            file.seek(DATA_PLACE)
            file.write(self.data[name])
        return raw

    def converted(self, raw, kind):
        if kind == "raw":
            return raw
        image = counting.convert(raw, kind)
        if kind != "vhdx":
            return image
        # We write to none of these: what is written lies in a layer on it.
        top = raw.with_suffix(".qcow2")
        self.bonsai("disk", "create", "--backing", image, "--backing-format", kind, top)
        return top

    def file_system(self):
        """Tells the guest what to expect."""
        folder = self.scratch / "disk0"
        folder.mkdir()
        (folder / "expected").write_text("\n".join(self.expected))
        return counting.make_file_system(self.scratch / "disk0.raw", folder)

    def disks(self):
        yield {"id": "disk0", "bus": "virtio", "path": str(self.file_system()), "format": "qcow2"}
        for name, (bus, kind) in self.others.items():
            path = self.converted(self.content(name), kind)
            yield {"id": name, "bus": bus, "path": str(path), "format": "qcow2" if kind == "vhdx" else kind}
        yield {"id": "cd0", "kind": "cdrom", "path": str(guests.directory("everything") / "cdrom.iso")}

    def plug_serial(self):
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description.update({"boot": {"order": ["cd0"]}, "disks": list(self.disks()), "on-panic": "pause",
                            "networks": [{"id": "net0", "network": "nat", "mac": "52:54:00:00:00:07"}],
                            "serial": [{"path": str(self.serial)}, *self.ports], **self.features})
        path.write_text(json.dumps(description))

    def sums(self):
        """Of what the guest reads of all disks and discs in the order of their names."""
        return hashlib.sha256(b"".join(self.data[name] for name in sorted(self.data))).hexdigest()

    def check(self, name=None):
        said = self.said()
        complaints = [line for line in of_the_machine(re.findall("^kernel: (.*)", said, re.MULTILINE)).splitlines()
                      if not re.search(INNOCENT, line)]
        assert not complaints, complaints
        return dict(re.findall(r"(\w+)=(\w+)", said))


class DisksMachine(CountingPc):
    """With a disk of each format, on each bus, and no device that it could do without."""

    others = {"disk1": ("nvme", "raw"), "disk2": ("scsi", "vhd"), "disk3": ("ahci", "vmdk"), "disk4": ("virtio", "vdi"),
              "disk5": ("scsi", "vhdx")}
    expected = ("/dev/vdb", "/dev/nvme0n1", "/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/sr0", "/dev/sr1", "/sys/class/net/eth0")
    features = {"sound": {"card": "none"}, "hpet": False, "balloon": False, "virtio-input": False,
                "agents": {"qemu-guest-agent": True, "spice-vdagent": False}}

    def disks(self):
        yield from super().disks()
        yield {"id": "cd1", "kind": "cdrom", "bus": "scsi", "path": str(self.content("cd1"))}


class DevicesMachine(CountingPc):
    """With every device but disks of all kinds."""

    others = {"disk1": ("nvme", "raw")}
    expected = ("/dev/nvme0n1", "/dev/sr0", "/dev/dsp", "/dev/fb0", "/dev/watchdog0", "/dev/hwrng", "/dev/hvc0",
                "/sys/firmware/acpi/tables/HPET", "/sys/class/net/eth0", "/sys/class/net/eth1")
    features = {
        "networks": [{"id": "net0", "network": "nat", "mac": "52:54:00:00:00:07"},
                     {"id": "net1", "network": "nat", "mac": "52:54:00:00:00:08", "model": "e1000e"}],
        "display": {"graphics": "virtio", "heads": 2},
        "watchdog": "reset",
        "sound": {"card": "hda"},
        "hpet": True,
        "balloon": True,
        "virtio-input": True,
        "agents": {"qemu-guest-agent": True, "spice-vdagent": True},
    }
    ports = [{"kind": "socket"}, {"kind": "pty"}, {"kind": "console"}]

    def check(self, name=None):
        self.key("f5")
        self.bonsai("mouse", "--", self.name, "position", random.randrange(32768), random.randrange(32768))
        found = super().check(name)
        shade = (int(found["shade"]),) * 3
        self.wait_until(lambda: self.picture().getpixel((600, 30)) == shade, f"picture that is {shade}", 10)
        return found

    def ping(self, connection):
        connection.write(b"home\n")
        connection.flush()
        answer = connection.readline().strip()
        assert answer == b"pong home", answer

    def check_ports(self):
        """Both of the serial ports that lead into the host, and the console, answer."""
        bundle = pathlib.Path(self.show()["path"])
        with socket.socket(socket.AF_UNIX) as port:
            port.settimeout(60)
            port.connect(str(bundle / "serial2.sock"))
            self.ping(port.makefile("rwb"))
        with open(bundle / "serial3.pty", "r+b", buffering=0) as port:
            self.ping(port)
        console = Console(self, "--port", "virtio")
        try:
            console.type(b"\n")
            assert console.run("echo $((40 + 2))").strip() == "42"
        finally:
            console.close()

    def check_balloon(self):
        for size in (256, self.memory):
            self.bonsai("memory", self.name, f"{size}M")
            self.wait_until(lambda size=size: self.guest_memory() == size * MIB, f"balloon that leaves {size} MiB", 60)

    def guest_memory(self):
        return json.loads(self.bonsai("memory", "--json", self.name))["current"]


class Everything:
    """What the stories with both machines share."""

    n_nodes, n_returns = 2, 2
    seconds = 240
    kind = None  # of machine
    firmware = "bios"

    def make_machine(self):
        name = f"snapshot-{self.kind.__name__.removesuffix('Machine').lower()}"
        return self.kind(name, self.receiver.url, self.firmware)

    def agrees(self, marker):
        """All that the guest has is of one instant, and its devices work. Returns: its count."""
        found = self.machine.check()
        assert found["marker"] == marker and found["cpus"] == "2", found
        assert found["digest"] == self.receiver.digest and found["sums"] == self.machine.sums(), found
        return int(found["count"])

    def check_disk(self, marker, name, raw):
        if name == "disk0":
            super().check_disk(marker, name, raw)
            return
        with open(raw, "rb") as file:
            content = file.read()
        data = content[DATA_PLACE:DATA_PLACE + DATA_SIZE]
        assert content[4096:8192].rstrip(b"\0") == f"{marker}\n".encode(), f"{marker}: {name}: {content[4096:4128]}"
        assert data == self.machine.data[name], f"{marker}: {name} holds something else"


class BiosDisks(Everything, counting.SnapshotStory):
    """A disk of each format, on each bus; started by the BIOS."""

    kind = DisksMachine
    test_take = counting.SnapshotStory.test_take
    test_return = counting.SnapshotStory.test_return
    test_files = counting.SnapshotStory.test_files


class UefiDisks(BiosDisks):
    """Started by UEFI."""

    firmware = "uefi"


class BiosDevices(Everything, counting.SnapshotStory):
    """Every device; started by the BIOS."""

    kind = DevicesMachine
    test_take = counting.SnapshotStory.test_take
    test_return = counting.SnapshotStory.test_return

    def test_ports(self):
        """Serial ports, console and balloon work then."""
        self.machine.check_ports()
        self.machine.check_balloon()

    def test_suspend(self):
        """Suspended, it is off; started again, it goes on where it was, its ports as well."""
        super().test_suspend()
        self.machine.check_ports()

    def test_panic(self):
        """A machine that has gone back and forth still hears that its guest panics, and so does who waits for the guest."""
        machine = self.machine
        said = machine.complaint("guest", "exec", machine.name, "/bin/sh", "-c", "echo c > /proc/sysrq-trigger; sleep 1000")
        assert "its kernel panicked" in said, said
        machine.wait_until(lambda: machine.state() == "paused", "pause", 60)
        assert machine.show()["reason"] == "guest-panic", machine.show()
        said = machine.complaint("guest", "info", machine.name)
        assert "its kernel panicked" in said, said

    test_files = counting.SnapshotStory.test_files


class UefiDevices(BiosDevices):
    """Started by UEFI."""

    firmware = "uefi"


if __name__ == "__main__":
    tap.main()
