# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines in windows, on an X server of their own without a window manager."""

import ctypes
import os
import subprocess

from storage import StorageMachine


class Window:
    """One of them, whose size is changed at once: a program that does it takes its time to start."""

    def __init__(self, display, number):
        x11 = self.x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.argtypes, x11.XOpenDisplay.restype = [ctypes.c_char_p], ctypes.c_void_p
        x11.XResizeWindow.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_uint, ctypes.c_uint]
        x11.XSync.argtypes = [ctypes.c_void_p, ctypes.c_int]
        x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
        self.display = x11.XOpenDisplay(display.encode())
        self.number = number
        if not self.display:
            raise AssertionError(f"no X server at {display}")

    def resize(self, width, height):
        """As someone who drags the window's corner."""
        self.x11.XResizeWindow(self.display, self.number, width, height)
        self.x11.XSync(self.display, 0)

    def close(self):
        """Lets go of the X server; the window stays."""
        self.x11.XCloseDisplay(self.display)


class WindowMachine(StorageMachine):
    """Its windows are where nobody else looks."""

    def __init__(self, *args, **options):
        super().__init__(*args, window=True, **options)
        reading, writing = os.pipe()
        self.x = subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"],
                                  pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as said:
            self.environment["DISPLAY"] = ":" + said.readline().strip()
        self.environment.pop("WAYLAND_DISPLAY", None)

    def on_display(self, *command, **options):
        """What a program on that X server says."""
        return subprocess.run([str(word) for word in command], env=self.environment, check=True, stdout=subprocess.PIPE,
                              **options).stdout

    def window_called(self, title):
        """The window whose title the pattern matches."""
        return Window(self.environment["DISPLAY"], int(self.on_display("xdotool", "search", "--name", title).split()[-1]))

    def close(self):
        super().close()
        self.x.kill()
        self.x.wait()
