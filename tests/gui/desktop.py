# SPDX-License-Identifier: GPL-3.0-or-later
"""Works a desktop app as a person would: finds widgets by role and accessible name, clicks, types, looks.

Nothing here sleeps for a fixed time: wait() looks again until what was promised is there.
"""
import os
import subprocess
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

LIMIT = float(os.environ.get("BONSAI_TEST_PATIENCE", "30"))


def wait(what, predicate, limit=LIMIT):
    """Looks until predicate() is true; returns its value."""
    end = time.monotonic() + limit
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit:.0f} s in vain for {what}")
        time.sleep(0.05)


def xdotool(*args):
    return subprocess.run(["xdotool", *args], capture_output=True, text=True).stdout.split()


class App:
    """A running program and its accessible tree."""

    def __init__(self, argv, artefacts, env=None):
        self.artefacts = artefacts
        self.shots = 0
        os.makedirs(artefacts, exist_ok=True)
        self.log = open(os.path.join(artefacts, "app.log"), "w")
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log, env=dict(os.environ, **(env or {})))
        self.name = os.path.basename(argv[0])
        self.root = wait(f"{self.name} on the accessibility bus", self._root)

    def _root(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with status {self.process.returncode}; see {self.log.name}")
        desktop = Atspi.get_desktop(0)
        for i in range(desktop.get_child_count()):
            child = desktop.get_child_at_index(i)
            if child and child.get_process_id() == self.process.pid:
                return child
        return None

    # --- looking ---

    def all(self, role=None, name=None, start=None):
        """Every showing accessible of that role whose name is, or begins with, name."""
        found, queue = [], [start or self.root]
        while queue:
            node = queue.pop(0)
            try:
                n = node.get_child_count()
                for i in range(n):
                    child = node.get_child_at_index(i)
                    if child:
                        queue.append(child)
                title = (node.get_name() or "").replace("_", "")
                if (role is None or node.get_role_name() == role) and (name is None or title.startswith(name)):
                    states = node.get_state_set()
                    if states.contains(Atspi.StateType.VISIBLE):
                        found.append(node)
            except Exception:  # it vanished while we looked
                continue
        return found

    def find(self, role, name, limit=LIMIT):
        def look():
            nodes = self.all(role, name)
            return nodes[0] if nodes else None

        try:
            return wait(f"the {role} “{name}”", look, limit)
        except AssertionError:
            self.dump()
            raise

    def gone(self, role, name):
        wait(f"the {role} “{name}” to go", lambda: not self.all(role, name))

    def dump(self):
        path = os.path.join(self.artefacts, "tree.txt")
        with open(path, "w") as out:
            def walk(node, depth):
                try:
                    print("  " * depth + f"{node.get_role_name()} “{node.get_name()}”", file=out)
                    for i in range(node.get_child_count()):
                        walk(node.get_child_at_index(i), depth + 1)
                except Exception:
                    pass

            walk(self.root, 0)
        self.screenshot("failure")

    def screenshot(self, name, window="root"):
        self.shots += 1
        path = os.path.join(self.artefacts, f"{self.shots:02d}-{name}.png")
        subprocess.run(["import", "-window", window, path], check=True)
        return path

    # --- acting ---

    def act(self, node, action=0):
        iface = node.get_action_iface()
        assert iface and iface.get_n_actions() > action, f"{node.get_role_name()} “{node.get_name()}” has no action"
        iface.do_action(action)

    def click(self, role, name):
        def ready():
            node = self.find(role, name)
            return node if node.get_state_set().contains(Atspi.StateType.SENSITIVE) else None

        self.act(wait(f"“{name}” to be clickable", ready))

    def type_into(self, name, text):
        node = self.find("text", name)
        iface = node.get_editable_text_iface()
        iface.set_text_contents(text)

    def set_value(self, name, value):
        self.find("spin button", name).get_value_iface().set_current_value(value)

    def quit(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise AssertionError(f"{self.name} did not end within 20 s of SIGTERM")
        self.log.close()


def window_of_class(wm_class):
    """X window id of a window of that class that is on screen, or None."""
    ids = xdotool("search", "--onlyvisible", "--class", wm_class)
    return ids[-1] if ids else None


def pixels_differ(a, b):
    """Number of pixels in which two pictures differ."""
    result = subprocess.run(["compare", "-metric", "AE", a, b, "null:"], capture_output=True, text=True)
    try:
        return float(result.stderr.split()[0])
    except (IndexError, ValueError):
        return float("inf")  # of different size


class Tap:
    """Runs test functions and prints the Test Anything Protocol."""

    def run(self, tests):
        print(f"1..{len(tests)}", flush=True)
        failed = 0
        for number, test in enumerate(tests, 1):
            title = (test.__doc__ or test.__name__).strip().splitlines()[0]
            try:
                test()
                print(f"ok {number} - {title}", flush=True)
            except Exception as error:  # noqa: BLE001
                failed += 1
                print(f"not ok {number} - {title}", flush=True)
                for line in str(error).splitlines() or [repr(error)]:
                    print(f"# {line}", flush=True)
        sys.exit(1 if failed else 0)
