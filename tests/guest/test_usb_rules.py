#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""USB devices of the host's that come to a machine by themselves: real ones, which the host's kernel made."""

import json
import pathlib
import shutil

import gadget
import guests
import tap
from machine import BonsaiMachine, MachineStory
from test_usb_host import UsbStory


class Rules(UsbStory):
    """By a rule."""

    name = "usb-rules"

    def holder(self):
        """Of the stick, as the host says."""
        return next((device["machine"] for device in json.loads(self.machine.bonsai("usb", "list", "--json"))
                     if device["id"] == f"{gadget.VENDOR}:{self.stick.product}"), "not plugged in")

    def wait_holder(self, expected):
        self.machine.wait_until(lambda: self.holder() == expected, f"the stick with {expected}", 60)

    def test_rule(self):
        """A rule that is made while the machine runs gives it what is plugged in already."""
        assert self.holder() is None, self.holder()
        self.machine.bonsai("usb", "rule", "add", self.machine.name, f"{gadget.VENDOR}:{self.stick.product}")
        self.wait_holder(self.machine.name)
        self.check_reads()

    def test_again(self):
        """Pulled out it is gone from the guest; plugged in again it is there again."""
        self.stick.pull()
        self.wait_holder("not plugged in")
        self.machine.wait_ask("ls /sys/block | grep -c sda", "0")
        self.stick.plug()
        self.wait_holder(self.machine.name)
        self.check_reads()

    def test_detached(self):
        """Detached by hand it stays with the host, until it is plugged in anew."""
        self.machine.detach(self.stick)
        self.stick.wait_driver("usb-storage")
        self.machine.bonsai("usb", "rule", "add", self.machine.name, "9-9")  # all is looked at again
        self.machine.wait_ask("ls /sys/block | grep -c sda", "0")
        assert self.holder() is None, self.holder()
        self.stick.pull()
        self.wait_holder("not plugged in")
        self.stick.plug()
        self.wait_holder(self.machine.name)


class RuledMachine(BonsaiMachine):
    """Without a disk."""

    def __init__(self, name, rule, **options):
        super().__init__(name, network=False, **options)
        self.rule = rule

    def plug_serial(self):
        super().plug_serial()
        self.bonsai("usb", "rule", "add", self.name, self.rule)


class Boot(MachineStory):
    """A stick that a rule names is there when the firmware looks."""

    def set_up(self):
        gadget.load()
        image = pathlib.Path("/tmp/boot.img")
        shutil.copyfile(guests.directory("grub-rescue") / "grub-rescue-usb.img", image)
        self.stick = gadget.Gadget(1, "0105", "mass_storage.boot", {"lun.0/file": image})
        self.stick.plug()
        self.stick.wait_driver("usb-storage")
        self.machine = RuledMachine("usb-boot", f"{gadget.VENDOR}:{self.stick.product}", memory=256)
        self.machine.start()

    def test_boots(self):
        """SeaBIOS finds GRUB on it."""
        self.machine.wait_text(r"GNU GRUB +version|grub>", 300)
        self.machine.keep_picture("grub")
        assert self.stick.driver() == "usbfs", self.stick.driver()

    def test_told(self):
        """The machine's events say that it came, and went when it was pulled out."""
        self.stick.pull()
        self.machine.wait_until(lambda: self.events() == ["usb-attach", "usb-unplug"], "both events", 60)

    def events(self):
        events = json.loads(self.machine.bonsai("events", "--machine", self.machine.name, "--json"))
        return [event["kind"] for event in sorted(events, key=lambda event: event["time"]) if event["kind"].startswith("usb-")]


if __name__ == "__main__":
    tap.main()
