#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines with UEFI firmware: what they boot, and what they remember."""

import pathlib
import re
import time

import guests
import tap
from machine import MachineStory, machine

# The variable store of OVMF_VARS_4M.fd, the spare block that it is rewritten by, and what erased flash reads.
STORE_SIZE, SPARE_START, ERASED = 0x40000, 0x42000, 0xff


class Uefi(MachineStory):
    """A guest that boots from a GPT disk."""

    def set_up(self):
        self.machine = machine(type(self).__name__.lower(), disk=guests.directory("uefi") / "disk.img", network=False,
                               firmware="uefi")
        self.machine.start()

    def wait_started(self, seconds=120):
        """Waits for the guest's shell; returns how often the guest had been started before."""
        return int(self.machine.wait_serial(r"^uefi: started (\d+) times before", seconds).group(1))

    def come_back(self):
        self.machine.destroy()
        self.machine.start_again()
        self.wait_started()

    def said(self):
        """What the guest said since it was started."""
        return self.machine.serial.read_text(errors="replace")

    def nvram(self):
        return pathlib.Path(self.machine.show()["path"], "nvram.fd").read_bytes()

    def check_hammer(self):
        """The variable that was being written is as it was before or after one of the writes."""
        assert re.search(r"^uefi: hammer (| ?1024 \d ?)\r?$", self.said(), re.MULTILINE), self.said()


class Boot(Uefi):
    """From a GPT disk, again and again."""

    def test_boots_from_disk(self):
        """OVMF finds the EFI system partition and GRUB on it; the kernel meets 64-bit firmware."""
        assert self.wait_started() == 0
        assert "uefi: firmware of 64 bits" in self.said()
        self.machine.keep_picture("started")

    def test_no_complaints(self):
        """The kernel complains of nothing that the firmware or the machine told it."""
        complaints = re.findall(r"^uefi: kernel: (.*(?:ACPI|BAR|DMI|EFI|MTRR|PCI|e820|efi|irmware|pci|pnp).*)", self.said(),
                                re.MULTILINE)
        assert not complaints, complaints

    def test_power_off_keeps_variables(self):
        """A variable that the guest wrote, and the firmware's boot entries, outlive a power-off."""
        started = self.wait_started()
        entries = self.entries()
        assert entries, self.said()
        self.machine.type("poweroff -f\n")
        self.machine.wait_off(60)
        if hasattr(self.machine, "show"):
            assert self.machine.show()["reason"] == "guest-off", self.machine.show()
        self.machine.start_again()
        assert self.wait_started() == started + 1
        assert entries <= self.entries(), self.said()

    def test_reset_keeps_variables(self):
        """So they do a reset."""
        started = self.wait_started()
        self.machine.type("reboot -f\n")
        self.machine.wait_serial(rf"^uefi: started {started + 1} times before", 120)

    def test_front_page(self):
        """With the boot menu asked for, Escape opens the firmware's own pages."""
        self.machine.destroy()
        self.machine.start_again("--boot-menu")

        def escaped():
            self.machine.key("esc")  # the keyboard is listened to for ten seconds, nobody says when
            return 'starting Boot0000 "UiApp"' in self.said()

        self.machine.wait_until(escaped, "start of the front page", 90)
        self.machine.wait_until(lambda: "Select Entry" in self.said(), "front page", 60)
        self.machine.keep_picture("front-page")

    def entries(self):
        return set(re.search(r"^uefi: entries (.*)", self.said(), re.MULTILINE).group(1).split())


class Killed(Uefi):
    """Kills of the machine's process while the guest writes variables."""

    def test_killed_in_mid_write(self):
        """Whenever the process is killed, OVMF starts from what the file has, and no variable is torn."""
        for times, delay in enumerate((0.3, 1.1, 2.4, 3.7)):
            assert self.wait_started() == times
            self.check_hammer()
            self.machine.type("hammer\n")
            self.machine.wait_serial("^uefi: hammered", 60)
            time.sleep(delay)
            self.machine.kill()
            self.machine.start_again()
        assert self.wait_started() == 4
        self.check_hammer()
        assert "uefi: hammer 1024" in re.sub(" +", " ", self.said()), self.said()


class Reclaimed(Uefi):
    """Kills while the firmware collects the garbage of a full store: it copies what is valid to a spare block,
    erases the store and copies it back."""

    def test_killed_in_mid_reclaim(self):
        """After a kill at each stage OVMF finishes what it had begun."""
        self.wait_started()
        self.machine.type("fill\n")
        self.machine.wait_serial("^uefi: filled after", 120)
        full = self.nvram()
        self.machine.kill()

        # While the spare block is written: nothing is lost.
        self.machine.start_again()
        self.machine.wait_until(lambda: self.spare_used() > 0x1000, "use of the spare block", 60)
        self.machine.kill()
        changed = sum(now != before for now, before in zip(self.nvram()[:STORE_SIZE], full))
        assert changed < STORE_SIZE // 16, f"{changed} bytes of the store are no longer what they were"

        # While the store is written: its content is in the spare block only.
        self.machine.start_again()
        self.machine.wait_until(lambda: self.nvram()[STORE_SIZE // 2:STORE_SIZE] != full[STORE_SIZE // 2:STORE_SIZE],
                                "change of the store", 240)
        self.machine.kill()

        self.machine.start_again()
        assert self.wait_started(300) == 1
        self.check_hammer()
        assert "uefi: hammer 1024" in re.sub(" +", " ", self.said()), self.said()

    def spare_used(self):
        return sum(byte != ERASED for byte in self.nvram()[SPARE_START:])


class OtherBus(Uefi):
    """The same disk elsewhere; subclasses say where."""

    bus = None

    def set_up(self):
        self.machine = machine(f"uefi-{self.bus}", disk=guests.directory("uefi") / "disk.img", network=False,
                               firmware="uefi", disk_bus=self.bus)
        self.machine.start()


class Sata(OtherBus):
    """On AHCI."""

    bus = "ahci"

    def test_boots_from_sata(self):
        """OVMF's own driver finds the disk."""
        assert self.wait_started() == 0


class Scsi(OtherBus):
    """On virtio-scsi."""

    bus = "scsi"

    def test_boots_from_scsi(self):
        """OVMF's own driver finds the disk."""
        assert self.wait_started() == 0


class Cd(MachineStory):
    """El Torito for EFI."""

    def set_up(self):
        self.machine = machine("uefi-cd", cdrom=guests.directory("uefi") / "cdrom.iso", network=False, firmware="uefi")
        self.machine.start()

    def test_boots(self):
        """GRUB starts from the CD, on EFI."""
        self.machine.wait_serial("uefi: GRUB from the CD on efi, x86_64", 120)
        self.machine.keep_picture("grub")


if __name__ == "__main__":
    tap.main()
