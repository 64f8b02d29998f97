#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""USB devices that the host's kernel made are passed through to a stock Linux guest."""

import contextlib
import gzip
import hashlib
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import tty

import gadget
import session
import tap
import usbip
from machine import MachineStory
from storage import HERE, StorageMachine

MODULES = "xhci_pci usb-storage sd_mod cdc-acm hid_generic usbhid evdev"
# HID 1.11, appendix B.1 and E.6: what a boot keyboard says of itself.
KEYBOARD = bytes.fromhex("05 01 09 06 a1 01 05 07 19 e0 29 e7 15 00 25 01 75 01 95 08 81 02 95 01 75 08 81 03 95 05 75 01"
                         "05 08 19 01 29 05 91 02 95 01 75 03 91 03 95 06 75 08 15 00 25 65 05 07 19 00 29 65 81 00 c0")
ROTATED = bytes((byte + 1) % 256 for byte in range(256))


class UsbMachine(StorageMachine):
    """Does what it is told on its second serial port."""

    def __init__(self, name, modules):
        self.modules = modules
        super().__init__(name, "linux", "usb-host-init", memory=512)
        self.line = None
        self.told = 0

    def initramfs(self, base):
        path = super().initramfs(base)
        root = self.scratch / "root"
        (root / "usb").mkdir(parents=True)
        script = f". {HERE.parent}/rig/kernel.sh; copy_modules $(newest_kernel) {shlex.quote(str(root))}/usb {self.modules}"
        subprocess.run(["bash", "-c", script], check=True)
        packed = subprocess.run("find . | cpio -o -H newc --quiet", shell=True, cwd=root, stdout=subprocess.PIPE, check=True)
        path.write_bytes(path.read_bytes() + gzip.compress(packed.stdout))
        return path

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["usb"] = True
        description["serial"].append({"kind": "socket", "path": str(self.scratch / "line")})
        path.write_text(json.dumps(description))

    def ask(self, command, seconds=60):
        """What a shell in the guest says."""
        if not self.line:
            self.line = socket.socket(socket.AF_UNIX)
            self.line.connect(str(self.scratch / "line"))
        self.told += 1
        command = f": {self.told}; {command}"
        self.line.sendall(command.encode() + b"\n")
        return self.wait_serial(rf"^guest: \[{re.escape(command)}\] (.*)$", seconds).group(1).strip()

    def wait_ask(self, command, expected, seconds=60):
        self.wait_until(lambda: self.ask(command) == expected, f"“{expected}” of “{command}”", seconds)

    def attach(self, device):
        self.bonsai("usb", "attach", "--force", self.name, device.find())

    def detach(self, device):
        self.bonsai("usb", "detach", self.name, device.find())

    def devices(self):
        """Which the machine has, or waits for."""
        (listed,), _ = self.session.call(session.INTERFACE, "ListUsb", None, "(a(ssss))")
        return {key: state for key, _, _, state in listed}


class UsbStory(MachineStory):
    size = 32 << 20
    modules = MODULES

    def set_up(self):
        gadget.load()
        self.image = pathlib.Path("/tmp/stick.img")
        with self.image.open("wb") as file:
            for _ in range(self.size >> 20):
                file.write(os.urandom(1 << 20))
        self.stick = gadget.Gadget(0, "0104", "mass_storage.0", {"lun.0/file": self.image})
        self.machine = UsbMachine(self.name, self.modules)
        self.machine.start()
        self.stick.plug()
        self.stick.wait_driver("usb-storage")
        self.machine.wait_serial("^guest: ready", 120)

    def come_back(self):
        """The next step attaches what it needs."""

    def digest(self, table=None):
        """Of its content, each byte as the table has it."""
        with self.image.open("rb") as file:
            result = hashlib.sha256()
            while piece := file.read(1 << 20):
                result.update(piece.translate(table))
        return result.hexdigest()

    def find_disk(self):
        """What the guest calls it."""
        self.machine.wait_ask("cat /sys/block/sd*/size", str(self.size // 512), 60)
        return self.machine.ask("ls /sys/block | grep sd")

    def check_reads(self):
        disk = self.find_disk()
        said = self.machine.ask(f"sha256sum < /dev/{disk}", 300)
        assert said.split()[0] == self.digest(), said


class Stick(UsbStory):
    """A stick, once."""

    name = "usb-stick"

    def test_read(self):
        """The guest reads what the host wrote; the host's driver has let go."""
        self.machine.attach(self.stick)
        assert self.stick.driver() == "usbfs", self.stick.driver()
        self.check_reads()

    def test_write(self):
        """The host reads what the guest wrote."""
        self.machine.ask(f"dd if=/dev/urandom of=/tmp/r bs=1M count=8; "
                         f"dd if=/tmp/r of=/dev/sda bs=1M seek=4 conv=fsync", 300)
        said = self.machine.ask("sha256sum < /tmp/r").split()[0]
        assert said == hashlib.sha256(self.image.read_bytes()[4 << 20:12 << 20]).hexdigest()

    def test_detach(self):
        """Detached it is gone from the guest, and the host has its driver again."""
        self.machine.detach(self.stick)
        self.stick.wait_driver("usb-storage")
        self.machine.wait_ask("ls /sys/block | grep -c sda", "0")

    def test_kill(self):
        """Killed in the middle of a transfer the machine's process leaves a device that the host can use."""
        self.machine.attach(self.stick)
        self.check_reads()
        self.machine.line.sendall(b"while :; do cat /dev/sda > /dev/null; echo 3 > /proc/sys/vm/drop_caches; done\n")
        self.machine.kill()
        self.stick.wait_driver("usb-storage")
        key = self.stick.find()
        block = gadget.wait(lambda: next(gadget.DEVICES.glob(f"{key}:1.0/host*/target*/*/block/*"), None), "the host's disk")
        fd = os.open(f"/dev/{block.name}", os.O_RDONLY)
        assert os.read(fd, 1 << 20) == self.image.read_bytes()[:1 << 20]
        os.close(fd)


class Coming(UsbStory):
    """A stick that comes and goes fifty times while it is read without end."""

    name = "usb-coming"
    size = 16 << 20
    times = 50

    def set_up(self):
        super().set_up()
        self.machine.ask("echo 1 > /proc/sys/kernel/printk")  # errors are expected, and would cut the answers in two
        self.machine.ask("echo 0 > /sys/module/usb_storage/parameters/delay_use")
        self.machine.ask("(while :; do cat /dev/sd?; done) > /dev/null 2>&1 &")

    def test_commands(self):
        """By command it is there each time, whole, and gone each time."""
        self.repeat(self.machine.attach, self.machine.detach)

    def repeat(self, come, go):
        """What is in its middle is read anew each time."""
        expected = hashlib.sha256(self.image.read_bytes()[7 << 20:8 << 20]).hexdigest()
        for _ in range(self.times):
            come(self.stick)
            said = self.machine.ask("until dd if=$(ls /dev/sd? 2> /dev/null) of=/tmp/middle bs=1M skip=7 count=1 2> /dev/null && "
                                    "[ -s /tmp/middle ]; do sleep 0.1; done; sha256sum < /tmp/middle")
            assert said.split()[0] == expected, said
            go(self.stick)
            self.machine.ask("while ls /dev/sd? > /dev/null 2>&1; do sleep 0.1; done")


class Plugging(Coming):
    """The same, by whoever pulls it out and plugs it in."""

    name = "usb-plugging"
    times = 50

    def test_plugs(self):
        """Pulled out of the host and plugged in again fifty times it comes back by itself."""
        self.machine.attach(self.stick)
        self.stick.pull()
        self.machine.ask("while ls /dev/sd? > /dev/null 2>&1; do sleep 0.1; done")
        self.repeat(gadget.Gadget.plug, gadget.Gadget.pull)


class Keyboard(UsbStory):
    """A keyboard whose keys the host presses."""

    name = "usb-keyboard"
    size = 1 << 20

    def set_up(self):
        super().set_up()
        self.keyboard = gadget.Gadget(1, "0107", "hid.usb0", {"protocol": 1, "subclass": 1, "report_length": 8,
                                                              "report_desc": KEYBOARD})
        self.keyboard.plug()
        self.keyboard.wait_driver("usbhid")
        self.events = None

    def test_keys(self):
        """The guest's driver hears keys go down and up."""
        self.machine.attach(self.keyboard)
        self.machine.wait_ask("grep -l hid.usb0 /sys/class/input/event*/device/name | wc -l", "1")
        self.events = self.machine.ask("grep -l hid.usb0 /sys/class/input/event*/device/name | cut -d / -f 5")
        self.machine.ask(f"cat /dev/input/{self.events} > /tmp/events 2> /dev/null &")
        line = os.open("/dev/hidg0", os.O_RDWR)
        for key in (4, 0, 5, 0):
            os.write(line, bytes([0, 0, key, 0, 0, 0, 0, 0]))
        os.close(line)
        expected = " ".join(f"0100{code:02x}00{down:02x}000000" for code in (30, 48) for down in (1, 0))
        self.machine.wait_ask("xxd -p -c 24 /tmp/events | cut -c 33-48 | grep ^0100", expected)

    def test_lights(self):
        """The host hears which of its lights the guest switches on."""
        line = os.open("/dev/hidg0", os.O_RDWR | os.O_NONBLOCK)

        def hear():
            with contextlib.suppress(BlockingIOError):
                return os.read(line, 8)[0] == 2

        self.machine.ask(f"echo {'0' * 32}1100010001000000 | xxd -r -p > /dev/input/{self.events}")
        gadget.wait(hear, "light")
        os.close(line)


class Microphone(UsbStory):
    """A microphone, whose transfers are isochronous."""

    name = "usb-microphone"
    size = 1 << 20
    modules = MODULES + " snd-usb-audio snd-pcm-oss"

    def test_record(self):
        """The guest records all of eight seconds, byte by byte."""
        microphone = usbip.Microphone()
        microphone.plug()
        self.machine.attach(microphone)
        self.machine.wait_ask("ls /dev/dsp", "/dev/dsp")
        said = self.machine.ask("head -c 65536 /dev/dsp > /tmp/sound; sha256sum < /tmp/sound; xxd -p -l 1 /tmp/sound", 120)
        first = int(said.split()[-1], 16)
        assert said.split()[0] == hashlib.sha256(bytes((first + i) % 256 for i in range(65536))).hexdigest(), said
        assert microphone.packets >= 65536 // usbip.SAMPLES, microphone.packets
        self.machine.detach(microphone)


class Large(UsbStory):
    """A stick whose content takes its time."""

    name = "usb-large"
    size = 256 << 20

    def test_read(self):
        """256 MiB arrive in the guest as the host wrote them."""
        self.machine.attach(self.stick)
        self.check_reads()

    def test_write(self):
        """256 MiB arrive at the host as the guest wrote them."""
        disk = self.find_disk()
        expected = self.digest(ROTATED)
        rotate = "tr '\\000-\\377' '\\001-\\377\\000'"
        self.machine.ask(f"cat /dev/{disk} | {rotate} | dd of=/dev/{disk} obs=1M conv=fsync", 600)
        assert self.digest() == expected


class Devices(UsbStory):
    """A stick and a serial line, which come and go."""

    name = "usb-devices"
    size = 16 << 20

    def set_up(self):
        super().set_up()
        self.other = None
        self.machine.attach(self.stick)

    def test_two(self):
        """While the stick is read a serial line brings back what is sent."""
        self.other = gadget.Gadget(1, "0106", "acm.usb0", {})
        self.other.plug()
        self.other.wait_driver("cdc_acm")
        self.machine.attach(self.other)
        self.machine.wait_ask("ls /dev/ttyACM0", "/dev/ttyACM0")
        self.machine.ask("stty -F /dev/ttyACM0 raw -echo; cat /dev/ttyACM0 > /dev/ttyACM0 2> /dev/null &", 20)
        self.machine.ask(f"sha256sum < /dev/{self.find_disk()} > /tmp/sum 2> /dev/null &", 20)
        line = os.open("/dev/ttyGS0", os.O_RDWR | os.O_NOCTTY)
        tty.setraw(line)
        for _ in range(200):
            sent, got = os.urandom(512), b""
            os.write(line, sent)
            while len(got) < len(sent):
                got += os.read(line, 512)
            assert got == sent
        os.close(line)
        self.machine.wait_ask("cut -c 1-64 /tmp/sum", self.digest(), 300)

    def test_unplugged(self):
        """Pulled out of the host in the middle of a transfer it is gone; plugged in again it comes back by itself."""
        self.machine.ask(f"cat /dev/{self.find_disk()} > /dev/null 2>&1 &")
        key = self.stick.find()
        self.stick.pull()
        self.machine.wait_until(lambda: key not in self.machine.devices(), "end of the device", 60)
        self.machine.wait_ask("ls /sys/block | grep -c sd", "0")
        self.plug_again(key)
        self.check_reads()

    def plug_again(self, key):
        self.stick.plug()
        self.wait_attached(key)

    def wait_attached(self, key):
        self.machine.wait_until(lambda: self.machine.devices().get(key) == "attached", "device in the machine", 60)

    def test_reboot(self):
        """The guest's restart finds it as it was."""
        ready = self.machine.serial_lines().count("guest: ready")
        self.machine.line.sendall(b"reboot -f\n")
        self.machine.wait_until(lambda: self.machine.serial_lines().count("guest: ready") > ready, "restart", 120)
        self.check_reads()

    def test_snapshot(self):
        """Going back to a snapshot the guest has it, pulled out and plugged in again."""
        disk = self.machine.ask("cat /sys/block/sd*/diskseq")
        self.machine.bonsai("snapshot", "take", self.machine.name, "Before", timeout=300)
        self.machine.bonsai("snapshot", "restore", self.machine.name, "Before", timeout=300)
        self.wait_attached(self.stick.find())
        self.machine.wait_until(lambda: self.machine.ask("cat /sys/block/sd*/diskseq") not in (disk, ""), "another disk", 60)
        self.check_reads()

    def test_missing(self):
        """If the host has it no more that is told, and it is the guest's when it is back."""
        key = self.stick.find()
        self.stick.pull()
        self.machine.wait_until(lambda: key not in self.machine.devices(), "end of the device", 60)
        self.machine.bonsai("snapshot", "restore", self.machine.name, "Before", timeout=300)
        assert self.machine.devices()[key] == "missing", self.machine.devices()
        self.machine.wait_ask("ls /sys/block | grep -c sd", "0")
        self.plug_again(key)
        self.check_reads()

    def test_end(self):
        """When the machine ends the host has it again."""
        self.machine.bonsai("stop", self.machine.name)
        self.stick.wait_driver("usb-storage")


if __name__ == "__main__":
    tap.main()
