#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot CDs that others made."""

import guests
import tap
from machine import MachineStory, machine


class Cd(MachineStory):
    """One CD; subclasses say which."""

    guest, image, memory = None, None, 512

    def set_up(self):
        self.machine = machine(f"{self.guest}-cd", memory=self.memory, cdrom=guests.directory(self.guest) / self.image)
        self.machine.start()


class Memtest(Cd):
    """Memtest86+."""

    guest, image, memory = "memtest", "memtest86+x64.iso", 128

    def test_starts(self):
        """It shows its name and goes through its tests."""
        self.machine.wait_text(r"Memtest86\+", 60)
        self.machine.keep_picture("start")
        self.machine.wait_text(r"Pass\s+[1-9]\d*%", 120)
        self.machine.keep_picture("testing")

    def test_keys(self):
        """Its menu answers the keyboard."""
        self.machine.key("f1")
        self.machine.wait_text(r"Settings|Configuration|<F10>", 30)
        self.machine.keep_picture("settings")


class Ipxe(Cd):
    """iPXE."""

    guest, image = "ipxe", "ipxe.iso"

    def test_starts(self):
        """It shows its banner and its prompt."""
        self.machine.wait_text(r"iPXE initialising", 60)
        # It takes the chord for two seconds, which pass quickly on a busy host; a key waits for it.
        self.machine.key("ctrl+b")
        self.machine.wait_text(r"^iPXE>", 60)
        self.machine.keep_picture("prompt")

    def test_network(self):
        """It finds the network card and gets an address."""
        self.machine.type("dhcp\n")
        self.machine.wait_text(r"Configuring .*ok", 60)
        self.machine.type("route\n")
        self.machine.wait_text(r"10\.0\.2\.\d+/255\.255\.255\.0 gw 10\.0\.2\.2", 30)
        self.machine.keep_picture("route")


class GrubRescue(Cd):
    """GRUB's rescue CD."""

    guest, image = "grub-rescue", "grub-rescue-cdrom.iso"

    def test_prompt(self):
        """It boots to its menu, and its command line answers what is typed."""
        self.machine.wait_text(r"GNU GRUB +version", 60)
        self.machine.keep_picture("menu")
        self.machine.type("c")
        self.machine.wait_text(r"^grub>", 60)
        self.machine.type("ls\n")
        self.machine.wait_text(r"\(cd0?\)|\(hd96\)|\(memdisk\)", 30)
        self.machine.keep_picture("ls")


if __name__ == "__main__":
    tap.main()
