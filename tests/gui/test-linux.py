# SPDX-License-Identifier: GPL-3.0-or-later
"""A stock Linux in the desktop app: made by the wizard, worked at its prompt, shut down by its power button.

Usage: test-linux.py BONSAI-DESKTOP ARTEFACTS, where a hardware KVM is; $BONSAI_GUEST_LINUX holds its font.
"""
import os
import sys

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "..", "guest")]
from PIL import Image  # noqa: E402
import screentext  # noqa: E402
from desktop import App, activate, press, run, type_text, wait  # noqa: E402

MACHINE = "Small Linux"
program, artefacts = sys.argv[1], sys.argv[2]
app = App([program], artefacts)


def says(text):
    """Whether a line of the console window begins so."""
    path = app.glance(wait("the console window", lambda: app.console(MACHINE)))
    if not path:
        return False
    with Image.open(path) as picture:
        return any(line.startswith(text) for line in screentext.read_image(picture))


def command(line, answer):
    type_text(line)
    press("Return")
    wait(f"“{answer}” on the guest's screen", lambda: says(answer))


def wizard_makes_it():
    """The wizard has Debian's own kernel ready."""
    app.click("push button", "Create a Machine…")
    app.choose(MACHINE)
    app.screenshot("wizard", moving=True)
    app.click("push button", "Next")
    app.find("label", "Name and Size")
    app.set_value("Memory", 256)
    app.click("push button", "Next")
    app.find("label", "Summary")
    app.click("push button", "Create")
    app.find("list item", f"{MACHINE}, Running")


def console_comes_to_the_prompt():
    """The console window shows the system's greeting."""
    wait("the prompt", lambda: says("Look around:"))
    app.screenshot("prompt", app.console(MACHINE))


def commands_answer():
    """What is typed into the window is run by the guest."""
    activate(app.console(MACHINE))
    command("echo $((6*7)) is the answer", "42 is the answer")
    command("uname -s", "Linux")
    app.screenshot("commands", app.console(MACHINE))


def shuts_down_by_acpi():
    """Shut Down presses its power button: it goes off by itself, and the list says so."""
    app.click("push button", f"Shut Down {MACHINE}")
    app.find("list item", f"{MACHINE}, Off")
    app.find("label", "The guest powered off")
    wait("the console window to go", lambda: not app.console(MACHINE))
    app.screenshot("off", moving=True)


run(app, [wizard_makes_it, console_comes_to_the_prompt, commands_answer, shuts_down_by_acpi])
