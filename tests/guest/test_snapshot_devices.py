#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux, on two processors and with every device there is, goes back and forth between snapshots that were taken under
load; is suspended, and goes on."""

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
# By id; disk0, a qcow2 image with a file system, is beside them.
DISKS = {"disk1": ("nvme", "raw"), "disk2": ("scsi", "vhd"), "disk3": ("ahci", "vmdk"), "disk4": ("virtio", "vdi"),
         "disk5": ("scsi", "vhdx")}
DISK_SIZE = 8 * MIB
NAME_PLACE, DATA_PLACE, DATA_SIZE = MIB, 4 * MIB, MIB
# What the kernel says at each boot of such a guest, or because time was set; whatever the hypervisor.
INNOCENT = r"clocksource: Override clocksource|clocksource: Switched to clocksource"


class EverythingMachine(counting.Counting, BonsaiMachine):
    """With everything that vm.json knows, a disk of each format among it."""

    check_script = "/check.sh"

    def __init__(self, name, url, firmware):
        super().__init__(name, memory=512, cpus=2, firmware=firmware)
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

    def disks(self):
        yield {"id": "disk0", "bus": "virtio", "path": str(counting.make_file_system(self.scratch / "disk0.raw")),
               "format": "qcow2"}
        for name, (bus, kind) in DISKS.items():
            path = self.converted(self.content(name), kind)
            yield {"id": name, "bus": bus, "path": str(path), "format": "qcow2" if kind == "vhdx" else kind}
        yield {"id": "cd0", "kind": "cdrom", "path": str(guests.directory("everything") / "cdrom.iso")}
        yield {"id": "cd1", "kind": "cdrom", "bus": "scsi", "path": str(self.content("cd1"))}

    def plug_serial(self):
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description.update({
            "boot": {"order": ["cd0"]},
            "disks": list(self.disks()),
            "networks": [{"id": "net0", "network": "nat", "mac": "52:54:00:00:00:07"},
                         {"id": "net1", "network": "nat", "mac": "52:54:00:00:00:08", "model": "e1000e"}],
            "serial": [{"path": str(self.serial)}, {"kind": "socket"}, {"kind": "pty"}, {"kind": "console"}],
            "display": {"graphics": "virtio", "heads": 2},
            "watchdog": "reset",
            "on-panic": "pause",
            "sound": {"card": "hda"},
            "hpet": True,
            "balloon": True,
            "virtio-input": True,
            "agents": {"qemu-guest-agent": True, "spice-vdagent": True},
        })
        path.write_text(json.dumps(description))

    def sums(self):
        """Of what the guest reads of all disks and discs in the order of their names."""
        return hashlib.sha256(b"".join(self.data[name] for name in ("cd1", *DISKS))).hexdigest()

    def check(self, name=None):
        self.key("f5")
        self.bonsai("mouse", "--", self.name, "position", random.randrange(32768), random.randrange(32768))
        said = self.said()
        complaints = [line for line in of_the_machine(re.findall("^kernel: (.*)", said, re.MULTILINE)).splitlines()
                      if not re.search(INNOCENT, line)]
        assert not complaints, complaints
        found = dict(re.findall(r"(\w+)=(\w+)", said))
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
        for size in (400, self.memory):
            self.bonsai("memory", self.name, f"{size}M")
            self.wait_until(lambda size=size: self.guest_memory() == size * MIB, f"balloon that leaves {size} MiB", 60)

    def guest_memory(self):
        return json.loads(self.bonsai("memory", "--json", self.name))["current"]


class Uefi(counting.SnapshotStory):
    """From a disc, by UEFI."""

    n_nodes, n_returns = 2, 3
    seconds = 240
    firmware = "uefi"

    def make_machine(self):
        return EverythingMachine(f"snapshot-devices-{self.firmware}", self.receiver.url, self.firmware)

    def agrees(self, marker):
        """All that the guest has is of one instant, and its devices work. Returns: its count."""
        found = self.machine.check()
        assert found["marker"] == marker and found["cpus"] == "2", found
        assert found["digest"] == self.receiver.digest and found["sums"] == self.machine.sums(), found
        return int(found["count"])

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
        """A machine that has gone back and forth still hears that its guest panics."""
        machine = self.machine
        machine.bonsai("guest", "exec", machine.name, "/bin/sh", "-c", "echo c > /proc/sysrq-trigger &", check=False)
        machine.wait_until(lambda: machine.state() == "paused", "pause", 60)
        assert machine.show()["reason"] == "guest-panic", machine.show()

    test_files = counting.SnapshotStory.test_files

    def check_disk(self, marker, name, raw):
        if name == "disk0":
            super().check_disk(marker, name, raw)
            return
        with open(raw, "rb") as file:
            content = file.read()
        data = content[DATA_PLACE:DATA_PLACE + DATA_SIZE]
        assert content[4096:8192].rstrip(b"\0") == f"{marker}\n".encode(), f"{marker}: {name}: {content[4096:4128]}"
        assert data == self.machine.data[name], f"{marker}: {name} holds something else"


class Bios(Uefi):
    """From the same disc, by BIOS."""

    n_nodes, n_returns = 3, 5
    firmware = "bios"


if __name__ == "__main__":
    tap.main()
