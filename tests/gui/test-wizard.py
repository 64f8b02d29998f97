# SPDX-License-Identifier: GPL-3.0-or-later
"""The creation wizard, by each of its ways: media that were found, an installation that asks nothing, a template, network
boot, a file that was dropped; with the keyboard alone; on a small screen with large text, and right to left.

Usage: test-wizard.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import json
import os
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, Atspi, activate, press, run, type_text, wait, xdotool  # noqa: E402
from media import make_medium  # noqa: E402

program, artefacts, bonsai = sys.argv[1:4]

def command(*words):
    return subprocess.run([bonsai, *words], check=True, capture_output=True, text=True).stdout


debian = make_medium("debian-12.5.0-amd64-netinst.iso", "Debian 12.5.0 amd64 n")
other = make_medium("mine.iso", "MY SYSTEM")
command("create", "Gold", "--memory=64M", "--disk=64M", "--notes", "What every machine begins as")
command("template", "make", "Gold")
app = App([program], artefacts)


def text_of(name):
    node = app.find("text", name)
    return Atspi.Text.get_text(node, 0, Atspi.Text.get_character_count(node))


def show(name):
    return json.loads(command("show", name, "--json"))


def open_wizard():
    activate(app.window("Bonsai"))
    app.click("push button", "Create a Machine")
    app.find("label", "What Shall It Run?")


def width_of(window):
    geometry = xdotool("getwindowgeometry", "--shell", window)
    return int(next(line for line in geometry if line.startswith("WIDTH="))[6:])


def next_page(title):
    app.click("push button", "Next")
    app.find("label", title)


def finish(name):
    """From the summary to a machine that isn't started."""
    app.click_at("check box", "Start Now")
    app.click("push button", "Create")
    app.gone("label", "Summary")
    wait(f"“{name}” in the library", lambda: name in command("list"))


def media_are_found():
    """What lies in Downloads is recognised, the system that is known first."""
    open_wizard()
    app.find("check box", "Debian 12")
    app.find("label", "debian-12.5.0-amd64-netinst.iso; can install itself")
    app.find("check box", "MY SYSTEM")
    app.screenshot("found-media")


def a_system_gets_what_it_needs():
    """Name, memory and disk are what Debian does well with; too little of them is said beside the field."""
    app.choose("Debian 12")
    next_page("Name and Size")
    wait("a name", lambda: text_of("Name") == "Debian 12")
    app.screenshot("details")
    memory = app.find("spin button", "Memory").get_value_iface().get_current_value()
    app.set_value("Memory", 64)
    app.find("alert", "Debian 12 needs at least ")
    app.screenshot("too-little-memory")
    app.set_value("Memory", memory)
    app.type_into("Name", "Gold")
    app.find("alert", "There is a machine named “Gold” already. Choose another name.")
    app.screenshot("taken-name")
    app.type_into("Name", "Engine")


def it_installs_itself():
    """Asked for a user and a password once; each mistake is said beside its field."""
    app.click_at("check box", "Install by Itself")
    next_page("Installation")
    app.find("alert", "Choose a password.")
    app.screenshot("express")
    app.type_into("User Name", "Ada")
    app.find("alert", "A name to log in by has small letters")
    app.type_into("User Name", "ada")
    app.type_into("Password", "hush")
    app.type_into("Computer Name", "an engine")
    app.find("alert", "A computer's name has letters")
    app.screenshot("express-problem")
    app.type_into("Computer Name", "engine")
    next_page("Summary")
    app.find("label", "By itself, for the user “ada” on “engine”")
    app.screenshot("express-summary")


def devices_can_be_others():
    """The page of devices is beside the way, and leads back to the summary."""
    app.click("push button", "Customise…")
    app.find("label", "Devices")
    app.screenshot("devices")
    app.click_at("check box", "Sound")
    app.click("push button", "Done")
    app.find("label", "Summary")
    app.find("label", "virtio disks, virtio network, virtio graphics")


def the_installer_is_ready():
    """The machine boots the installer with its answers, which nobody else may read."""
    finish("Engine")
    machine = show("Engine")
    config, folder = machine["config"], os.path.join(machine["path"], "install")
    assert config["install"] == {"system": "Debian 12"}, config
    assert config["boot"]["kernel"] == "install/vmlinuz", config
    assert config["os"] == "http://debian.org/debian/12", config
    assert [disk["id"] for disk in config["disks"]] == ["disk0", "cd0"], config
    assert config["sound"] == {"card": "none"}, config
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    with open(os.path.join(folder, "initrd.img"), "rb") as file:
        content = file.read()
    assert b"d-i passwd/username string ada\n" in content and b"hush" not in content
    assert "hush" not in json.dumps(machine)


def a_template_gives_a_machine():
    """A template's machine is linked to it, or a copy."""
    open_wizard()
    app.choose("Gold")
    app.screenshot("templates")
    next_page("Name and Size")
    app.find("check box", "Linked to the Template")
    app.screenshot("template-details")
    app.type_into("Name", "Silver")
    next_page("Summary")
    app.find("label", "Template “Gold”, linked")
    finish("Silver")
    assert show("Silver")["config"]["clone-of"] == show("Gold")["config"]["uuid"]


def the_network_boots_a_machine():
    """Disk first, then the network."""
    open_wizard()
    app.choose("Network Boot")
    next_page("Name and Size")
    app.type_into("Name", "Netboot")
    next_page("Summary")
    app.find("label", "What a boot server offers")
    finish("Netboot")
    assert show("Netboot")["config"]["boot"]["order"] == ["disk0", "net0"]


def the_keyboard_is_enough():
    """Control+N, Alt+N, a name, Enter; Escape leaves."""
    activate(app.window("Bonsai"))
    press("ctrl+n")
    app.find("label", "What Shall It Run?")
    app.find("check box", "Debian 12")
    press("alt+n")
    app.find("label", "Name and Size")
    type_text("Keys")
    press("Return")
    app.find("label", "Summary")
    press("Escape")
    app.gone("label", "Summary")


def created_in_four_clicks():
    """A found medium runs, or is in the library, four clicks after the start: create, medium, next, create."""
    app.click("push button", "Create a Machine")
    app.choose("MY SYSTEM")
    app.click("push button", "Next")
    app.click("push button", "Create Now")
    app.gone("label", "Name and Size")
    wait("“mine” in the library", lambda: "mine" in command("list"))
    assert show("mine")["config"]["disks"][1]["path"] == other


def large_text_on_a_small_screen():
    """With text twice as large, every page is whole at 360 by 600 pixels."""
    app.quit()
    subprocess.run(["xprop", "-root", "-format", "RESOURCE_MANAGER", "8s", "-set", "RESOURCE_MANAGER", "Xft.dpi:\t192\n"],
                   check=True)
    app.launch()
    app.click("push button", "Create a Machine")
    app.find("label", "What Shall It Run?")
    window = app.window("Create a Machine")
    xdotool("windowsize", window, 360, 600)
    wait("a narrow window", lambda: width_of(window) <= 376)
    app.screenshot("large-source")
    app.choose("Debian 12")
    next_page("Name and Size")
    app.screenshot("large-details")
    app.click_at("check box", "Install by Itself")
    next_page("Installation")
    app.screenshot("large-express")
    app.type_into("Password", "hush")
    next_page("Summary")
    app.screenshot("large-summary")
    app.click("push button", "Customise…")
    app.find("label", "Devices")
    app.screenshot("large-devices")
    assert width_of(window) <= 376


run(app, [media_are_found, a_system_gets_what_it_needs, it_installs_itself, devices_can_be_others,
          the_installer_is_ready, a_template_gives_a_machine, the_network_boots_a_machine, the_keyboard_is_enough,
          created_in_four_clicks, large_text_on_a_small_screen])
