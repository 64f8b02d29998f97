# SPDX-License-Identifier: GPL-3.0-or-later
"""The text console on a machine's page: a guest that speaks and echoes, in this process and in another; copy and
paste; what it sends stays on the page; someone else who takes it over, a restart, and a machine without one.

Usage: test-text-console.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, activate, press, run, type_text, wait  # noqa: E402
from machine_page import open_page, show_tab  # noqa: E402

MACHINE = "Parrot"
program, artefacts, bonsai = sys.argv[1:4]
# say: lodsb; test %al,%al; jz echo; mov %al,%bl; mov $0x3fd,%dx; full: in; test $0x20,%al; jz full; mov %bl,%al;
# mov $0x3f8,%dx; out; jmp say
SAY = bytes.fromhex("ac 84c0 7414 88c3 66bafd03 ec a820 74fb 88d8 66baf803 ee ebe7")
# echo: wait until LSR has data and room; copy a byte; jmp echo.
ECHO = bytes.fromhex("66bafd03 ec 2421 3c21 75f5 66baf803 ec ee ebed")
# xterm's control sequences: a title; the clipboard; a hyperlink; red.
TEXT = (b"\x1b]0;Hijacked\x07" b"\x1b]52;c;SGlqYWNrZWQ=\x07" b"\x1b]8;;file:///etc/passwd\x1b\\a link\x1b]8;;\x1b\\\r\n"
        b"\x1b[31mPolly\x1b[0m wants a \x1b[1;32mcracker\x1b[0m\r\n$ ")


def write_kernel(path):
    """A kernel by Multiboot 0.6.96, section 3.1: says TEXT on COM1, then echoes."""
    magic, flags, address = 0x1BADB002, 1 << 16, 0x100000
    header = struct.pack("<8I", magic, flags, -(magic + flags) & 0xFFFFFFFF, address, address, 0, 0, address + 32)
    start = b"\xfc\xbe" + struct.pack("<I", address + 32 + 6 + len(SAY + ECHO))  # cld; mov $TEXT,%esi
    with open(path, "wb") as file:
        file.write(header + start + SAY + ECHO + TEXT + b"\0")


def command(*words):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True).stdout


image = os.path.join(os.environ["HOME"], "parrot")
write_kernel(image)
command("create", MACHINE, "--kernel", image, "--memory", "64M")
app = App([program], artefacts)


def config():
    return json.loads(command("show", MACHINE, "--json"))["config"]


def last_lines():
    """What a screen reader is told of the terminal."""
    terminals = app.all("text", "Text Console")
    return terminals[0].get_description() if terminals else ""


def says(text):
    wait(f"the terminal to say “{text}”", lambda: text in last_lines())


def clipboard():
    return subprocess.run(["xclip", "-selection", "clipboard", "-o"], capture_output=True, text=True, check=False).stdout


def is_off():
    """Of a machine that is off, the page says so, and starts it."""
    open_page(app, MACHINE, "Text Console")
    app.find("label", "The Machine Is Off")
    app.screenshot("off")
    app.click("push button", "Start")
    says("Polly wants a cracker")
    wait("its window", lambda: app.console(MACHINE))
    activate(app.window("Bonsai"))
    app.screenshot("speaks", moving=True)


def echoes():
    """What is typed reaches the guest, also keys that mean something else in the app."""
    app.click_at("text", "Text Console")
    type_text("hello tree")
    says("$ hello tree")
    press("ctrl+q", "ctrl+z", "alt+1", "Tab")
    type_text("still here")
    says("still here")
    app.screenshot("echoes", moving=True)


def stays_on_the_page():
    """No title, no clipboard and no link is the guest's to choose."""
    assert "Hijacked" not in " ".join(app.windows().values()), app.windows()
    assert "Hijacked" not in clipboard()


def copies_and_pastes():
    """Ctrl+Shift+A, C and V; Ctrl+plus makes it larger."""
    press("ctrl+shift+a", "ctrl+shift+c")
    wait("the text on the clipboard", lambda: "Polly wants a cracker" in clipboard())
    subprocess.run(["xclip", "-selection", "clipboard", "-i"], input="pasted leaves", text=True, check=True)
    press("Return", "ctrl+shift+v")
    says("pasted leaves")
    press("ctrl+plus", "ctrl+plus", "ctrl+plus")
    app.screenshot("zoomed", moving=True)
    press("ctrl+0")


def is_left_by_keys():
    """Ctrl+Tab leaves the terminal."""
    terminal = app.find("text", "Text Console")
    wait("the focus", lambda: app.focused() == terminal)
    press("ctrl+Tab")
    wait("the focus to leave", lambda: app.focused() != terminal)


def is_taken_over():
    """Who takes it over is named, and can lose it again."""
    other = subprocess.Popen([bonsai, "console", MACHINE, "--force"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    app.find("push button", "Take Back")
    app.screenshot("taken-over", moving=True)
    app.click("push button", "Take Back")
    assert other.wait(30) is not None
    app.click_at("text", "Text Console")
    type_text("mine")
    says("mine")


def comes_back():
    """Started again, in a process of its own, the same terminal goes on below what was said before."""
    command("stop", MACHINE)
    wait("the bar to say so", lambda: app.all("push button", "Start"))
    app.screenshot("ended", moving=True)
    command("start", MACHINE, "--headless")
    says("Polly wants a cracker")
    app.click_at("text", "Text Console")
    type_text("again")
    says("$ again")
    press("ctrl+shift+a", "ctrl+shift+c")
    wait("what was said before, too", lambda: clipboard().count("cracker") >= 2)
    app.screenshot("came-back", moving=True)
    command("stop", MACHINE)


def without():
    """Where no serial port is a console, one click makes one."""
    path = os.path.join(json.loads(command("show", MACHINE, "--json"))["path"], "vm.json")
    with open(path) as file:
        description = json.load(file)
    description["serial"] = [{"kind": "none"}] + [{"path": f"serial{n}.txt"} for n in (2, 3, 4)]
    with open(path, "w") as file:
        json.dump(description, file)
    app.find("label", "No serial port is a text console.")
    app.screenshot("without", moving=True)
    app.click("push button", "Make COM1 a Console")
    wait("a console", lambda: config()["serial"][0].get("kind", "console") == "console")
    wait("the bar to go", lambda: not app.all("push button", "Make COM1 a Console"))
    show_tab(app, "Settings")


run(app, [is_off, echoes, stays_on_the_page, copies_and_pastes, is_left_by_keys, is_taken_over, comes_back, without])
