# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured. A row's measure(context, who) runs one of the two virtualizers once; it gives the row's number,
and the processor time that it took where that tells more on a busy host."""
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time

import library
import sampling
import snapshots
from virtualizers import COMMANDS
from watch import LIMIT, Desktop, Failure, Machine

EXITS = 20000  # of one tiny guest
STREAM_SIZE = 32 << 20 if "RIG" in os.environ else 2 << 30  # an emulated host is a hundred times slower


def run(context, who, **options):
    return Machine(COMMANDS[who], context, **options)


class Row:
    name = unit = ""
    goal = 1.0
    higher_is_better = False

    def unavailable(self, context):
        """Why it can't be measured here, or None."""
        return None


# --- starting ---

class UntilSign(Row):
    """Start of the program to the guest's sign of life on the serial port."""
    unit, sign = "ms", b"s"

    def options(self, context):
        raise NotImplementedError

    def measure(self, context, who):
        with run(context, who, **self.options(context)) as machine:
            came = machine.wait_for(self.sign)
            return (came - machine.started) * 1000, machine.cpu() * 1000


class Start(UntilSign):
    """Start of the program to the first instruction of a firmware that does nothing else."""
    name, goal = "start", 0.5

    def options(self, context):
        return {"firmware": context.tiny_guest("bios-start.bin")}


class StartKernel(UntilSign):
    """The same to a Multiboot kernel's: QEMU has SeaBIOS load it, Bonsai starts in it."""
    name, goal = "start-kernel", 0.5

    def options(self, context):
        return {"kernel": context.tiny_guest("kernel.elf")}


class Firmware(UntilSign):
    """Start of the program to the boot sector that SeaBIOS found on an AHCI disk."""
    name = "firmware"

    def options(self, context):
        return {"disk": context.tiny_guest("sector.img")}


class Uefi(UntilSign):
    """Start of the program to the boot loader that OVMF found on a virtio disk."""
    name, sign = "firmware-uefi", b"BdsDxe: starting"

    def unavailable(self, context):
        if not context.hardware:
            return "OVMF needs hardware KVM (measure it in the rig)"
        if not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"):
            return "the package ovmf is not installed"
        return None if context.guest("uefi") else "the guest could not be built (tests/guest/build-guests uefi)"

    def options(self, context):
        disk = {"path": os.path.join(context.guest("uefi"), "disk.img"), "format": "raw"}
        return {"memory": "256M", "uefi": True, "fast_disk": disk}


class LinuxToInit(UntilSign):
    """Start of the program to the first line of a stock kernel's init."""
    name, sign = "linux-init", b"init reached"

    def unavailable(self, context):
        if not context.hardware:
            return "stock kernels need hardware KVM (measure it in the rig)"
        return None if context.guest("linux") else "the guest could not be built (tests/guest/build-guests linux)"

    def options(self, context):
        guest = context.guest("linux")
        return {"memory": "512M", "kernel": guest + "/vmlinuz", "initrd": guest + "/initrd",
                "append": "quiet console=ttyS0 bonsai.test=shell"}


# --- running ---

class RoundTrip(Row):
    """Processor time of one exit to user space and back."""
    unit = "us"

    def measure(self, context, who):
        with run(context, who, firmware=context.tiny_guest(self.firmware)) as machine:
            machine.wait_for(b"s")
            before = machine.cpu()
            machine.wait_for(b"e")
            return (machine.cpu() - before) / EXITS * 1e6, None


class PortRoundTrip(RoundTrip):
    """Processor time of one port read that user space answers."""
    name, firmware = "exit-port", "bios-pio.bin"


class MemoryRoundTrip(RoundTrip):
    """Processor time of one memory read that user space answers."""
    name, firmware = "exit-memory", "bios-mmio.bin"


class MemoryOverhead(Row):
    """Memory beside its RAM that a machine of 256 MiB takes when it has booted a boot sector."""
    name, unit, goal = "memory", "MiB", 0.5

    def measure(self, context, who):
        with run(context, who, memory="256M", disk=context.tiny_guest("sector.img")) as machine:
            machine.wait_for(b"s")
            return machine.memory_beside(200 << 20), None


class Idle(LinuxToInit):
    """A stock Linux guest that waits at a shell. The rows share their runs: what one has measured the next one takes."""
    seconds = 20

    def __init__(self, figures):
        self.figures = figures
        self.taken = {"bonsai": 0, "qemu": 0}

    def look(self, context, who):
        with run(context, who, **self.options(context)) as machine:
            machine.wait_for(b"built-in shell")  # drivers are loaded before it comes
            time.sleep(8)  # the guest's own start-up work ends
            before = machine.kvm_counts()
            figures = {"cpu": max(machine.cpu_percent(self.seconds), 0.01)}
            after = machine.kvm_counts()
        figures.update({name: (after[name] - before[name]) / self.seconds for name in before})
        return figures

    def measure(self, context, who):
        done = self.figures.setdefault(who, [])
        number = self.taken[who]
        self.taken[who] += 1
        if number == len(done):
            done.append(self.look(context, who))
        return max(done[number][self.count], 0.01), None


class IdleCpu(Idle):
    """Host CPU that a stock Linux guest takes while it waits at a shell."""
    name, unit, count, goal = "idle-cpu", "%", "cpu", 0.5


class IdleUsb(Idle):
    """The same with a tablet on a USB controller, which the guest's drivers listen to."""
    name, unit, count, goal = "idle-usb", "%", "cpu", 0.5

    def options(self, context):
        return {**super().options(context), "usb": True, "append": "quiet console=ttyS0 bonsai.test=usb,shell"}


class IdleCount(Idle):
    """What KVM counts meanwhile."""
    unit = "1/s"

    def unavailable(self, context):
        return super().unavailable(context) or (None if os.geteuid() == 0 else "only root may read what KVM counts")


class IdleExits(IdleCount):
    """Exits per second of that guest, most of which stay in the kernel."""
    name, count = "idle-exits", "exits"


class IdleInterrupts(IdleCount):
    """Interrupts per second that are injected into that guest."""
    name, count = "idle-interrupts", "irq_injections"


# --- network ---

class Stream(LinuxToInit):
    """MiB per second of one TCP connection between a stock Linux guest's virtio card and the host, through the NAT."""
    unit, higher_is_better = "MB/s", True

    def __init__(self, name, direction, size):
        self.name, self.direction, self.size = name, direction, size

    def transfer(self, connection):
        """Returns when the transfer began, by its first bytes, and when it ended."""
        piece, left = bytearray(1 << 20), self.size
        if self.direction == "receive":
            began = time.monotonic()
            while left > 0:
                left -= connection.send(memoryview(piece)[:min(left, len(piece))])
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)  # the guest has all
            return began, time.monotonic()
        began = None
        while left > 0:
            n = connection.recv_into(piece)
            if n == 0:
                raise Failure(f"{self.name}: the guest sent {self.size - left} bytes")
            began = began or time.monotonic()
            left -= n
        return began, time.monotonic()

    def measure(self, context, who):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(LIMIT)
            options = self.options(context)
            options["append"] = ("quiet console=ttyS0 bonsai.test=stream"
                                 f" bonsai.stream={self.direction},{server.getsockname()[1]},{self.size >> 16}")
            with run(context, who, network=True, **options) as machine:
                connection = server.accept()[0]
                with connection:
                    before = machine.cpu()
                    began, ended = self.transfer(connection)
                    return self.size / (1 << 20) / (ended - began), (machine.cpu() - before) / self.size * (1 << 30)


# --- graphics ---

class PageFlips(Row):
    """Pages of 1280x800 per second that a stock Linux guest's virtio-gpu flips while nobody looks."""
    name, unit, higher_is_better, count = "gpu-flips", "1/s", True, 1000

    def unavailable(self, context):
        if not context.hardware:
            return "stock kernels need hardware KVM (measure it in the rig)"
        return None if context.guest("gpu") else "its guest can't be built here"

    def measure(self, context, who):
        folder = context.guest("gpu")
        with run(context, who, memory="256M", graphics="virtio", kernel=os.path.join(folder, "vmlinuz"),
                 initrd=os.path.join(folder, "initrd"), append="quiet console=ttyS0") as machine:
            began = machine.wait_for(b"gpu: mode 0 1280x800")
            before = machine.cpu()
            ended = machine.wait_for(b"gpu: flips")
            return self.count / (ended - began), (machine.cpu() - before) / self.count * 1e6


# --- disks ---

class GuestDisk(Row):
    """Operations per second of a virtio disk whose guest does nothing but drive it; the image is in the host's cache."""
    unit, goal, higher_is_better, size, bus = "1/s", 1.2, True, 1 << 30, "virtio"

    def __init__(self, name, work, count, image="raw", goal=1.2, depth=1):
        self.name, self.work, self.count, self.image, self.goal, self.depth = name, work, count, image, goal, depth

    def make_image(self, folder):
        """A disk that is there as a whole; "fresh" ones are made anew and hold nothing."""
        path = os.path.join(folder, "disk0")
        if self.image == "raw":
            with open(path, "wb") as file:
                for _ in range(self.size >> 20):
                    file.write(b"\xa5" * (1 << 20))
            return path, "raw"
        options = "preallocation=off" if self.image == "fresh" else "preallocation=full"
        create = ["qemu-img", "create", "-q", "-f", "qcow2"]
        subprocess.run([*create, "-o", options, path, str(self.size)], check=True)
        for layer in range(1, self.depth):
            below, path = path, os.path.join(folder, f"disk{layer}")
            subprocess.run([*create, "-b", below, "-F", "qcow2", path], check=True)
        return path, "qcow2"

    def measure(self, context, who):
        guest = self.bus if self.bus in ("nvme", "usb") else "disk"
        rom = context.tiny_guest(f"bios-{guest}-{self.work}{'' if context.hardware else '-user'}.bin")
        with tempfile.TemporaryDirectory(prefix="bonsai-bench-", dir=context.disk_folder) as folder:
            path, image_format = self.make_image(folder)
            os.sync()  # what the host still has to write is not this row's
            disk = {"path": path, "format": image_format, "bus": self.bus, "uas": self.work.startswith("uas")}
            with run(context, who, firmware=rom, fast_disk=disk) as machine:
                began = machine.wait_for(b"s")
                before = machine.cpu()
                ended = machine.wait_for(b"e")
                return self.count / (ended - began), (machine.cpu() - before) / self.count * 1e6


class NvmeDisk(GuestDisk):
    """The same of an NVMe disk."""
    bus = "nvme"


class UsbDisk(GuestDisk):
    """The same of a USB disk, by UAS and by Bulk-Only Transport."""
    bus = "usb"


class ImageLayer(Row):
    """Operations per second of the image layer alone: storage-bench beside qemu-img bench."""
    unit, higher_is_better, size = "1/s", True, 512 << 20
    images = {}  # folders of those that hold data: made once

    def __init__(self, name, work, depth, block, count, image="qcow2", layers=1, goal=1.2):
        self.name, self.work, self.depth, self.block, self.count = name, work, depth, block, count
        self.image, self.layers, self.goal = image, layers, goal

    def make_image(self, folder):
        """Its path. Fresh ones hold nothing yet; in a chain all is in the lowest layer."""
        path, create = os.path.join(folder, "disk0"), ["qemu-img", "create", "-q", "-f", "qcow2"]
        if self.image == "fresh":
            subprocess.run([*create, path, str(4 << 30)], check=True)
            return path
        with open(path, "wb") as file:
            for _ in range(self.size >> 20):
                file.write(os.urandom(1 << 20))
        if self.image == "qcow2":
            raw, path = path, os.path.join(folder, "disk1")
            subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, path], check=True)
            os.unlink(raw)
        for layer in range(2, self.layers + 1):
            below, path = path, os.path.join(folder, f"disk{layer}")
            subprocess.run([*create, "-b", below, "-F", "qcow2", path], check=True)
        os.sync()  # what the host still has to write is not this row's
        return path

    def command(self, context, who, path):
        kind = "raw" if self.image == "raw" else "qcow2"
        if who == "bonsai":
            return [os.path.join(context.build, "tests", "bench", "storage-bench"), self.work, str(self.block),
                    str(self.depth), str(self.count), path, kind, "cached"]
        step = self.block * (1 if self.block > 65536 else 77747)
        return ["qemu-img", "bench", "-c", str(self.count), "-d", str(self.depth), "-f", kind, "-i", "io_uring", "-s",
                str(self.block), "-S", str(step), "-t", "writeback", *(["-w"] if self.work == "write" else []), path]

    def run(self, context, who, path):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.run(self.command(context, who, path), capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / self.count * 1e6
        return self.rate(who, run.stdout), cpu

    def rate(self, who, output):
        if who == "bonsai":
            return float(output.split()[0])
        return self.count / float(re.search(r"completed in ([0-9.]+) seconds", output).group(1))

    def measure(self, context, who):
        if self.image == "fresh":
            with tempfile.TemporaryDirectory(prefix="bonsai-bench-", dir=context.disk_folder) as folder:
                return self.run(context, who, self.make_image(folder))
        key = self.image, self.layers
        if key not in self.images:
            folder = tempfile.TemporaryDirectory(prefix="bonsai-bench-", dir=context.disk_folder)
            self.images[key] = folder, self.make_image(folder.name)
        return self.run(context, who, self.images[key][1])


class HostFile(ImageLayer):
    """Operations per second of the image layer on a raw image, beside fio on the same file of the host."""

    def unavailable(self, context):
        return None if shutil.which("fio") else "fio is not installed"

    def command(self, context, who, path):
        if who == "bonsai":
            return super().command(context, who, path)
        return ["fio", "--name=file", f"--filename={path}", "--ioengine=io_uring", f"--rw={self.work}", f"--bs={self.block}",
                f"--iodepth={self.depth}", f"--number_ios={self.count}", f"--io_size={self.count * self.block}",
                "--invalidate=0", "--output-format=json"]

    def rate(self, who, output):
        if who == "bonsai":
            return super().rate(who, output)
        return json.loads(output)["jobs"][0][self.work]["iops"]


class Convert(Row):
    """Copying an image of 1.5 GiB, 1 GiB of it data, as another; both tools flush what they wrote."""
    unit, goal = "s", 1.0
    source = None

    def __init__(self, name, source="raw", target="raw", compress=False, verify=False):
        self.name, self.formats, self.compress, self.verify = name, (source, target), compress, verify

    @classmethod
    def make_sources(cls, context):
        """A disk with data, holes, zeroes that take space, and what can be compressed: made once, in both formats."""
        if cls.source is None:
            cls.source = tempfile.TemporaryDirectory(prefix="bonsai-bench-", dir=context.disk_folder)
            raw = os.path.join(cls.source.name, "raw")
            with open(raw, "wb") as file:
                for number in range(24):
                    file.write((os.urandom(32 << 20), os.urandom(1 << 20) * 16, bytes(8 << 20))[number % 3])
                    file.seek(8 << 20, os.SEEK_CUR)
                while file.tell() < 1 << 30:
                    file.write(os.urandom(32 << 20))
                file.truncate(3 << 29)
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw,
                            os.path.join(cls.source.name, "qcow2")], check=True)
        os.sync()  # what the host still has to write is not this row's
        return cls.source.name

    def commands(self, context, who, source, target):
        have, want = self.formats
        if who == "bonsai":
            return [[context.bonsai, "disk", "convert", "--source-format", have, "--format", want,
                     *(["--compress"] if self.compress else []), *([] if self.verify else ["--no-verify"]),
                     source, target]]
        convert = ["qemu-img", "convert", "-t", "writeback", "-f", have, "-O", want, *(["-c"] if self.compress else [])]
        compare = ["qemu-img", "compare", "-f", have, "-F", want, source, target]
        return [[*convert, source, target], *([compare] if self.verify else [])]

    def measure(self, context, who):
        folder = self.make_sources(context)
        with tempfile.TemporaryDirectory(prefix="bonsai-bench-", dir=context.disk_folder) as scratch:
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            for command in self.commands(context, who, os.path.join(folder, self.formats[0]),
                                         os.path.join(scratch, "target")):
                subprocess.run(command, check=True, capture_output=True)
            ended, after = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return ended - began, spent * 1000


# --- showing ---

class Console(Row):
    """A console window in a desktop session of its own."""

    def unavailable(self, context):
        missing = [tool for tool in ("Xvfb", "xdotool") if not shutil.which(tool)]
        if missing:
            return f"needs {' and '.join(missing)}"
        help_text = subprocess.run(["qemu-system-x86_64", "-display", "help"], capture_output=True, text=True).stdout
        return None if "sdl" in help_text.split() else "QEMU's window is missing (apt install qemu-system-gui)"


class FullScreen(Console):
    """Frames per second that reach the window while the guest fills 1920x1080."""
    name, unit, higher_is_better, seconds = "fill-frames", "1/s", True, 10

    def watch(self, context, who):
        """Frames seen, and processor time of each outside the guest's own thread, in ms."""
        firmware = "bios-fill.bin" if context.hardware else "bios-fill-user.bin"
        with Desktop() as desktop, run(context, who, window=True, firmware=context.tiny_guest(firmware)) as machine:
            window = desktop.window_of(machine, 1920)
            before = machine.cpu_by_thread()
            count = subprocess.run([context.frames, window, str(self.seconds)], capture_output=True, text=True,
                                   check=True)
            after = machine.cpu_by_thread()
        frames = float(count.stdout) * self.seconds
        spent = {thread: after[thread] - before.get(thread, 0) for thread in after}
        own = sum(spent.values()) - max(spent.values())  # the guest's thread works most
        return frames, own / max(frames, 1) * 1000

    def measure(self, context, who):
        frames, _ = self.watch(context, who)
        return max(frames / self.seconds, 0.1), None


class FullScreenCpu(FullScreen):
    """Processor time outside the guest for each frame that reaches the window."""
    name, unit, higher_is_better = "fill-cpu", "ms", False

    def measure(self, context, who):
        return self.watch(context, who)[1], None


class Blink(Console):
    """CPU of a window that shows the BIOS's text screen with its blinking cursor, the guest asleep."""
    name, unit = "blink-cpu", "%"

    def measure(self, context, who):
        with Desktop() as desktop, run(context, who, window=True, disk=context.tiny_guest("sector.img")) as machine:
            desktop.window_of(machine)
            machine.wait_for(b"s")
            time.sleep(3)  # the window's own start-up work ends
            return max(machine.cpu_percent(10), 0.01), None


class IdleX(Console):
    """CPU of a window that shows a stock Linux guest's X session, on virtio-gpu and with spice-vdagent, idle."""
    name, unit, goal = "idle-x", "%", 0.5

    def unavailable(self, context):
        if not context.hardware:
            return "stock kernels need hardware KVM (measure it in the rig)"
        if not context.guest("xsession"):
            return "the guest could not be built (tests/guest/build-guests xsession)"
        return super().unavailable(context)

    def measure(self, context, who):
        folder = context.guest("xsession")
        with Desktop() as desktop, run(context, who, window=True, memory="512M", graphics="virtio", agents=True,
                                       kernel=os.path.join(folder, "vmlinuz"), initrd=os.path.join(folder, "initrd"),
                                       append="quiet console=ttyS0") as machine:
            machine.wait_for(b"x: ready")
            desktop.window_of(machine, 1280)
            time.sleep(15)  # the session's own start-up work ends
            return max(machine.cpu_percent(20), 0.01), None


idle_figures = {}
ROWS = [Start(), StartKernel(), Firmware(), Uefi(), LinuxToInit(), PortRoundTrip(), MemoryRoundTrip(), MemoryOverhead(),
        IdleCpu(idle_figures), IdleExits(idle_figures), IdleInterrupts(idle_figures), IdleUsb({}), IdleX(), FullScreen(), FullScreenCpu(),
        Blink(), PageFlips(), Stream("net-send", "send", STREAM_SIZE), Stream("net-receive", "receive", STREAM_SIZE),
        GuestDisk("disk-read-1", "read-1", 50000), GuestDisk("disk-read-32", "read-32", 200000),
        GuestDisk("packed-read-1", "read-1-packed", 50000), GuestDisk("packed-read-32", "read-32-packed", 200000),
        GuestDisk("disk-write-1", "write-1", 200000), GuestDisk("disk-write-32", "write-32", 200000),
        GuestDisk("disk-read-big", "read-big", 4000, goal=0.9),
        GuestDisk("disk-write-big", "write-big", 2000, goal=0.9),
        GuestDisk("qcow2-read-1", "read-1", 50000, "full"), GuestDisk("qcow2-read-32", "read-32", 200000, "full"),
        GuestDisk("qcow2-write-1", "write-1", 200000, "full"), GuestDisk("qcow2-write-32", "write-32", 200000, "full"),
        GuestDisk("fresh-write-1", "write-1", 200000, "fresh"), GuestDisk("fresh-write-32", "write-32", 200000, "fresh"),
        GuestDisk("chain10-read-32", "read-32", 200000, "full", depth=10),
        GuestDisk("chain50-read-32", "read-32", 200000, "full", depth=50),
        NvmeDisk("nvme-read-1", "read-1", 50000, goal=1), NvmeDisk("nvme-read-32", "read-32", 200000, goal=1),
        NvmeDisk("nvme-write-1", "write-1", 50000, goal=1), NvmeDisk("nvme-write-32", "write-32", 200000, goal=1),
        UsbDisk("usb-uas-read-1", "uas-read-1", 3000, goal=1), UsbDisk("usb-uas-read-16", "uas-read-16", 10000, goal=1),
        UsbDisk("usb-uas-read-big", "uas-read-big", 500, goal=1),
        UsbDisk("usb-uas-write-big", "uas-write-big", 200, goal=1),
        UsbDisk("usb-bulk-read-1", "bulk-read-1", 3000, goal=1), UsbDisk("usb-bulk-read-big", "bulk-read-big", 500, goal=1),
        UsbDisk("usb-bulk-write-big", "bulk-write-big", 200, goal=1),
        ImageLayer("image-read-1", "read", 1, 4096, 100000, "raw"),
        ImageLayer("image-read-32", "read", 32, 4096, 300000, "raw"),
        ImageLayer("image-write-1", "write", 1, 4096, 30000, "raw"),
        ImageLayer("image-write-32", "write", 32, 4096, 60000, "raw"),
        ImageLayer("image-read-big", "read", 4, 1 << 20, 4000, "raw", goal=0.9),
        ImageLayer("image-write-big", "write", 4, 1 << 20, 2000, "raw", goal=0.9),
        HostFile("file-read-big", "read", 4, 1 << 20, 4000, "raw", goal=0.9),
        HostFile("file-write-big", "write", 4, 1 << 20, 2000, "raw", goal=0.9),
        ImageLayer("qimage-read-1", "read", 1, 4096, 100000),
        ImageLayer("qimage-read-32", "read", 32, 4096, 300000),
        ImageLayer("qimage-write-1", "write", 1, 4096, 30000),
        ImageLayer("qimage-write-32", "write", 32, 4096, 60000),
        ImageLayer("qimage-read-big", "read", 4, 1 << 20, 4000, goal=0.9),
        ImageLayer("qimage-write-big", "write", 4, 1 << 20, 2000, goal=0.9),
        ImageLayer("fresh-image-1", "write", 1, 4096, 30000, "fresh"),
        ImageLayer("fresh-image-32", "write", 32, 4096, 60000, "fresh"),
        ImageLayer("layers10-read-1", "read", 1, 4096, 100000, layers=10),
        ImageLayer("layers10-read-32", "read", 32, 4096, 200000, layers=10),
        ImageLayer("layers50-read-1", "read", 1, 4096, 100000, layers=50),
        ImageLayer("layers50-read-32", "read", 32, 4096, 200000, layers=50),
        Convert("convert-raw"), Convert("convert-qcow2", target="qcow2"), Convert("convert-flat", source="qcow2"),
        Convert("convert-zlib", target="qcow2", compress=True), Convert("convert-checked", target="qcow2", verify=True),
        *snapshots.rows(), *library.rows(), sampling.Sampling()]
