#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's installer from a CD: the graphical menu and the first screens."""

import shutil

from PIL import ImageChops

import guests
import tap
from machine import MachineStory, machine


class Menu(MachineStory):
    """A way through the CD's menu by its pictures; subclasses say where the CD is."""

    def come_up(self):
        """Waits for the graphical menu, and returns it."""
        self.machine.wait_until(lambda: self.machine.picture().size == (640, 480)
                                and len(self.machine.picture().getcolors(1 << 24)) > 16, "graphical menu", 60)
        menu = self.still_picture()
        self.machine.keep_picture("menu")
        return menu

    def choose_text(self, menu):
        """The third entry, to the installer's first question."""
        self.machine.key("down")
        second = self.wait_change(menu, "move of the selection")
        self.machine.key("down")
        self.wait_change(second, "move of the selection")
        self.machine.key("ret")
        self.machine.wait_text(r"Select a language", 240)
        self.machine.keep_picture("language")

    def still_picture(self, seconds=30):
        """The screen once it no longer changes."""
        pictures = [self.machine.picture()]

        def still():
            pictures.append(self.machine.picture())
            return pictures[-1].size == pictures[-2].size and not self.difference(*pictures[-2:])

        self.machine.wait_until(still, "picture that stands still", seconds)
        return pictures[-1]

    @staticmethod
    def difference(one, other):
        return ImageChops.difference(one, other).getbbox()

    def wait_change(self, before, what):
        """Waits until the screen differs from a picture and stands still again."""
        self.machine.wait_until(
            lambda: (now := self.machine.picture()).size != before.size or self.difference(now, before), what, 30)
        return self.still_picture()


class Installer(Menu):
    """isolinux, vesamenu and the installer's kernel, from SATA."""

    def set_up(self):
        self.machine = machine("installer", memory=1536, cdrom=guests.directory("installer") / "installer.iso")
        self.machine.start()

    def test_menu(self):
        """The CD boots to its graphical menu with Debian's splash."""
        self.menu = self.come_up()

    def test_arrows(self):
        """The arrow keys move the selection, and back."""
        self.machine.key("down")
        second = self.wait_change(self.menu, "move of the selection")
        self.machine.keep_picture("second-entry")
        bars = self.difference(self.menu, second)
        assert bars[3] - bars[1] < 80, f"more than two lines of the menu changed: {bars}"
        self.machine.key("down")
        third = self.wait_change(second, "move of the selection")
        self.machine.keep_picture("third-entry")
        assert self.difference(second, third)[1] > bars[1], "the selection did not move down"
        self.machine.key("up")
        self.wait_change(third, "move of the selection")
        self.machine.key("up")
        back = self.wait_change(second, "move of the selection")
        assert not self.difference(self.menu, back), "the first entry looks different after coming back to it"

    def test_text_installer(self):
        """Enter on the text entry starts the installer to its first question."""
        self.choose_text(self.menu)

    def test_text_keys(self):
        """Its list follows the keyboard, too."""
        before = self.still_picture()
        self.machine.key("down")
        self.wait_change(before, "move of the selection")
        self.machine.keep_picture("language-down")


class InstallerOnScsi(Menu):
    """The same CD in a drive on the SCSI controller."""

    def set_up(self):
        iso = guests.directory("installer") / "installer.iso"
        self.machine = machine("installer-scsi", memory=1536, cdrom=f"{iso},bus=scsi")
        self.machine.start()

    def test_scsi(self):
        """SeaBIOS and isolinux find the CD behind virtio-scsi: menu, kernel, first question."""
        self.choose_text(self.come_up())


class InstallerOnVirtio(Menu):
    """Its image as a disk, the way a USB stick has it."""

    def set_up(self):
        self.machine = machine("installer-virtio", memory=1536)
        self.machine.disk = self.machine.scratch / "installer.img"
        shutil.copy(guests.directory("installer") / "installer.iso", self.machine.disk)
        self.machine.start()

    def test_virtio(self):
        """SeaBIOS and isolinux find the installer on virtio-blk: menu, kernel, first question."""
        self.choose_text(self.come_up())


if __name__ == "__main__":
    tap.main()
