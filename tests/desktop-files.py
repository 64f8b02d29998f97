#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the desktop is told of Bonsai holds together: names agree, files are known by name and content, icons can be drawn.

Usage: desktop-files.py ICONS-FOLDER DESKTOP-ENTRY
"""
import configparser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

folder, entry_path = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
NAME = "org.bonsaivm.Bonsai"
scratch = pathlib.Path(tempfile.mkdtemp(prefix="bonsai-desktop-files-"))
os.environ["XDG_DATA_HOME"] = str(scratch)

import gi  # noqa: E402

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gio  # noqa: E402


def read(path):
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(path)
    return parser


def test_names():
    """Entry, service and search provider speak of the same app"""
    entry = read(entry_path)["Desktop Entry"]
    service = read(folder / f"{NAME}.service.in")["D-BUS Service"]
    search = read(folder / f"{NAME}.search-provider.ini")["Shell Search Provider"]
    assert entry_path.name == f"{NAME}.desktop"
    assert entry["DBusActivatable"] == "true" and service["Name"] == NAME, service["Name"]
    assert service["Exec"].endswith("/bonsai-desktop --gapplication-service"), service["Exec"]
    assert search["BusName"] == NAME and search["DesktopId"] == f"{NAME}.desktop" and search["Version"] == "2"
    assert search["ObjectPath"] == "/" + NAME.replace(".", "/") + "/SearchProvider", search["ObjectPath"]
    for action in filter(None, entry["Actions"].split(";")):
        assert read(entry_path)[f"Desktop Action {action}"]["Name"], action


def test_types():
    """Files of each kind that Bonsai opens are of a type that its entry names"""
    packages = scratch / "mime" / "packages"
    packages.mkdir(parents=True)
    shutil.copy(folder / f"{NAME}.xml", packages)
    done = subprocess.run(["update-mime-database", scratch / "mime"], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    types = [t for t in read(entry_path)["Desktop Entry"]["MimeType"].split(";") if t]
    samples = {"a.ova": None, "a.ovf": None, "a.iso": None, "a.qcow2": None, "a.vhdx": None, "a.vmdk": None,
               "a.vdi": None, "a.img": None, "a.vhd": b"conectix" + bytes(504)}
    for name, content in samples.items():
        guessed, _ = Gio.content_type_guess(name, content)
        assert any(Gio.content_type_is_a(guessed, t) or Gio.content_type_equals(guessed, t) for t in types), \
            f"{name} is {guessed}"


def test_icons():
    """Every icon can be drawn, and has the size that its place promises"""
    icons = sorted((folder / "hicolor").rglob("*.svg"))
    assert len(icons) >= 6, icons
    for path in icons:
        picture = GdkPixbuf.Pixbuf.new_from_file(str(path))
        size = 16 if path.stem.endswith("-symbolic") else 128
        assert (picture.get_width(), picture.get_height()) == (size, size), path
        text = path.read_text()
        assert not re.search(r"<image|<script|href=", text), f"{path} takes something from elsewhere"
        if size == 16:
            colours = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', text))
            assert colours <= {"#2e3436"}, f"{path} has colours of its own: {colours}"


# The libraries of the GNOME runtime; all others that the build asks for are modules of the manifest, by these names.
RUNTIME = {"epoxy", "gio-unix-2.0", "glib-2.0", "gobject-2.0", "gtk4", "hogweed", "json-glib-1.0", "libadwaita-1", "libarchive",
           "libpng", "libsecret-1", "libudev", "libzstd", "nettle", "pangocairo", "sdl2", "sqlite3", "threads", "x11", "xcb", "xcb-xfixes",
           "zlib"}
MODULES = {"libnbd": "libnbd", "libosinfo-1.0": "libosinfo", "librrd": "rrdtool", "liburing": "liburing",
           "libusb-1.0": "libusb", "libxxhash": "xxhash", "slirp": "libslirp", "vte-2.91-gtk4": "vte", "yaml-0.1": "libyaml"}


def test_flatpak():
    """Whatever the build needs is in the Flatpak: of its runtime, or a module before Bonsai"""
    tree = folder.parent
    manifest = (tree / "packaging" / "flatpak" / f"{NAME}.yml").read_text()
    modules = re.findall(r"^  - name: (\S+)$", manifest, re.M)
    builds = [tree / "meson.build"] + [path for room in ("vmm", "display", "devices", "app", "ui")
                                       for path in (tree / room).rglob("meson.build")]
    needed = {name for path in builds for name in re.findall(r"dependency\('([^']+)'", path.read_text())}
    assert needed > {"glib-2.0", "gtk4"}, needed
    missing = {name for name in needed - RUNTIME if MODULES.get(name) not in modules}
    assert not missing, f"the manifest has no module for {missing}"
    assert modules[-1] == "bonsai" and f"id: {NAME}\n" in manifest, modules


def main():
    tests = [test_names, test_types, test_icons, test_flatpak]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}")
        except Exception as error:
            failed = True
            print(f"not ok {number} - {test.__doc__}")
            print("#", str(error or repr(error)).replace("\n", "\n# "))
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
