#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units by which workspaces expire while the app isn't open are ones that systemd takes, and the timer belongs to the service.

Usage: test-units.py BONSAI FOLDER (with the sources of the units)
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

bonsai, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])

if shutil.which("systemd-analyze") is None:
    print("1..0 # SKIP there is no systemd-analyze")
    sys.exit(0)
print("1..2")
with tempfile.TemporaryDirectory(prefix="bonsai-units-") as scratch:
    text = (folder / "bonsai-workspaces.service.in").read_text()
    service, timer = (pathlib.Path(scratch) / f"bonsai-workspaces.{kind}" for kind in ("service", "timer"))
    service.write_text(text.replace("@bindir@/bonsai", bonsai))
    shutil.copy(folder / timer.name, timer)
    done = subprocess.run(["systemd-analyze", "verify", "--user", "--man=no", timer, service], capture_output=True, text=True,
                          env={**os.environ, "XDG_RUNTIME_DIR": scratch}, check=False)
    ok = done.returncode == 0 and not done.stderr.strip()
    print("ok" if ok else "not ok", "1 - systemd takes them" + ("" if ok else f"\n# {done.stderr.strip()}"))
    # A start before it is installed is a mistake that is told.
    service.write_text(text.replace("@bindir@/bonsai", scratch + "/nowhere"))
    wrong = subprocess.run(["systemd-analyze", "verify", "--user", "--man=no", service], capture_output=True, text=True,
                           env={**os.environ, "XDG_RUNTIME_DIR": scratch}, check=False)
    told = wrong.returncode != 0 and "not executable" in wrong.stderr
    print("ok" if told else "not ok", "2 - a service without its program is found")
    sys.exit(0 if ok and told else 1)
