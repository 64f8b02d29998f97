#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stock kernel, entered directly, without firmware."""

import re

import guests
import tap
from machine import MachineStory, machine


class Kernel(MachineStory):
    """One direct boot; subclasses say with which actions of the guest's init."""

    actions, cpus = "shell", 1

    def set_up(self):
        linux = guests.directory("linux")
        self.machine = machine(f"linux-{self.actions.split(',')[-1]}", cpus=self.cpus, kernel=linux / "vmlinuz",
                               initrd=linux / "initrd", append=f"quiet console=tty0 console=ttyS0 "
                                                               f"bonsai.test={self.actions}")
        self.machine.start()


class PowerOff(Kernel):
    """Four processors, network, and off."""

    actions, cpus = "report,net,poweroff", 4

    def test_init(self):
        """The kernel reaches its init."""
        self.machine.wait_serial(r"init reached", 90)

    def test_address(self):
        """The network card gets its address."""
        found = self.machine.wait_serial(r"bonsai: address (\S+)", 60)
        assert found.group(1).startswith("10.0.2."), found.group(0)

    def test_power_off(self):
        """The guest switches the machine off, and the reason is kept."""
        self.machine.wait_serial(r"bonsai: poweroff", 60)
        self.machine.wait_off(60)
        if hasattr(self.machine, "show"):
            state = self.machine.show()
            assert (state["state"], state["reason"]) == ("stopped", "guest-off"), state


class Reboot(Kernel):
    """Reset from inside, again and again."""

    actions = "reboot"

    def test_reboots(self):
        """It reboots five times in a row."""
        boots = re.compile("init reached")

        def booted():
            return len(boots.findall(self.machine.serial.read_text(errors="replace"))) >= 6

        self.machine.wait_serial("init reached", 90)
        self.machine.wait_until(booted, "sixth start", 180)


if __name__ == "__main__":
    tap.main()
