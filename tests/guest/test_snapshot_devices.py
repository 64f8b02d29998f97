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
import subprocess

import guests
import tap
from complaints import of_the_machine
from console import Console
from machine import BonsaiMachine, MachineStory
from receiver import Receiver

MIB = 1 << 20
SEED = 20
# By id; disk0, a qcow2 image with a file system, is beside them.
DISKS = {"disk1": ("nvme", "raw"), "disk2": ("scsi", "vhd"), "disk3": ("ahci", "vmdk"), "disk4": ("virtio", "vdi"),
         "disk5": ("scsi", "vhdx")}
PEER = {"vhd": "vpc"}  # qemu-img's names
DISK_SIZE = 8 * MIB
NAME_PLACE, DATA_PLACE, DATA_SIZE = MIB, 4 * MIB, MIB
# What the kernel says at each boot of such a guest, or because time was set; whatever the hypervisor.
INNOCENT = r"clocksource: Override clocksource|clocksource: Switched to clocksource"


class SnapshotsMachine(BonsaiMachine):
    """With everything that vm.json knows, a disk of each format among it."""

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
        image = raw.with_suffix(f".{kind}")
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", PEER.get(kind, kind),
                        *(["-o", "force_size=on"] if kind == "vhd" else []), raw, image], check=True)
        raw.unlink()
        if kind != "vhdx":
            return image
        # We write to none of these: what is written lies in a layer on it.
        top = raw.with_suffix(".qcow2")
        self.bonsai("disk", "create", "--backing", image, "--backing-format", kind, top)
        return top

    def disks(self):
        raw = self.scratch / "disk0.raw"
        with open(raw, "wb") as file:
            file.truncate(32 * MIB)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", raw], check=True)
        yield {"id": "disk0", "bus": "virtio", "path": str(self.converted(raw, "qcow2")), "format": "qcow2"}
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

    def mark(self, marker):
        self.bonsai("guest", "exec", self.name, "/bin/sh", "/mark", marker)

    def check(self):
        """What the guest says of itself: its count, its marker, what it fetched."""
        self.key("f5")
        self.bonsai("mouse", "--", self.name, "position", random.randrange(32768), random.randrange(32768))
        said = self.bonsai("guest", "exec", self.name, "/bin/sh", "/check.sh", self.url, timeout=120)
        assert "wrong" not in said, said
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
            port.connect(str(bundle / "serial1.sock"))
            self.ping(port.makefile("rwb"))
        with open(bundle / "serial2.pty", "r+b", buffering=0) as port:
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

    def has_agent(self):
        return '"agent-version"' in self.bonsai("guest", "info", "--json", self.name, check=False)

    def take(self, name):
        taken = json.loads(self.bonsai("snapshot", "take", "--json", self.name, name, timeout=120))
        print(f"# {name}: the guest stood for {taken['pause'] / 1e6:.1f} ms", flush=True)
        return taken["id"]

    def has_right_time(self):
        """Whether the guest's clock is less than a second off, as far as an answer that took its time can tell."""
        said = json.loads(self.bonsai("guest", "time", "--json", self.name))
        return -1 < said["behind"] < 1 + said["took"]


class Uefi(MachineStory):
    """From a disc, by UEFI."""

    n_nodes, n_returns = 2, 3
    firmware = "uefi"

    def set_up(self):
        self.receiver = Receiver(65536)
        self.machine = SnapshotsMachine(f"snapshot-devices-{self.firmware}", self.receiver.url, self.firmware)
        self.nodes = {}
        self.machine.start()

    def tear_down(self):
        super().tear_down()
        self.receiver.close()

    def agrees(self, marker):
        """All that the guest has is of one instant, and its devices work. Returns: its count."""
        found = self.machine.check()
        assert found["marker"] == marker and found["cpus"] == "2", found
        assert found["digest"] == self.receiver.digest and found["sums"] == self.machine.sums(), found
        return int(found["count"])

    def has_right_time(self):
        self.machine.wait_until(self.machine.has_right_time, "right time", 20)

    def test_take(self):
        """Snapshots are taken while it writes."""
        machine = self.machine
        machine.wait_serial(r"^snapshots: counting", 240)
        machine.wait_until(machine.has_agent, "answer of the agent", 60)
        for number in range(self.n_nodes):
            name = f"node{number}"
            machine.mark(name)
            before = self.agrees(name)
            identity = machine.take(name)
            self.nodes[name] = (identity, before, self.agrees(name))
        machine.mark("after")

    def test_return(self):
        """Going back in any order, memory, disks, firmware, devices and clock are as they should be."""
        chance = random.Random(SEED)
        for _ in range(self.n_returns):
            name = chance.choice(list(self.nodes))
            identity, before, _ = self.nodes[name]
            self.machine.bonsai("snapshot", "restore", self.machine.name, identity)
            count = self.agrees(name)
            assert count >= before, (count, before)
            self.has_right_time()
        self.machine.check_ports()
        self.machine.check_balloon()

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
        machine.check_ports()
        assert "the agent ended" not in machine.serial.read_text(errors="replace")

    def test_panic(self):
        """A machine that has gone back and forth still hears that its guest panics."""
        machine = self.machine
        machine.bonsai("guest", "exec", machine.name, "/bin/sh", "-c", "echo c > /proc/sysrq-trigger &", check=False)
        machine.wait_until(lambda: machine.state() == "paused", "pause", 60)
        assert "panic" in json.dumps(machine.show()), machine.show()

    def test_files(self):
        """The disks of all snapshots hold what they held, and nothing is left over."""
        machine = self.machine
        machine.bonsai("stop", machine.name)
        machine.wait_off()
        bundle = pathlib.Path(machine.show()["path"])
        for name, (identity, _, _) in self.nodes.items():
            node = json.loads((bundle / "snapshots" / identity / "node.json").read_text())
            for disk in node["disks"]:
                self.check_disk(name, disk["id"], bundle / disk["layer"], disk["format"])
        found = json.loads(machine.bonsai("doctor", "--json", machine.name))
        assert not found[0]["findings"], found

    def check_disk(self, marker, name, layer, kind):
        raw = self.machine.scratch / "node.raw"
        subprocess.run(["qemu-img", "convert", "-f", PEER.get(kind, kind), "-O", "raw", layer, raw], check=True)
        if name == "disk0":
            checked = subprocess.run(["e2fsck", "-fn", raw], capture_output=True, text=True)
            assert checked.returncode == 0, f"{marker}: {checked.stdout}"
            return
        with open(raw, "rb") as file:
            content = file.read()
        data = content[DATA_PLACE:DATA_PLACE + DATA_SIZE]
        assert content[4096:8192].rstrip(b"\0") == f"{marker}\n".encode(), f"{marker}: {name}: {content[4096:4128]}"
        assert data == self.machine.data[name], f"{marker}: {name} holds something else"


class Bios(Uefi):
    """From the same disc, by BIOS."""

    n_nodes, n_returns = 3, 12
    firmware = "bios"


if __name__ == "__main__":
    tap.main()
