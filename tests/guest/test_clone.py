#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux is cloned while it runs, and both go on."""

import json
import pathlib
import shutil

import counting
import tap
from machine import ARTEFACTS, MachineStory
from receiver import Receiver

NAME, KID = "origin", "kid"


class CloneMachine(counting.CountingMachine):
    """One of which clones are asked, too."""

    def ask(self, name, command):
        return self.bonsai("guest", "exec", name, "/bin/sh", "-c", command)

    def forks(self, name):
        """How often its kernel was told that it is a copy (VM generation ID)."""
        return int(self.ask(name, "dmesg | grep -c 'virtual machine fork'; true"))

    def address(self, name):
        return self.ask(name, "cat /sys/class/net/eth0/address").strip()


class Clone(MachineStory):
    """Two processors."""

    def set_up(self):
        self.receiver = Receiver(65536)
        self.machine = CloneMachine(NAME, self.receiver.url)
        self.machine.start()
        self.kid = None

    def tear_down(self):
        self.machine.bonsai("stop", KID, check=False)
        log = pathlib.Path(self.kid["path"], "log", "host.log") if self.kid else None
        if log and log.exists():
            shutil.copy(log, ARTEFACTS / "clone-kid-host.log")
        super().tear_down()
        self.receiver.close()

    def agrees(self, name, marker):
        """Memory and both disks are of one instant, and the network works. Returns: the guest's count."""
        found = self.machine.check(name)
        assert found["marker"] == marker and found["digest"] == self.receiver.digest, found
        return int(found["count"])

    def description(self):
        return json.loads(pathlib.Path(self.kid["path"], "vm.json").read_text())

    def test_clone(self):
        """The clone has what the other had, and goes on beside it."""
        machine = self.machine
        machine.wait_counting(120)
        machine.mark("cloned", NAME)
        before = self.agrees(NAME, "cloned")
        said = json.loads(machine.bonsai("clone", "--instant", "--headless", "--json", NAME, KID, "--hook",
                                         "echo $BONSAI_NAME $BONSAI_UUID > /ram/told", timeout=120))
        self.kid = said["clones"][0]
        print(f"# the guest stood for {said['pause'] / 1e6:.1f} ms; the clone ran after {self.kid['time'] / 1e6:.0f} ms",
              flush=True)
        machine.wait_until(lambda: "clone-hook" not in self.description(), "end of the clone's hook", 30)
        assert self.agrees(KID, "cloned") >= before

    def test_identity(self):
        """It was told who it is; its card has another address, and its random numbers are others."""
        machine = self.machine
        told = machine.ask(KID, "cat /ram/told").split()
        assert told == [KID, self.kid["uuid"]], told
        assert machine.forks(KID) == machine.forks(NAME) + 1
        mine = machine.show()["config"]["networks"][0]["mac"]
        assert machine.address(KID) == self.description()["networks"][0]["mac"] != mine == machine.address(NAME)

    def test_apart(self):
        """Neither sees what the other writes, and both are sound."""
        machine = self.machine
        machine.mark("kids", KID)
        self.agrees(NAME, "cloned")
        machine.mark("parted", NAME)
        self.agrees(KID, "kids")
        self.agrees(NAME, "parted")
        for name in (KID, NAME):
            machine.bonsai("stop", name)
            found = json.loads(machine.bonsai("doctor", "--json", name))
            assert not found[0]["findings"], found


if __name__ == "__main__":
    tap.main()
