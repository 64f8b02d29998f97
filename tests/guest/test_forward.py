#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of the host lead to servers in Linux: from before it has booted, in both directions, and no longer than wanted."""

import contextlib
import gzip
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import urllib.error
import urllib.request

import tap
from machine import MachineStory, patience
from storage import StorageMachine

HERE = pathlib.Path(__file__).resolve().parent
LARGE = 64 << 20


class ForwardMachine(StorageMachine):
    """With a card, and udp-echo beside its script."""

    def __init__(self, name, *forwards):
        super().__init__(name, "linux", "forward-init", memory=512)
        self.network = True
        self.forwards = forwards

    def initramfs(self, base):
        path = super().initramfs(base)
        program = self.scratch / "udp-echo"
        subprocess.run(["gcc", "-O2", "-static", "-o", program, HERE / "udp-echo.c"], check=True)
        packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=self.scratch, input=b"udp-echo\n",
                                stdout=subprocess.PIPE, check=True).stdout
        path.write_bytes(path.read_bytes() + gzip.compress(packed))
        return path

    def plug_serial(self):
        super().plug_serial()
        for forward in self.forwards:
            self.bonsai("forward", self.name, "add", forward)

    def port_of(self, guest_port):
        forwards = json.loads(self.bonsai("forward", "--json", self.name))
        return next(each["host-port"] for each in forwards if each["guest-port"] == guest_port)


def fetch(port, path, data=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", data=data)
    with urllib.request.urlopen(request, timeout=patience(200)) as answer:
        return answer.read()


class Forward(MachineStory):
    """A web server and one of datagrams, both behind ports that the host chose."""

    def set_up(self):
        self.machine = ForwardMachine("forward", "0:80", "udp:0:7")
        self.machine.start()

    def said(self, pattern, seconds=120):
        return self.machine.wait_serial(rf"^forward: {pattern}\r?\n", seconds)

    def test_while_booting(self):
        """Who connects before there is a server waits, and is served."""
        assert not self.machine.serial.exists() or "forward: serving" not in self.machine.serial.read_text(errors="replace")
        assert fetch(self.machine.port_of(80), "here") == b"here\n"

    def test_from_guest(self):
        """64 MiB arrive from the guest as they are there."""
        digest = self.said(r"large (\w+)")[1]
        got = fetch(self.machine.port_of(80), "large")
        assert len(got) == LARGE
        assert hashlib.sha256(got).hexdigest() == digest

    def test_to_guest(self):
        """And so do 64 MiB the other way."""
        data = os.urandom(LARGE)
        answer = fetch(self.machine.port_of(80), "cgi-bin/sum", data)
        assert answer.decode().strip() == hashlib.sha256(data).hexdigest(), answer

    def test_datagrams(self):
        """Datagrams come back to who sent them."""
        self.said("serving")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(patience(20))
            client.connect(("127.0.0.1", self.machine.port_of(7)))
            for number in range(20):
                client.send(b"datagram %d" % number)
                assert client.recv(100) == b"datagram %d" % number

    def test_live(self):
        """A port is added and removed while it runs, shown, and in the description."""
        name = self.machine.name
        port = int(self.machine.bonsai("forward", name, "add", "0.0.0.0:0:80").split(":")[-2])
        assert fetch(port, "here") == b"here\n"
        assert f"tcp:0.0.0.0:{port}:80 (open)" in self.machine.bonsai("show", name)
        self.machine.bonsai("forward", f"{name}:net0", "remove", f"0.0.0.0:{port}")
        with contextlib.suppress(urllib.error.URLError):
            raise AssertionError(fetch(port, "here"))
        description = json.loads(pathlib.Path(self.machine.show()["path"], "vm.json").read_text())
        assert len(description["networks"][0]["forwards"]) == 2, description

    def test_refusals(self):
        """A port in use is told with who has it, an administrator's with what helps; nothing changes."""
        before = self.machine.bonsai("forward", self.machine.name)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            complaint = self.machine.complaint("forward", self.machine.name, "add", f"{port}:80")
            assert f"Port {port} of the host" in complaint and f"(process {os.getpid()})" in complaint, complaint
        complaint = self.machine.complaint("forward", self.machine.name, "add", "8080:10.0.2.2:80")
        assert "10.0.2.2" in complaint, complaint
        assert self.machine.bonsai("forward", self.machine.name) == before

    def test_suspended(self):
        """After a suspend the ports are there again, and the guest's servers behind them."""
        self.machine.bonsai("suspend", self.machine.name, timeout=200)
        self.machine.wait_off()
        assert "not running" in self.machine.bonsai("forward", self.machine.name)
        self.machine.start_again()
        assert fetch(self.machine.port_of(80), "here") == b"here\n"

    def test_busy_at_start(self):
        """A port that is in use stops the start, and nothing is lost."""
        self.machine.bonsai("suspend", self.machine.name, timeout=200)
        self.machine.wait_off()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.machine.bonsai("forward", self.machine.name, "add", f"{port}:80")
            complaint = self.machine.complaint("start", "--headless", self.machine.name)
            assert f"Port {port} of the host" in complaint, complaint
        self.machine.start_again()
        assert fetch(port, "here") == b"here\n"


if __name__ == "__main__":
    tap.main()
