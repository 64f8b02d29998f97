# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the desktop app with a large library: there is no peer, and the goals are figures of their own."""
import json
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 900  # seconds for starts, a library of 200 machines, and a minute's work
KERNEL = "/boot/invaders.exec"


class Library:
    """Measured once for both rows: by library-bench.py in a desktop session of its own."""
    alone = True  # no peer: the goal is for the figure itself
    higher_is_better = False

    def __init__(self, figures, name, unit, goal, figure, about):
        self.figures, self.name, self.unit, self.goal, self.figure, self.__doc__ = figures, name, unit, goal, figure, about

    def unavailable(self, context):
        if not os.path.exists(self.desktop(context)):
            return "the desktop app was not built"
        if not shutil.which("Xvfb"):
            return "the package xvfb is not installed"
        return None if os.path.exists(KERNEL) else "the package grub-invaders is not installed"

    @staticmethod
    def desktop(context):
        return os.path.join(context.build, "ui", "bonsai-desktop")

    def measure(self, context, who):
        if self.figures.get("asked", self.name) == self.name:
            self.figures.update(run(self.desktop(context), context.bonsai), asked=self.name)
        return self.figures[self.figure], None


def run(desktop, bonsai):
    command = [os.path.join(HERE, "..", "gui", "desktop"), "/usr/bin/python3", os.path.join(HERE, "library-bench.py"),
               desktop, bonsai, KERNEL]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            timeout=LIMIT).stdout
    return json.loads(output.splitlines()[-1])


def rows():
    figures = {}
    return [Library(figures, "library-start", "ms", 1000, "start_ms",
                    "Start of the app with 200 machines and 1,000 snapshots, beyond one with none."),
            Library(figures, "library-stalls", "n", 0, "stalls",
                    "Turns of its main loop with more than 16 ms of work but drawing, in a minute's use; four machines run.")]
