#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux works a virtio network card and an Intel one: queues, DHCP, files both ways, cables that come and go."""

import hashlib
import json
import pathlib
import re

import tap
from machine import MachineStory
from receiver import Receiver
from storage import StorageMachine

FILE_SIZE = 4 << 20
MACS = {"virtio_net": "52:54:00:00:00:01", "e1000e": "52:54:00:00:00:02"}


class NetMachine(StorageMachine):
    """With one card of each model."""

    def __init__(self, name, url):
        super().__init__(name, "linux", "net-init", memory=384)
        self.append += f" url={url}"

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["networks"] = [
            {"id": "net0", "network": "nat", "mac": MACS["virtio_net"]},
            {"id": "net1", "network": "nat", "mac": MACS["e1000e"], "model": "e1000e"},
        ]
        path.write_text(json.dumps(description))


class Net(MachineStory):
    """Two processors, both cards."""

    def set_up(self):
        self.receiver = Receiver(FILE_SIZE)
        self.machine = NetMachine("net", self.receiver.url)
        self.machine.start()

    def tear_down(self):
        super().tear_down()
        self.receiver.close()

    def said(self, pattern, seconds=120):
        return self.machine.wait_serial(rf"^net: {pattern}\r?\n", seconds)

    def transfers(self, driver):
        assert self.said(rf"address {driver} (\S+)")[1] == "10.0.2.15/24"
        assert self.said(rf"fetched {driver} (\w+)")[1] == self.receiver.digest
        posted = self.said(rf"posts {driver} (\w+)")[1]
        assert hashlib.sha256(self.receiver.post_bytes(120)).hexdigest() == posted
        counters = dict(re.findall(r"(\w+) (\d+)", self.said(rf"counted {driver} (.*)")[1]))
        for name in ("rx_errors", "tx_errors", "tx_dropped"):
            assert counters[name] == "0", counters
        return counters

    def interrupts(self, driver, names):
        """By messages, for each queue one."""
        vectors = self.said(rf"vectors {driver} (.*)")[1]
        for name in names:
            assert re.search(name, vectors), vectors

    def link(self, driver, card):
        self.said(rf"ready {driver}")
        self.machine.bonsai("link", f"{self.machine.name}:{card}", "down")
        self.said(rf"down {driver}", 30)
        nics = json.loads(pathlib.Path(self.machine.show()["path"], "vm.json").read_text())["networks"]
        assert [nic["id"] for nic in nics if nic.get("link") == "down"] == [card], nics
        self.machine.bonsai("link", f"{self.machine.name}:{card}", "up")
        self.said(rf"up {driver}", 30)
        assert self.said(rf"again {driver} (\w+)")[1] == self.receiver.digest

    def test_virtio(self):
        """A virtio card has a queue for each processor; files come and go unharmed, in large segments."""
        facts = self.said(r"card virtio_net (.*)")[1]
        assert facts == f"{MACS['virtio_net']} rx 2 tx 2 speed 10000 full mtu 1500", facts
        counters = self.transfers("virtio_net")
        # As many packets as the network's frames would be far more.
        assert int(counters["rx_bytes"]) > FILE_SIZE, counters
        assert int(counters["rx_packets"]) < FILE_SIZE / 1460 / 2, counters
        self.interrupts("virtio_net", [r"virtio\d-(?:in|out)put\.1", r"virtio\d-config"])

    def test_virtio_link(self):
        """The guest sees the cable go and come, and then gets on."""
        self.link("virtio_net", "net0")

    def test_e1000e(self):
        """An Intel card: the same."""
        facts = self.said(r"card e1000e (.*)")[1]
        assert facts == f"{MACS['e1000e']} rx 1 tx 1 speed 1000 full mtu 1500", facts
        self.transfers("e1000e")
        self.interrupts("e1000e", [r"eth\d-rx-0", r"eth\d-tx-0", r"eth\d(?: |$)"])

    def test_e1000e_link(self):
        """Its cable, too."""
        self.link("e1000e", "net1")

    def test_kernel(self):
        """The kernel has nothing to complain of."""
        self.said("done")
        complaints = re.findall(r"^net: (?:kernel|posting failed).*", self.machine.serial.read_text(errors="replace"),
                                re.MULTILINE)
        assert not complaints, complaints
        self.machine.wait_off(60)


if __name__ == "__main__":
    tap.main()
