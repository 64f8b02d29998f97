# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's USB devices in a machine's settings: those of a computer that is made up, as they come and go.

Usage: test-usb.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "app")]
from desktop import App, Atspi, active_title, pixels_differ, press, run, wait  # noqa: E402
from machine_page import open_page  # noqa: E402
import usb_tree  # noqa: E402

MACHINE, LOOSE = "Elm", "Loose"
program, artefacts, bonsai = sys.argv[1:4]
ROOT = os.path.join(os.environ["HOME"], "made-up")
os.environ["BONSAI_USB_ROOT"] = ROOT


def command(*words):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True).stdout


command("create", MACHINE, "--ready", "invaders", "--memory", "64M")
usb_tree.plug(ROOT, "2-1.4", 7, "0951:1666", "Kingston", "DataTraveler 3.0", "60A44C4251")
usb_tree.plug(ROOT, "1-2", 3, "046d:c31c", "Logitech", "USB Keyboard", classes=((3, 1, 1),))
usb_tree.give_input(ROOT, "1-2")
usb_tree.plug(ROOT, "1-9", 5, "046d:082d", "<b>Cam & Co</b>", "HD", classes=((14, 1, 0), (1, 1, 0)))
app = App([program], artefacts)


def rules():
    return json.loads(command("usb", "rule", "list", MACHINE, "--json"))


def switch(title, device):
    return app.find("check box", f"{title}: {device}")


def begin():
    """Each device has a row that says what it is; a machine that is off can't have it yet."""
    open_page(app, MACHINE, "Settings")
    app.scroll_to(app.find("label", "USB Controller"))
    app.find("label", "Kingston DataTraveler 3.0")
    app.find("label", "0951:1666, serial number 60A44C4251, port 2-1.4")
    app.find("label", "<b>Cam & Co</b> HD")
    assert not app.has(switch("Attached", "Kingston DataTraveler 3.0"), Atspi.StateType.SENSITIVE)


def hot_plug():
    """What is plugged in appears, and goes when it is pulled out."""
    usb_tree.plug(ROOT, "3-1", 9, "08bb:2902", "Burr-Brown", "USB Audio CODEC", classes=((1, 1, 0), (1, 2, 0)))
    app.find("label", "Burr-Brown USB Audio CODEC")
    app.scroll_to(app.find("label", "Burr-Brown USB Audio CODEC"))
    app.screenshot("devices")
    usb_tree.unplug(ROOT, "1-9")
    app.gone("label", "<b>Cam & Co</b> HD")


def always():
    """“Attach Always” makes a rule, which stays in sight when the device goes, and is removed there."""
    app.click_at("label", "Kingston DataTraveler 3.0")
    app.click_at("check box", "Attach Always: Kingston DataTraveler 3.0")
    wait("a rule", lambda: [rule["serial"] for rule in rules()] == ["60A44C4251"])
    app.screenshot("rule")
    usb_tree.unplug(ROOT, "2-1.4")
    app.find("label", "Attached always; it isn’t plugged in")
    app.click("push button", "Remove")
    wait("no rule", lambda: rules() == [])
    app.gone("label", "Attached always; it isn’t plugged in")


def refused():
    """A device that can't be attached is told, and its switch says how it is."""
    command("start", MACHINE, "--headless")
    wait("a switch that works", lambda: app.has(switch("Attached", "Burr-Brown USB Audio CODEC"), Atspi.StateType.SENSITIVE))
    app.click_at("check box", "Attached: Burr-Brown USB Audio CODEC")
    app.find("label", "Can’t Attach the Device")
    app.screenshot("refused")
    press("Escape")
    app.gone("label", "Can’t Attach the Device")
    wait("a switch that is off",
         lambda: not app.has(switch("Attached", "Burr-Brown USB Audio CODEC"), Atspi.StateType.CHECKED))


def only_keyboard():
    """The only keyboard is taken when that was asked."""
    app.click_at("check box", "Attached: Logitech USB Keyboard")
    app.find("label", "Attach the Only Keyboard?")
    app.screenshot("keyboard")
    press("Escape")
    app.gone("label", "Attach the Only Keyboard?")
    wait("a switch that is off", lambda: not app.has(switch("Attached", "Logitech USB Keyboard"), Atspi.StateType.CHECKED))
    command("stop", MACHINE)


def menu():
    """The bar of the machine's window has the devices; what can't be is said there."""
    command("start", MACHINE)
    wait("the machine's window", lambda: active_title().startswith(MACHINE))
    press("ctrl+alt+m", "Right", "Right", "Right", "Down")
    app.screenshot("menu", moving=True)
    press("Return")
    app.screenshot("told", moving=True)
    menu_is, told = (os.path.join(artefacts, name) for name in ("05-menu.png", "06-told.png"))
    assert pixels_differ(menu_is, told) > 10000, "nothing was told"
    command("stop", MACHINE)


def by_rule():
    """What a rule names and can't be had is told in the window, and the machine starts."""
    command("usb", "rule", "add", MACHINE, "08bb:2902")
    command("start", MACHINE)
    wait("the machine's window", lambda: active_title().startswith(MACHINE))
    app.screenshot("start", moving=True)
    command("stop", MACHINE)


def without_bundle():
    """A machine of “bonsai run” has the same menu."""
    machine = subprocess.Popen([bonsai, "run", "--kernel", "/boot/invaders.exec", "--name", LOOSE])
    wait("the machine's window", lambda: active_title().startswith(LOOSE))
    press("ctrl+alt+m", "Right", "Right", "Down")
    app.screenshot("run-menu", moving=True)
    press("Return")
    app.screenshot("run-told", moving=True)
    menu_is, told = (os.path.join(artefacts, name) for name in ("08-run-menu.png", "09-run-told.png"))
    assert pixels_differ(menu_is, told) > 10000, "nothing was told"
    machine.terminate()
    machine.wait(60)


run(app, [begin, hot_plug, always, refused, only_keyboard, menu, by_rule, without_bundle])
