#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux drives the USB controller with its own drivers, hears a USB keyboard and tablet, and works USB disks."""

import hashlib
import json
import os
import pathlib
import subprocess

import guests
import session
import tap
from machine import BUILD, BonsaiMachine, MachineStory, machine
from storage import StorageMachine

MIB = 1 << 20
HOT_PLUGS = 10


class UsbMachine(StorageMachine):
    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description.update({"usb": True, "usb-keyboard": True, "virtio-input": False})
        path.write_text(json.dumps(description))


class Hid(MachineStory):
    """One boot of the stock kernel."""

    def set_up(self):
        self.machine = UsbMachine("usb", "linux", "balloon-input-init", memory=1536)
        self.machine.start()

    def said(self, pattern, seconds):
        return self.machine.wait_serial(rf"^guest: {pattern}", seconds)

    def expect(self, device, *events):
        """These events, in this order."""
        for event in events:
            self.said(f"{device} {event}$", 20)

    def test_drivers(self):
        """The keyboard and the tablet have drivers, which know what they can do."""
        # Bits of events: keys, lamps, repeats; keys, wheels, axes.
        assert self.said(r"Bonsai Keyboard: ev (\w+) rel 0 abs \w+ led (\w+)", 120).groups() == ("120013", "1f")
        assert self.said(r"Bonsai Tablet: ev (\w+) rel (\w+) abs (\w+) led 0", 5).groups() == ("1f", "1940", "3")

    def test_keyboard(self):
        """Keys that are pressed come by the USB keyboard, by their codes."""
        self.machine.key("shift+a")
        self.machine.bonsai("key", self.machine.name, "f12")
        self.expect("keyboard", "1 42 1", "1 30 1", "1 30 0", "1 42 0", "1 88 1", "1 88 0", "0 0 0")

    def test_tablet(self):
        """Positions, buttons and both wheels come by the tablet, exactly."""
        mouse = ("mouse", "--", self.machine.name)
        self.machine.bonsai(*mouse, "position", 1000, 32767)
        self.expect("tablet", "3 0 1000", "3 1 32767", "0 0 0")
        self.machine.bonsai(*mouse, "click", "right")
        self.expect("tablet", "1 273 1", "1 273 0")
        self.machine.bonsai(*mouse, "wheel", -3, 2)
        self.expect("tablet", "2 8 -3", "2 6 2")

    def test_snapshot(self):
        """After going back both go on, whatever was pressed meanwhile."""
        self.machine.bonsai("snapshot", "take", self.machine.name, "Before", timeout=300)
        self.machine.bonsai("snapshot", "restore", self.machine.name, "Before", timeout=300)
        self.machine.bonsai("mouse", "--", self.machine.name, "position", 3000, 2000)
        self.expect("tablet", "3 0 3000", "3 1 2000")
        self.machine.key("b")
        self.expect("keyboard", "1 48 1", "1 48 0")


class Disks(MachineStory):
    """One boot of the stock kernel with a USB disk, which brings the controller."""

    def set_up(self):
        self.machine = StorageMachine("usb-disks", "linux", "usb-init", memory=512)
        self.image = self.machine.scratch / "disk.img"
        self.content = hashlib.shake_256(b"usb").digest(MIB) * 256
        self.content = b"".join(bytes([n]) + self.content[n * MIB + 1:(n + 1) * MIB] for n in range(256))
        self.image.write_bytes(self.content)
        with open(self.image, "r+b") as file:
            file.truncate(768 * MIB)
        self.machine.disks = [{"id": "disk0", "bus": "usb", "path": str(self.image), "format": "raw"}]
        self.machine.start()

    def said(self, pattern, seconds):
        return self.machine.wait_serial(rf"^usb: {pattern}\r?$", seconds)

    def check_copy(self, what, place):
        """What the guest read and wrote is what lies in the image."""
        sums = self.said(rf"{what} read (\w+) wrote (\w+)", 600).groups()
        assert sums == (hashlib.sha256(self.content).hexdigest(),) * 2, sums
        with open(self.image, "rb") as file:
            file.seek(place * MIB)
            assert file.read(256 * MIB) == self.content

    def test_uas(self):
        """The uas driver has many commands under way, and moves 256 MiB both ways."""
        assert self.said(r"first is driven by (\w+), depth (\d+)", 120).groups() == ("uas", "30")
        self.check_copy("first", 256)

    def test_bulk_only(self):
        """So does usb-storage, one command at a time."""
        assert self.said(r"second is driven by ([-\w]+), depth (\d+)", 120).groups() == ("usb-storage", "1")
        self.check_copy("second", 512)

    def test_hot_plug(self):
        """Disks come and go, in the middle of writes; their images are clean, and the guest lives."""
        name, image = self.machine.name, self.machine.scratch / "stick.qcow2"
        self.machine.bonsai("disk", "create", image, "64M")
        for count in range(1, HOT_PLUGS + 1):
            self.machine.bonsai("disk", "attach", "--bus", "usb", "--id", "stick", name, image)
            self.machine.wait_until(lambda n=count: self.machine.serial_lines().count("usb: busy") == n, "writes", 60)
            self.machine.bonsai("disk", "detach", f"{name}:stick")
            self.machine.wait_until(lambda n=count: self.machine.serial_lines().count("usb: gone") == n, "end", 60)
            self.machine.bonsai("disk", "check", image)

    def test_snapshot(self):
        """A snapshot taken while the guest writes goes on from there."""
        name, image = self.machine.name, self.machine.scratch / "last.qcow2"
        self.machine.bonsai("disk", "create", image, "64M")
        self.machine.bonsai("disk", "attach", "--bus", "usb", "--id", "last", name, image)
        self.machine.wait_until(lambda: self.machine.serial_lines().count("usb: busy") == HOT_PLUGS + 1, "writes", 60)
        self.machine.bonsai("snapshot", "take", name, "Writing", timeout=300)
        self.machine.bonsai("snapshot", "restore", name, "Writing", timeout=300)
        before = self.machine.show()
        assert before["state"] == "running", before
        self.machine.bonsai("disk", "detach", f"{name}:last", timeout=120)
        self.machine.wait_until(lambda: self.machine.serial_lines().count("usb: gone") == HOT_PLUGS + 1, "end", 60)


class Stick(MachineStory):
    """A boot loader on a USB stick, by SeaBIOS, directly on this host."""

    def set_up(self):
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            raise tap.Skip("this host's /dev/kvm is missing or not ours to open")
        stick = guests.directory("grub-rescue") / "grub-rescue-usb.img"
        self.machine = machine("usb-stick", memory=256, disk=stick, disk_bus="usb", network=False)
        self.machine.start()

    def test_boots(self):
        """SeaBIOS finds GRUB on the stick."""
        self.machine.wait_text(r"GNU GRUB +version|grub>", 300)
        self.machine.keep_picture("grub")


class UefiStick(MachineStory):
    """The same with UEFI."""

    def set_up(self):
        self.machine = machine("usb-uefi", disk=guests.directory("uefi") / "disk.img", disk_bus="usb", network=False,
                               firmware="uefi")
        self.machine.start()

    def test_boots(self):
        """OVMF finds the EFI system partition and GRUB on the stick."""
        assert self.machine.wait_serial(r"^uefi: started (\d+) times before", 240)[1] == "0"


class TracedMachine(BonsaiMachine):
    """One without a description, with a USB keyboard whose reports are noted, and a boot menu."""

    def start(self):
        self.trace = self.scratch / "trace"
        command = [BUILD / "app/cli/bonsai", "run", "--headless", "--name", self.name, "--firmware", self.firmware, "--cdrom",
                   self.cdrom, "--usb-keyboard", "--boot-menu", "--network", "none", "--memory", f"{self.memory}M",
                   "--serial", self.serial, "--debugcon", self.scratch / "debugcon",
                   "--trace", "usb-keyboard:report", "--trace-file", self.trace]
        self.process = subprocess.Popen(list(map(str, command)), env=self.environment)
        door = self.wait_until(lambda: next(self.runtime.glob("bonsai/*.sock"), None), "start", 60)
        self.session = session.Session(self.runtime, door.stem)

    def close(self):
        self.destroy()
        self.process.wait(60)
        super().close()

    def reports(self):
        return self.trace.read_text().count("report") if self.trace.exists() else 0


class FirmwareKeys(MachineStory):
    """SeaBIOS, directly on this host, listens to a USB keyboard."""

    firmware = "bios"

    def set_up(self):
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            raise tap.Skip("this host's /dev/kvm is missing or not ours to open")
        self.machine = TracedMachine(f"usb-keys-{self.firmware}", memory=256, firmware=self.firmware,
                                     cdrom=guests.directory("grub-rescue") / "grub-rescue-cdrom.iso")
        self.machine.start()

    def test_menu(self):
        """Escape opens its boot menu, by a report of that keyboard's."""
        self.machine.wait_text("Press ESC for boot menu", 120)
        self.machine.key("esc")
        self.machine.wait_text("Select boot device", 60)
        assert self.machine.reports() >= 2, self.machine.reports()
        self.machine.keep_picture("menu")


class UefiKeys(FirmwareKeys):
    """The same with UEFI."""

    firmware = "uefi"

    def test_menu(self):
        """Escape opens its front page, by reports of that keyboard's."""
        def opened():
            self.machine.key("esc")  # it is listened to for ten seconds, nobody says when
            return 'starting Boot0000 "UiApp"' in self.machine.serial.read_text(errors="replace")

        self.machine.wait_until(opened, "start of the front page", 240)
        assert self.machine.reports() >= 2, self.machine.reports()
        self.machine.keep_picture("front-page")


if __name__ == "__main__":
    tap.main()
