#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clicks in a window land where they should: an X session of a guest with a USB tablet says at which pixel each came."""

import json
import pathlib
import random
import re

import tap
from console import Console
from machine import MachineStory
from windows import WindowMachine

TITLE = "^pointer$|^pointer —"
STEPS = 32768  # of a tablet, each way
CLICKS = 250
AT_ONCE = 25
BAR = 100  # pixels at a window's upper edge, where its own bar takes clicks


class PointerMachine(WindowMachine):
    """With a USB tablet and no other pointer than the mouse of a PC."""

    def __init__(self):
        super().__init__("pointer", "xsession", None, memory=512)
        self.append += " x.pointer"

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description.update({"usb": True, "virtio-input": False, "display": {"video-memory": 16, "graphics": "virtio"}})
        path.write_text(json.dumps(description))

    def clicks(self):
        """Where they came: press and release of each."""
        return [(int(x), int(y)) for x, y in re.findall(r"^x: click (\d+),(\d+)$", self.serial_lines(), re.MULTILINE)]


def fit(picture, window):
    """Left, top, width and height of the picture in a window that it fills one way."""
    (width, height), (window_width, window_height) = picture, window
    if window_width * height <= window_height * width:
        drawn = window_width, (2 * window_width * height + width) // (2 * width)
    else:
        drawn = (2 * window_height * width + height) // (2 * height), window_height
    return (window_width - drawn[0]) // 2, (window_height - drawn[1]) // 2, *drawn


def pixel_at(at, drawn, length):
    """The guest's pixel in the middle of the window's; None so near to an edge that the tablet's steps decide."""
    place = (2 * at + 1) * length / (2 * drawn)
    margin = length / STEPS
    return int(place) if margin < place % 1 < 1 - margin else None


class Pointer(MachineStory):
    """One boot; four windows of two screens."""

    console = window = None

    def set_up(self):
        self.machine = PointerMachine()
        self.machine.start()

    def tear_down(self):
        for thing in filter(None, (self.console, self.window)):
            thing.close()
        super().tear_down()

    def test_session(self):
        """The X server takes the tablet."""
        self.machine.wait_serial("^x: ready", 120)
        self.console = Console(self.machine, "--port", "virtio")
        self.window = self.machine.window_called(TITLE)

    def recover(self):
        assert self.window, "there is no session"

    def show_in(self, guest, window):
        """The guest's screen of that size in a window of that."""
        self.console.run(f"xrandr -s {guest[0]}x{guest[1]}")
        self.machine.on_display("xdotool", "windowmove", self.window.number, 0, 0)
        self.window.resize(*window)
        self.machine.wait_until(lambda: self.machine.picture().size == guest, f"screen of {guest}", 30)
        geometry = f"WIDTH={window[0]}\nHEIGHT={window[1]}"
        self.machine.wait_until(lambda: geometry in self.geometry(), f"window of {window}", 30)

    def geometry(self):
        return self.machine.on_display("xdotool", "getwindowgeometry", "--shell", self.window.number).decode()

    def click(self, places):
        """At these places of the window; returns at which of the guest's pixels they came."""
        before = len(self.machine.clicks())
        steps = [("mousemove", "--window", self.window.number, x, y, "click", 1, "sleep", 0.1) for x, y in places]
        self.machine.on_display("xdotool", *[word for step in steps for word in step])
        self.machine.wait_until(lambda: len(self.machine.clicks()) >= before + 2 * len(places), "clicks", 30)
        said = self.machine.clicks()[before:]
        assert said[::2] == said[1::2], "pressed and released at different places"
        return said[::2]

    def land(self, guest, window):
        """So many clicks, at random but the same ones each time, and in the corners."""
        self.show_in(guest, window)
        left, top, width, height = fit(guest, window)
        chance = random.Random(f"{guest}{window}")
        first = max(BAR - top, 0)
        places = [(0, height - 1), (width - 1, height - 1), (0, first), (width - 1, first)]
        while len(places) < CLICKS:
            places.append((chance.randrange(width), chance.randrange(first, height)))
        wrong = []
        for i in range(0, CLICKS, AT_ONCE):
            some = places[i:i + AT_ONCE]
            for (x, y), came in zip(some, self.click([(left + x, top + y) for x, y in some])):
                expected = pixel_at(x, width, guest[0]), pixel_at(y, height, guest[1])
                if any(want not in (None, have) for want, have in zip(expected, came)):
                    wrong.append((x, y, expected, came))
        print(f"# {CLICKS} clicks on {guest} in {window}: {len(wrong)} wrong", flush=True)
        assert not wrong, wrong[:10]

    def test_same_size(self):
        """Pixel by pixel."""
        self.land((1280, 800), (1280, 800))

    def test_larger(self):
        """A small screen in a large window."""
        self.land((640, 480), (1500, 1100))

    def test_smaller(self):
        """A large screen in a small window."""
        self.land((1280, 800), (700, 500))

    def test_uneven(self):
        """A scale that is no simple fraction."""
        self.land((800, 600), (1117, 873))


if __name__ == "__main__":
    tap.main()
