#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux draws on a virtio-gpu with two screens: console, modes, page flips, cursor, and the windows' sizes."""

import base64
import json
import pathlib
import re

import tap
from PIL import Image

from machine import MachineStory
from windows import WindowMachine

WHITE = (255, 255, 255)
# Of the kernel's complaints. The driver of 6.1 looks at a property of its planes that it doesn't make.
ABOUT_DISPLAYS = "failed|virtio|drm|gpu|pci|vga|fbcon|DMA"
OF_THE_DRIVER = r"drm_plane_enable_fb_damage_clips\(\) not called"


class GpuMachine(WindowMachine):
    """With a card for two screens, each in a window."""

    def __init__(self):
        super().__init__("gpu", "gpu", "gpu-init", memory=256)

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["display"] = {"video-memory": 16, "graphics": "virtio", "heads": 2}
        path.write_text(json.dumps(description))

    def head(self, number):
        """What one of the screens shows."""
        path = self.scratch / "head.png"
        self.bonsai("screenshot", "--head", number, self.name, path)
        with Image.open(path) as image:
            return image.convert("RGB")


class Screens(MachineStory):
    """One boot, two screens."""

    def set_up(self):
        self.machine = GpuMachine()
        self.machine.start()

    def said(self, pattern, seconds=60):
        return self.machine.wait_serial(rf"^gpu: {pattern}", seconds)

    def test_vga(self):
        """Until a driver comes the first screen is a VGA's."""
        self.said("shown", 120)
        self.machine.wait_text("Shown by the VGA", 20)

    def test_driver(self):
        """The driver is bound; both screens are connected, with an EDID of their own."""
        self.machine.key("ret")
        self.said("features", 60)
        assert self.said(r"driver (\S+)")[1] == "virtio_gpu"
        assert self.said(r"features ([01]+)")[1][:4] == "0101", "EDID and blobs are what is used"
        assert self.said(r"cards (\d+)")[1] == "1"
        text = self.machine.serial.read_text(errors="replace")
        connectors = re.findall(r"^gpu: connector (\d) (\S+) (\S+) (\S+)", text, re.MULTILINE)
        assert [c[:3] for c in connectors] == [("1", "connected", "1280x800"), ("2", "connected", "1280x800")], connectors
        for index, connector in enumerate(connectors):
            edid = base64.b64decode(connector[3])
            assert len(edid) == 128 and sum(edid) % 256 == 0 and edid[12] == index + 1, edid.hex()

    def test_console(self):
        """The kernel's console is on the screen, letter by letter."""
        self.machine.wait_text("Shown by virtio-gpu", 30)
        assert self.machine.picture().size == (1280, 800)

    def test_modes(self):
        """A program sets modes on both screens and flips pages; every pixel is in its place."""
        self.machine.key("ret")
        self.said("cursor", 60)
        for number in (1, 2):
            picture = self.machine.head(number)
            assert picture.size == (1280, 800)
            self.check_picture(picture, number)

    def check_picture(self, picture, number):
        width, height = picture.size
        corners = [picture.getpixel((x, y)) for x in (0, width - 1) for y in (0, height - 1)]
        assert corners == [WHITE] * 4, corners
        for x in (1, width // 3, width - 2):
            pixel = picture.getpixel((x, height - 10))
            assert pixel[0] == 0x30 * number and pixel[1] == 0x40 and abs(pixel[2] - x * 255 // (width - 1)) <= 1, (x, pixel)

    def test_cursor(self):
        """A screenshot shows the hardware cursor where the guest put it."""
        picture = self.machine.head(1)
        assert picture.getpixel((100, 50)) == (0, 255, 0), picture.getpixel((100, 50))
        assert picture.getpixel((163, 81)) == (0, 255, 0), picture.getpixel((163, 81))
        assert picture.getpixel((99, 50))[0] == 0x30 and picture.getpixel((120, 82))[0] == 0x30
        assert self.machine.head(2).getpixel((100, 50))[0] == 0x60

    def resize(self, title, width, height):
        window = self.machine.window_called(title)
        window.resize(width, height)
        window.close()

    def test_resize(self):
        """Windows that are made larger or smaller change the guest's modes."""
        self.resize(r"^gpu \(screen 2\)", 1000, 700)
        self.said(r"resized 1 to 1000x700", 30)
        self.check_picture(self.machine.head(2), 2)
        assert self.machine.head(2).size == (1000, 700)
        assert self.machine.head(1).size == (1280, 800)
        self.resize("^gpu$|^gpu —", 1400, 900)
        self.said(r"resized 0 to 1400x900", 30)
        self.check_picture(self.machine.head(1), 1)

    def test_console_again(self):
        """The console comes back, and the kernel has nothing to complain of."""
        self.machine.key("ret")
        self.machine.wait_text("The console again", 60)
        self.machine.key("ret")
        self.said("unbound", 60)
        text = self.machine.serial.read_text(errors="replace")
        complaints = [line for line in re.findall("^gpu: (?:kernel: |(?=failed))(.*)", text, re.MULTILINE)
                      if re.search(ABOUT_DISPLAYS, line) and not re.search(OF_THE_DRIVER, line)]
        assert not complaints, complaints

    def test_vga_again(self):
        """When the driver goes, the VGA is back with what it showed."""
        self.machine.wait_text("Shown by the VGA", 20)


if __name__ == "__main__":
    tap.main()
