#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of KVM runs, directly on this host's: a game in a window and a boot loader."""

import os
import subprocess

from PIL import Image

import guests
import tap
from machine import ARTEFACTS, MachineStory, machine, patience


def need_kvm():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise tap.Skip("this host's /dev/kvm is missing or not ours to open")


class GrubRescue(MachineStory):
    """SeaBIOS, El Torito and GRUB."""

    def set_up(self):
        need_kvm()
        self.machine = machine("host-grub", memory=256,
                               cdrom=guests.directory("grub-rescue") / "grub-rescue-cdrom.iso")
        self.machine.start()

    def test_menu(self):
        """GRUB's rescue CD boots through SeaBIOS to its menu."""
        self.machine.wait_text(r"GNU GRUB +version", 300)
        self.machine.keep_picture("menu")

    def test_prompt(self):
        """A key opens its command line."""
        def look():
            text = "\n".join(self.machine.screen())
            if "grub>" in text:
                return True
            # The menu's timeout may be over before a slow KVM has drawn it: back to it, then.
            if "Press any key" in text:
                self.machine.type(" ")
            elif "GNU GRUB" in text:
                self.machine.type("c")
            return False

        self.machine.wait_until(look, "prompt", 120)
        self.machine.keep_picture("prompt")


class BootMenu(MachineStory):
    """The BIOS's boot menu, which a start asks for."""

    def set_up(self):
        need_kvm()
        self.machine = machine("host-menu", memory=64, network=False,
                               cdrom=guests.directory("grub-rescue") / "grub-rescue-cdrom.iso")
        self.machine.start()
        self.machine.destroy()
        self.machine.start_again("--boot-menu")

    def test_menu(self):
        """Escape opens it, and it lists the machine's drives."""
        self.machine.wait_text("Press ESC for boot menu", 60)
        self.machine.key("esc")
        self.machine.wait_text("Select boot device", 30)
        self.machine.wait_text(r"^1\. .*CD", 30)
        self.machine.keep_picture("menu")


class Desktop:
    """An X server without a screen, with a window manager."""

    def __init__(self):
        reader, writer = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x800x24",
                                        "-nolisten", "tcp"], pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as number:
            self.display = f":{number.readline().strip()}"
        self.environment = dict(os.environ, DISPLAY=self.display)
        self.manager = subprocess.Popen(["openbox"], env=self.environment,
                                        stderr=subprocess.DEVNULL)

    def xdotool(self, *arguments):
        result = subprocess.run(["xdotool", *map(str, arguments)], env=self.environment, check=True,
                                capture_output=True, text=True, timeout=patience(60))
        return result.stdout.strip()

    def picture(self, window):
        path = ARTEFACTS / "window.png"
        subprocess.run(["import", "-window", window, path], env=self.environment, check=True)
        with Image.open(path) as image:
            return image.convert("RGB")

    def close(self):
        for process in (self.manager, self.server):
            process.terminate()
            process.wait()


class Invaders(MachineStory):
    """A game without an operating system, played in Bonsai's window as its player would."""

    def set_up(self):
        if os.environ.get("BONSAI_TEST_PEER"):
            raise tap.Skip("the window is Bonsai's; a peer has none")
        need_kvm()
        self.desktop = Desktop()
        os.environ["DISPLAY"] = self.desktop.display
        os.environ["SDL_VIDEODRIVER"] = "x11"
        self.machine = machine("invaders", memory=128, kernel=guests.directory("invaders") / "invaders.exec",
                               network=False, window=True)
        self.machine.start()

    def tear_down(self):
        super().tear_down()
        if self.machine:
            self.desktop.close()

    def ship(self):
        """The column of the player's ship, or None while it is not on the screen."""
        return next((line.index("/ \\") for line in reversed(self.machine.screen()) if "/ \\" in line), None)

    def test_window(self):
        """The game's picture is in the window."""
        self.window = self.desktop.xdotool("search", "--sync", "--onlyvisible", "--class", "bonsai").split()[0]
        self.desktop.xdotool("windowactivate", "--sync", self.window)
        self.machine.wait_until(lambda: len(self.machine.picture().getcolors(1 << 24)) > 2, "picture of the game", 60)
        self.machine.wait_until(lambda: len(self.desktop.picture(self.window).getcolors(1 << 24)) > 2,
                                "picture in the window", 60)
        self.machine.keep_picture("start")
        self.desktop.picture(self.window).save(ARTEFACTS / "invaders-window.png")

    def test_left_and_right(self):
        """The ship follows the arrow keys that are pressed in the window."""
        for key, direction in (("Left", -1), ("Right", 1)):
            before = self.machine.wait_until(self.ship, "ship", 30)
            self.desktop.xdotool("keydown", key)
            self.machine.wait_until(lambda: ((now := self.ship()) or before) * direction > before * direction,
                                    f"ship that moves when {key} is held", 30)
            self.desktop.xdotool("keyup", key)
        self.machine.keep_picture("moved")

    def test_shoot(self):
        """The space bar shoots."""
        self.desktop.xdotool("key", "space")
        self.machine.wait_until(lambda: any("|" in line for line in self.machine.screen()), "shot", 30)
        self.machine.keep_picture("shot")

if __name__ == "__main__":
    tap.main()
