# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured. A row's measure(context, who) runs one of the two virtualizers once and gives a number."""
import os
import re
import shutil
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
LIMIT = 240  # seconds that anything here may take


class Context:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.bonsai = os.path.join(self.build, "app", "cli", "bonsai")
        if not os.path.exists(self.bonsai):
            self.bonsai = os.path.join(self.build, "app", "bonsai")
        self.frames = os.path.join(self.build, "tests", "bench", "count-frames")
        with open("/proc/cpuinfo") as cpuinfo:
            text = cpuinfo.read()
        self.hardware = bool(re.search(r"^flags.*\b(vmx|svm)\b", text, re.M))
        model = re.search(r"^model name\s*: (.*)$", text, re.M)
        self.model = model.group(1) if model else "unknown processor"

    def describe(self):
        kind = "hardware KVM" if self.hardware else "KVM of kind PVM"
        return f"{self.model}, {os.cpu_count()} CPUs, {kind}, {' '.join(os.uname()[0:3:2])}"

    def kernel(self, name):
        return os.path.join(self.build, "tests", "bench", "kernels", name + ".elf")

    def guest(self, name):
        """The parts of a guest that tests/guest builds, or None."""
        builder = os.path.join(os.path.dirname(__file__), "..", "guest", "build-guests")
        run = subprocess.run([builder, name], capture_output=True, text=True)
        return run.stdout.split() if run.returncode == 0 else None


# --- the two command lines ---

def bonsai_command(context, memory="64M", cpus=1, display=False, network=False, **boot):
    command = [context.bonsai, "run", "--memory", memory, "--cpus", str(cpus), "--debug-exit",
               "--network", "nat" if network else "none"]
    command += [] if display else ["--headless"]
    for option, value in boot.items():
        command += ["--" + option, value]
    return command


def qemu_command(context, memory="64M", cpus=1, display=False, network=False, **boot):
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35,accel=kvm",
               "-cpu", "host" if context.hardware else "qemu64", "-m", memory, "-smp", str(cpus), "-vga", "std",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-display", "sdl" if display else "none"]
    if network:
        command += ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n"]
    names = {"kernel": "-kernel", "initrd": "-initrd", "append": "-append", "cdrom": "-cdrom"}
    for option, value in boot.items():
        if option == "serial":
            command += ["-serial", "file:" + value]
        elif option == "debugcon":
            command += ["-debugcon", "file:" + value, "-global", "isa-debugcon.iobase=0x402"]
        else:
            command += [names[option], value]
    return command


def command_of(who):
    return bonsai_command if who == "bonsai" else qemu_command


# --- ways to look at a process ---

def spawn(command):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stop(process):
    process.kill()
    process.wait()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu_percent(pid, seconds):
    before = cpu_seconds(pid)
    time.sleep(seconds)  # the measuring window itself
    return (cpu_seconds(pid) - before) / seconds * 100


def memory_beside(pid, guest_bytes):
    """Proportional set size in MiB less the mappings that are the guest's RAM, page tables included."""
    total = ram = size = 0
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
            if head:
                size = int(head.group(2), 16) - int(head.group(1), 16)
            elif line.startswith("Pss:"):
                total += int(line.split()[1])
                if size >= guest_bytes:
                    ram += int(line.split()[1])
    with open(f"/proc/{pid}/status") as status:
        tables = int(re.search(r"VmPTE:\s+(\d+)", status.read()).group(1))
    return (total - ram + tables) / 1024


def wait_for_text(path, text, process):
    """Seconds until the file at path holds text."""
    start = time.monotonic()
    while time.monotonic() - start < LIMIT:
        with open(path, "rb") as file:
            if text in file.read():
                return time.monotonic() - start
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode} before “{text.decode()}”")
        time.sleep(0.001)
    raise RuntimeError(f"no “{text.decode()}” from {process.args[0]} within {LIMIT} s")


def run_to_exit(command):
    start = time.monotonic()
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
    seconds = time.monotonic() - start
    if run.returncode != 33:  # (0x10 << 1) | 1
        raise RuntimeError(f"{' '.join(command)} ended with {run.returncode}: {run.stderr.decode()[-500:]}")
    return seconds


class Row:
    name = unit = ""
    higher_is_better = False

    def unavailable(self, context):
        """Why it can't be measured here, or None."""
        return None


# --- rows ---

class Start(Row):
    """Start of the program to the guest's first instruction and back to the shell."""
    name, unit = "start", "ms"

    def measure(self, context, who):
        return run_to_exit(command_of(who)(context, kernel=context.kernel("exit"))) * 1000


class ExitRoundTrip(Row):
    """Time of one exit to user space and back."""
    unit = "us"
    count = 100000

    def measure(self, context, who):
        build = command_of(who)
        with_loop = run_to_exit(build(context, kernel=context.kernel(self.kernel)))
        without = run_to_exit(build(context, kernel=context.kernel("exit")))
        return (with_loop - without) / self.count * 1e6


class PortRoundTrip(ExitRoundTrip):
    """Time of one port read that user space answers."""
    name, kernel = "exit-port", "pio"


class MemoryRoundTrip(ExitRoundTrip):
    """Time of one memory read that user space answers."""
    name, kernel = "exit-memory", "mmio"


class Firmware(Row):
    """Start of the program to SeaBIOS's search for a boot device."""
    name, unit = "firmware", "ms"

    def measure(self, context, who):
        with tempfile.NamedTemporaryFile() as log:
            process = spawn(command_of(who)(context, debugcon=log.name))
            try:
                return wait_for_text(log.name, b"No bootable device", process) * 1000
            finally:
                stop(process)


class MemoryOverhead(Row):
    """Memory that a machine of 256 MiB takes beside its RAM."""
    name, unit = "memory", "MiB"

    def measure(self, context, who):
        with tempfile.NamedTemporaryFile() as log:
            process = spawn(command_of(who)(context, memory="256M", debugcon=log.name))
            try:
                wait_for_text(log.name, b"No bootable device", process)
                return memory_beside(process.pid, 200 << 20)
            finally:
                stop(process)


class LinuxToInit(Row):
    """Start of the program to the first line of a stock kernel's init."""
    name, unit = "linux-init", "ms"

    def unavailable(self, context):
        return None if context.hardware else "stock kernels need hardware KVM (run it in the rig)"

    def start(self, context, who, log, action):
        kernel, initrd = context.guest("linux")[:2]
        return spawn(command_of(who)(context, memory="512M", kernel=kernel, initrd=initrd, serial=log.name,
                                     append=f"quiet console=ttyS0 bonsai.test={action}"))

    def measure(self, context, who):
        with tempfile.NamedTemporaryFile() as log:
            process = self.start(context, who, log, "shell")
            try:
                return wait_for_text(log.name, b"init reached", process) * 1000
            finally:
                stop(process)


class IdleCpu(LinuxToInit):
    """Host CPU that a stock Linux guest takes while it waits at a shell."""
    name, unit = "idle-cpu", "%"

    def measure(self, context, who):
        with tempfile.NamedTemporaryFile() as log:
            process = self.start(context, who, log, "shell")
            try:
                wait_for_text(log.name, b"init reached", process)
                time.sleep(5)  # the guest's own start-up work ends
                return max(cpu_percent(process.pid, 20), 0.01)
            finally:
                stop(process)


class Console(Row):
    """A console window in a desktop session of its own."""
    guest = ""

    def unavailable(self, context):
        missing = [tool for tool in ("Xvfb", "xdotool") if not shutil.which(tool)]
        return f"needs {' and '.join(missing)}" if missing else None

    def window(self, process):
        for _ in range(LIMIT * 20):
            # QEMU's window is of class qemu-system-x86_64, Bonsai's of class bonsai.
            for wm_class in ("bonsai", "qemu"):
                run = subprocess.run(["xdotool", "search", "--onlyvisible", "--class", wm_class],
                                     capture_output=True, text=True)
                if run.stdout.split():
                    return run.stdout.split()[-1]
            if process.poll() is not None:
                raise RuntimeError(f"{process.args[0]} ended with {process.returncode} before its window came")
            time.sleep(0.05)
        raise RuntimeError("no window came")

    def measure(self, context, who):
        display = ":77"
        server = spawn(["Xvfb", display, "-screen", "0", "1920x1200x24", "-nolisten", "tcp"])
        os.environ.update(DISPLAY=display, LIBGL_ALWAYS_SOFTWARE="1", SDL_VIDEODRIVER="x11")
        try:
            while subprocess.run(["xdpyinfo"], capture_output=True).returncode:
                time.sleep(0.05)
            process = spawn(command_of(who)(context, display=True, kernel=context.kernel(self.guest)))
            try:
                return self.look(context, process, self.window(process))
            finally:
                stop(process)
        finally:
            stop(server)


class FullScreen(Console):
    """Frames per second that reach the window while the guest fills 1920x1080."""
    name, unit, guest, higher_is_better = "fill-frames", "1/s", "fill", True

    def look(self, context, process, window):
        run = subprocess.run([context.frames, window, "10"], capture_output=True, text=True, check=True)
        return max(float(run.stdout), 0.1)


class FullScreenCpu(FullScreen):
    """CPU time outside the guest for each frame that reaches the window."""
    name, unit, higher_is_better = "fill-cpu", "ms", False

    def look(self, context, process, window):
        before = threads_cpu(process.pid)
        run = subprocess.run([context.frames, window, "10"], capture_output=True, text=True, check=True)
        after = threads_cpu(process.pid)
        # The guest's own thread is the one that works most.
        guest = max(after, key=lambda tid: after[tid] - before.get(tid, 0))
        own = sum(after[tid] - before.get(tid, 0) for tid in after if tid != guest)
        return own / max(float(run.stdout) * 10, 1) * 1000


class Blink(Console):
    """CPU of a window that shows a text screen with a blinking cursor."""
    name, unit, guest = "blink-cpu", "%", "idle"

    def look(self, context, process, window):
        time.sleep(3)  # the window's own start-up work ends
        return max(cpu_percent(process.pid, 10), 0.01)


def threads_cpu(pid):
    return {tid: cpu_seconds(f"{pid}/task/{tid}") for tid in os.listdir(f"/proc/{pid}/task")}


ROWS = [Start(), PortRoundTrip(), MemoryRoundTrip(), Firmware(), MemoryOverhead(), LinuxToInit(), IdleCpu(),
        FullScreen(), FullScreenCpu(), Blink()]
