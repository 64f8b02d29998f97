#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An X session with spice-vdagent: its screen gets its window's size, and the clipboard goes both ways."""

import fcntl
import hashlib
import io
import json
import pathlib
import struct
import subprocess
import termios

import tap
from PIL import Image

from console import Console
from machine import BUILD, MachineStory, patience
from windows import WindowMachine

TITLE = "^x$|^x —"
MIB = 1 << 20
SIZE_CHANGE = 1  # seconds that it may take


def text_of(what):
    """A MiB of text in UTF-8."""
    line = f"{what}: Grüße, 世界, 🌳"
    return "".join(f"{i:06} {line}\n" for i in range(MIB // (len(line.encode()) + 8) + 1))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def picture_of_noise():
    """A PNG; no two are alike."""
    picture = io.BytesIO()
    Image.effect_noise((320, 240), 90).save(picture, "PNG")
    return picture.getvalue()


class XMachine(WindowMachine):
    """With virtio-gpu."""

    def __init__(self):
        super().__init__("x", "xsession", None, memory=512)

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["display"] = {"video-memory": 16, "graphics": "virtio"}
        path.write_text(json.dumps(description))

    def copy(self, data, kind="UTF8_STRING"):
        """As a program of the host, which goes on when it has said that it has something."""
        subprocess.run(["xclip", "-selection", "clipboard", "-t", kind, "-in"], env=self.environment, check=True, input=data,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def pasted_image(self):
        """As a program of the host; None if there is no image."""
        try:
            return self.on_display("xclip", "-selection", "clipboard", "-out", "-t", "image/png")
        except subprocess.CalledProcessError:
            return None

    def clipboard(self, *arguments, data=None):
        """What `bonsai guest clipboard` gives."""
        return subprocess.run([BUILD / "app" / "cli" / "bonsai", "guest", "clipboard", *arguments, self.name], input=data,
                              env=self.environment, check=True, stdout=subprocess.PIPE, timeout=patience(60)).stdout


class XSession(MachineStory):
    """One boot."""

    console = window = None

    def set_up(self):
        self.machine = XMachine()
        self.machine.start()

    def tear_down(self):
        if self.console:
            self.console.close()
        if self.window:
            self.window.close()
        super().tear_down()

    def test_session(self):
        """The server runs in the mode that the card names; the agent is there."""
        assert self.machine.wait_serial(r"^x: server (\S+)", 120)[1] == "1280x800"
        self.machine.wait_serial("^x: ready", 60)
        self.console = Console(self.machine, "--port", "virtio")
        # The agent has heard from the host.
        self.console.run("until grep -q 'max clipboard' /tmp/vdagentd.log; do usleep 100000; done")

    def come_back(self):
        assert self.console, "there is no session"

    def test_resize(self):
        """The screen gets its window's size within a second of the guest's time."""
        self.window = self.machine.window_called(TITLE)
        took = []
        for width, height in ((1000, 700), (1400, 900), (800, 600), (1200, 800)):
            before = float(self.console.run("cat /proc/uptime").split()[0])
            self.window.resize(width, height)
            after = float(self.machine.wait_serial(rf"^x: size at ([0-9.]+): width {width}, height {height}", 30)[1])
            took.append(after - before)
            print(f"# {width}x{height} after {took[-1]:.2f} s of the guest's time", flush=True)
            assert f"current {width} x {height}" in self.console.run("xrandr")
            assert self.machine.picture().size == (width, height)
        # The quickest: an emulated host that other work slows down slows this as well.
        assert min(took) <= SIZE_CHANGE, took

    def focus(self):
        """Only whose window has it sees the host's clipboard, and sets it."""
        self.machine.on_display("xdotool", "windowfocus", self.window.number)

    def paste(self, text):
        """Waits until the guest's clipboard has text, and pastes that."""
        offered = "xclip -selection clipboard -out -t TARGETS 2> /dev/null | grep -q UTF8_STRING"
        said = self.console.run(f"until {offered}; do usleep 100000; done; xclip -selection clipboard -out > /tmp/pasted;"
                                "wc -c < /tmp/pasted; sha256sum < /tmp/pasted")
        assert said.split()[:2] == [str(len(text)), digest(text)], said

    def copy(self):
        """Copies that in the guest, its lines the other way round; returns its checksum."""
        self.console.run("tac /tmp/pasted > /tmp/copied; xclip -selection clipboard -in /tmp/copied > /dev/null 2>&1")
        size, checksum = self.console.run("wc -c < /tmp/copied; sha256sum < /tmp/copied").split()[:2]
        assert int(size) >= MIB, size
        return checksum

    def test_paste(self):
        """A MiB of text that a program of the host has copied is pasted in the guest."""
        text = text_of("from the host").encode()
        self.machine.copy(text)
        self.focus()
        self.paste(text)

    def test_copy(self):
        """A MiB of text that is copied in the guest is pasted on the host."""
        expected = self.copy()
        self.machine.wait_until(lambda: digest(self.machine.on_display("xclip", "-selection", "clipboard", "-out")) == expected,
                                "text of the guest in the host's clipboard", 30)

    def test_commands(self):
        """The same by command."""
        text = text_of("by command").encode()
        self.machine.clipboard("--set", data=text)
        self.paste(text)
        expected = self.copy()
        self.machine.wait_until(lambda: digest(self.machine.clipboard()) == expected, "text of the guest", 30)

    def paste_image(self, picture):
        """Waits until the guest's clipboard has an image, and pastes that."""
        self.console.run("until xclip -selection clipboard -out -t TARGETS 2> /dev/null | grep -q image/png; do usleep 100000; done")
        said = self.console.run("xclip -selection clipboard -out -t image/png > /tmp/picture; sha256sum < /tmp/picture")
        assert said.split()[0] == digest(picture), said

    def copy_image(self):
        """Copies that in the guest, with a word after its end; nothing at all first, which is a text as well."""
        self.console.run("echo more >> /tmp/picture; xclip -selection clipboard -in < /dev/null > /dev/null 2>&1; sleep 1;"
                         "xclip -selection clipboard -in -t image/png /tmp/picture > /dev/null 2>&1")

    def test_images(self):
        """Images go both ways through the window."""
        picture = picture_of_noise()
        self.machine.copy(picture, "image/png")
        self.focus()
        self.paste_image(picture)
        self.copy_image()
        self.machine.wait_until(lambda: self.machine.pasted_image() == picture + b"more\n",
                                "image of the guest in the host's clipboard", 30)

    def test_images_by_command(self):
        """Images go both ways by command."""
        picture = picture_of_noise()
        self.machine.clipboard("--type", "image/png", "--set", data=picture)
        self.paste_image(picture)
        self.copy_image()
        self.machine.wait_until(lambda: self.look_at_image() == picture + b"more\n", "image of the guest", 30)

    def look_at_image(self):
        try:
            return self.machine.clipboard("--type", "image/png")
        except subprocess.CalledProcessError:  # not yet
            return None

    def test_terminal(self):
        """The virtio console has the size of the terminal that shows it."""
        for rows, columns in ((40, 132), (25, 90)):
            fcntl.ioctl(self.console.terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
            self.machine.wait_until(lambda r=rows, c=columns: self.console.run("stty size").split() == [str(r), str(c)],
                                    f"terminal of {columns}x{rows}", 20)


if __name__ == "__main__":
    tap.main()
