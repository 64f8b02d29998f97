#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux sees the processors, clocks, memory types and firmware tables that were configured."""

import base64
import json
import pathlib
import re
import subprocess
import time

import tap
from complaints import of_the_machine
from machine import MachineStory
from storage import StorageMachine


class PlacedMachine(StorageMachine):
    """Four processors of the model for machines that move: two sockets with one core of two threads each."""

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["cpus"] = 4
        description["cpu"] = {"model": "baseline", "sockets": 2, "cores": 1, "threads": 2}
        path.write_text(json.dumps(description))


class Processors(MachineStory):
    """One boot without firmware; the guest tells what it finds."""

    def set_up(self):
        self.machine = PlacedMachine("cpu", "linux", "cpu-init", memory=256)
        self.machine.start()
        self.machine.wait_serial("^cpu: looked", 180)

    def recover(self):
        """Everything but the pause was said before the first step."""

    def said(self, pattern):
        return re.findall(rf"^cpu: {pattern}", self.machine.serial.read_text(errors="replace"), re.MULTILINE)

    def complaints(self):
        return of_the_machine(self.said(r"kernel: (.*)"))

    def table(self, name):
        return base64.b64decode(self.said(rf"table {name} (\S+)")[0])

    def test_pause(self):
        """A pause that is longer than the guest's patience goes unnoticed."""
        self.machine.wait_serial("^cpu: ready", 60)
        self.machine.bonsai("pause", self.machine.name)
        time.sleep(9)
        self.machine.bonsai("resume", self.machine.name)
        self.machine.type("\n")
        self.machine.wait_serial("^cpu: done", 120)
        assert int(self.said(r"longest gap (\d+)")[0]) < 500, self.said("longest.*")
        assert not self.complaints(), self.complaints()

    def test_places(self):
        """Each processor is a thread of its core."""
        places = {place[0]: place[1:] for place in self.said(r"place (\S+) (\S+) (\S+) (\S+) (\S+) ?(\S*)\s*$")}
        assert self.said(r"online (\S+)") == ["0-3"], places
        assert sorted(places) == ["cpu0", "cpu1", "cpu2", "cpu3"], places
        for name, (package, core, threads, socket, cache) in places.items():
            index = int(name[3:])
            pair = f"{index & ~1}-{index | 1}"
            assert (package, core, threads, socket) == (str(index // 2), "0", pair, pair), places
            assert cache == pair, places

    def test_features(self):
        """Linux runs as KVM's guest, by messages to its APICs and by KVM's clock or a TSC that never stops."""
        flags = self.said(r"flags (.*)")[0].split()
        assert {"hypervisor", "x2apic", "tsc_deadline_timer", "arat", "sse4_2", "rdtscp"} <= set(flags), flags
        assert not {"avx2", "bmi1", "smep", "fsgsbase", "constant_tsc", "svm", "vmx"} & set(flags), flags
        assert "(baseline)" in self.said(r"model (.*)")[0], self.said("model.*")
        clock, others = re.fullmatch(r"(\S+) of (.*?)\s*", self.said(r"clock (.*)")[0]).groups()
        assert clock in ("tsc", "kvm-clock") and "hpet" in others, (clock, others)
        log = "\n".join(self.said(r"log (.*)"))
        for line in ("x2apic enabled", "PV spinlocks", "pv remote TLB flush", "Total of 4 processors"):
            assert line in log, f"no '{line}' in\n{log}"
        assert int(self.said(r"steal (\d+)")[0]) >= 0

    def test_firmware_tables(self):
        """DMI, MCFG and MADT say what was configured."""
        dmi = dict(self.said(r"dmi (\S+) (.*?)\s*$"))
        assert dmi["product_uuid"] == self.machine.show()["uuid"] and dmi["product_family"] == "cpu", dmi
        assert dmi["sys_vendor"] == "Bonsai" and "Q35" in dmi["product_name"], dmi
        assert [counts(structure) for structure in structures(self.table("DMI")) if structure[0] == 4] == [(1, 2)] * 2
        assert int.from_bytes(self.table("MCFG")[44:52], "little") == 0xb0000000
        assert "[mem 0xb0000000-0xbfffffff]" in "\n".join(self.said("log PCI: MMCONFIG for (.*)"))
        assert apic_ids(self.table("APIC")) == [0, 1, 2, 3]

    def test_tables_recompile(self):
        """ACPICA's compiler has nothing to say of any table."""
        names = [name for name in self.said(r"table (\S+) ") if name not in ("DMI", "FACS")]
        assert {"APIC", "DSDT", "FACP", "HPET", "MCFG", "SSDT"} <= set(names), names
        for name in names:
            (self.machine.scratch / f"{name}.dat").write_bytes(self.table(name))
            self.iasl("-d", f"{name}.dat")
            messages = self.iasl("-we", "-p", f"again-{name}", f"{name}.dsl")
            assert "0 Errors, 0 Warnings, 0 Remarks" in messages, f"{name}: {messages}"

    def iasl(self, *arguments):
        run = subprocess.run(["iasl", *arguments], cwd=self.machine.scratch, capture_output=True, text=True,
                             check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout + run.stderr

    def test_memory_types(self):
        """What lies in the PCI hole is not cached."""
        ranges = self.said(r"mtrr .*base=0x(\w+) .*size= *(\d+)MB.*: (\w+)")
        assert ranges == [("0c0000000", "1024", "uncachable"), ("0b0000000", "256", "uncachable")], ranges

    def test_interrupts(self):
        """Legacy devices' interrupts are where the MADT has them."""
        routes = dict(self.said(r"interrupt (\d+) IO-APIC +(\S+)"))
        expected = {"0": "2-edge", "1": "1-edge", "4": "4-edge", "8": "8-edge", "9": "9-fasteoi", "12": "12-edge"}
        assert expected.items() <= routes.items(), routes

    def test_no_complaint(self):
        """The kernel finds no fault with the hardware."""
        assert not self.complaints(), self.complaints()


def structures(tables):
    """SMBIOS structures: DSP0134, 6.1."""
    while tables:
        end = tables.index(b"\0\0", tables[1])
        yield tables[:end]
        tables = tables[end + 2:]


def counts(processor):
    """Its cores and threads: DSP0134, 7.5."""
    return processor[0x23], processor[0x25]


def apic_ids(madt):
    """Local APICs: ACPI 6.3, 5.2.12.2."""
    ids, at = [], 44
    while at < len(madt):
        if madt[at] == 0:
            ids.append(madt[at + 3])
        at += madt[at + 1]
    return ids


if __name__ == "__main__":
    tap.main()
