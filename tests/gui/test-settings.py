# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a machine, off and running: what is changed is in vm.json at once, what is refused says why, and the
text of the description is checked before it is kept.

Usage: test-settings.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, Atspi, activate, press, run, type_text, wait, xdotool  # noqa: E402
from machine_page import open_page, show_tab  # noqa: E402

MACHINE = "Elm"
program, artefacts, bonsai = sys.argv[1:4]


def command(*words):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True).stdout


command("create", MACHINE, "--ready", "invaders", "--memory", "64M", "--disk", "64M", "--cdrom", "")
app = App([program], artefacts)


def config():
    return json.loads(command("show", MACHINE, "--json"))["config"]


def becomes(what, predicate):
    wait(what, lambda: predicate(config()))


def kind(machine, wanted):
    return [disk for disk in machine["disks"] if disk.get("kind", "disk") == wanted]


def width_of(window):
    return int(dict(line.split("=") for line in xdotool("getwindowgeometry", "--shell", window))["WIDTH"])


def begin():
    """The machine's page has its settings; each says what it is about."""
    open_page(app, MACHINE, "Settings")
    app.find("label", "Processors")
    app.find("label", "How many the guest has; as many as this computer at most")
    app.screenshot("settings")


def numbers():
    """Numbers are saved when they come to rest."""
    app.set_value("Processors", 2)
    becomes("two processors", lambda c: c["cpus"] == 2)
    app.set_value("Memory (MiB)", 96)
    becomes("more memory", lambda c: c["memory"] == "96M")


def arranged():
    """The arrangement of processors and their number follow each other."""
    app.set_value("Sockets", 2)
    becomes("two sockets of two cores", lambda c: c["cpus"] == 4 and c["cpu"] == {"sockets": 2, "cores": 2, "threads": 1})
    wait("the number to follow",
         lambda: app.find("spin button", "Processors").get_value_iface().get_current_value() == 4)
    app.screenshot("arranged")
    app.set_value("Processors", 2)
    becomes("the usual arrangement", lambda c: c["cpus"] == 2 and "sockets" not in c.get("cpu", {}))
    wait("the cores to follow",
         lambda: app.find("spin button", "Cores of a Socket").get_value_iface().get_current_value() == 2)


def schedule():
    """What the clock takes, and what of it stays."""
    path = os.path.join(json.loads(command("show", MACHINE, "--json"))["path"], "vm.json")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace('"bonsai" : 1,', '"bonsai" : 1, "schedule" : { "every" : "1h" },'))
    app.find("label", "Which of Them Stay")
    app.set_value("Months", 12)
    becomes("twelve months", lambda c: c["schedule"].get("keep") == {"hourly": 24, "daily": 7, "weekly": 4, "monthly": 12})
    app.set_value("Order at Log-In", 7)
    becomes("an order", lambda c: c.get("autostart-order") == 7)
    app.scroll_to(app.find("label", "Which of Them Stay"))
    app.screenshot("schedule", moving=True)


def policy():
    """What becomes of it by itself is shown, whoever has said it."""
    app.find("label", "Stay off")
    command("policy", "set", MACHINE, "--restart", "on", "--idle-suspend", "45m", "--cpu-cap", "50%")
    for choice in "Start again, after pauses that grow", "As its policy says", "Half":
        app.find("label", choice)
    app.scroll_to(app.find("label", "Processor Time"))
    app.screenshot("policy", moving=True)
    command("policy", "set", MACHINE, "--clear")
    app.find("label", "Stay off")
    becomes("no policy", lambda c: "policy" not in c)


def refused():
    """What can't be is told below the row, and not saved; changing it back is enough."""
    app.set_value("Video Memory (MiB)", 17)
    app.find("label", "must be 1, 2, 4, … or 256 (MiB)")
    assert config()["display"]["video-memory"] == 16, config()
    before = config()
    app.scroll_to(app.find("spin button", "Video Memory (MiB)"))
    app.screenshot("refused")
    assert config() == before, "the wheel has changed something in passing"
    app.set_value("Video Memory (MiB)", 32)
    becomes("more video memory", lambda c: c["display"]["video-memory"] == 32)


def disks():
    """A disk is made, and grows; a CD drive is added."""
    app.set_value("Size of the New Disk (GiB)", 2)
    app.click("push button", "Add Disk")
    becomes("another disk", lambda c: len(kind(c, "disk")) == 2)
    app.find("label", "qcow2, 2 GiB")
    app.click("push button", "Add CD Drive")
    becomes("another drive", lambda c: len(kind(c, "cdrom")) == 2)
    assert len(kind(config(), "disk")) == 2, config()
    app.screenshot("disks")


def connection():
    """A disk's connection is chosen from all that there are, with a word on each; a disk on USB brings what it needs."""
    app.scroll_to(app.find("label", "disk1"))
    app.click_at("label", "disk1")
    app.find("label", "Connection")
    press("Down", "Return")
    app.screenshot("connections")
    press("Down", "Down", "Down", "Down", "Return")
    becomes("a disk on USB", lambda c: [disk.get("bus") for disk in kind(c, "disk")][1] == "usb")
    app.screenshot("connection", moving=True)
    app.click_at("label", "disk1")


def usb():
    """The USB controller is taken out, and put in again, with one switch."""
    app.click_at("check box", "USB Controller")
    becomes("no USB controller", lambda c: not c.get("usb"))
    app.click_at("check box", "USB Controller")
    becomes("a USB controller", lambda c: c.get("usb") is True)
    app.scroll_to(app.find("label", "USB Controller"))
    app.screenshot("usb", moving=True)


def order():
    """What is changed elsewhere is shown here."""
    assert config()["cpus"] == 2
    path = os.path.join(json.loads(command("show", MACHINE, "--json"))["path"], "vm.json")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace('"cpus" : 2', '"cpus" : 1'))
    wait("the row to follow", lambda: app.find("spin button", "Processors").get_value_iface().get_current_value() == 1)


def forwards_are(what, count):
    return becomes(what, lambda c: len(c["networks"][0].get("forwards", [])) == count)


FORWARD = "Port to Forward, and the Guest’s (8080:80)"


def add_forward(text):
    app.scroll_to(app.find("text", FORWARD))
    app.click_at("text", FORWARD)
    press("ctrl+a")
    type_text(text)
    press("Return")


def forward():
    """A port that leads to the guest is added and removed; one that makes no sense is told, and not saved."""
    app.scroll_to(app.find("label", "net0"))
    app.click_at("label", "net0")
    add_forward("0:80")
    forwards_are("a port", 1)
    app.find("label", "Any free port → 80 (TCP)")
    add_forward("http")
    app.find("label", "Can’t Forward the Port")
    app.screenshot("forward-refused", moving=True)
    app.click("push button", "Close")
    app.gone("label", "Can’t Forward the Port")
    app.scroll_to(app.find("text", FORWARD))
    app.screenshot("forward")
    forwards_are("the port alone", 1)


def live():
    """While it runs, what can't be changed at once says so; cables and limits can."""
    command("start", MACHINE, "--headless")
    wait("the rows to say so", lambda: any("At next start" in (n.get_name() or "") for n in app.all("label")))
    app.find("spin button", "Memory for Now (MiB)")
    app.screenshot("running", moving=True)
    app.set_value("Processors", 2)
    becomes("two processors at the next start", lambda c: c["cpus"] == 2)
    command("stop", MACHINE)


def expert():
    """The description as a text: a mistake is told with its line, and nothing is saved."""
    app.click("push button", "Edit…")
    view = app.find("text", "vm.json")
    app.screenshot("expert", moving=True)
    good = view.get_text_iface().get_text(0, -1)
    view.get_editable_text_iface().set_text_contents(good.replace('"cpus" : 2', '"cpus" : 0'))
    app.click("push button", "Save")
    app.find("alert", "vm.json:")
    app.screenshot("expert-mistake", moving=True)
    assert config()["cpus"] == 2
    view.get_editable_text_iface().set_text_contents(good.replace('"cpus" : 2', '"cpus" : 3').replace('"name" : "Elm"',
                                                                                                 '"name" : "Elm tree"'))
    app.click("push button", "Save")
    app.gone("text", "vm.json")
    shown = json.loads(command("show", "Elm tree", "--json"))["config"]
    assert shown["cpus"] == 3, shown


def notes():
    """Notes are kept when the focus leaves them."""
    show_tab(app, "Overview")
    view = app.find("text", "Notes")
    app.click_at("text", "Notes")
    type_text("Waters itself")
    show_tab(app, "Settings")
    wait("the notes", lambda: json.loads(command("show", "Elm tree", "--json"))["config"].get("notes") == "Waters itself")
    assert view


def narrow():
    """At 360 pixels everything is there."""
    window = app.window("Bonsai")
    xdotool("windowsize", window, 360, 640)
    wait("a narrow window", lambda: width_of(window) <= 400)
    app.find("push button", "Back")
    app.screenshot("narrow")


run(app, [begin, numbers, arranged, schedule, policy, refused, disks, connection, usb, order, forward, live, expert, notes, narrow])
