#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux gives memory back that it has freed, makes do with less, and hears a virtio keyboard and tablet."""

import json
import time

import tap
from machine import MachineStory, patience
from storage import StorageMachine

MIB = 1 << 20
SIZE = 1536


class BalloonAndInput(MachineStory):
    """One boot of the stock kernel, which uses a gibibyte."""

    def set_up(self):
        self.machine = StorageMachine("balloon", "linux", "balloon-input-init", memory=SIZE)
        self.machine.start()

    def said(self, pattern, seconds):
        return self.machine.wait_serial(rf"^guest: {pattern}", seconds)

    def memory(self):
        return json.loads(self.machine.bonsai("memory", "--json", self.machine.name))

    def test_drivers(self):
        """The balloon, the keyboard and the tablet have drivers, which know what they can do."""
        assert self.said(r"driver virtio_balloon (\d+)", 120)[1] == "1"
        assert self.said(r"driver virtio_input (\d+)", 5)[1] == "2"
        # Bits of events: keys, lamps, repeats; keys, wheels, axes.
        assert self.said(r"Bonsai Keyboard: ev (\w+) rel 0 abs 0 led (\w+)", 5).groups() == ("120003", "7")
        assert self.said(r"Bonsai Tablet: ev (\w+) rel (\w+) abs (\w+) led 0", 5).groups() == ("f", "140", "3")

    def expect(self, device, *events):
        """These events, each as it is, in this order."""
        for event in events:
            self.said(f"{device} {event}$", 20)

    def test_keyboard(self):
        """Keys that are pressed come by the virtio keyboard, by their codes."""
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

    def test_gives_back(self):
        """Of a gibibyte that it used and freed the host has 900 MiB again within half a minute, without being asked."""
        self.said(f"used {1024 * MIB}$", 180)
        used = self.memory()["resident"]
        assert used >= 1024 * MIB, used
        self.machine.bonsai("key", self.machine.name, "f5")
        self.said("freed", 30)
        start = time.monotonic()
        self.machine.wait_until(lambda: used - self.memory()["resident"] >= 900 * MIB, "memory that comes back", 30)
        memory = self.memory()
        print(f"# {(used - memory['resident']) // MIB} MiB came back in {time.monotonic() - start:.1f} s", flush=True)
        assert time.monotonic() - start < patience(30)
        assert memory["driver"] and memory["reporting"] and memory["target"] == memory["current"] == SIZE * MIB, memory

    def test_statistics(self):
        """What the guest tells of itself fits."""
        memory = self.memory()
        assert SIZE * MIB * 8 // 10 < memory["total"] < SIZE * MIB, memory
        assert memory["total"] * 7 // 10 < memory["free"] < memory["total"], memory
        assert memory["given-back"] >= 900 * MIB, memory

    def test_target(self):
        """It makes do with less when asked, and has all again."""
        before = self.memory()["free"]
        self.machine.bonsai("memory", self.machine.name, "1G")
        self.machine.wait_until(lambda: self.memory()["current"] == 1024 * MIB, "the balloon of 512 MiB", 60)
        assert self.memory()["free"] < before - 450 * MIB, (before, self.memory())
        self.machine.bonsai("memory", self.machine.name, f"{SIZE}M")
        self.machine.wait_until(lambda: self.memory()["current"] == SIZE * MIB, "an empty balloon", 60)
        try:
            self.machine.bonsai("memory", self.machine.name, "1M")
        except AssertionError as error:
            assert "can't make do with 1 MiB" in str(error), error
        else:
            raise AssertionError("a guest with 1 MiB was allowed")


if __name__ == "__main__":
    tap.main()
