# SPDX-License-Identifier: GPL-3.0-or-later
"""`bonsai console` at a terminal of its own, as a person would use it."""

import os
import pty
import re
import select
import termios
import time

import machine

LEAVE = b"\x1d"


class Console:
    """The terminal of one run of the command."""

    def __init__(self, guest, *arguments):
        program = machine.BUILD / "app" / "cli" / "bonsai"
        self.output = b""
        self.commands = 0
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execve(program, [str(program), "console", guest.name, *map(str, arguments)], guest.environment)
        # From now on every key is the guest's.
        self.wait(rb"Ctrl\+\] leaves")

    def look(self, seconds):
        """Reads what comes within a time; False once the command has ended."""
        ready, _, _ = select.select([self.terminal], [], [], seconds)
        if ready:
            try:
                self.output += os.read(self.terminal, 65536)
            except OSError:  # Linux's way to say that nobody has the terminal open any more
                return False
        return True

    def type(self, data):
        """Sends everything, taking what comes back meanwhile."""
        while data:
            _, writable, _ = select.select([], [self.terminal], [], 0.05)
            if writable:
                # A terminal takes no more than its buffer holds.
                data = data[os.write(self.terminal, data[:1024]):]
            self.look(0)

    def wait(self, pattern, seconds=60):
        """Waits for a pattern in the output so far that was not waited for yet; returns the match."""
        deadline = time.monotonic() + machine.patience(seconds)
        while True:
            match = re.search(pattern, self.output)
            if match:
                self.output = self.output[match.end():]
                return match
            if not self.look(0.5) or time.monotonic() > deadline:
                raise machine.Timeout(f"no {pattern} on the console, which shows {self.output[-2000:]}")

    def run(self, command, seconds=60):
        """What a command at the guest's shell prints."""
        # The shell's echo of the command, wrapped or not, has the quotes; what an earlier console said may come first.
        self.commands += 1
        mark = f"{self.process}-{self.commands}"
        self.type(f"echo be''gin-{mark}; {command}; echo e''nd-{mark}\n".encode())
        said = self.wait(f"begin-{mark}\r?\n(?s:(.*?))end-{mark}\r?\n".encode(), seconds)[1]
        return said.decode(errors="replace").replace("\r", "")

    def is_raw(self):
        return not termios.tcgetattr(self.terminal)[3] & termios.ICANON

    def end(self):
        """The exit status of the command, which must be about to end."""
        deadline = time.monotonic() + machine.patience(20)
        while True:
            ended, status = os.waitpid(self.process, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                raise machine.Timeout(f"the console does not end; it shows {self.output[-2000:]}")
            self.look(0.2)

    def close(self):
        os.close(self.terminal)
