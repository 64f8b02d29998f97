#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux is cloned while it runs, and both go on."""

import json
import pathlib
import re
import shutil
import subprocess

import tap
from machine import ARTEFACTS, MachineStory
from receiver import Receiver
from storage import StorageMachine

MIB = 1 << 20
NAME, KID = "origin", "kid"


class CloneMachine(StorageMachine):
    """With a file system on a qcow2 disk, an NVMe disk, and a network card."""

    def __init__(self, url):
        super().__init__(NAME, "agent", "clone-init", memory=256)
        self.url = url
        raw = self.scratch / "disk.raw"
        with open(raw, "wb") as file:
            file.truncate(32 * MIB)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", raw], check=True)
        disk, plain = self.scratch / "disk.qcow2", self.scratch / "plain.raw"
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk], check=True)
        raw.unlink()
        with open(plain, "wb") as file:
            file.truncate(8 * MIB)
        self.disks = [{"id": "disk0", "bus": "virtio", "path": str(disk), "format": "qcow2"},
                      {"id": "disk1", "bus": "nvme", "path": str(plain), "format": "raw"}]

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["networks"] = [{"id": "net0", "network": "nat", "mac": "52:54:00:00:00:07"}]
        path.write_text(json.dumps(description))

    def ask(self, name, command):
        return self.bonsai("guest", "exec", name, "/bin/sh", "-c", command)

    def mark(self, name, marker):
        self.bonsai("guest", "exec", name, "/bin/sh", "/mark", marker)

    def forks(self, name):
        """How often its kernel was told that it is a copy (VM generation ID)."""
        return int(self.ask(name, "dmesg | grep -c 'virtual machine fork'; true"))

    def address(self, name):
        return self.ask(name, "cat /sys/class/net/eth0/address").strip()


class Clone(MachineStory):
    """Two processors."""

    def set_up(self):
        self.receiver = Receiver(65536)
        self.machine = CloneMachine(self.receiver.url)
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
        said = self.machine.bonsai("guest", "exec", name, "/bin/sh", "/check", self.machine.url)
        assert "wrong" not in said, said
        found = dict(re.findall(r"(\w+)=(\w+)", said))
        assert found["marker"] == marker and found["digest"] == self.receiver.digest, found
        return int(found["count"])

    def description(self):
        return json.loads(pathlib.Path(self.kid["path"], "vm.json").read_text())

    def test_clone(self):
        """The clone has what the other had, and goes on beside it."""
        machine = self.machine
        machine.wait_serial(r"^clone: counting", 120)
        machine.wait_until(lambda: '"agent-version"' in machine.bonsai("guest", "info", "--json", NAME, check=False),
                           "answer of the agent", 60)
        machine.mark(NAME, "cloned")
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
        machine.mark(KID, "kids")
        self.agrees(NAME, "cloned")
        machine.mark(NAME, "parted")
        self.agrees(KID, "kids")
        self.agrees(NAME, "parted")
        for name in (KID, NAME):
            machine.bonsai("stop", name)
            found = json.loads(machine.bonsai("doctor", "--json", name))
            assert not found[0]["findings"], found


if __name__ == "__main__":
    tap.main()
