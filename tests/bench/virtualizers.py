# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines of the two virtualizers, for the same machine, as far as they can agree on one."""
import os
import shutil
import subprocess

UUID = "6f4f4bd5-6e3c-4a54-9e0f-6d1c1f6d7a01"


class Context:
    """The build, the host, and where the guests are."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.bonsai = os.path.join(self.build, "app", "cli", "bonsai")
        self.disk_folder = os.environ.get("BONSAI_BENCH_DISKS", "/var/tmp")
        self.frames = os.path.join(self.build, "tests", "bench", "count-frames")
        with open("/proc/cpuinfo") as cpuinfo:
            lines = cpuinfo.read().splitlines()
        flags = next((line for line in lines if line.startswith("flags")), "")
        self.hardware = not {"vmx", "svm"}.isdisjoint(flags.split())
        self.model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "?")

    def describe(self):
        kind = "hardware KVM" if self.hardware else "KVM of kind PVM"
        return f"{self.model}, {os.cpu_count()} CPUs, {kind}, {' '.join(os.uname()[0:3:2])}"

    def tiny_guest(self, name):
        return os.path.join(self.build, "tests", "bench", "guests", name)

    def guest(self, name):
        """The directory of a guest that tests/guest builds, or None."""
        builder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "guest", "build-guests")
        run = subprocess.run([builder, name], capture_output=True, text=True)
        return run.stdout.split()[-1] if run.returncode == 0 and run.stdout.split() else None


def bonsai_command(context, folder, serial=None, memory="64M", window=False, firmware=None, disk=None, fast_disk=None,
                   uefi=False, network=False, graphics="vga", agents=True, usb=False, **boot):
    command = [context.bonsai, "run", "--memory", memory, "--network", "nat" if network else "none"]
    command += [] if window else ["--headless"]
    command += ["--graphics", graphics]
    command += [] if usb else ["--no-usb"]
    command += ["--serial", serial] if serial else []
    command += ["--disk", disk, "--disk-bus", "ahci"] if disk else []
    if fast_disk:
        command += ["--disk", f"{fast_disk['path']},format={fast_disk['format']}",
                    "--disk-bus", fast_disk.get("bus", "virtio")]
    command += ["--firmware", "uefi", "--nvram", os.path.join(folder, "nvram.fd")] if uefi else []
    environment = {}
    if firmware:
        os.symlink(firmware, os.path.join(folder, "bios-256k.bin"))
        environment["BONSAI_FIRMWARE_PATH"] = folder
    for option, value in boot.items():
        command += ["--" + option, value]
    return command, environment


def qemu_command(context, folder, serial=None, memory="64M", window=False, firmware=None, disk=None, fast_disk=None,
                 uefi=False, network=False, graphics="vga", agents=False, usb=False, **boot):
    # What Bonsai's PC hasn't got is left out of QEMU's as well; what it has, SeaBIOS prints the UUID, is in it.
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine",
               "q35,accel=kvm,smm=off,hpet=off,vmport=off", "-cpu", "host" if context.hardware else "qemu64",
               "-m", memory, "-vga", "virtio" if graphics == "virtio" else "std", "-device", "virtio-rng-pci", "-uuid", UUID,
               "-display", "sdl" if window else "none"]
    command += ["-serial", "file:" + serial] if serial else []
    command += ["-bios", firmware] if firmware else []
    if uefi:
        variables = shutil.copy("/usr/share/OVMF/OVMF_VARS_4M.fd", folder)
        command += ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                    "-drive", "if=pflash,format=raw,file=" + variables]
    command += ["-drive", f"file={disk},format=raw,if=none,id=disk", "-device", "ide-hd,drive=disk"] if disk else []
    if fast_disk:
        bus = fast_disk.get("bus", "virtio") + ("-uas" if fast_disk.get("uas") else "")
        devices = {"nvme": ["nvme,drive=disk,serial=1,ioeventfd=on"],
                   "virtio": ["virtio-blk-pci,drive=disk,iothread=io,disable-legacy=on,packed=on"],
                   "usb": ["qemu-xhci", "usb-storage,drive=disk"],
                   "usb-uas": ["qemu-xhci", "usb-uas,id=uas", "scsi-hd,bus=uas.0,drive=disk"]}
        command += ["-object", "iothread,id=io",
                    "-blockdev", "driver=file,node-name=file,aio=io_uring,filename=" + fast_disk["path"],
                    "-blockdev", f"driver={fast_disk['format']},node-name=disk,file=file,discard=unmap"]
        for device in devices[bus]:
            command += ["-device", device]
    command += ["-nic", "user,model=virtio-net-pci"] if network else []
    command += ["-device", "qemu-xhci", "-device", "usb-tablet"] if usb else []
    if agents:
        command += ["-device", "virtio-serial-pci", "-chardev", "ringbuf,id=console", "-device", "virtconsole,chardev=console",
                    "-chardev", "qemu-vdagent,id=agent,clipboard=on",
                    "-device", "virtserialport,chardev=agent,name=com.redhat.spice.0"]
    for option, value in boot.items():
        command += ["-" + option, value]
    return command, {}


COMMANDS = {"bonsai": bonsai_command, "qemu": qemu_command}
