#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""USB devices that the host's kernel made are passed through to a stock Linux guest."""

import gzip
import hashlib
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess

import gadget
import guests
import tap
from machine import MachineStory
from storage import HERE, StorageMachine

MODULES = "xhci_pci usb-storage sd_mod cdc-acm hid_generic usbhid"


class UsbMachine(StorageMachine):
    """Does what it is told on its second serial port."""

    def __init__(self, name):
        super().__init__(name, "linux", "usb-host-init", memory=512)
        self.line = None
        self.told = 0

    def initramfs(self, base):
        path = super().initramfs(base)
        root = self.scratch / "root"
        (root / "usb").mkdir(parents=True)
        script = f". {HERE.parent}/rig/kernel.sh; copy_modules $(newest_kernel) {shlex.quote(str(root))}/usb {MODULES}"
        subprocess.run(["bash", "-c", script], check=True)
        packed = subprocess.run("find . | cpio -o -H newc --quiet", shell=True, cwd=root, stdout=subprocess.PIPE, check=True)
        path.write_bytes(path.read_bytes() + gzip.compress(packed.stdout))
        return path

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["usb"] = True
        description["serial"].append({"kind": "socket", "path": str(self.scratch / "line")})
        path.write_text(json.dumps(description))

    def ask(self, command, seconds=60):
        """What a shell in the guest says."""
        if not self.line:
            self.line = socket.socket(socket.AF_UNIX)
            self.line.connect(str(self.scratch / "line"))
        self.told += 1
        command = f": {self.told}; {command}"
        self.line.sendall(command.encode() + b"\n")
        return self.wait_serial(rf"^guest: \[{re.escape(command)}\] (.*)$", seconds).group(1).strip()

    def wait_ask(self, command, expected, seconds=60):
        self.wait_until(lambda: self.ask(command) == expected, f"“{expected}” of “{command}”", seconds)

    def attach(self, device):
        self.bonsai("usb", "attach", "--force", self.name, device.find())

    def detach(self, device):
        self.bonsai("usb", "detach", self.name, device.find())

    def devices(self):
        return self.session.call("ListUsb")[0]


class UsbStory(MachineStory):
    size = 32 << 20

    def set_up(self):
        gadget.load()
        self.image = pathlib.Path("/tmp/stick.img")
        self.content = os.urandom(1 << 20) * (self.size >> 20)
        self.image.write_bytes(self.content)
        self.stick = gadget.Gadget(0, "0104", "mass_storage.0", {"lun.0/file": self.image})
        self.machine = UsbMachine(self.name)
        self.machine.start()
        self.stick.plug()
        self.stick.wait_driver("usb-storage")
        self.machine.wait_serial("^guest: ready", 120)

    def check_reads(self):
        self.machine.wait_ask("cat /sys/block/sda/size", str(self.size // 512), 60)
        said = self.machine.ask("sha256sum < /dev/sda", 300)
        assert said.split()[0] == hashlib.sha256(self.image.read_bytes()).hexdigest(), said


class Stick(UsbStory):
    """A stick, once."""

    name = "usb-stick"

    def test_read(self):
        """The guest reads what the host wrote; the host's driver has let go."""
        self.machine.attach(self.stick)
        assert self.stick.driver() == "usbfs", self.stick.driver()
        self.check_reads()

    def test_write(self):
        """The host reads what the guest wrote."""
        self.machine.ask(f"dd if=/dev/urandom of=/tmp/r bs=1M count=8; "
                         f"dd if=/tmp/r of=/dev/sda bs=1M seek=4 conv=fsync", 300)
        said = self.machine.ask("sha256sum < /tmp/r").split()[0]
        assert said == hashlib.sha256(self.image.read_bytes()[4 << 20:12 << 20]).hexdigest()

    def test_detach(self):
        """Detached it is gone from the guest, and the host has its driver again."""
        self.machine.detach(self.stick)
        self.stick.wait_driver("usb-storage")
        self.machine.wait_ask("ls /sys/block | grep -c sda", "0")

    def test_kill(self):
        """Killed in the middle of a transfer the machine's process leaves a device that the host can use."""
        self.machine.attach(self.stick)
        self.check_reads()
        self.machine.line.sendall(b"while :; do cat /dev/sda > /dev/null; echo 3 > /proc/sys/vm/drop_caches; done\n")
        self.machine.kill()
        self.stick.wait_driver("usb-storage")
        key = self.stick.find()
        block = gadget.wait(lambda: next(gadget.DEVICES.glob(f"{key}:1.0/host*/target*/*/block/*"), None), "the host's disk")
        fd = os.open(f"/dev/{block.name}", os.O_RDONLY)
        assert os.read(fd, 1 << 20) == self.image.read_bytes()[:1 << 20]
        os.close(fd)


if __name__ == "__main__":
    tap.main()
