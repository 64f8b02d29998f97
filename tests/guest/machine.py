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

from PIL import Image

import screentext
import session
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
    return seconds * float(os.environ.get("BONSAI_TEST_PATIENCE", "3"))


class Machine:
    """What both kinds have in common. Subclasses have start(), key(), type(), move(), click(),
    picture(), shoot(path), state(), press_power(), destroy()."""

    def __init__(self, name, memory=512, cpus=1, kernel=None, initrd=None, append=None,
                 disk=None, cdrom=None, network=True, serial=True, firmware=None,
                 disk_bus="virtio"):
        self.name = name
        self.memory = memory
        self.cpus = cpus
        self.kernel = kernel
        self.initrd = initrd
        self.append = append
        self.cdrom = cdrom
        self.network = network
        self.firmware = firmware
        self.disk_bus = disk_bus
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="bonsai-"))
        self.disk = self.scratch / "disk.raw" if disk else None
        self.serial = self.scratch / "serial.log" if serial else None
        self.pictures = 0
        self.lines = []
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
        return self.state() in ("starting", "running", "paused", "stopping")

    def keep_picture(self, what):
        """Stores the screen among the artefacts, numbered in the order taken."""
        self.pictures += 1
        kept = ARTEFACTS / f"{self.name}-{self.pictures:02}-{what}.png"
        self.picture().save(kept)
        return kept

    def screen(self):
        """The text on the screen, as lines."""
        return screentext.read_image(self.picture())

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
        """Waits for a line that the pattern (re.search) matches; returns the match. self.lines is
        then what the screen showed."""

        def look():
            try:
                self.lines = self.screen()
            except session.Gone:
                raise AssertionError(f"{self.name} ended while '{pattern}' was awaited on its screen") from None
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

        try:
            return self.wait_until(look, f"'{pattern}' on the screen", seconds)
        except Timeout as timeout:
            raise Timeout(f"{timeout}; it shows:\n" + "\n".join(filter(None, self.lines))) from None

    def serial_lines(self):
        """What the serial line said, without a line that it still is at: half a word would pass for the whole."""
        text = self.serial.read_text(errors="replace") if self.serial.exists() else ""
        return text[:text.rfind("\n") + 1]

    def wait_serial(self, pattern, seconds=60):
        """Waits until the serial line's whole lines match; returns the match."""
        def look():
            return re.search(pattern, self.serial_lines(), re.MULTILINE)

        try:
            return self.wait_until(look, f"'{pattern}' on the serial line", seconds)
        except Timeout as timeout:
            said = self.serial.read_text(errors="replace").splitlines() if self.serial.exists() else []
            raise Timeout(f"{timeout}; the last that it said:\n" + "\n".join(said[-20:])) from None

    def wait_off(self, seconds=60):
        self.wait_until(lambda: not self.is_alive(), "end of the machine", seconds)


class BonsaiMachine(Machine):
    """On the command line, as any script would; its screen is watched over its interface."""

    def __init__(self, *args, window=False, **options):
        super().__init__(*args, **options)
        self.window = window
        self.library = self.scratch / "library"
        self.library.mkdir()
        self.runtime = self.scratch / "run"
        self.runtime.mkdir(mode=0o700)
        self.environment = dict(os.environ, BONSAI_LIBRARY=str(self.library), XDG_RUNTIME_DIR=str(self.runtime),
                                XDG_STATE_HOME=str(self.runtime))
        self.session = None

    def command(self, *arguments, timeout=60):
        return subprocess.run([BUILD / "app" / "cli" / "bonsai", *map(str, arguments)], env=self.environment, text=True,
                              capture_output=True, timeout=patience(timeout), check=False)

    def bonsai(self, *arguments, check=True, timeout=60):
        result = self.command(*arguments, timeout=timeout)
        if check and result.returncode != 0:
            raise AssertionError(f"bonsai {' '.join(map(str, arguments))} ended with {result.returncode}: "
                                 f"{(result.stderr + result.stdout).strip()}")
        return result.stdout

    def complaint(self, *arguments, timeout=60):
        """What a command that must fail says."""
        result = self.command(*arguments, timeout=timeout)
        assert result.returncode != 0, result.stdout
        return result.stderr

    def start(self):
        options = ["--memory", f"{self.memory}M", "--cpus", self.cpus, "--network", "nat" if self.network else "none"]
        for option, value in (("kernel", self.kernel), ("initrd", self.initrd), ("append", self.append),
                              ("existing-disk", self.disk), ("cdrom", self.cdrom), ("firmware", self.firmware),
                              ("disk-bus", self.disk and self.disk_bus)):
            if value:
                options += [f"--{option}", value]
        self.bonsai("create", *options, self.name)
        if self.serial:
            self.plug_serial()
        self.start_again()

    def start_again(self, *options):
        """Once more: what start() made is there."""
        self.bonsai("start", *options, *([] if self.window else ["--headless"]), self.name)
        self.session = session.Session(self.runtime, self.show()["uuid"])

    def plug_serial(self):
        """By hand, as an owner may."""
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["serial"] = [{"path": str(self.serial)}]
        path.write_text(json.dumps(description))

    def key(self, chord):
        self.session.press(chord.split("+"))

    def type(self, text):
        self.session.type(text)

    def type_by_command(self, text):
        self.bonsai("type", self.name, text)

    def move(self, x, y):
        self.bonsai("mouse", "--", self.name, "move", x, y)

    def click(self, button):
        self.bonsai("mouse", self.name, "click", button)

    def shoot(self, path):
        self.bonsai("screenshot", self.name, path)

    def picture(self):
        return self.session.grab()

    def show(self):
        return json.loads(self.bonsai("show", "--json", self.name))

    def state(self):
        try:
            return self.session.get("State")
        except session.Gone:
            return self.show()["state"]

    def press_power(self):
        self.bonsai("shutdown", self.name, timeout=120)

    def kill(self):
        """As a crash of the host's process."""
        os.kill(self.show()["pid"], signal.SIGKILL)
        self.wait_off()

    def destroy(self):
        self.bonsai("stop", self.name, check=False)


class QemuMachine(Machine):
    """The peer: over QMP, with the devices that Bonsai's PC has."""

    NAMES = {" ": "spc", "\n": "ret", "-": "minus", "=": "equal", "/": "slash", ".": "dot", ",": "comma",
             ";": "semicolon", "'": "apostrophe", "[": "bracket_left", "]": "bracket_right", "\\": "backslash",
             "`": "grave_accent"}

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
        if self.firmware == "uefi":
            command += self.flash()
        for option in ("kernel", "initrd", "append"):
            if getattr(self, option):
                command += [f"-{option}", getattr(self, option)]
        if self.serial:
            command += ["-serial", f"file:{self.serial}"]
        if self.disk:
            device = {"virtio": "virtio-blk-pci", "ahci": "ide-hd", "scsi": "scsi-hd"}[self.disk_bus]
            command += ["-device", "virtio-scsi-pci"] if self.disk_bus == "scsi" else []
            command += ["-drive", f"file={self.disk},format=raw,if=none,id=disk,aio=io_uring", "-device", f"{device},drive=disk"]
        if self.cdrom and str(self.cdrom).endswith(",bus=scsi"):
            path = str(self.cdrom).removesuffix(",bus=scsi")
            command += ["-device", "virtio-scsi-pci", "-drive", f"if=none,id=cd,media=cdrom,readonly=on,file={path}",
                        "-device", "scsi-cd,drive=cd"]
        elif self.cdrom:
            command += ["-cdrom", self.cdrom]
        if self.network:
            command += ["-nic", "user,model=virtio-net-pci"]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL)
        connection = socket.socket(socket.AF_UNIX)
        self.wait_until(lambda: connection.connect_ex(f"{self.scratch}/qmp") == 0, "QEMU", 20)
        self.monitor = connection.makefile("rw")
        self.monitor.readline()
        self.command("qmp_capabilities")

    def flash(self):
        """OVMF, with variables of its own."""
        variables = self.scratch / "nvram.fd"
        if not variables.exists():
            shutil.copy("/usr/share/OVMF/OVMF_VARS_4M.fd", variables)
        return ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                "-drive", f"if=pflash,format=raw,file={variables}"]

    def start_again(self, *options):
        if options:
            raise AssertionError("the peer's start has no options")
        self.start()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def command(self, name, **arguments):
        self.monitor.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            line = self.monitor.readline()
            if not line:
                raise session.Gone("QEMU ended")
            answer = json.loads(line)
            if "error" in answer:
                raise AssertionError(f"QEMU: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def key(self, chord):
        self.press(chord.split("+"))

    def press(self, names):
        for down in (True, False):
            self.command("input-send-event", events=[
                {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": self.NAMES.get(name, name)}}}
                for name in names])
        time.sleep(0.05)  # QEMU's i8042 drops what its 16 bytes do not hold

    def type(self, text):
        for character in text:
            shift = ["shift"] if character in session.SHIFTED else []
            self.press(shift + [session.SHIFTED.get(character, character)])

    type_by_command = type

    def move(self, x, y):
        self.command("input-send-event", events=[
            {"type": "rel", "data": {"axis": axis, "value": value}} for axis, value in (("x", x), ("y", y))])

    def click(self, button):
        for down in (True, False):
            self.command("input-send-event", events=[{"type": "btn", "data": {"down": down, "button": button}}])

    def shoot(self, path):
        self.command("screendump", filename=str(path), format="png")

    def picture(self):
        self.shoot(self.scratch / "screen.png")
        with Image.open(self.scratch / "screen.png") as image:
            return image.convert("RGB")

    def state(self):
        if self.process.poll() is not None:
            return "stopped"
        try:
            return "running" if self.command("query-status")["running"] else "paused"
        except (session.Gone, OSError):
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
