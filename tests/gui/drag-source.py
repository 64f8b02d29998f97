#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A window out of which a file can be dragged, as out of a file manager.

Usage: drag-source.py TITLE FILE...
"""
import sys

import gi

gi.require_version("Gdk", "4.0")
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

title, *files = sys.argv[1:]
uris = "".join(GLib.filename_to_uri(path) + "\r\n" for path in files)
label = Gtk.Label(label=title)
source = Gtk.DragSource(actions=Gdk.DragAction.COPY)
source.set_content(Gdk.ContentProvider.new_for_bytes("text/uri-list", GLib.Bytes.new(uris.encode())))
label.add_controller(source)
window = Gtk.Window(title=title, default_width=200, default_height=120, child=label)
window.present()
GLib.MainLoop().run()
