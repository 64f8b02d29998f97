#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""test-console.py PROBE ARTEFACTS: works console windows of the probe as a user would, with xdotool, in an X
session without a screen, and looks at the pixels that come out. BONSAI_CONSOLE is
"surface" or "opengl". Prints TAP."""
import array
import hashlib
import os
import queue
import re
import subprocess
import sys
import threading
import time
import traceback

LIMIT = 120  # seconds: a hundred windows in software OpenGL on a busy host
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
MAGENTA = (255, 0, 255)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def xdo(*words):
    return run("xdotool", *[str(word) for word in words])


def until(look, what):
    """Asks again until the answer is true: X tells no one when a window manager is done."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        answer = look()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError("never saw " + what)


class Picture:
    def __init__(self, window):
        data = subprocess.run(["import", "-window", window, "-depth", "8", "ppm:-"], check=True,
                              capture_output=True).stdout
        header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        self.width, self.height = int(header.group(1)), int(header.group(2))
        self.pixels = data[header.end():]

    def at(self, x, y):
        if x >= self.width or y >= self.height:
            return None
        start = (y * self.width + x) * 3
        return tuple(self.pixels[start:start + 3])


class Probe:
    def __init__(self, path, log):
        self.log, self.heard = log, []
        self.lines = queue.Queue()
        # A loudspeaker that writes down what it is given, in 32-bit floats.
        self.heard_file = os.path.join(log, "loudspeaker.raw")
        environment = dict(os.environ, SDL_AUDIODRIVER="disk", SDL_DISKAUDIOFILE=self.heard_file)
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        threading.Thread(target=self.listen, daemon=True).start()
        self.expect("ready")

    def listen(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def next(self):
        line = self.lines.get(timeout=LIMIT)
        assert line is not None, "the probe died"
        print("# probe:", line, flush=True)
        return line

    def expect(self, wanted):
        """Reads on until a line that matches; returns what came before and the line."""
        lines = []
        while True:
            try:
                lines.append(self.next())
            except queue.Empty:
                raise AssertionError(f"never heard “{wanted}”, but {lines}") from None
            if re.fullmatch(wanted, lines[-1]):
                return lines

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.expect("done " + command.split()[0])[:-1]

    def usage(self):
        text = self.tell("usage")[-1]
        return [float(number) for number in re.match(r"usage (\S+) s cpu, (\d+) KiB, (\d+) ref", text).groups()]

    def end(self):
        self.process.stdin.close()
        return self.process.wait(LIMIT)


class Session:
    def __init__(self, path, artefacts):
        self.artefacts = artefacts
        os.makedirs(artefacts, exist_ok=True)
        self.manager = subprocess.Popen(["openbox", "--sm-disable"], stderr=subprocess.DEVNULL)
        until(lambda: "_NET_SUPPORTING_WM_CHECK(WINDOW)" in run("xprop", "-root"), "the window manager")
        self.probe = Probe(path, artefacts)
        self.window = self.find("bonsai-probe")
        self.root = run("xwininfo", "-root").split("Window id: ")[1].split()[0]

    def find(self, wm_class):
        return until(lambda: subprocess.run(["xdotool", "search", "--onlyvisible", "--class", wm_class], text=True,
                                            capture_output=True).stdout.split(), "a window " + wm_class)[-1]

    def focus(self):
        xdo("windowactivate", "--sync", self.window)

    def click(self, x=100, y=100):
        xdo("mousemove", "--window", self.window, x, y, "click", 1)

    def size(self):
        picture = re.findall(r"(?:WIDTH|HEIGHT)=(\d+)", xdo("getwindowgeometry", "--shell", self.window))
        return tuple(int(number) for number in picture)

    def title(self):
        return run("xdotool", "getwindowname", self.window)

    def keep(self, name):
        subprocess.run(["import", "-window", "root", os.path.join(self.artefacts, name + ".png")], check=True)

    def until_pixels(self, *pixels):
        def look():
            picture = Picture(self.window)
            self.wrong = [f"{picture.at(x, y)} at {x},{y}, not {colour}" for x, y, colour in pixels
                          if picture.at(x, y) != colour]
            return not self.wrong
        try:
            until(look, "the right pixels")
        except AssertionError:
            raise AssertionError("; ".join(self.wrong)) from None

    def until_pixel(self, x, y, colour):
        self.until_pixels((x, y, colour))

    def end(self):
        status = self.probe.end()
        self.manager.kill()
        return status


# --- tests; each starts where the one before left off ---

def test_the_picture_has_the_right_colours(s):
    s.probe.tell("mode 640 480")
    until(lambda: s.size() == (640, 480), "a window of the guest's size")
    s.until_pixels((10, 10, RED), (630, 10, GREEN), (10, 470, BLUE), (630, 470, WHITE), (319, 239, RED),
                   (320, 240, WHITE), (160, 120, BLACK), (157, 117, RED), (158, 118, BLACK))
    s.keep("1-colours")


def test_a_small_change_is_shown(s):
    s.probe.tell("dot 40 50")
    s.until_pixels((45, 55, MAGENTA), (39, 55, RED), (50, 55, RED))


def test_keys_arrive_by_place(s):
    s.focus()
    names = {"a": "a", "z": "z", "F12": "f12", "Pause": "pause", "Print": "print", "Super_L": "super",
             "Super_R": "super-r", "Menu": "menu", "KP_Enter": "kp-enter", "Home": "home", "Num_Lock": "num-lock",
             "Scroll_Lock": "scroll-lock", "94": "less", "backslash": "backslash",
             "Escape": "esc", "Delete": "delete", "KP_Add": "kp-add"}
    s.click()  # captured: no window manager's chord gets in between
    s.probe.tell("usage")
    for keysym, name in names.items():
        xdo("key", keysym)
        s.probe.expect(f"key {name} down")
        s.probe.expect(f"key {name} up")


def test_a_foreign_layout_changes_nothing(s):
    run("setxkbmap", "de", "nodeadkeys")
    try:
        for keycode, name in ((29, "y"), (52, "z"), (94, "less"), (49, "grave"), (21, "equal"), (108, "alt-r")):
            xdo("key", keycode)
            s.probe.expect(f"key {name} down")
            s.probe.expect(f"key {name} up")
        run("setxkbmap", "de")
        for keycode, name in ((49, "grave"), (21, "equal"), (38, "a")):
            xdo("key", keycode)
            s.probe.expect(f"key {name} down")
            s.probe.expect(f"key {name} up")
    finally:
        run("setxkbmap", "us")


def test_the_window_manager_gets_no_captured_keys(s):
    xdo("key", "alt+Tab")
    heard = s.probe.expect("key alt up")
    assert "key tab down" in heard, heard
    xdo("key", "alt+F4")
    heard = s.probe.expect("key alt up")
    assert "key f4 down" in heard, heard
    assert "press Ctrl+Alt" in s.title(), s.title()


def test_relative_motion(s):
    xdo("mousemove_relative", "--", 7, -3)
    s.probe.expect("motion 7 -3")
    xdo("click", 3)
    s.probe.expect("button 1 down")
    s.probe.expect("button 1 up")
    xdo("click", 5)
    s.probe.expect("wheel 0 -1")


def test_the_chord_releases(s):
    xdo("keydown", "Control_L", "keydown", "Alt_L")
    s.keep("2-captured")
    xdo("keyup", "Control_L", "keyup", "Alt_L")
    s.probe.expect("key alt up")
    until(lambda: s.title() == "Probe", "the plain title")
    xdo("mousemove_relative", 3, 3)
    assert not [line for line in s.probe.tell("usage") if "motion" in line]


def test_focus_loss_releases_keys(s):
    s.probe.tell("open other-window")
    other = s.find("other-window")
    until(lambda: run("xdotool", "getactivewindow") == other, "the new window active")
    s.focus()
    s.probe.tell("usage")
    xdo("keydown", "q", "keydown", "Shift_L")
    s.probe.expect("key shift down")
    xdo("windowactivate", "--sync", other)
    heard = s.probe.expect("key q up") + s.probe.expect("key shift up")
    assert not [line for line in heard if "down" in line]
    xdo("keyup", "q", "keyup", "Shift_L")
    # Shift is held and so holds in the other window as well; q is not typed there.
    assert not [line for line in s.probe.tell("usage") if "key q" in line]
    s.probe.tell("close")
    s.focus()


def test_a_held_key_comes_once(s):
    xdo("keydown", "k")
    time.sleep(1)  # X repeats it by now
    xdo("keyup", "k")
    heard = s.probe.expect("key k up")
    assert heard.count("key k down") == 1, heard


def test_an_absolute_pointer_needs_no_capture(s):
    s.probe.tell("tablet 1")
    xdo("mousemove", "--window", s.window, 0, 0)
    s.probe.expect("position 25 34")  # the middle of the first of 640 x 480 pixels
    xdo("mousemove", "--window", s.window, 639, 479)
    s.probe.expect("position 32742 32733")
    s.click(320, 240)
    s.probe.expect("position 164.. 164..")
    s.probe.expect("button 0 down")
    s.probe.expect("button 0 up")
    s.probe.tell("tablet 0")
    xdo("key", "ctrl+alt")
    s.probe.expect("key alt up")


def test_scaling(s):
    xdo("windowsize", "--sync", s.window, 1000, 700)
    # To fit: 933 x 700, from x = 33
    s.until_pixels((20, 350, BLACK), (35, 10, RED), (964, 690, WHITE), (970, 690, BLACK), (498, 100, RED),
                   (501, 100, GREEN))
    s.keep("3-fit")
    s.probe.tell("mode 320 200")
    s.probe.tell("scale integer")
    # Three times: 960 x 600 at (20, 50)
    s.until_pixels((20, 50, RED), (19, 50, BLACK), (979, 50, GREEN), (980, 50, BLACK), (499, 349, RED),
                   (500, 350, WHITE), (20 + 78 * 3, 50 + 48 * 3, BLACK), (20 + 78 * 3 - 1, 50 + 48 * 3, RED))
    s.keep("4-integer")
    s.probe.tell("scale none")
    s.until_pixels((339, 260, BLACK), (340, 250, RED))
    s.probe.tell("dot 0 0")
    s.until_pixel(345, 255, MAGENTA)
    assert s.size() == (1000, 700), "the window left the size that the user gave it"
    s.probe.tell("scale fit")
    s.until_pixels((10, 40, MAGENTA), (990, 40, GREEN), (990, 30, BLACK))


def test_the_pause_message_is_shown(s):
    s.until_pixels((480, 60, RED), (520, 60, GREEN))  # no hint is left there
    before = Picture(s.window)
    s.probe.tell("state Paused|The disk image is full. Free some space, then resume.")
    until(lambda: s.title() == "Probe — Paused", "the state in the title")
    until(lambda: Picture(s.window).at(330, 350) != before.at(330, 350), "the message")
    s.keep("5-paused")
    s.probe.tell("running")
    until(lambda: Picture(s.window).pixels == before.pixels, "the picture without the message")
    assert s.title() == "Probe"


def test_chords(s):
    s.focus()
    xdo("key", "ctrl+alt+p")
    s.probe.expect("action pause")
    s.probe.expect("key alt up")
    xdo("key", "ctrl+alt+End")
    heard = s.probe.expect("key alt up")
    assert heard.index("key ctrl down") < heard.index("key alt down") < heard.index("key delete down"), heard
    assert "key end down" not in heard


def test_full_screen_and_back(s):
    screen = tuple(int(n) for n in re.search(r"-geometry (\d+)x(\d+)", run("xwininfo", "-root")).groups())
    xdo("key", "ctrl+alt+f")
    s.probe.expect("key alt up")
    until(lambda: s.size() == screen, "full screen")
    s.until_pixel(screen[0] // 2 + 30, screen[1] - 20, WHITE)
    s.keep("6-full-screen")
    xdo("key", "alt+Tab")
    assert "key tab down" in s.probe.expect("key alt up")
    xdo("key", "ctrl+alt+f")
    s.probe.expect("key alt up")
    until(lambda: s.size() == (1000, 700), "the size before")
    xdo("key", "ctrl+alt")
    s.probe.expect("key alt up")


def test_the_guest_cursor_is_drawn(s):
    s.probe.tell("mode 500 350")
    s.until_pixel(10, 10, RED)
    s.probe.tell("cursor 250 100")
    s.until_pixel(500, 200, MAGENTA)
    s.probe.tell("cursor 50 100")
    s.until_pixel(100, 200, MAGENTA)
    s.until_pixel(497, 200, RED)
    s.probe.tell("cursor -1 0")
    s.until_pixel(100, 200, RED)


def copy(text):
    """As any program would: it keeps the text until another one has something."""
    subprocess.run(["xclip", "-selection", "clipboard", "-in"], input=text.encode(), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)


def pasted():
    return run("xclip", "-selection", "clipboard", "-out")


def test_who_has_the_focus_has_the_clipboard(s):
    words = "größe " * 160000  # more than a MiB
    s.probe.tell("open other-window")
    other = s.find("other-window")
    until(lambda: run("xdotool", "getactivewindow") == other, "the new window active")
    s.focus()
    s.probe.tell("usage")
    # A program copies something while a window has the focus.
    copy("first " + words + "last")
    s.probe.expect(f"clipboard {10 + len(words.encode())} first last")
    # Others see nothing of it; who gets the focus does.
    xdo("windowactivate", "--sync", other)
    s.probe.expect("clipboard of others")
    s.probe.expect(f"clipboard {10 + len(words.encode())} first last")
    # What a guest has copied.
    s.probe.tell("copy 100000")
    until(lambda: pasted() == "".join(f"größe{i} " for i in range(100000)) + "end", "the guest's text")
    # A guest whose window has no focus may not.
    s.probe.tell("usage")
    s.focus()
    s.probe.expect("clipboard [0-9]+ größe0 end")
    copy("mine")
    s.probe.expect("clipboard 4 mine mine")
    s.probe.tell("copy 3")
    assert pasted() == "mine", "the clipboard was changed from a window without the focus"
    s.probe.tell("close")
    s.focus()


def image_of(size):
    """A PNG as programs would read it; what is in it doesn't matter here."""
    return b"\x89PNG\r\n\x1a\n" + bytes(i * i % 251 for i in range(size - 8))


def copy_image(image):
    subprocess.run(["xclip", "-selection", "clipboard", "-t", "image/png", "-in"], input=image,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def pasted_image():
    return subprocess.run(["xclip", "-selection", "clipboard", "-t", "image/png", "-out"],
                          capture_output=True).stdout


def test_images_are_copied(s):
    for size in (2000, 1500000):  # whole, and in pieces
        image = image_of(size)
        s.focus()
        copy_image(image)
        s.probe.expect("image " + hashlib.sha256(image).hexdigest())
        copy("something else")
        s.probe.expect("clipboard 14 something else")
        s.probe.tell("copy-image")
        until(lambda: pasted_image() == image, "the guest's image")
    copy_image(b"\xff no image")
    s.probe.expect("clipboard of others")


def bar_of(s):
    """The first and the last pixel of the bar at the top, or None."""
    picture = Picture(s.window)
    bar = [x for x in range(s.size()[0]) if picture.at(x, 2) not in (RED, GREEN, BLACK)]
    return (bar[0], bar[-1]) if bar else None


def test_a_bar_comes_to_a_pointer_that_rests_at_the_top(s):
    s.focus()
    s.probe.tell("menu")
    assert bar_of(s) is None
    middle = s.size()[0] // 2
    xdo("mousemove", "--window", s.window, middle, 0)
    left, right = until(lambda: bar_of(s), "the bar")
    assert left > 50 and right < 2 * middle - 50, (left, right)
    s.probe.tell("usage")
    xdo("mousemove", "--window", s.window, left + 20, 16)
    s.keep("2-bar")
    xdo("click", 1)
    assert s.probe.expect("action pause") == ["action pause"], "the guest saw the click"
    until(lambda: not bar_of(s), "the bar going when something is chosen")
    xdo("mousemove", "--window", s.window, middle, 0)
    until(lambda: bar_of(s), "the bar")
    xdo("mousemove", "--window", s.window, middle, 300)
    until(lambda: not bar_of(s), "the bar going when the pointer has left")


def test_keys_work_the_bar(s):
    s.focus()
    xdo("key", "ctrl+alt+m")
    until(lambda: bar_of(s), "the bar")
    s.probe.expect("key alt up")
    xdo("key", "Right", "Right", "Down")
    s.keep("3-bar-menu")
    xdo("key", "Down", "Return")
    assert s.probe.expect("action restore:two") == ["action restore:two"], "the guest saw a key"
    until(lambda: not bar_of(s), "the bar going when something is chosen")
    # What can't be had now is passed by; the window's own come last.
    xdo("key", "ctrl+alt+m", "Right", "Right", "Right", "Down", "Return")
    heard = s.probe.expect("key ctrl up")
    heard += s.probe.expect("key ctrl up")
    assert "key delete down" in heard and "key right down" not in heard, heard
    xdo("key", "ctrl+alt+m", "Escape", "x")
    s.probe.expect("key x up")
    until(lambda: not bar_of(s), "the bar going by Escape")
    xdo("key", "ctrl+alt+m", "Left", "Return")
    s.probe.expect("close requested")


def test_a_menu_that_changes_leaves_the_user_where_they_are(s):
    s.focus()
    s.probe.tell("menu 0")
    xdo("key", "ctrl+alt+m")
    s.probe.expect("key alt up")
    xdo("key", "Right", "Right", "Down", "Down")
    s.probe.tell("menu 1")
    s.keep("5-bar-changed")
    xdo("key", "Return")
    assert s.probe.expect("action .*")[-1:] == ["action restore:two"]
    xdo("key", "ctrl+alt+m")
    s.probe.expect("key alt up")
    xdo("key", "Right")
    s.probe.tell("menu 0")
    xdo("key", "Return")
    assert s.probe.expect("action .*")[-1:] == ["action snapshot"]


def test_a_narrow_window_has_icons_only(s):
    width, height = s.size()
    xdo("windowsize", "--sync", s.window, 360, 300)
    xdo("mousemove", "--window", s.window, 180, 0)
    left, right = until(lambda: bar_of(s), "the bar")
    assert left >= 0 and right < 360, (left, right)
    xdo("mousemove", "--window", s.window, left + 55, 16)
    until(lambda: Picture(s.window).at(left + 60, 50) not in (RED, BLACK), "the name of what is under the pointer")
    s.keep("4-bar-narrow")
    xdo("mousemove", "--window", s.window, 180, 200)
    until(lambda: not bar_of(s), "the bar going")
    xdo("windowsize", "--sync", s.window, width, height)


def test_closing_asks(s):
    run("wmctrl", "-i", "-c", s.window)
    s.probe.expect("close requested")
    assert s.size() == (1000, 700)


def test_nothing_changes_nothing_is_done(s):
    s.probe.tell("usage")
    time.sleep(5)  # a hint may be on show, the screen awake
    cpu, _, refreshes = s.probe.usage()
    time.sleep(3)  # the measuring window itself
    later, _, refreshes_later = s.probe.usage()
    assert later - cpu <= 0.005, f"{later - cpu:.3f} s of processor time in 3 s"
    assert refreshes_later - refreshes <= 240  # the source calls no rest: only that it does not run away


def test_a_hundred_windows_come_and_go(s):
    s.probe.tell("cycle 20")  # caches fill
    _, before, _ = s.probe.usage()
    s.probe.tell("cycle 100")
    _, after, _ = s.probe.usage()
    print(f"# {before:.0f} KiB before, {after:.0f} KiB after 100 windows")
    assert after - before < 4096, f"{after - before} KiB more after 100 windows"


def test_two_windows_work_side_by_side(s):
    first = s.window
    s.probe.tell("open second-window")
    second = s.find("second-window")
    s.window = second
    until(lambda: s.size() == (500, 350), "the second window")
    s.until_pixel(10, 10, RED)
    s.probe.tell("dot 0 0")
    s.until_pixel(5, 5, MAGENTA)
    s.keep("7-two-windows")
    s.probe.tell("fullscreen 1")
    until(lambda: s.size()[0] > 1000, "full screen")
    s.probe.tell("mode 600 400")
    s.until_pixel(100, 100, RED)
    s.probe.tell("fullscreen 0")
    until(lambda: s.size() == (600, 400), "the new mode's size")
    s.window = first
    s.until_pixels((5, 30, RED), (5, 5, BLACK))
    s.window = second
    s.probe.tell("close")
    s.window = first
    s.focus()
    xdo("key", "b")
    s.probe.expect("key b up")


def test_another_machine_takes_the_place_of_the_first(s):
    first = s.window
    s.probe.tell("mode 640 480")
    s.probe.tell("open third-window")
    third = s.window = s.find("third-window")
    until(lambda: s.size() == (640, 480), "the old machine's mode")
    s.focus()
    s.probe.tell("cursor 320 240")
    s.probe.tell("dot 20 20")
    s.until_pixel(25, 25, MAGENTA)
    xdo("keydown", "c")
    s.probe.expect("key c down")
    heard = s.probe.tell("replace 500 350")
    assert heard == ["key c up"], heard  # what was held is released on the old machine
    until(lambda: s.size() == (500, 350), "the new machine's mode")
    s.until_pixels((25, 25, RED), (490, 340, WHITE))
    xdo("keyup", "c")
    xdo("key", "d")
    s.probe.expect("key d up")
    s.probe.tell("dot 0 0")
    s.until_pixel(5, 5, MAGENTA)
    assert s.find("third-window") == third, "the window is another one"
    s.probe.tell("replace 640 480")
    s.until_pixels((5, 5, RED), (600, 440, WHITE))
    until(lambda: s.size() == (640, 480), "the third machine's mode")
    s.keep("8-another-machine")
    s.probe.tell("close")
    s.window = first
    s.until_pixel(*(side // 4 for side in s.size()), RED)


def test_a_tone_is_heard(s):
    s.probe.tell("tone 1500")
    s.probe.expect("silence")

    def heard():
        samples = array.array("f")
        with open(s.probe.heard_file, "rb") as file:
            content = file.read()
        samples.frombytes(content[:len(content) // 8 * 8])
        return sum(abs(abs(sample) - 0.25) < 0.01 for sample in samples) > 0.3 * 48000 * 2

    until(heard, "a good part of the tone")


def main():
    session = Session(sys.argv[1], sys.argv[2])
    print("# drawn by", session.probe.tell("describe")[-1])
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    print(f"1..{len(tests) + 1}", flush=True)
    for number, (name, test) in enumerate(tests, 1):
        try:
            test(session)
            print(f"ok {number} {name[5:].replace('_', ' ')}", flush=True)
        except Exception:
            session.keep("failed-" + name)
            print("# " + traceback.format_exc().replace("\n", "\n# "))
            print(f"not ok {number} {name[5:].replace('_', ' ')}", flush=True)
    print("ok" if session.end() == 0 else "not ok", len(tests) + 1, "the probe ends well")


main()
