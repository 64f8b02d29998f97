#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with every device at once: UEFI starts Linux from an NVMe disk, and each device has its driver."""

import json
import pathlib
import re
import shutil

import guests
import tap
from complaints import of_the_machine
from machine import BonsaiMachine, MachineStory

# As lspci -k: slots never change, and Linux has no driver for the host bridge.
PCI = {
    "00:00.0": ("8086:29c0", "none"), "00:01.0": ("1af4:1050", "virtio-pci"), "00:02.0": ("1af4:1044", "virtio-pci"),
    "00:03.0": ("1af4:1041", "virtio-pci"), "00:04.0": ("8086:10d3", "e1000e"), "00:08.0": ("15ad:07f0", "nvme"),
    "00:09.0": ("1af4:1042", "virtio-pci"), "00:18.0": ("1af4:1048", "virtio-pci"), "00:19.0": ("1af4:1045", "virtio-pci"),
    "00:1a.0": ("1af4:1043", "virtio-pci"), "00:1b.0": ("8086:293e", "snd_hda_intel"), "00:1c.0": ("1af4:1052", "virtio-pci"),
    "00:1c.1": ("1af4:1052", "virtio-pci"), "00:1d.0": ("8086:25ab", "i6300ESB timer"), "00:1f.0": ("8086:2918", "lpc_ich"),
    "00:1f.2": ("8086:2922", "ahci"),
}
# Virtio 1.2, section 5, by number.
VIRTIO = {"0x0001": "virtio_net", "0x0002": "virtio_blk", "0x0003": "virtio_console", "0x0004": "virtio_rng",
          "0x0005": "virtio_balloon", "0x0008": "virtio_scsi", "0x0010": "virtio_gpu", "0x0012": "virtio_input"}
# The clock, the keyboard and mouse, the serial ports; and what is only reserved.
PNP = {"PNP0b00": "rtc_cmos", "PNP0303": "i8042 kbd", "PNP0f13": "i8042 aux", "PNP0501": "serial", "PNP0c02": "system"}
# virtio-gpu's of 6.1 looks at a property of its planes that it doesn't make.
OF_THE_DRIVER = r"drm_plane_enable_fb_damage_clips\(\) not called"
MIB = 1 << 20


class CompleteMachine(BonsaiMachine):
    """Four processors, two threads of two cores, and everything that vm.json knows."""

    def __init__(self):
        super().__init__("complete", memory=512, firmware="uefi")

    def start(self):
        self.bonsai("create", "--memory", f"{self.memory}M", "--cpus", 4, "--firmware", "uefi", self.name)
        self.plug_serial()
        self.start_again()

    def blank(self, name):
        path = self.scratch / name
        with open(path, "wb") as file:
            file.truncate(16 * MIB)
        return str(path)

    def plug_serial(self):
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        system = shutil.copy(guests.directory("complete") / "disk.img", self.scratch)
        description.update({
            "cpu": {"sockets": 1, "cores": 2, "threads": 2},
            "disks": [
                {"id": "disk0", "bus": "nvme", "path": system, "format": "raw"},
                {"id": "disk1", "bus": "virtio", "path": self.blank("v.img"), "format": "raw"},
                {"id": "disk2", "bus": "scsi", "path": self.blank("c.img"), "format": "raw"},
                {"id": "disk3", "bus": "ahci", "path": self.blank("a.img"), "format": "raw"},
                {"id": "cd0", "kind": "cdrom", "path": self.blank("0.iso")},
                {"id": "cd1", "kind": "cdrom", "bus": "scsi", "path": self.blank("1.iso")},
            ],
            "networks": [
                {"id": "net0", "network": "nat", "mac": "52:54:00:00:00:01"},
                {"id": "net1", "network": "nat", "mac": "52:54:00:00:00:02", "model": "e1000e"},
            ],
            "serial": [{"path": str(self.serial)}, {"kind": "console"}, {"kind": "pty"}, {"kind": "socket"}],
            "display": {"graphics": "virtio", "heads": 2},
            "watchdog": "reset",
            "on-panic": "pause",
            "sound": {"card": "hda"},
            "hpet": True,
            "balloon": True,
            "virtio-input": True,
            "agents": {"qemu-guest-agent": True, "spice-vdagent": True},
        })
        path.write_text(json.dumps(description))


class Complete(MachineStory):
    """One boot."""

    def set_up(self):
        self.machine = CompleteMachine()
        self.machine.start()

    def recover(self):
        """Everything is said in one go."""

    def said(self, pattern):
        return re.findall(rf"^complete: {pattern}\r?$", self.machine.serial.read_text(errors="replace"), re.MULTILINE)

    def test_firmware_picture(self):
        """OVMF draws its sign on the virtio-gpu's VGA."""
        self.machine.wait_until(lambda: len(self.machine.picture().getcolors(1 << 24)) > 16, "picture of the firmware", 60)
        self.machine.keep_picture("firmware")

    def test_boots_from_nvme(self):
        """Its own driver finds the disk."""
        self.machine.wait_serial("complete: started", 120)
        self.machine.wait_serial("^complete: done", 120)

    def test_pci_drivers(self):
        """Each function has its driver."""
        found = {place: (name.rstrip(":"), driver) for place, name, driver in self.said(r"pci (\S+) (\S+) (.+)")}
        assert found == PCI, found

    def test_other_drivers(self):
        """So have the devices behind virtio's transport, and those of the board."""
        virtio = self.said(r"virtio (\S+) (.+)")
        assert len(virtio) == 9 and dict(virtio) == VIRTIO, virtio
        pnp = self.said(r"pnp (\S+) (.+)")
        assert dict(pnp) == PNP and pnp.count(("PNP0501", "serial")) == 4, pnp
        platform = dict(self.said(r"platform (\S+) (.+)"))
        assert platform["QEMU0001:00"] == "pvpanic-mmio" and platform["i8042"] == "i8042", platform
        assert platform["pcspkr"] == "pcspkr", platform
        disks = dict(self.said(r"disk (\S+) (.+)"))
        assert disks == {"nvme0n1": "none", "vda": "virtio_blk", "sda": "sd", "sdb": "sd", "sr0": "sr", "sr1": "sr"}, disks
        assert dict(self.said(r"net (\S+) (.+)")) == {"eth0": "virtio_net", "eth1": "e1000e"}, self.said("net .*")

    def test_devices_speak(self):
        """What the drivers made of them."""
        ports = self.said(r"serial (\d): uart:16550A port:0*(\S+) irq:(\d)\b.*")
        assert ports == [("0", "3F8", "4"), ("1", "2F8", "3"), ("2", "3E8", "4"), ("3", "2E8", "3")], ports
        assert self.said("ports (.*)")[0].split() == ["com.redhat.spice.0", "org.qemu.guest_agent.0"]
        inputs = self.said("inputs (.*)")[0].split(";")
        assert {"AT Translated Set 2 keyboard", "ImExPS/2 Generic Explorer Mouse", "Bonsai Keyboard", "Bonsai Tablet",
                "Power Button", "PC Speaker"} <= set(inputs), inputs
        assert self.said("rng (.*)") == ["virtio_rng.0"], self.said("rng .*")
        assert self.said("watchdog (.*)") == ["i6300ESB timer;"], self.said("watchdog .*")
        assert "HDA Intel" in self.said("sound (.*)")[0], self.said("sound .*")
        assert "hpet" in self.said("clocks (.*)")[0].split(), self.said("clocks .*")
        assert self.said("card (.*)") == ["virtio_gpudrmfb"], self.said("card .*")

    def test_processors(self):
        """Four processors are online: two cores of two threads each."""
        assert self.said("online (.*)") == ["0-3"], self.said("online .*")
        places = self.said(r"place (\S+) (\S+) (\S+) (\S+) (\S+)")
        assert places == [(f"cpu{i}", "0", str(i // 2), f"{i & ~1}-{i | 1}", "0-3") for i in range(4)], places

    def test_no_complaint(self):
        """The kernel logs no warning and no error that the machine causes."""
        complaints = [line for line in of_the_machine(self.said("kernel: (.*)")).splitlines()
                      if not re.search(OF_THE_DRIVER, line)]
        assert not complaints, complaints


if __name__ == "__main__":
    tap.main()
