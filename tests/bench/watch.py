# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a virtualizer, hears what its guest says on the serial port, and looks at the process from outside."""
import glob
import os
import re
import select
import shutil
import subprocess
import tempfile
import time

LIMIT = 240  # seconds that anything here may take


class Failure(RuntimeError):
    pass


def kvm_folders():
    """Where KVM tells what it counts, one for each machine of the host, called after a thread that may have ended."""
    if os.geteuid() == 0 and not os.path.isdir("/sys/kernel/debug/kvm"):
        subprocess.run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"], check=False)
    return glob.glob("/sys/kernel/debug/kvm/*-*")


class Machine:
    """A virtualizer at work. Its guest's serial port is a pipe: no waiting by polling."""

    def __init__(self, build_command, context, **options):
        self.folder = tempfile.mkdtemp(prefix="bonsai-bench-")
        serial = os.path.join(self.folder, "serial")
        os.mkfifo(serial)
        self.pipe = os.open(serial, os.O_RDONLY | os.O_NONBLOCK)
        self.heard = b""
        command, environment = build_command(context, self.folder, serial=serial, **options)
        self.others = set(kvm_folders())
        self.errors = open(os.path.join(self.folder, "errors"), "w+b")
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
                                        env={**os.environ, **environment})
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.pipe)
        self.errors.close()
        shutil.rmtree(self.folder)

    def fail(self, what):
        self.errors.seek(0)
        errors = self.errors.read().decode(errors="replace")[-500:]
        raise Failure(f"{what}: {' '.join(self.process.args)}\n{errors}")

    def wait_for(self, text):
        """Until the guest has said text. Gives the monotonic time at which it came."""
        now = time.monotonic()
        end = now + LIMIT
        while text not in self.heard:
            if not select.select([self.pipe], [], [], max(end - time.monotonic(), 0))[0]:
                self.fail(f"nothing like {text} within {LIMIT} s")
            now = time.monotonic()
            piece = os.read(self.pipe, 65536)
            if not piece:
                self.fail(f"ended before {text}")
            self.heard += piece
        self.heard = self.heard.split(text, 1)[1]
        return now

    def cpu(self):
        """Seconds of processor time that the process has taken, ended threads included."""
        return time.clock_gettime((~self.pid << 3) | 2)  # the clock of clock_getcpuclockid(3)

    def cpu_by_thread(self):
        times = {}
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{thread}/schedstat") as stat:
                times[thread] = int(stat.read().split()[0]) / 1e9
        return times

    def cpu_percent(self, seconds):
        before, began = self.cpu(), time.monotonic()
        time.sleep(seconds)  # the measuring window itself
        return (self.cpu() - before) / (time.monotonic() - began) * 100

    def kvm_counts(self):
        """What KVM counts for the machine, by name: exits, irq_injections, halt_exits, ... Needs root."""
        counts = {}
        for folder in set(kvm_folders()) - self.others:
            for name in os.listdir(folder):
                if os.path.isfile(os.path.join(folder, name)):
                    with open(os.path.join(folder, name)) as file:
                        text = file.read().strip()
                    if text.isdigit():
                        counts[name] = int(text)
        return counts

    def memory_beside(self, guest_bytes):
        """Proportional set size in MiB less the mappings that are the guest's RAM; page tables included."""
        total = ram = size = 0
        with open(f"/proc/{self.pid}/smaps") as smaps:
            for line in smaps:
                head = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
                if head:
                    size = int(head.group(2), 16) - int(head.group(1), 16)
                elif line.startswith("Pss:"):
                    total += int(line.split()[1])
                    ram += int(line.split()[1]) if size >= guest_bytes else 0
        with open(f"/proc/{self.pid}/status") as status:
            tables = int(re.search(r"VmPTE:\s+(\d+)", status.read()).group(1))
        return (total - ram + tables) / 1024


class Desktop:
    """An X display of its own, without a window manager."""

    def __enter__(self):
        ready, told = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(told), "-screen", "0", "1920x1200x24", "-nolisten",
                                        "tcp"], pass_fds=[told], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(told)
        with os.fdopen(ready) as numbers:
            number = numbers.readline().strip()
        self.before = {name: os.environ.get(name) for name in ("DISPLAY", "SDL_VIDEODRIVER", "WAYLAND_DISPLAY")}
        os.environ.update(DISPLAY=":" + number, SDL_VIDEODRIVER="x11")
        os.environ.pop("WAYLAND_DISPLAY", None)
        return self

    def __exit__(self, *_):
        for name, value in self.before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        self.server.kill()
        self.server.wait()

    def window_of(self, machine, width=0):
        """The window of a machine, once it is at least so wide."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            for wm_class in ("bonsai", "qemu"):
                found = subprocess.run(["xdotool", "search", "--onlyvisible", "--class", wm_class],
                                       capture_output=True, text=True).stdout.split()
                for window in found:
                    shape = subprocess.run(["xdotool", "getwindowgeometry", "--shell", window], capture_output=True,
                                           text=True).stdout
                    if int(re.search(r"WIDTH=(\d+)", shape + "WIDTH=0").group(1)) >= max(width, 100):
                        return window
            if machine.process.poll() is not None:
                machine.fail("ended before its window came")
            time.sleep(0.05)
        machine.fail("no window came")
