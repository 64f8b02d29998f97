# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard: what runs, what went wrong, what is to come and what room there is, as it changes; it leads to each.

Usage: test-dashboard.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import datetime
import glob
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, activate, press, run, wait, xdotool  # noqa: E402

program, artefacts, bonsai = map(os.path.abspath, sys.argv[1:4])


def command(*words, check=True):
    return subprocess.run([bonsai, *words], check=check, capture_output=True, text=True)


command("create", "Game", "--kernel", "/boot/invaders.exec", "--memory", "64M")
command("create", "Lab", "--disk", "8M", "--cdrom", "")
os.chdir(os.environ["HOME"])
shutil.copy("/boot/invaders.exec", "kernel-that-goes")
command("create", "Odd", "--kernel", os.path.abspath("kernel-that-goes"))
os.remove("kernel-that-goes")
command("start", "Odd", "--headless", check=False)
soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=5)
command("workspace", "issue", "Lab", "--expires", soon.strftime("%Y-%m-%d"))
command("start", "Game", "--headless")
app = App([program], artefacts, place=None)


def row(text):
    """A row of a group, by how it begins."""
    return app.find("list item", text)


def comes_first():
    """Where nobody was before, with machines: it is what the app begins with."""
    app.find("label", "Dashboard")
    app.find("push button", "Machines: 3")
    app.find("push button", "Running: 1")
    app.find("push button", "Workspaces: 1")
    app.find("push button", "Game, Running")
    assert not app.all("push button", "Suspended:"), "there is none"


def tells_all():
    """Failures with their causes, expiries, capacity, and what happened last."""
    failure = app.title(row("Odd: "))
    assert "failed" in failure and "kernel-that-goes" in failure, failure
    assert "days" in app.title(row("Lab: Expires in")), app.title(row("Lab: "))
    wait("what is promised", lambda: "64.0\u00a0MiB" in app.title(row("Memory: ")))
    assert "promised 1" in app.title(row("Processors: ")) and "free" in app.title(row("Disk Space: "))
    row("Game: ")
    app.screenshot("whole", moving=True)
    wait("what the guest uses", lambda: app.all("label", "") and any("CPU" in app.title(node) for node in app.all("label")), 30)
    app.screenshot("with-figures", moving=True)


def follows():
    """What others do is there at once."""
    command("create", "Late", "--disk", "8M", "--cdrom", "")
    app.find("push button", "Machines: 4")
    row("Late: ")
    command("stop", "Game")
    app.find("push button", "Running: 0")
    app.gone("push button", "Game, Running")
    command("start", "Game", "--headless")
    app.find("push button", "Game, Running")


def leads_there():
    """A card leads to its machine, capacity to the host; keys lead back."""
    app.click("push button", "Game, Running")
    app.find("push button", "Machine Menu")
    press("alt+0")
    app.find("push button", "Machines: 4")
    app.click_at("list item", "Memory: ")
    app.find("label", "This Computer")
    app.find("push button", "Look Again")
    press("alt+Home")
    app.click("push button", "Machines: 4")
    app.find("push button", "Start Late")
    app.click_at("list item", "Dashboard")
    app.find("push button", "Machines: 4")


def is_narrow():
    """On a small screen it is one column."""
    activate(app.window("Bonsai"))
    xdotool("windowsize", app.window("Bonsai"), 400, 620)
    app.find("push button", "Back")
    app.screenshot("narrow", moving=True)
    app.scroll_to(row("Disk Space: "))
    app.screenshot("narrow-below", moving=True)
    xdotool("windowsize", app.window("Bonsai"), 1000, 700)


def save(ending):
    """Where the app proposes it. What the report says."""
    app.click("push button", "Save…")
    wait("the dialog", lambda: any(app.title(node) == "Save" for node in app.all("push button", "Save")))
    app.click("push button", "Save")
    path = wait(f"the report {ending}", lambda: glob.glob(os.path.join(os.environ["HOME"], "*" + ending)))[0]
    with open(path, newline="") as file:
        return wait("its content", file.read)


def saves_reports():
    """The menu leads to reports, which are saved as what is chosen."""
    app.click_at("push button", "Main Menu")
    app.click("menu item", "Reports…")
    app.find("label", "What machines used of what they have")
    app.screenshot("reports", moving=True)
    assert "<td>Game</td>" in save(".html")
    app.gone("label", "What machines used of what they have")
    app.click_at("push button", "Main Menu")
    app.click("menu item", "Reports…")
    for choice, rank in (("Report", 3), ("Format", 1)):
        app.click_at("combo box", choice)
        press(*["Down"] * rank, "Return")
    app.find("label", "Which workspaces end, and when")
    report = save(".csv")
    assert "\nLab,not-started," in report or "\nLab,active," in report, report


def is_dark_and_last():
    """It is where the app was left, and dark in a dark desktop."""
    app.quit()
    app.env["ADW_DEBUG_COLOR_SCHEME"] = "prefer-dark"
    app.launch()
    app.find("push button", "Game, Running")
    row("Memory: ")
    wait("what the guest uses", lambda: any("CPU" in app.title(node) for node in app.all("label")), 30)
    app.screenshot("dark", moving=True)
    command("stop", "Game")


run(app, [comes_first, tells_all, follows, leads_there, saves_reports, is_narrow, is_dark_and_last])
