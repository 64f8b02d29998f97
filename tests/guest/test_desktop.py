# SPDX-License-Identifier: GPL-3.0-or-later
"""A stock Linux in the desktop app, in a desktop session of its own."""

import os
import pathlib

gui = pathlib.Path(__file__).resolve().parent.parent / "gui"
build = pathlib.Path(os.environ["BONSAI_BUILD"])
os.environ.setdefault("BONSAI_TEST_PATIENCE", "10")  # emulated machines are slow
os.execv(gui / "desktop", ["desktop", "/usr/bin/python3", "-W", "ignore", str(gui / "test-linux.py"),
                           str(build / "ui" / "bonsai-desktop"), str(build / "artefacts" / "gui-linux")])
