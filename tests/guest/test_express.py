#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation that asks nothing: the installer gets its answers, restarts, and the machine boots from its disk;
of the installer, and the password, nothing is left."""

import gzip
import pathlib
import shutil
import subprocess

import guests
import tap
from machine import BonsaiMachine, MachineStory

HERE = pathlib.Path(__file__).resolve().parent
LABEL = "Debian 12.5.0 amd64 n"
PASSWORD = "analytical"


class ExpressMachine(BonsaiMachine):
    """Made of a medium that looks like one of Debian's, whose installer is a script of this folder."""

    def medium(self):
        linux, tree = guests.directory("linux"), self.scratch / "tree"
        (tree / "install.amd").mkdir(parents=True)
        shutil.copy(linux / "vmlinuz", tree / "install.amd" / "vmlinuz")
        shutil.copy(HERE / "express-init", tree / "init")
        packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=b"init\n",
                                stdout=subprocess.PIPE, check=True).stdout
        (tree / "install.amd" / "initrd.gz").write_bytes((linux / "initrd").read_bytes() + gzip.compress(packed))
        (tree / "boot.img").write_bytes(bytes(2048))
        path = self.scratch / "debian.iso"
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", LABEL, "-b", "boot.img", "-c", "boot.cat",
                        "-no-emul-boot", "-o", path, tree], check=True, stderr=subprocess.DEVNULL)
        shutil.rmtree(tree)
        return path

    def start(self):
        (self.scratch / "password").write_text(PASSWORD + "\n")
        self.bonsai("create", "--cdrom", self.medium(), "--express", "--profile=jeos", "--user=ada", "--hostname=engine",
                    "--password-file", self.scratch / "password", "--memory=256M", "--disk=64M", self.name)
        self.plug_serial()
        self.start_again()

    def bundle(self):
        return pathlib.Path(self.show()["path"])


class Express(MachineStory):
    """From the medium to the first boot of what was installed."""

    def set_up(self):
        self.machine = ExpressMachine("express")
        self.machine.start()

    def test_answers(self):
        """The installer's kernel is entered directly, and finds its answers, which no other user may read, and the medium."""
        assert "Installing Debian 12 by itself" in self.machine.bonsai("list")
        said = self.machine.wait_serial(r"^express: (?:answers (\d+) (\w+)|the disk boots)", 120)
        assert said.groups() == ("600", "ada"), said[0]

    def test_restart(self):
        """When its guest restarts the machine starts again at once, from the disk."""
        self.machine.wait_serial(r"^express: the disk boots", 120)
        self.machine.wait_until(lambda: self.machine.show()["state"] == "running", "running machine", 30)
        assert "Installing" not in self.machine.bonsai("list")

    def test_traces(self):
        """The description no longer has the installer, the drive is empty, and no file has the password or the answers."""
        config = self.machine.show()["config"]
        assert "install" not in config and "kernel" not in config.get("boot", {}), config
        assert [disk.get("path") for disk in config["disks"]] == ["disks/disk0.qcow2", None], config
        bundle = self.machine.bundle()
        assert not (bundle / "install").exists()
        for path in bundle.rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                assert PASSWORD.encode() not in content and b"passwd/username" not in content, path


if __name__ == "__main__":
    tap.main()
