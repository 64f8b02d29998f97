#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""USB devices of the host's that come to a machine by themselves: real ones, which the host's kernel made."""

import json

import gadget
import tap
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


if __name__ == "__main__":
    tap.main()
