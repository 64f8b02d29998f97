#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian on a disk: SeaBIOS, GRUB, kernel, login, and what a user does next."""

import re
import time

import screentext
import tap
from debian import Debian
from machine import ARTEFACTS, MachineStory
from receiver import Receiver

# Lines at level "error" or worse that no hardware of ours causes.
INNOCENT = [
    r"platform regulatory\.0: .*regulatory\.db",  # no firmware package in the guest
    r"firmware_class: See https://wiki\.debian\.org/Firmware",
]


class Boot(MachineStory):
    """The way to a shell; subclasses say with how many processors."""

    cpus = 1

    def set_up(self):
        self.debian = Debian(f"debian-{self.cpus}-cpu", cpus=self.cpus)
        self.machine = self.debian.machine
        self.machine.start()

    def come_back(self):
        self.debian.recover()

    def boot_to_shell(self):
        self.machine.wait_text(r"GNU GRUB +version", 60)
        self.machine.keep_picture("grub")
        self.debian.wait_login()
        self.machine.keep_picture("login")
        self.debian.login()
        count = self.debian.output("nproc").strip()
        assert count == str(self.cpus), f"{count} processors instead of {self.cpus}"
        self.machine.keep_picture("shell")


class OneProcessor(Boot):
    """Every device that a user touches."""

    cpus = 1

    def set_up(self):
        self.receiver = Receiver()
        super().set_up()

    def tear_down(self):
        super().tear_down()
        self.receiver.close()

    def fetch(self, command):
        """The whole output of a command, which the guest posts over its network."""
        self.debian.output(f"{command} > /tmp/out; wget -qO- --post-file=/tmp/out {self.receiver.url}")
        return self.receiver.post()

    def test_boot(self):
        """SeaBIOS, GRUB and the kernel lead to a login on the screen; typing logs in."""
        self.boot_to_shell()

    def test_keys(self):
        """Every printable character arrives as typed, from the command line, too."""
        characters = "".join(map(chr, range(0x20, 0x7f))).replace("'", "")
        text = self.debian.output(f"echo '{characters}'")
        assert characters in text.replace("\n", ""), f"typed {characters}\nread {text}"
        self.machine.type_by_command(f"clear; rev <<< '{characters}'\n")
        self.machine.wait_until(lambda: characters[::-1].strip() in "".join(self.machine.screen()),
                                "reversed characters on the screen", 60)

    def test_screenshot(self):
        """The command line's screenshot is what the screen shows."""
        self.debian.output("echo a picture")
        path = ARTEFACTS / "screenshot.png"
        self.machine.shoot(path)
        assert "a picture" in screentext.read_screen(path), f"{path} does not show it"

    def test_dhcp(self):
        """The network card gets an address by DHCP."""
        self.machine.wait_until(lambda: "10.0.2." in self.debian.output("ip -4 -o address show scope global"),
                                "address from DHCP", 60)
        text = self.debian.output("ip route show default")
        assert "via 10.0.2.2" in text, text

    def test_nat(self):
        """A file comes from the host's server over the NAT, unharmed."""
        text = self.debian.output(f"wget -qO- {self.receiver.url} | sha256sum")
        assert self.receiver.digest in text.replace("\n", ""), text

    def test_mouse(self):
        """A mouse move and a click arrive at /dev/input."""
        device = "/dev/input/by-path/platform-i8042-serio-1-event-mouse"
        self.machine.type(f"clear; evtest {device} > /tmp/mouse & sleep 1; jobs\n")
        self.machine.wait_text(r"\[1\]\+ +Running")
        self.machine.wait_until(lambda: "Testing" in self.debian.output("tail -n 1 /tmp/mouse"), "evtest", 30)
        self.machine.move(40, 25)
        self.machine.move(-7, -3)
        self.machine.click("left")
        self.machine.wait_until(lambda: "value 0" in self.debian.output("grep BTN_LEFT /tmp/mouse | tail -n 1 || true"),
                                "click", 30)
        text = self.debian.output("kill %1; grep -E 'REL_|BTN_' /tmp/mouse")
        moved = {axis: sum(map(int, re.findall(rf"REL_{axis}\), value (-?\d+)", text))) for axis in "XY"}
        assert moved == {"X": 33, "Y": 22}, f"moved by {moved}:\n{text}"
        presses = re.findall(r"BTN_LEFT\), value (\d)", text)
        assert presses == ["1", "0"], text

    def test_lspci(self):
        """lspci names the host bridge, the disk's controllers, the screen and the network card."""
        text = self.fetch("lspci")
        for device in ("Host bridge", "ISA bridge", "SATA controller", "VGA compatible controller",
                       "Ethernet controller|Network", "SCSI storage|Mass storage"):
            assert re.search(device, text), f"no {device} in:\n{text}"

    def test_msix(self):
        """The virtio devices interrupt by MSI-X."""
        text = self.fetch("cat /proc/interrupts")
        counts = [int(count) for count in re.findall(r"^ *\d+: +(\d+) +PCI-MSI.*virtio\d+-(?:req|input)", text, re.M)]
        assert any(counts), text

    def test_dmesg(self):
        """The kernel's log has no error about the hardware."""
        text = self.fetch("dmesg --level=emerg,alert,crit,err")
        errors = [line for line in text.splitlines() if not any(re.search(known, line) for known in INNOCENT)]
        assert not errors, "\n".join(errors)

    def test_clock(self):
        """The clock is the host's, and time passes as it does there."""
        now = int(self.debian.output("date +%s").split()[-1])
        assert abs(now - time.time()) < 60, f"the guest's clock says {now}, the host's {time.time():.0f}"

    def test_shutdown(self):
        """The power button from outside shuts it down, and the machine is off."""
        self.machine.press_power()
        self.machine.wait_off(120)


class TwoProcessors(Boot):
    """Reboots."""

    cpus = 2

    def test_boot(self):
        """The login with two processors."""
        self.boot_to_shell()

    def test_reboots(self):
        """Reboot from inside, five times in a row."""
        for number in range(1, 6):
            self.debian.reboot()
            self.machine.keep_picture(f"reboot-{number}")
            print(f"# reboot {number} done", flush=True)


class FourProcessors(Boot):
    """More processors than the rig has."""

    cpus = 4

    def test_boot(self):
        """The login with four processors."""
        self.boot_to_shell()

    def test_busy(self):
        """All four compute at once."""
        text = self.debian.output("for i in 1 2 3 4; do sha256sum /boot/initrd* & done | sort -u; wait", 120)
        assert len([line for line in text.splitlines() if "initrd" in line]) == 1, text

    def test_power_off(self):
        """poweroff from inside ends the machine."""
        self.machine.type("poweroff\n")
        self.machine.wait_off(120)


if __name__ == "__main__":
    tap.main()
