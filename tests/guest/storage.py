# SPDX-License-Identifier: GPL-3.0-or-later
"""What stories of disks share: machines with drives of every kind, and a host that runs out of room."""
import gzip
import json
import os
import pathlib
import subprocess
import sys

import guests
from machine import BonsaiMachine

HERE = pathlib.Path(__file__).resolve().parent


def enter_namespace():
    """Goes on in a mount namespace, where a disk that can be filled up may be mounted."""
    if "BONSAI_TEST_NAMESPACE" not in os.environ:
        os.environ["BONSAI_TEST_NAMESPACE"] = "1"
        identity = [] if os.geteuid() == 0 else ["--map-root-user"]
        os.execvp("unshare", ["unshare", "--mount", *identity, sys.executable, *sys.argv])


class StorageMachine(BonsaiMachine):
    """With more drives than the command line gives (self.disks, as in vm.json), and a script of this folder, if one
    is named, as what the guest does."""

    def __init__(self, name, guest, script, **options):
        super().__init__(name, cpus=2, network=False, kernel=guests.directory(guest) / "vmlinuz", **options)
        self.script = script
        self.initrd = guests.directory(guest) / "initrd"
        self.append = "console=ttyS0 quiet"
        if script:
            self.initrd = self.initramfs(self.initrd)
            self.append += f" rdinit=/{script}"
        self.disks = []
        self.small = None

    def initramfs(self, base):
        """The guest's own, with the script beside its /init."""
        packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=HERE, input=f"{self.script}\n".encode(),
                                stdout=subprocess.PIPE, check=True).stdout
        path = self.scratch / "initrd"
        path.write_bytes(base.read_bytes() + gzip.compress(packed))
        return path

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["disks"] = self.disks
        path.write_text(json.dumps(description))

    def mount_small(self, size):
        """A host's file system that a disk image grows beyond."""
        self.small = self.scratch / "small"
        self.small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.small], check=True)

    def close(self):
        super().close()
        if self.small:
            subprocess.run(["umount", "--lazy", self.small], check=False)
