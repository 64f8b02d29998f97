# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the guests are that build-guests made."""

import functools
import os
import pathlib
import subprocess

BUILDER = pathlib.Path(__file__).resolve().parent / "build-guests"


def variable(name):
    """The environment variable by which a caller that knows tells us (run-tests does)."""
    return "BONSAI_GUEST_" + name.upper().replace("-", "_")


@functools.cache
def directory(name):
    """The directory of the guest of that name, which is built if it has to be."""
    known = os.environ.get(variable(name))
    if known:
        return pathlib.Path(known)
    built = subprocess.run([BUILDER, name], check=True, stdout=subprocess.PIPE, text=True)
    return pathlib.Path(built.stdout.strip())
