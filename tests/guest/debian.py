# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian guest from its keyboard's side of the screen."""

import re

import guests
from machine import machine

USER, PASSWORD = "root", "bonsai"
PROMPT = r"^root@bonsai-guest:.*# ?$"


class Debian:
    """A machine that boots the Debian disk, and commands typed into it."""

    def __init__(self, name, cpus=1, memory=768):
        self.machine = machine(name, cpus=cpus, memory=memory, disk=guests.directory("debian") / "disk.raw")
        self.commands = 0

    def wait_login(self, seconds=180):
        self.machine.wait_text(r"^bonsai-guest login:", seconds)

    def login(self):
        self.machine.type(USER + "\n")
        self.machine.wait_text(r"^Password:")
        self.machine.type(PASSWORD + "\n")
        self.machine.wait_text(PROMPT)

    def run(self, command, seconds=60):
        """Types a command and reads its exit status and its output from the screen."""
        self.commands += 1
        number = 1000 + self.commands
        # The mark is computed by the shell, so that the line typed is not taken for it.
        self.machine.type(f"clear; {command}; echo =$?=$(({number}+1000))=\n")
        match = self.machine.wait_text(rf"=(\d+)={number + 1000}=$", seconds)
        lines = self.machine.lines
        last = next(i for i, line in enumerate(lines) if line.endswith(match.group(0)))
        rest = lines[last][:-len(match.group(0))]
        return int(match.group(1)), "\n".join(lines[:last] + ([rest] if rest else []))

    def output(self, command, seconds=60):
        """What a command that has to succeed prints."""
        status, text = self.run(command, seconds)
        assert status == 0, f"'{command}' ended with {status}:\n{text}"
        return text

    def recover(self):
        if not self.machine.is_alive():
            raise AssertionError("the machine is off")
        self.machine.key("ctrl+c")
        self.run("true")

    def reboot(self):
        """From the inside; back at the login prompt of a new boot."""
        before = self.output("cat /proc/sys/kernel/random/boot_id").strip()
        self.machine.type("clear; reboot\n")
        self.machine.wait_until(lambda: not any(re.search(PROMPT, line) for line in self.machine.screen()),
                                "end of the shell", 60)
        self.wait_login()
        self.login()
        after = self.output("cat /proc/sys/kernel/random/boot_id").strip()
        assert before != after, "the guest did not boot again"
