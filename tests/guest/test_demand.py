#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that is off answers who connects to its port: it is started for him, suspended when idle, and resumed."""

import json
import socket
import subprocess

import tap
from machine import BUILD, MachineStory
from test_forward import ForwardMachine, fetch


class DemandMachine(ForwardMachine):
    """Made, and not started."""

    def plug_serial(self):
        super().plug_serial()
        policy = self.scratch / "policy.json"
        policy.write_text(json.dumps({"start-on-demand": True,
                                      "idle-suspend": {"after": "45s", "cpu": "90%", "network": "1M"}}))
        self.bonsai("policy", "set", self.name, policy)

    def start_again(self, *options):
        pass


class Demand(MachineStory):
    """With “bonsai demand” beside it."""

    def set_up(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.machine = DemandMachine("demand", f"{self.port}:80")
        self.machine.start()
        self.service = subprocess.Popen([BUILD / "app" / "cli" / "bonsai", "demand"], env=self.machine.environment)
        self.machine.wait_until(self.listens, "port", 20)

    def tear_down(self):
        self.service.terminate()
        self.service.wait()
        super().tear_down()

    def listens(self):
        with open("/proc/net/tcp", encoding="ascii") as table:
            return any(line.split()[1] == f"0100007F:{self.port:04X}" and line.split()[3] == "0A" for line in table)

    def test_starts(self):
        """Who connects to a machine that is off is answered by its guest's server."""
        assert self.machine.show()["state"] == "stopped"
        assert fetch(self.port, "here") == b"here\n"
        assert self.machine.show()["state"] == "running"

    def test_resumes(self):
        """It is suspended when it has nothing to do; who connects then is answered as well, by a guest that hasn't booted."""
        self.machine.wait_until(lambda: self.machine.show()["state"] == "suspended", "suspend", 200)
        booted = self.machine.serial.read_text(errors="replace").count("forward: serving")
        assert fetch(self.port, "here") == b"here\n"
        assert self.machine.serial.read_text(errors="replace").count("forward: serving") <= booted
        events = json.loads(self.machine.bonsai("events", "--json", f"--machine={self.machine.name}"))
        results = [each["result"] for each in events if each["kind"] == "demand"]
        assert len(results) >= 2 and set(results) == {"done"}, events


if __name__ == "__main__":
    tap.main()
