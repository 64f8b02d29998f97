#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the house rules that a compiler can't: includes point down only, toolkits stay in their
rooms, nothing stands beside the folders of the design, every source names its licence."""

import pathlib
import re
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[1]

# What each folder may include, besides itself; the longest folder that fits a file decides.
MAY_INCLUDE = {
    "vmm": [],
    "display": ["vmm/base"],
    "devices": ["display", "vmm"],
    "devices/image": ["vmm/base", "vmm/loop"],
    "devices/net": ["vmm/base", "vmm/loop"],
    "app": ["devices", "display", "vmm"],
    "ui": ["app", "devices", "display", "vmm"],
}

# Headers that belong to one room. Tests may knock everywhere.
HOMES = {
    r"gtk/|gdk/|gsk/|adwaita\.h": "ui",
    r"SDL|epoxy/": "display",
    r"linux/kvm\.h": "vmm",
}

TOP_LEVEL = {
    "vmm", "display", "devices", "app", "ui", "icons", "po", "packaging", "debian", "tests", "dev", "meson.build",
    "meson_options.txt", "LICENSE", "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def files():
    """Every file of the project, known to git or about to be."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=TREE,
                            check=True, capture_output=True, text=True)
    return sorted(pathlib.PurePath(name) for name in set(listed.stdout.split("\0")) if name and (TREE / name).is_file())


def within(path, folder):
    return pathlib.PurePath(folder) in (path, *path.parents)


def climbing(sources):
    """Includes that climb, or that do not start at the top of the tree."""
    for source in sources:
        fitting = [folder for folder in MAY_INCLUDE if within(source, folder)]
        if not fitting:
            continue
        folder = max(fitting, key=len)
        for kind, name in INCLUDE.findall((TREE / source).read_text()):
            target = pathlib.PurePath(name)
            if kind != '"':
                continue
            if target.parts[0] not in MAY_INCLUDE:
                if (TREE / source.parent / name).exists():
                    yield f'{source} includes "{name}": start at the top of the tree'
            elif not any(within(target, allowed) for allowed in [folder, *MAY_INCLUDE[folder]]):
                yield f'{source} includes "{name}": {folder}/ may include only {", ".join(MAY_INCLUDE[folder]) or "itself"}'


def strayed(sources):
    """System headers outside the one folder that uses them."""
    for source in sources:
        for kind, name in INCLUDE.findall((TREE / source).read_text()):
            for pattern, home in HOMES.items():
                if kind == "<" and re.match(pattern, name) and source.parts[0] not in (home, "tests"):
                    yield f"{source} includes <{name}>, which belongs in {home}/"


def misplaced(paths):
    """Entries beside the folders of the design."""
    for name in sorted({path.parts[0] for path in paths}):
        if name not in TOP_LEVEL and not name.startswith("."):
            yield f"{name} stands at the top of the tree, where only {', '.join(sorted(TOP_LEVEL))} belong"


def unlicensed(paths):
    """Sources that do not name their licence in the first lines."""
    for path in paths:
        text = path.suffix in (".c", ".h", ".py", ".sh", ".asl", ".S", ".css") or path.name == "meson.build"
        if text and "SPDX-License-Identifier: GPL-3.0-or-later" not in (TREE / path).read_text()[:300]:
            yield f"{path} does not name its licence (SPDX-License-Identifier: GPL-3.0-or-later)"


def broken_scripts(paths):
    """Shell and Python scripts that do not even parse."""
    for path in paths:
        with open(TREE / path, "rb") as file:
            head = file.readline(80)
        if head.startswith((b"#!/bin/bash", b"#!/bin/sh")) or path.suffix == ".sh":
            check = subprocess.run(["bash", "-n", TREE / path], capture_output=True, text=True, check=False)
            if check.returncode:
                yield check.stderr.strip()
        elif path.suffix == ".py" or head.startswith(b"#!/usr/bin/python3"):
            try:
                compile((TREE / path).read_text(), str(path), "exec")
            except SyntaxError as error:
                yield f"{path}:{error.lineno}: {error.msg}"


def main():
    paths = files()
    sources = [path for path in paths if path.suffix in (".c", ".h")]
    checks = [
        ("includes point down", climbing(sources)),
        ("toolkits stay in their folders", strayed(sources)),
        ("nothing strange at the top of the tree", misplaced(paths)),
        ("every source names its licence", unlicensed(paths)),
        ("scripts parse", broken_scripts(paths)),
    ]
    failed = False
    print(f"TAP version 13\n1..{len(checks)}")
    for number, (name, complaints) in enumerate(checks, 1):
        complaints = list(complaints)
        failed |= bool(complaints)
        print(f"{'not ok' if complaints else 'ok'} {number} - {name}")
        for complaint in complaints:
            print("#", complaint.replace("\n", "\n# "))
    return 1 if failed or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
