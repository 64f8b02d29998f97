# SPDX-License-Identifier: GPL-3.0-or-later
"""Works a desktop app as a person would: finds widgets by role and accessible name, clicks, types, looks.

Nothing here sleeps for a fixed time: wait() looks again until what was promised is there.
"""
import os
import re
import signal
import subprocess
import sys
import time
import traceback

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

LIMIT = 30 * float(os.environ.get("BONSAI_TEST_PATIENCE", "2"))  # seconds, stretched for slow hosts


def wait(what, predicate, limit=None):
    """Looks until predicate() is true; returns its value."""
    limit = LIMIT if limit is None else limit
    end = time.monotonic() + limit
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit:.0f} s in vain for {what}")
        time.sleep(0.05)


# --- the X display ---

def xdotool(*args):
    for _ in range(100):
        done = subprocess.run(["xdotool", *map(str, args)], capture_output=True, text=True)
        if args[0] != "search" or "BadWindow" not in done.stderr:
            break  # else a window went while it looked
    return done.stdout.split()


def xprop(window, name):
    out = subprocess.run(["xprop", "-id", str(window), name], capture_output=True, text=True).stdout
    return out.partition("=")[2].strip()


def title_of(window):
    return xprop(window, "_NET_WM_NAME").strip('"')


def active_title():
    active = xdotool("getactivewindow")
    return title_of(active[0]) if active else ""


def activate(window):
    """Gives a window the keyboard and the front, as a click on its title does."""
    xdotool("windowactivate", window)
    wait(f"the window {title_of(window)} to come to front", lambda: xdotool("getactivewindow") == [str(window)])


def close_window(window):
    """What the window's close button does."""
    subprocess.run(["wmctrl", "-i", "-c", hex(int(window))], check=True)


def press(*keys):
    for key in keys:
        xdotool("key", key)


def hold(key, what, predicate):
    """Keeps a key down until it has done what it should."""
    xdotool("keydown", key)
    try:
        wait(what, predicate)
    finally:
        xdotool("keyup", key)


def type_text(text):
    xdotool("type", "--delay", "30", text)


def screen_of(window, path):
    """A picture of the window's part of the screen; whether there was one to take."""
    return subprocess.run(["import", "-window", str(window), path], capture_output=True).returncode == 0


def pixels_differ(a, b):
    """Number of pixels in which two pictures differ."""
    result = subprocess.run(["compare", "-metric", "AE", a, b, "null:"], capture_output=True, text=True)
    try:
        return float(result.stderr.split()[0])
    except (IndexError, ValueError):
        return float("inf")  # of different size


# What has nothing to find below it.
LEAVES = {"scroll bar", "label", "image", "check box", "spin button", "menu item", "alert"}


class App:
    """A running program and its accessible tree."""

    def __init__(self, argv, artefacts, env=None, place="all"):
        """The first start leads to a place; None: to the one that is usual."""
        self.artefacts = artefacts
        self.argv, self.env = argv, {**os.environ, "G_DEBUG": "fatal-criticals", **(env or {})}
        self.name = os.path.basename(argv[0])
        self.shots = 0
        os.makedirs(artefacts, exist_ok=True)
        for name in os.listdir(artefacts):
            if name.endswith((".png", ".txt", ".log")):
                os.remove(os.path.join(artefacts, name))
        self.log = open(os.path.join(artefacts, "app.log"), "w")
        if place and not os.path.exists(self.state_file()):
            self.begin_at(place)
        self.launch()

    def state_file(self):
        return os.path.join(self.env.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"), "bonsai", "desktop.ini")

    def begin_at(self, place):
        """The next start leads there, in a window as a first start's."""
        os.makedirs(os.path.dirname(self.state_file()), exist_ok=True)
        with open(self.state_file(), "w") as file:
            file.write(f"[Window]\nplace={place}\n")

    def launch(self):
        self.process = subprocess.Popen(self.argv, stdout=self.log, stderr=self.log, env=self.env)
        self.root = wait(f"{self.name} on the accessibility bus", self._root)

    def _root(self):
        self.check_alive()
        desktop = Atspi.get_desktop(0)
        for i in range(desktop.get_child_count()):
            child = desktop.get_child_at_index(i)
            if child and child.get_process_id() == self.process.pid:
                return child
        return None

    def check_alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with status {self.process.returncode}; see {self.log.name}")

    def check_sanitizers(self):
        """Built with sanitizers, the app reports what it did wrong, and leaks of its own. Leaks of libraries that were
        unloaded can't be suppressed by name, so those count that pass through the app's code."""
        with open(self.log.name, errors="replace") as log:
            reports = re.split(r"\n(?=\n|Direct leak|Indirect leak)", log.read())
        for report in reports:
            ours = "leak of" in report and re.search(r" in .*/(ui|app|devices|display|vmm)/", report)
            if ours or "ERROR: AddressSanitizer" in report or "runtime error:" in report:
                raise AssertionError(report.strip())

    # --- looking ---

    def walk(self, start=None):
        """Every accessible below start that is visible with all that contains it."""
        queue = [start or self.root]
        self.parent = {}  # get_parent() says nothing of windows that opened a moment ago
        while queue:
            node = queue.pop(0)
            try:
                if node.get_role_name() in LEAVES:
                    continue
                children = [node.get_child_at_index(i) for i in range(node.get_child_count())]
                visible = [c for c in children if c and c.get_state_set().contains(Atspi.StateType.VISIBLE)]
            except Exception:  # it vanished while we looked
                continue
            queue.extend(visible)
            self.parent.update((child, node) for child in visible)
            yield from visible

    @staticmethod
    def title(node):
        """Its name; GTK 4.8 says that of a button with a mnemonic twice, first with the underline."""
        name = node.get_name() or ""
        half = len(name) // 2
        return name[half + 1:] if name.startswith("_") and name[1:half] == name[half + 1:] else name.replace("_", "")

    def all(self, role=None, name=None, start=None):
        """Every accessible of that role whose name is, or begins with, name: those that are it first."""
        found = []
        for node in self.walk(start):
            try:
                title = self.title(node)
                if (role is None or node.get_role_name() == role) and (name is None or title.startswith(name)):
                    found.append((title != name, node))
            except Exception:
                continue
        return [node for _, node in sorted(found, key=lambda entry: entry[0])]

    def find(self, role, name, limit=None):
        def look():
            self.check_alive()
            nodes = self.all(role, name)
            return nodes[0] if nodes else None

        return wait(f"the {role} “{name}”", look, limit)

    def gone(self, role, name):
        wait(f"the {role} “{name}” to go", lambda: not self.all(role, name))

    def has(self, node, state):
        return node.get_state_set().contains(state)

    def focused(self):
        for node in self.walk():
            if node.get_state_set().contains(Atspi.StateType.FOCUSED):
                return node
        return None

    def dump(self, name="tree"):
        with open(os.path.join(self.artefacts, f"{name}.txt"), "w") as out:
            def walk(node, depth):
                try:
                    states = node.get_state_set()
                    hidden = "" if states.contains(Atspi.StateType.VISIBLE) else " (hidden)"
                    print("  " * depth + f"{node.get_role_name()} “{node.get_name()}”{hidden}", file=out)
                    for i in range(node.get_child_count()):
                        walk(node.get_child_at_index(i), depth + 1)
                except Exception:
                    pass

            walk(self.root, 0)

    def screenshot(self, name, window="root", moving=False):
        """Keeps a picture as artefact, unless something moves when the app has drawn what it was told."""
        self.shots += 1
        path = os.path.join(self.artefacts, f"{self.shots:02d}-{name}.png")
        scratch = os.path.join(self.artefacts, ".before.png")
        wait("a picture of the window", lambda: screen_of(window, path))
        for _ in range(0 if moving or window != "root" else 20):
            os.replace(path, scratch)
            wait("a picture of the window", lambda: screen_of(window, path))
            if pixels_differ(scratch, path) < 50:
                break
        return path

    def glance(self, window):
        """A picture for comparing that is not kept."""
        path = os.path.join(self.artefacts, ".glance.png")
        return path if screen_of(window, path) else None

    # --- acting ---

    def ready(self, role, name, action=False):
        """The accessible when it can be used; of a menu button and the button in it, the one that acts."""
        def look():
            self.check_alive()
            for node in self.all(role, name):
                actions = node.get_action_iface() if action else None
                if self.has(node, Atspi.StateType.SENSITIVE) and (not action or actions and actions.get_n_actions() > 0):
                    return node
            return None

        return wait(f"the {role} “{name}” to be usable", look)

    def click(self, role, name):
        """Does what the accessible is for, as assistive technologies do."""
        self.ready(role, name, action=True).get_action_iface().do_action(0)

    def frame_of(self, node):
        while self.parent[node] is not self.root:
            node = self.parent[node]
        return node

    def window_of(self, node):
        """X window that holds the accessible: GTK names both alike."""
        return self.window(self.frame_of(node).get_name())

    def windows(self):
        """X windows on screen of this process and their titles."""
        return {w: title_of(w) for w in xdotool("search", "--onlyvisible", "--pid", self.process.pid)}

    def window(self, title):
        return wait(f"the window “{title}”", lambda: next((w for w, t in self.windows().items() if t == title), None))

    def console(self, machine):
        """X window that shows the machine's screen, or None."""
        for window, title in self.windows().items():
            if title.startswith(machine):
                return window
        return None

    def place(self, node):
        """Its middle on the screen, and the window's top and bottom edge. GTK 4.8 counts from the window's drawn
        edge, without the shadow."""
        window = self.window_of(node)
        geometry = dict(line.split("=") for line in xdotool("getwindowgeometry", "--shell", window) if "=" in line)
        left, _, top, bottom = (int(n) for n in re.findall(r"\d+", xprop(window, "_GTK_FRAME_EXTENTS")) or (0,) * 4)
        box = node.get_component_iface().get_extents(Atspi.CoordType.WINDOW)
        x, y, height = int(geometry["X"]) + left, int(geometry["Y"]) + top, int(geometry["HEIGHT"]) - top - bottom
        return x + box.x + box.width // 2, y + box.y + box.height // 2, y, y + height

    def scroll_to(self, node, margin=64):
        """Turns the wheel until the accessible is in the window, clear of header and footer."""
        for _ in range(50):
            x, y, top, bottom = self.place(node)
            if top + margin <= y <= bottom - margin:
                break
            xdotool("mousemove", x, (top + bottom) // 2, "click", 4 if y < top + margin else 5)
            time.sleep(0.05)  # what shows next is asked again, so this only spares turns
        return x, y

    def click_at(self, role, name, button=1):
        """Clicks with the mouse: for what offers no action, and to prove that the mouse works."""
        node = self.ready(role, name)
        x, y = self.scroll_to(node)
        xdotool("mousemove", x, y, "click", button)
        return node

    def choose(self, name):
        """Picks a radio button (in GTK 4.8 a check box without an action) with the mouse."""
        self.click_at("check box", name)
        wait(f"“{name}” to be chosen", lambda: self.has(self.find("check box", name), Atspi.StateType.CHECKED))

    def type_into(self, name, text):
        self.find("text", name).get_editable_text_iface().set_text_contents(text)

    def set_value(self, name, value):
        self.find("spin button", name).get_value_iface().set_current_value(value)

    def quit(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise AssertionError(f"{self.name} did not end within 20 s of SIGTERM") from None
            if self.process.returncode:
                raise AssertionError(f"{self.name} ended with status {self.process.returncode}; see {self.log.name}")

    def has_quit(self):
        """The app ended by itself, and well."""
        wait(f"{self.name} to end", lambda: self.process.poll() is not None)
        assert self.process.returncode == 0, f"{self.name} ended with status {self.process.returncode}"


def run(app, tests):
    """Runs steps in order and reports them in TAP. A step needs those before it: the first failure ends it."""
    print(f"1..{len(tests)}", flush=True)
    failed = None
    for number, test in enumerate(tests, 1):
        title = (test.__doc__ or test.__name__).strip().splitlines()[0]
        if failed:
            print(f"not ok {number} - {title}\n# not tried: step {failed} failed", flush=True)
            continue
        try:
            test()
            print(f"ok {number} - {title}", flush=True)
        except Exception as error:  # noqa: BLE001
            failed = number
            print(f"not ok {number} - {title}", flush=True)
            for line in str(error).splitlines() or [repr(error), traceback.extract_tb(error.__traceback__)[-1].line]:
                print(f"# {line}", flush=True)
            app.dump()
            screen_of("root", os.path.join(app.artefacts, "failure.png"))
    try:
        app.quit()
        app.check_sanitizers()
    except AssertionError as error:
        print(f"# {error}", flush=True)
        failed = failed or len(tests)
    for name in os.listdir(app.artefacts):
        if name.startswith("."):
            os.remove(os.path.join(app.artefacts, name))
    sys.exit(1 if failed else 0)
