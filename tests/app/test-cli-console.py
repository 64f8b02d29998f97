#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serial consoles and guests in trouble on the command line, with real machines on this host's KVM.

Usage: test-cli-console.py BONSAI
"""

import contextlib
import json
import os
import pty
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

BONSAI = os.path.abspath(sys.argv[1])
OK, USAGE, ERROR, GUEST_PANIC = 0, 2, 4, 8
LEAVE = b"\x1d"  # Ctrl+]
PATIENCE = 60  # seconds

scratch = tempfile.mkdtemp(prefix="bonsai-console-")
os.environ.update(BONSAI_LIBRARY=scratch + "/library", XDG_RUNTIME_DIR=scratch + "/run",
                  XDG_STATE_HOME=scratch + "/state", G_DEBUG="fatal-criticals",
                  LC_ALL="C.UTF-8")
os.mkdir(scratch + "/run", 0o700)


def kernel(name, code):
    """A kernel by Multiboot 0.6.96, section 3.1, that is @code at 1 MiB."""
    magic, flags, address = 0x1BADB002, 1 << 16, 0x100000
    header = struct.pack("<8I", magic, flags, -(magic + flags) & 0xFFFFFFFF, address, address, 0, 0, address + 32)
    with open(f"{scratch}/{name}", "wb") as file:
        file.write(header + code)
    return file.name


# L: wait until LSR has data and room; copy a byte; jmp L.
ECHO_CODE = bytes.fromhex("66bafd03 ec 2421 3c21 75f5  66baf803 ec ee ebed")
ECHO = kernel("echo", ECHO_CODE)
# FIFO on, which empties it; say "!"; the same.
ECHO_FAST = kernel("echo-fast", bytes.fromhex("66bafa03 b001 ee  66baf803 b021 ee") + ECHO_CODE)
# mov dx, 0x505; mov al, 1; out dx, al; L: cli; hlt; jmp L
PANIC = kernel("panic", bytes.fromhex("66ba0505 b001 ee fa f4 ebfc"))


def bonsai(*arguments, status=OK):
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == status, f"bonsai {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def show(name):
    return json.loads(bonsai("show", name, "--json"))


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE} s"
        time.sleep(0.1)


@contextlib.contextmanager
def machine(name, image, *options):
    bonsai("create", name, "--kernel", image, "--memory", "64M", *options)
    bonsai("start", name, "--headless")
    try:
        yield name
    finally:
        subprocess.run([BONSAI, "stop", name], capture_output=True, timeout=PATIENCE, check=False)


def connect(name, *options):
    return subprocess.Popen([BONSAI, "console", name, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def at_terminal(name):
    """The console on a terminal of its own, raw already: process and terminal."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(BONSAI, [BONSAI, "console", name])
    text = b""
    while b"leaves" not in text:
        text += os.read(terminal, 1000)
    wait_for("a raw terminal", lambda: not is_cooked(terminal))
    return process, terminal


def is_cooked(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ICANON)


def test_pipe():
    """A large paste through a pipe comes back whole"""
    paste = b"".join(b"%05d %s\n" % (i, b"paste " * (i % 10)) for i in range(400))
    with machine("pipe", ECHO_FAST) as name:
        console = connect(name)
        assert console.stdout.read(1) == b"!"
        console.stdin.write(paste)
        console.stdin.close()
        assert console.stdout.read(len(paste)) == paste
        bonsai("stop", name)
        assert console.wait(PATIENCE) == OK
        assert console.stdout.read() == b""


def test_one_at_a_time():
    """A second console is refused, or takes over; what was said is shown first"""
    with machine("busy", ECHO) as name:
        first = connect(name)
        first.stdin.write(b"first")
        first.stdin.flush()
        assert first.stdout.read(5) == b"first"
        assert "--force" in bonsai("console", name, status=ERROR)
        second = connect(name, "--force")
        assert second.stdout.read(5) == b"first"
        assert first.wait(PATIENCE) == ERROR
        second.terminate()
        assert second.wait(PATIENCE) == -signal.SIGTERM
        assert "1 to 4" in bonsai("console", name, "--port", "5", status=USAGE)


def test_terminal():
    """Ctrl+] leaves and signals end it, and the terminal is as before"""
    with machine("terminal", ECHO) as name:
        for number, status in ((None, OK), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)):
            process, terminal = at_terminal(name)
            os.write(terminal, b"\x03x")  # Ctrl+C is the guest's
            text = b""
            while not text.endswith(b"\x03x"):
                text += os.read(terminal, 100)
            if number:
                os.kill(process, number)
            else:
                os.write(terminal, LEAVE)
            assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == status
            assert is_cooked(terminal)
            os.close(terminal)


def test_elsewhere():
    """A port that leads to a socket or nowhere has no console"""
    with machine("elsewhere", ECHO, "--serial", "socket", "--serial", "none", "--serial", "pty") as name:
        folder = show(name)["path"]
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(folder + "/serial1.sock")
            client.sendall(b"hello")
            assert client.makefile("rb").read(5) == b"hello"
        assert os.path.islink(folder + "/serial3.pty")
        for port in "1", "2", "3":
            assert "goes elsewhere" in bonsai("console", name, "--port", port, status=ERROR)
        bonsai("stop", name)
        assert not os.path.lexists(folder + "/serial1.sock") and not os.path.lexists(folder + "/serial3.pty")


def test_panic():
    """A panic is listed while the guest runs on, or pauses, resets or ends it"""
    with machine("told", PANIC) as name:
        wait_for("the panic", lambda: show(name)["reason"] == "guest-panic")
        assert show(name)["state"] == "running"
        line = next(line for line in bonsai("list").splitlines() if line.startswith(name))
        assert "running" in line and "panicked" in line, line
        bonsai("pause", name)
        assert "panicked" in show(name)["message"]
        bonsai("resume", name)
        assert show(name)["reason"] == "guest-panic"
        with open(show(name)["path"] + "/log/host.log", encoding="utf-8") as log:
            assert "panicked" in log.read()
    with machine("paused", PANIC, "--on-panic", "pause") as name:
        wait_for("the pause", lambda: show(name)["state"] == "paused")
        assert show(name)["reason"] == "guest-panic"
    with machine("again", PANIC, "--on-panic", "reset") as name:
        wait_for("the reset", lambda: "was reset" in show(name)["message"])
        assert (show(name)["state"], show(name)["reason"]) == ("running", "guest-panic")
    with machine("off", PANIC, "--on-panic", "power-off") as name:
        wait_for("the end", lambda: show(name)["state"] == "crashed")
        assert (show(name)["reason"], show(name)["exit-status"]) == ("guest-panic", GUEST_PANIC)
    bonsai("run", "--kernel", PANIC, "--headless", "--on-panic", "power-off", status=GUEST_PANIC)


def test_refused():
    """What can't be is refused, and nothing is left of it"""
    for options, what in ((["--serial", "stdio"], "stdio"), (["--serial", "none"] * 5, "4 serial ports"),
                          (["--on-panic", "weep"], "notify, pause"), (["--watchdog", "bark"], "none, notify"),
                          (["--serial", "console:/x"], "no path")):
        assert what in bonsai("create", "refused", *options, status=ERROR)
    assert "refused" not in bonsai("list")
    assert "name" in bonsai("run", "--headless", "--serial", "pty", status=ERROR)


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    print(f"TAP version 13\n1..{len(tests)}")
    failures = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired, OSError, KeyError):
            failures += 1
            print(f"not ok {number} - {test.__doc__}")
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)
    shutil.rmtree(scratch)
    return 1 if failures else 0


sys.exit(main())
