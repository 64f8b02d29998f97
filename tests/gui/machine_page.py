# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a machine, for tests."""
from desktop import Atspi, activate, wait, xdotool


def open_page(app, machine, tab=None):
    """By the sidebar to the machine's page, and to one of its tabs."""
    app.find("label", "All Machines")
    app.click_at("list item", machine)
    app.find("label", "Processor and Memory")
    if tab:
        show_tab(app, tab)


def place_of(app, name):
    """A switcher has its tabs several times, for wide and for narrow windows: of those that aren't shown some take no
    room, and others would stand in the same place."""
    for tab in reversed(app.all("page tab", name)):
        if tab.get_component_iface().get_extents(Atspi.CoordType.WINDOW).width > 1:
            return app.place(tab)[:2]
    return None


def show_tab(app, name):
    activate(app.window("Bonsai"))
    x, y = wait(f"the tab “{name}”", lambda: place_of(app, name))
    xdotool("mousemove", x, y, "click", 1)
