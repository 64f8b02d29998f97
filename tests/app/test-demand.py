#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""“bonsai demand”: who connects to a port of a machine that is off starts it, and waits; one that can't start turns him
away. What the guest then answers is test_demand.py's, in tests/guest.

Usage: test-demand.py BONSAI
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback

BONSAI = os.path.abspath(sys.argv[1])
INVADERS = "/boot/invaders.exec"

scratch = tempfile.mkdtemp(prefix="bonsai-demand-")
os.environ.update(BONSAI_LIBRARY=scratch + "/library", XDG_RUNTIME_DIR=scratch + "/run", XDG_STATE_HOME=scratch + "/state",
                  XDG_DATA_HOME=scratch + "/data", XDG_CONFIG_HOME=scratch + "/config", G_DEBUG="fatal-criticals",
                  LC_ALL="C.UTF-8")
os.mkdir(scratch + "/run", 0o700)
service = None


def bonsai(*arguments, status=0):
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, f"expected status {status}: {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def show(name):
    return json.loads(bonsai("show", name, "--json"))


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def listens(port):
    """Without connecting."""
    with open("/proc/net/tcp") as table:
        return any(line.split()[1] == f"0100007F:{port:04X}" and line.split()[3] == "0A" for line in table)


def create(name):
    port = free_port()
    bonsai("create", name, "--memory", "64M", "--kernel", INVADERS, "--forward", f"{port}:80")
    bonsai("policy", "set", "--on-demand", "on", name)
    return port


def test_starts():
    """A connection starts the machine, and isn't closed; when that has been stopped, the next one does"""
    port = create("Demand")
    wait_for("the port", lambda: listens(port))
    assert show("Demand")["state"] == "stopped"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        wait_for("the start", lambda: show("Demand")["state"] == "running")
        assert show("Demand")["forwards"] == [f"tcp:127.0.0.1:{port}:80"]
        client.settimeout(0.5)
        try:
            raise AssertionError(client.recv(1))
        except TimeoutError:
            pass
        bonsai("stop", "Demand")
        client.settimeout(60)
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass
    wait_for("the end", lambda: show("Demand")["state"] == "stopped")
    assert listens(port)
    with socket.create_connection(("127.0.0.1", port), timeout=60):
        wait_for("another start", lambda: show("Demand")["state"] == "running")
    bonsai("stop", "Demand")


def test_by_hand():
    """A machine that is started by its owner has its ports as well"""
    bonsai("start", "--headless", "Demand")
    assert show("Demand")["forwards"], show("Demand")
    bonsai("stop", "Demand")
    wait_for("the end", lambda: show("Demand")["state"] == "stopped")


def test_changes():
    """What is removed or switched off is not listened at any more"""
    port, other = create("Changes"), free_port()
    wait_for("the port", lambda: listens(port))
    bonsai("forward", "Changes", "add", f"{other}:81")
    wait_for("the other port", lambda: listens(other))
    bonsai("forward", "Changes", "remove", str(port))
    wait_for("the port to be free", lambda: not listens(port))
    bonsai("policy", "set", "--on-demand", "off", "Changes")
    wait_for("the other port to be free", lambda: not listens(other))
    assert show("Changes")["state"] == "stopped"


def test_fails():
    """A machine that can't start closes the connection, and its log says why; the next one is closed at once"""
    port = create("Fails")
    path = show("Fails")["path"] + "/vm.json"
    with open(path) as file:
        text = file.read()
    with open(path + ".new", "w") as file:
        file.write(text.replace(INVADERS, scratch + "/missing"))
    os.rename(path + ".new", path)
    wait_for("the port", lambda: listens(port))
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            try:
                assert client.recv(1) == b""
            except ConnectionResetError:
                pass
    events = json.loads(bonsai("events", "--json", "--machine=Fails"))
    wrong = [each for each in events if each["kind"] == "demand" and "missing" in json.dumps(each)]
    assert len(wrong) == 1, events
    bonsai("policy", "set", "--on-demand", "off", "Fails")


def test_alone():
    """A second one says that there is one"""
    assert "already" in bonsai("demand", status=4)
    assert service.poll() is None


def test_ends():
    """When it ends nobody listens"""
    global service
    port = create("Ends")
    wait_for("the port", lambda: listens(port))
    service.terminate()
    assert service.wait(20) == 0
    service = None
    assert not listens(port)


def main():
    global service
    tests = [test_starts, test_by_hand, test_changes, test_fails, test_alone, test_ends]
    failed = False
    print(f"1..{len(tests)}")
    service = subprocess.Popen([BONSAI, "demand"])
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {number} - {test.__doc__}")
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), flush=True)
    if service:
        service.terminate()
        service.wait()
    for name in ("Demand", "Changes", "Fails", "Ends"):
        subprocess.run([BONSAI, "stop", name], capture_output=True, check=False)
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
