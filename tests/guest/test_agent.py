#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real qemu-guest-agent answers: who the guest is, programs, files, time, frozen file systems, shutdown."""

import json
import os
import pathlib
import signal
import subprocess
import time

import tap
from console import Console
from machine import BUILD, MachineStory, patience
from storage import StorageMachine

MIB = 1 << 20


class AgentMachine(StorageMachine):
    """With a file system on a virtio disk."""

    def __init__(self):
        super().__init__("agent", "agent", "agent-init", memory=256)
        disk = self.scratch / "disk.raw"
        with open(disk, "wb") as file:
            file.truncate(32 * MIB)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", disk], check=True)
        self.disks = [{"id": "disk0", "bus": "virtio", "path": str(disk), "format": "raw"}]

    def guest(self, verb, *arguments, data=None, check=True):
        """What `bonsai guest` gives: the exit status, standard output and standard error."""
        result = subprocess.run([BUILD / "app" / "cli" / "bonsai", "guest", verb, *map(str, arguments)],
                                env=self.environment, input=data, capture_output=True, timeout=patience(60), check=False)
        if check and result.returncode != 0:
            raise AssertionError(f"bonsai guest {verb} ended with {result.returncode}: {result.stderr.decode()}")
        return result

    def asked(self, verb):
        return json.loads(self.guest(verb, "--json", self.name).stdout)

    def time(self):
        """How far the guest's clock is behind, in seconds."""
        return self.asked("time")["behind"]


class Agent(MachineStory):
    """One boot."""

    console = None

    def set_up(self):
        self.machine = AgentMachine()
        self.machine.start()

    def tear_down(self):
        if self.console:
            self.console.close()
        super().tear_down()

    def run_in_guest(self, *command, data=None, check=True):
        options = ["-i"] if data is not None else []
        return self.machine.guest("exec", *options, self.machine.name, *command, data=data, check=check)

    def freeze(self, *arguments):
        process = subprocess.Popen([BUILD / "app" / "cli" / "bonsai", "guest", "freeze", *map(str, arguments)],
                                   env=self.machine.environment, stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()
        assert line.startswith("1 file systems are frozen"), line
        return process

    def test_nobody_there(self):
        """Before the agent is there, the error says what to install."""
        result = self.machine.guest("info", self.machine.name, check=False)
        assert result.returncode == 4 and b"install its package qemu-guest-agent" in result.stderr, result

    def test_ports(self):
        """The guest finds a console and a channel for each agent."""
        names = self.machine.wait_serial(r"^agent: ports (.*)", 120)[1].split()
        assert names == ["com.redhat.spice.0", "org.qemu.guest_agent.0"], names
        self.console = Console(self.machine, "--port", "virtio")
        assert self.console.run("tty").strip() == "/dev/hvc0"

    def test_info(self):
        """It says who it is; what would act on a terminal has lost its teeth."""
        look = lambda: self.machine.guest("info", self.machine.name, check=False).returncode == 0
        self.machine.wait_until(look, "answer of the agent", 60)
        info = self.machine.asked("info")
        assert info["agent-version"].startswith("7.2"), info
        assert info["host-name"] == "bonsai-guest" and info["os-id"] == "bonsai-test", info
        assert "\x1b" not in info["os-name"] and "Bonsai Test" in info["os-name"], info
        assert info["kernel"].startswith("6.1"), info
        assert b"Host name: bonsai-guest" in self.machine.guest("info", self.machine.name).stdout

    def test_addresses(self):
        """Its addresses are those it has."""
        [lo] = [i for i in self.machine.asked("addresses") if i["name"] == "lo"]
        addresses = {(a["address"], a["prefix"]) for a in lo["addresses"]}
        assert {("127.0.0.1", 8), ("192.0.2.7", 24), ("2001:db8::7", 64)} <= addresses, lo

    def test_exec(self):
        """Programs get input, give output, and end as they end."""
        assert self.run_in_guest("/bin/cat", data=b"from here").stdout == b"from here"
        result = self.run_in_guest("/bin/sh", "-c", "echo out; echo err >&2; exit 42", check=False)
        assert (result.returncode, result.stdout, result.stderr) == (42, b"out\n", b"err\n"), result
        assert self.run_in_guest("/bin/sh", "-c", "kill -9 $$", check=False).returncode == 128 + 9
        assert self.run_in_guest("/bin/nothing", check=False).returncode == 125

    def test_long_output(self):
        """A MiB of output arrives whole."""
        data = os.urandom(MIB)
        assert self.run_in_guest("/bin/cat", data=data).stdout == data

    def test_files(self):
        """Files go in and come out."""
        data = os.urandom(600000)
        self.machine.guest("write", self.machine.name, "/tmp/file", data=data)
        assert self.machine.guest("read", self.machine.name, "/tmp/file").stdout == data
        result = self.machine.guest("read", self.machine.name, "/tmp/none", check=False)
        assert result.returncode == 4 and b"No such file" in result.stderr, result

    def test_password(self):
        """The agent has the guest's own program set a password, which is a line of standard input."""
        self.machine.guest("password", self.machine.name, "root", data="pass:wörd #1\n".encode())
        self.machine.wait_serial("^agent: password  ?<root:pass:wörd #1>", 10)
        result = self.machine.guest("password", self.machine.name, "nobody", data=b"x\n", check=False)
        assert result.returncode == 4 and result.stderr, result
        result = self.machine.guest("password", self.machine.name, "root", data=b"x" * 1001 + b"\n", check=False)
        assert result.returncode == 2 and b"1000 bytes" in result.stderr, result

    def test_freeze(self):
        """While a command runs here, a write in the guest waits; then it is done."""
        marker = self.machine.scratch / "go-on"
        os.mkfifo(marker)
        process = self.freeze("--timeout", "120", self.machine.name, "/bin/sh", "-c", f"read line < {marker}")
        self.console.type(b"echo x > /mnt/file; echo writ''ten\n")
        try:
            self.console.wait(rb"written", 1)
        except AssertionError:
            pass
        else:
            raise AssertionError("a frozen file system was written")
        result = self.run_in_guest("/bin/true", check=False)
        assert result.returncode == 125 and b"frozen" in result.stderr, result
        marker.write_text("now\n")
        self.console.wait(rb"written", 30)
        assert process.wait(patience(20)) == 0, process.stderr.read()

    def test_killed_holder(self):
        """Whoever froze it is killed: the guest thaws."""
        process = self.freeze("--timeout", "500", self.machine.name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.console.type(b"echo y > /mnt/file; echo writ''ten\n")
        self.console.wait(rb"written", 30)

    def test_time_limit(self):
        """The time limit thaws it, and who held it hears so."""
        process = self.freeze("--timeout", "1", self.machine.name, "/bin/sleep", "4")
        self.console.type(b"echo z > /mnt/file; echo writ''ten\n")
        self.console.wait(rb"written", 30)
        assert process.wait(patience(20)) == 10, process.stderr.read()

    def test_killed_agent(self):
        """An agent that is killed is gone; started again, it answers. What it left frozen is thawed."""
        process = self.freeze("--timeout", "500", self.machine.name)
        self.console.type(b"killall -9 qemu-ga\n")
        self.machine.wait_serial("^agent: it ended", 30)
        self.console.type(b"echo a > /mnt/file; echo writ''ten\n")
        self.console.wait(rb"written", 60)
        look = lambda: self.machine.guest("info", self.machine.name, check=False).returncode == 0
        self.machine.wait_until(look, "answer of the agent", 60)
        process.send_signal(signal.SIGINT)
        process.wait(patience(20))

    def test_time(self):
        """After a pause the guest's clock is set."""
        self.machine.guest("time", "--set", self.machine.name)
        self.machine.bonsai("pause", self.machine.name)
        result = self.machine.guest("info", self.machine.name, check=False)
        assert b"paused" in result.stderr, result
        time.sleep(3)
        self.machine.bonsai("resume", self.machine.name)
        self.machine.wait_until(lambda: abs(self.machine.time()) < 1, "right time", 30)
        self.run_in_guest("/bin/date", "-s", "2001-01-01")
        assert self.machine.time() > 3600
        self.machine.guest("time", "--set", self.machine.name)
        assert abs(self.machine.time()) < 1

    def test_shutdown(self):
        """A shutdown asks the agent."""
        self.machine.bonsai("shutdown", self.machine.name, timeout=120)
        text = pathlib.Path(self.machine.serial).read_text(errors="replace")
        assert "agent: shutdown -h -P +0" in text, text[-1000:]


if __name__ == "__main__":
    tap.main()
