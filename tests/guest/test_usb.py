#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux drives the USB controller with its own drivers, and hears a USB keyboard and tablet."""

import json
import pathlib

import tap
from machine import MachineStory
from storage import StorageMachine


class UsbMachine(StorageMachine):
    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description.update({"usb": True, "virtio-input": False})
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


if __name__ == "__main__":
    tap.main()
