#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux uses the serial ports, the HPET, the watchdog and the panic port; people use `bonsai console`."""

import hashlib
import json
import os
import pathlib
import re
import socket
import time

import guests
import tap
from console import LEAVE, Console
from machine import BonsaiMachine, MachineStory

PASTE = b"".join(b"%06d %s\n" % (i, hashlib.sha512(b"%d" % i).hexdigest().encode()) for i in range(500))


class LegacyMachine(BonsaiMachine):
    """The stock kernel with a shell on its first serial port, and what a story wants in vm.json."""

    def __init__(self, name, settings, cpus=1):
        linux = guests.directory("linux")
        super().__init__(name, memory=256, cpus=cpus, network=False, kernel=linux / "vmlinuz",
                         initrd=linux / "initrd", append="console=ttyS0 bonsai.test=shell")
        self.settings = settings

    def plug_serial(self):
        path = pathlib.Path(self.show()["path"], "vm.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | self.settings))


class LegacyStory(MachineStory):
    """With a console at hand."""

    console = None

    def open_console(self, *arguments):
        self.close_console()
        self.console = Console(self.machine, *arguments)
        return self.console

    def close_console(self):
        if self.console:
            self.console.close()
            self.console = None

    def tear_down(self):
        self.close_console()
        super().tear_down()

    def come_back(self):
        if not self.machine.is_alive():
            raise AssertionError("the machine has ended")
        self.open_console("--force").type(b"\x03\nstty sane\n")
        self.console.run("true", 120)

    def says(self, said, expected):
        assert said == expected, f"{said!r} instead of {expected!r}"

    def wait_reason(self, state, reason, seconds=60):
        """Waits until the machine is in trouble, as its owner sees it."""
        def look():
            shown = self.machine.show()
            return shown if (shown["state"], shown["reason"]) == (state, reason) else None
        return self.machine.wait_until(look, f"state {state} for reason {reason}", seconds)


class Consoles(LegacyStory):
    """A machine as it is made, with other serial ports elsewhere, until its kernel panics."""

    def set_up(self):
        self.machine = LegacyMachine("legacy-consoles", {"serial": [{}, {"kind": "socket"}, {"kind": "pty"}]}, cpus=2)
        self.machine.start()

    def bundle(self):
        return pathlib.Path(self.machine.show()["path"])

    def test_both_ways(self):
        """A console opened late shows what was said, takes what is typed and gives the answer."""
        self.machine.wait_until(lambda: self.machine.state() == "running", "start", 60)
        console = self.open_console()
        console.wait(rb"init reached", 120)
        assert console.is_raw()
        console.type(b"\n")
        console.wait(rb"# ", 60)
        self.says(console.run("echo one-$((40 + 2))"), "one-42\n")

    def test_large_paste(self):
        """A large paste arrives whole, and comes back whole."""
        console = self.console
        console.run("stty -echo")
        console.type(b"cat > /tmp/paste\n")
        since = time.monotonic()
        console.type(PASTE + b"\x04")
        console.type(b"sha256sum /tmp/paste; wc -c /tmp/paste\n")
        digest = console.wait(rb"(\w{64})  ?/tmp/paste", 300)[1].decode()
        print(f"# {len(PASTE)} bytes pasted in {time.monotonic() - since:.1f} s", flush=True)
        size = console.wait(rb"(\d+) /tmp/paste", 60)[1]
        assert digest == hashlib.sha256(PASTE).hexdigest(), f"{size} of {len(PASTE)} bytes"
        console.type(b"echo be''gin; cat /tmp/paste; echo e''nd\n")
        back = console.wait(rb"begin\r\n((?s:.*))end\r\n", 120)[1]
        extra = [line for line in back.split(b"\r\n") if line + b"\n" not in PASTE]
        assert back.replace(b"\r\n", b"\n") == PASTE, f"{len(back)} bytes came back, with {extra}"
        console.type(b"stty echo\n")

    def test_leave_and_return(self):
        """Ctrl+] leaves, the terminal is as before, and the shell goes on."""
        self.console.type(LEAVE)
        assert self.console.end() == 0
        assert not self.console.is_raw()
        console = self.open_console()
        console.type(b"\n")
        console.wait(rb"# ", 30)
        self.says(console.run("echo back"), "back\n")

    def test_in_use(self):
        """A second console is refused, or takes over; a pipe works as well."""
        refused = self.machine.bonsai("console", self.machine.name, check=False)
        assert refused == "", refused
        other = Console(self.machine, "--force")
        assert self.console.end() == 4
        other.type(b"\n")
        other.wait(rb"# ", 30)
        other.type(LEAVE)
        assert other.end() == 0
        other.close()
        self.open_console().type(b"\n")
        self.console.wait(rb"# ", 30)

    def test_four_ports(self):
        """The guest finds four ports where a PC has them."""
        ports = self.console.run("cat /proc/tty/driver/serial")
        for line, port, irq in ((0, "3F8", 4), (1, "2F8", 3), (2, "3E8", 4), (3, "2E8", 3)):
            assert re.search(rf"^{line}: uart:16550A port:0*{port} irq:{irq} ", ports, re.MULTILINE), ports
        self.says(self.console.run("ls /sys/bus/pnp/drivers/serial | grep -c :"), "4\n")

    def test_socket_and_terminal(self):
        """The ports that lead to a socket and a terminal work both ways, also after one has left."""
        self.console.run("for i in 1 2; do stty -F /dev/ttyS$i raw -echo; done")
        for _ in range(2):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(60)
                client.connect(str(self.bundle() / "serial2.sock"))
                self.console.run("(head -n 1 < /dev/ttyS1 > /tmp/got) & sleep 1; echo out1 > /dev/ttyS1")
                assert client.makefile("rb").readline() == b"out1\n"
                client.sendall(b"in1\n")
                self.says(self.console.run("wait; cat /tmp/got"), "in1\n")
        opened = os.open(self.bundle() / "serial3.pty", os.O_RDWR | os.O_NOCTTY)
        with os.fdopen(opened, "r+b", buffering=0) as terminal:
            self.console.run("(head -n 1 < /dev/ttyS2 > /tmp/got) & sleep 1; echo out2 > /dev/ttyS2")
            assert terminal.readline() == b"out2\n"
            terminal.write(b"in2\n")
            self.says(self.console.run("wait; cat /tmp/got"), "in2\n")

    def test_hpet(self):
        """There is an HPET, and the kernel's clock is a better one."""
        assert re.search(r"fed00000-fed003ff : HPET 0", self.console.run("cat /proc/iomem"))
        found = self.console.run("dmesg | grep -i hpet")
        assert "3 comparators, 64-bit 100.000000 MHz counter" in found, found
        clock = self.console.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource").strip()
        assert clock in ("kvm-clock", "tsc"), clock
        # The interval timer and the HPET have nothing to do once the processors' own timers tick.
        count = "grep -E '^ +(0|2|8):' /proc/interrupts"
        before, after = self.console.run(count), self.console.run(f"sleep 3; {count}")
        assert before == after, before + after

    def test_no_complaints(self):
        """The kernel has nothing to complain of."""
        lines = self.console.run("dmesg -r | grep '^<[0-4]>'").splitlines()
        for line in lines:
            print("# kernel:", line, flush=True)
        bad = [line for line in lines
               if re.search(r"(?i)hpet|pvpanic|qemu0001|pnp|serial|ttyS|uart|irq|acpi|timer|clock|conflict", line)]
        assert not bad, bad

    def test_panic(self):
        """A panic is told, with its reason, while the machine goes on."""
        assert "QEMU0001" in self.console.run("ls /sys/bus/acpi/drivers/pvpanic-mmio /sys/bus/platform/drivers/pvpanic-mmio"
                                              " 2> /dev/null")
        self.console.type(b"echo c > /proc/sysrq-trigger\n")
        shown = self.wait_reason("running", "guest-panic")
        assert "panicked" in shown["message"], shown
        line = next(line for line in self.machine.bonsai("list").splitlines() if self.machine.name in line)
        assert "running" in line and "panicked" in line, line


class Trouble(LegacyStory):
    """A machine that is reset by its watchdog, and paused when its kernel panics."""

    def set_up(self):
        self.machine = LegacyMachine("legacy-trouble", {"watchdog": "reset", "on-panic": "pause"})
        self.machine.start()

    def shell(self):
        console = self.open_console()
        console.wait(rb"init reached", 120)
        console.type(b"\n")
        console.wait(rb"# ", 60)
        return console

    def test_driver(self):
        """The driver binds to the watchdog."""
        assert "0000:00:1d.0" in self.shell().run("ls '/sys/bus/pci/drivers/i6300ESB timer'")

    def test_fed(self):
        """One that is fed does nothing."""
        self.console.run("watchdog -T 6 -t 1 /dev/watchdog")
        self.console.run("sleep 15")
        shown = self.machine.show()
        assert (shown["state"], shown["reason"]) == ("running", "none"), shown

    def test_starved(self):
        """One that is not resets the machine, and that is told."""
        self.console.type(b"killall -STOP watchdog\n")
        shown = self.wait_reason("running", "watchdog")
        assert "watchdog" in shown["message"] and "reset" in shown["message"], shown
        self.console.wait(rb"init reached", 120)

    def test_panic(self):
        """The kernel that starts anew panics, and the machine pauses."""
        self.console.type(b"\n")
        self.console.wait(rb"# ", 60)
        self.console.type(b"echo c > /proc/sysrq-trigger\n")
        shown = self.wait_reason("paused", "guest-panic")
        assert "panicked" in shown["message"], shown
        self.machine.bonsai("reset", self.machine.name)
        self.machine.bonsai("resume", self.machine.name)
        self.console.wait(rb"init reached", 120)
        shown = self.machine.show()
        assert (shown["state"], shown["reason"]) == ("running", "none"), shown


if __name__ == "__main__":
    tap.main()
