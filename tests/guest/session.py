# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to a machine that runs, over its public interface (org.bonsaivm.Session1).

The command line does the same, but starts a process each time, which is slow in the rig.
"""

import os
import string
import time

from gi.repository import Gio, GLib
from PIL import Image

PATH = "/org/bonsaivm/Session"
INTERFACE = "org.bonsaivm.Session1"

# HID Usage Tables 1.4, section 10: the keys by name, and by what they type on a US keyboard.
KEYS = {
    **{letter: 0x04 + i for i, letter in enumerate(string.ascii_lowercase)},
    **{digit: 0x1e + i for i, digit in enumerate("1234567890")},
    **{f"f{i}": 0x39 + i for i in range(1, 13)},
    "\n": 0x28, "ret": 0x28, "esc": 0x29, "\t": 0x2b, " ": 0x2c, "-": 0x2d, "=": 0x2e, "[": 0x2f, "]": 0x30,
    "\\": 0x31, ";": 0x33, "'": 0x34, "`": 0x35, ",": 0x36, ".": 0x37, "/": 0x38,
    "right": 0x4f, "left": 0x50, "down": 0x51, "up": 0x52, "ctrl": 0xe0, "shift": 0xe1, "alt": 0xe2,
}
SHIFTED = {**dict(zip(string.ascii_uppercase, string.ascii_lowercase)),
           **dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./"))}
REST = 0.03  # seconds between strokes


class Gone(Exception):
    """The machine's process does not answer any more."""


class Session:
    """Blocking calls to one machine."""

    def __init__(self, runtime_folder, uuid):
        try:
            self.connection = Gio.DBusConnection.new_for_address_sync(
                f"unix:path={runtime_folder}/bonsai/{uuid}.sock",
                Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
        except GLib.Error as error:
            raise Gone(error.message) from None

    def call(self, interface, method, parameters, reply):
        try:
            answer, descriptors = self.connection.call_with_unix_fd_list_sync(
                None, PATH, interface, method, parameters, GLib.VariantType(reply), Gio.DBusCallFlags.NONE,
                30000, None, None)
        except GLib.Error as error:
            raise Gone(error.message) from None
        return answer.unpack(), descriptors

    def get(self, name):
        """A property's value."""
        (value,), _ = self.call("org.freedesktop.DBus.Properties", "Get",
                                GLib.Variant("(ss)", (INTERFACE, name)), "(v)")
        return value

    def grab(self):
        """The screen as a PIL image."""
        (width, height, index), descriptors = self.call(INTERFACE, "Grab", GLib.Variant("(uii)", (0, 0, 0)), "(iih)")
        descriptor = descriptors.get(index)
        try:
            pixels = os.pread(descriptor, width * height * 4, 0)
        finally:
            os.close(descriptor)
        return Image.frombuffer("RGB", (width, height), pixels, "raw", "BGRX", 0, 1)

    def press(self, names):
        """Presses keys together, so briefly that even a busy host leaves no time for a repeat."""
        strokes = [(name, True) for name in names] + [(name, False) for name in reversed(names)]
        for name, down in strokes:
            parameters = GLib.Variant("(ub)", (KEYS[name], down))
            if (name, down) == strokes[-1]:
                self.call(INTERFACE, "Key", parameters, "()")
            else:
                self.connection.call(None, PATH, INTERFACE, "Key", parameters, None, Gio.DBusCallFlags.NONE, -1,
                                     None, None)
        time.sleep(REST)

    def type(self, text):
        """Presses the keys that make up a text, one after the other."""
        for character in text:
            self.press((["shift"] if character in SHIFTED else []) + [SHIFTED.get(character, character)])
