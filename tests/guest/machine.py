# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine under test, driven from outside: keys and a mouse go in, its screen is looked at.

Bonsai runs it by default. With BONSAI_TEST_PEER=qemu the same tests run on QEMU instead,
which tells a test's own mistakes, and the host's, from Bonsai's.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import screentext
import tap

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BONSAI_BUILD", TREE / "build"))
ARTEFACTS = pathlib.Path(os.environ.get("BONSAI_ARTEFACTS", BUILD / "artefacts")) / "guest"

# How often a screen is looked at while something is awaited on it, in seconds. Screens have
# no event that says "the text is complete".
LOOK_AGAIN = 0.5


class Timeout(AssertionError):
    """What was waited for did not come."""


def patience(seconds):
    """A time limit on this host: BONSAI_TEST_PATIENCE stretches all of them."""
    return seconds * float(os.environ.get("BONSAI_TEST_PATIENCE", "1"))


class Machine:
    """What both kinds have in common. Subclasses have start(), key(), type(), move(), click(),
    shoot(path), state(), press_power(), destroy()."""

    def __init__(self, name, memory=512, cpus=1, kernel=None, initrd=None, append=None,
                 disk=None, cdrom=None, network=True, serial=True):
        self.name = name
        self.memory = memory
        self.cpus = cpus
        self.kernel = kernel
        self.initrd = initrd
        self.append = append
        self.cdrom = cdrom
        self.network = network
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="bonsai-"))
        self.disk = self.scratch / "disk.raw" if disk else None
        self.serial = self.scratch / "serial.log" if serial else None
        self.pictures = 0
        if disk:
            subprocess.run(["cp", "--sparse=always", disk, self.disk], check=True)
        ARTEFACTS.mkdir(parents=True, exist_ok=True)

    def close(self):
        """Ends it, and keeps what it said on its serial line."""
        try:
            self.destroy()
        finally:
            if self.serial and self.serial.exists():
                shutil.copy(self.serial, ARTEFACTS / f"{self.name}-serial.log")
            shutil.rmtree(self.scratch, ignore_errors=True)

    def is_alive(self):
        return self.state() in ("running", "paused")

    def screenshot(self):
        """The screen's picture, as a path that is valid until the next one."""
        path = self.scratch / "screen.png"
        self.shoot(path)
        return path

    def keep_picture(self, what):
        """Stores the screen among the artefacts, numbered in the order taken."""
        self.pictures += 1
        kept = ARTEFACTS / f"{self.name}-{self.pictures:02}-{what}.png"
        shutil.copy(self.screenshot(), kept)
        return kept

    def screen(self):
        """The text on the screen, as lines."""
        return screentext.read_screen(self.screenshot())

    def wait_until(self, condition, what, seconds):
        """Looks until condition() returns something true, and returns that."""
        deadline = time.monotonic() + patience(seconds)
        while True:
            result = condition()
            if result:
                return result
            if time.monotonic() > deadline:
                raise Timeout(f"{self.name}: no {what} within {patience(seconds):.0f} s")
            time.sleep(LOOK_AGAIN)

    def wait_text(self, pattern, seconds=60):
        """Waits for a line that the pattern (re.search) matches; returns the match."""
        lines = []

        def look():
            if not self.is_alive():
                raise AssertionError(f"{self.name} ended while '{pattern}' was awaited on its screen")
            lines[:] = self.screen()
            return next(filter(None, (re.search(pattern, line) for line in lines)), None)

        try:
            return self.wait_until(look, f"'{pattern}' on the screen", seconds)
        except Timeout as timeout:
            raise Timeout(f"{timeout}; it shows:\n" + "\n".join(line for line in lines if line)) from None

    def wait_serial(self, pattern, seconds=60):
        """Waits until the serial line's output matches; returns the match."""
        def look():
            return self.serial.exists() and re.search(pattern, self.serial.read_text(errors="replace"), re.MULTILINE)
        return self.wait_until(look, f"'{pattern}' on the serial line", seconds)

    def wait_off(self, seconds=60):
        self.wait_until(lambda: not self.is_alive(), "end of the machine", seconds)


class BonsaiMachine(Machine):
    """On the command line, as any script would."""

    def __init__(self, *args, window=False, **options):
        super().__init__(*args, **options)
        self.window = window
        self.library = self.scratch / "library"
        self.library.mkdir()
        self.environment = dict(os.environ, BONSAI_LIBRARY=str(self.library))

    def bonsai(self, *arguments, check=True, timeout=60):
        result = subprocess.run([BUILD / "app" / "bonsai", *map(str, arguments)], env=self.environment, text=True,
                                capture_output=True, timeout=patience(timeout), check=False)
        if check and result.returncode != 0:
            raise AssertionError(f"bonsai {' '.join(map(str, arguments))} ended with {result.returncode}: "
                                 f"{result.stderr.strip()}")
        return result.stdout

    def start(self):
        options = ["--memory", f"{self.memory}M", "--cpus", self.cpus]
        for option in ("kernel", "initrd", "append", "disk", "cdrom", "serial"):
            value = getattr(self, option)
            if value:
                options += [f"--{option}", value]
        if not self.network:
            options += ["--network", "none"]
        self.bonsai("create", *options, self.name)
        self.bonsai("start", *([] if self.window else ["--headless"]), self.name)

    def key(self, chord):
        self.bonsai("key", self.name, chord)

    def type(self, text):
        self.bonsai("type", self.name, text)

    def move(self, x, y):
        self.bonsai("mouse", "--", self.name, "move", x, y)

    def click(self, button):
        self.bonsai("mouse", self.name, "click", button)

    def shoot(self, path):
        self.bonsai("screenshot", self.name, path)

    def show(self):
        return json.loads(self.bonsai("show", "--json", self.name))

    def state(self):
        return self.show()["state"]

    def press_power(self):
        self.bonsai("shutdown", self.name, timeout=120)

    def destroy(self):
        self.bonsai("stop", self.name, check=False)


class QemuMachine(Machine):
    """The peer: over QMP, with the devices that Bonsai's PC has."""

    KEYS = {" ": "spc", "\n": "ret", "-": "minus", "=": "equal", "/": "slash", ".": "dot", ",": "comma",
            ";": "semicolon", "'": "apostrophe", "[": "bracket_left", "]": "bracket_right", "\\": "backslash",
            "`": "grave_accent", "escape": "esc", "control": "ctrl", "space": "spc"}
    SHIFTED = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./"))

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.process = None
        self.monitor = None

    def start(self):
        kvm = os.access("/dev/kvm", os.W_OK)
        command = ["qemu-system-x86_64", "-nodefaults", "-machine", "q35,vmport=off", "-accel", "kvm" if kvm else "tcg",
                   "-cpu", "host" if kvm and "RIG" in os.environ else "qemu64", "-smp", self.cpus, "-m", self.memory,
                   "-display", "none", "-vga", "std", "-qmp", f"unix:{self.scratch}/qmp,server=on,wait=on",
                   "-device", "virtio-rng-pci", "-boot", "menu=off"]
        for option in ("kernel", "initrd", "append"):
            if getattr(self, option):
                command += [f"-{option}", getattr(self, option)]
        if self.serial:
            command += ["-serial", f"file:{self.serial}"]
        if self.disk:
            command += ["-drive", f"file={self.disk},format=raw,if=virtio,aio=io_uring"]
        if self.cdrom:
            command += ["-cdrom", self.cdrom]
        if self.network:
            command += ["-nic", "user,model=virtio-net-pci"]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL)
        connection = socket.socket(socket.AF_UNIX)
        self.wait_until(lambda: connection.connect_ex(f"{self.scratch}/qmp") == 0, "QEMU", 20)
        self.monitor = connection.makefile("rw")
        self.monitor.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.monitor.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            line = self.monitor.readline()
            if not line:
                raise AssertionError("QEMU ended")
            answer = json.loads(line)
            if "error" in answer:
                raise AssertionError(f"QEMU: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def key(self, chord):
        names = [self.KEYS.get(name, name) for name in chord.split("+")]
        self.press(names)

    def press(self, names):
        for down in (True, False):
            self.command("input-send-event", events=[
                {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}} for name in names])
        time.sleep(0.05)  # QEMU's i8042 drops what its 16 bytes do not hold

    def type(self, text):
        for character in text:
            shift = character in self.SHIFTED or character.isupper()
            plain = self.SHIFTED.get(character, character.lower())
            self.press((["shift"] if shift else []) + [self.KEYS.get(plain, plain)])

    def move(self, x, y):
        self.command("input-send-event", events=[
            {"type": "rel", "data": {"axis": axis, "value": value}} for axis, value in (("x", x), ("y", y))])

    def click(self, button):
        for down in (True, False):
            self.command("input-send-event", events=[{"type": "btn", "data": {"down": down, "button": button}}])

    def shoot(self, path):
        self.command("screendump", filename=str(path), format="png")

    def state(self):
        if self.process.poll() is not None:
            return "stopped"
        try:
            return "running" if self.command("query-status")["running"] else "paused"
        except (AssertionError, OSError):
            return "stopped"

    def press_power(self):
        self.command("system_powerdown")
        self.wait_off(120)

    def destroy(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()


class MachineStory(tap.Story):
    """A story about self.machine, which set_up() makes and starts."""

    machine = None

    def tear_down(self):
        if self.machine:
            self.machine.close()

    def recover(self):
        if self.machine.is_alive():
            self.machine.keep_picture("failed")
        self.come_back()

    def come_back(self):
        """Makes the guest usable after a failed step, or raises."""
        raise AssertionError("a step before did not succeed")


def machine(*args, **options):
    """A machine of the kind that the environment asks for."""
    peer = os.environ.get("BONSAI_TEST_PEER", "")
    if peer == "qemu":
        options.pop("window", None)
        return QemuMachine(*args, **options)
    if peer:
        raise ValueError(f"BONSAI_TEST_PEER: no peer is called '{peer}'")
    return BonsaiMachine(*args, **options)
