# SPDX-License-Identifier: GPL-3.0-or-later
"""A workspace that somebody else offers, opened as a file: its terms are shown, it is accepted with its template's folder, and
renewed by another file; a changed offer is refused.

Usage: test-offer.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, press, run, wait  # noqa: E402

program, artefacts, bonsai = sys.argv[1:4]
home = os.environ["HOME"]
offer, changed, renewal = (f"{home}/{name}" for name in ("office.bonsai-offer", "changed.bonsai-offer", "office.bonsai-renewal"))
ISSUER = os.environ | {f"XDG_{name}_HOME": f"{home}/issuer/{name.lower()}" for name in ("DATA", "CONFIG", "STATE")}
TEMPLATE = f"{home}/issuer/data/bonsai/vms/base.bonsai"


def command(*words, env=None):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True, env=env).stdout


def issue(*words):
    return command(*words, env=ISSUER)


issue("create", "Base", "--memory", "64M", "--disk", "1M")
issue("template", "make", "Base")
offered = json.loads(issue("workspace", "offer", "Base", "--for", "anna", "--profile", "corporate", "--after-start", "30d",
                           "--name", "Office", "--out", offer, "--json"))
issue("workspace", "renew", offered["workspace"], "--after-start", "60d", "--out", renewal)
with open(offer) as file:
    text = file.read()
with open(changed, "w") as file:
    file.write(text.replace("anna", "otto"))
app = App([program], artefacts)


def open_file(path):
    subprocess.run([program, path], check=True, timeout=30)


def workspaces():
    return {one["name"]: one for one in json.loads(command("workspace", "list", "--json"))}


def refused():
    """A changed offer isn't even shown."""
    app.window("Bonsai")
    open_file(changed)
    app.find("label", "This Offer Can’t Be Accepted")
    app.click("push button", "Close")
    app.gone("label", "This Offer Can’t Be Accepted")


def shown():
    """An offer says what it is, who signed it, how long it lasts and what is ruled out; it needs its template."""
    open_file(offer)
    app.find("label", "Office")
    app.find("label", "For anna, by the profile “corporate”")
    app.find("label", "30 days from its first start")
    wait("the key", lambda: any(offered["issuer"] in app.title(node).replace("\u200b", "") for node in app.all("label", "ed25519:")))
    app.find("label", "It isn’t in the library: choose its folder, which its issuer has")
    app.screenshot("offer", moving=True)
    assert workspaces() == {}


def declined():
    """Escape leaves all as it was."""
    press("Escape")
    app.gone("push button", "Accept")
    assert workspaces() == {}


def accepted():
    """With its template in the library it is made, once."""
    open_file(TEMPLATE)
    app.find("list item", "Templates")
    open_file(offer)
    app.find("label", "Version 1, which is in the library")
    app.click("push button", "Accept")
    app.find("list item", "Office, Off")
    wait("the workspace", lambda: workspaces().get("Office", {}).get("state") == "not-started")
    app.screenshot("accepted")
    open_file(offer)
    app.click("push button", "Accept")
    app.find("label", "This Offer Can’t Be Accepted")
    app.click("push button", "Close")
    app.gone("label", "This Offer Can’t Be Accepted")


def renewed():
    """A renewal is taken, once."""
    open_file(renewal)
    wait("the renewal", lambda: workspaces()["Office"]["remaining"] is not None and workspaces()["Office"]["remaining"] > 59 * 86400)
    open_file(renewal)
    app.find("label", "Can’t Renew a Workspace")
    app.click("push button", "Close")


run(app, [refused, shown, declined, accepted, renewed])
