#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session's notification area without a screen (Desktop Notifications Specification 1.2): what is sent goes to a file, one
JSON object a line; org.bonsaivm.Test.Press (id, action) presses a button.

Usage: notifications.py FILE
"""
import json
import sys

from gi.repository import Gio, GLib

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
NODE = Gio.DBusNodeInfo.new_for_xml(f"""
<node>
 <interface name="{NAME}">
  <method name="Notify">
   <arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
   <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
   <arg type="a{{sv}}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/>
  </method>
  <method name="CloseNotification"><arg type="u" direction="in"/></method>
  <method name="GetCapabilities"><arg type="as" direction="out"/></method>
  <method name="GetServerInformation">
   <arg type="s" direction="out"/><arg type="s" direction="out"/><arg type="s" direction="out"/>
   <arg type="s" direction="out"/>
  </method>
  <signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
  <signal name="NotificationClosed"><arg type="u"/><arg type="u"/></signal>
 </interface>
 <interface name="org.bonsaivm.Test">
  <method name="Press"><arg type="u" direction="in"/><arg type="s" direction="in"/></method>
 </interface>
</node>""")

last = 0
log = open(sys.argv[1], "a", buffering=1)


def on_call(bus, sender, path, interface, method, parameters, invocation):
    global last
    if method == "Notify":
        _, replaced, _, title, body, actions, *_ = parameters.unpack()
        last = max(last, replaced) + (0 if replaced else 1)
        number = replaced or last
        print(json.dumps({"id": number, "title": title, "body": body, "actions": actions}), file=log)
        invocation.return_value(GLib.Variant("(u)", (number,)))
    elif method == "CloseNotification":
        number, = parameters.unpack()
        print(json.dumps({"closed": number}), file=log)
        bus.emit_signal(sender, PATH, NAME, "NotificationClosed", GLib.Variant("(uu)", (number, 3)))
        invocation.return_value(None)
    elif method == "GetCapabilities":
        invocation.return_value(GLib.Variant("(as)", (["actions", "body"],)))
    elif method == "GetServerInformation":
        invocation.return_value(GLib.Variant("(ssss)", ("test", "Bonsai", "1", "1.2")))
    else:
        bus.emit_signal(None, PATH, NAME, "ActionInvoked", parameters)
        invocation.return_value(None)


def on_bus(bus, name):
    for interface in NODE.interfaces:
        bus.register_object(PATH, interface, on_call, None, None)


Gio.bus_own_name(Gio.BusType.SESSION, NAME, Gio.BusNameOwnerFlags.NONE, on_bus, None, lambda *_: sys.exit(1))
GLib.MainLoop().run()
