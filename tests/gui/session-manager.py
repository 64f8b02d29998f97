#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A desktop's session manager (org.gnome.SessionManager) that notes who keeps the session from ending: one JSON object a
line, {"inhibit": COOKIE, "reason": TEXT, "flags": N} and {"uninhibit": COOKIE}.

Usage: session-manager.py FILE
"""
import json
import sys

from gi.repository import Gio, GLib

NAME, PATH = "org.gnome.SessionManager", "/org/gnome/SessionManager"
NODE = Gio.DBusNodeInfo.new_for_xml(f"""
<node>
 <interface name="{NAME}">
  <method name="Inhibit">
   <arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
   <arg type="u" direction="in"/><arg type="u" direction="out"/>
  </method>
  <method name="Uninhibit"><arg type="u" direction="in"/></method>
  <method name="RegisterClient">
   <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="o" direction="out"/>
  </method>
  <method name="UnregisterClient"><arg type="o" direction="in"/></method>
 </interface>
</node>""")

cookie = 0
log = open(sys.argv[1], "a", buffering=1)


def on_call(bus, sender, path, interface, method, parameters, invocation):
    global cookie
    if method == "Inhibit":
        _, _, reason, flags = parameters.unpack()
        cookie += 1
        print(json.dumps({"inhibit": cookie, "reason": reason, "flags": flags}), file=log)
        invocation.return_value(GLib.Variant("(u)", (cookie,)))
    elif method == "Uninhibit":
        print(json.dumps({"uninhibit": parameters.unpack()[0]}), file=log)
        invocation.return_value(None)
    elif method == "RegisterClient":
        invocation.return_value(GLib.Variant("(o)", (f"{PATH}/Client1",)))
    else:
        invocation.return_value(None)


def on_bus(bus, name):
    bus.register_object(PATH, NODE.interfaces[0], on_call, None, None)


Gio.bus_own_name(Gio.BusType.SESSION, NAME, Gio.BusNameOwnerFlags.NONE, on_bus, None, lambda *_: sys.exit(1))
GLib.MainLoop().run()
