# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows about snapshots of a running guest whose memory was all touched. Bonsai's side is the engine alone
(snapshot-bench), the peer's savevm and loadvm with a qcow2 disk; both run the same guest (guests/touch.S)."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from watch import Failure

PATIENCE = 600  # seconds for one whole run


class Peer:
    """QEMU with the guest, until all of its memory was touched."""

    def __init__(self, context, mib, folder):
        disk, monitor, serial = (os.path.join(folder, name) for name in ("disk.qcow2", "monitor", "serial"))
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
        os.mkfifo(serial)
        self.touched = threading.Event()
        self.reader = threading.Thread(target=self.listen, args=(serial,), daemon=True)
        self.reader.start()
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-cpu",
             "host" if context.hardware else "qemu64", "-machine", "q35,accel=kvm,smm=off,max-ram-below-4g=2G",
             "-m", f"{mib}M", "-bios", context.tiny_guest(f"bios-touch-{mib}.bin"), "-serial", "file:" + serial,
             "-drive", f"file={disk},format=qcow2,if=none,id=disk", "-qmp", f"unix:{monitor},server=on,wait=off"],
            stderr=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        self.connect(monitor)
        self.lines = self.socket.makefile()
        self.lines.readline()
        self.ask("qmp_capabilities")
        if not self.touched.wait(PATIENCE):
            raise Failure("the peer's guest has not touched its memory")

    def connect(self, path):
        while True:
            try:
                return self.socket.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None:
                    raise Failure("the peer doesn't start") from None
                time.sleep(0.02)

    def listen(self, serial):
        with open(serial, "rb", buffering=0) as pipe:
            while piece := pipe.read(65536):
                if b"t" in piece:
                    self.touched.set()

    def ask(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer or answer.get("return"):
                raise Failure(f"the peer: {answer}")
            if "return" in answer:
                return

    def timed(self, line):
        """Milliseconds until the monitor has done it; the guest stands meanwhile."""
        began = time.monotonic()
        self.ask("human-monitor-command", **{"command-line": line})
        return (time.monotonic() - began) * 1000

    def end(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()


def measure_peer(context, mib, folder):
    peer = Peer(context, mib, folder)
    try:
        taken, back = peer.timed("savevm one"), peer.timed("loadvm one")
        return {"take-pause": taken, "back-guest-runs": back, "fork-guest-runs": taken + back}
    finally:
        peer.end()


def measure_engine(context, mib, folder):
    run = subprocess.run([os.path.join(context.build, "tests", "bench", "snapshot-bench"),
                          context.tiny_guest(f"bios-touch-{mib}.bin"), str(mib), folder],
                         capture_output=True, text=True, timeout=PATIENCE)
    if run.returncode != 0:
        raise Failure(run.stderr[-500:])
    return {words[0]: float(words[1]) for words in map(str.split, run.stdout.splitlines())}


class Snapshot:
    """One figure of taking a live picture and going back to it, or of a clone of the running machine: until its guest
    runs, for which the peer has to do both. The rows of one size share their runs."""
    unit, goal, higher_is_better = "ms", 0.05, False

    def __init__(self, name, figure, mib, runs):
        self.name, self.figure, self.mib, self.runs = f"{name}-{mib}", figure, mib, runs
        self.taken = {"bonsai": 0, "qemu": 0}

    def unavailable(self, context):
        with open("/proc/meminfo") as meminfo:
            available = next(int(line.split()[1]) for line in meminfo if line.startswith("MemAvailable")) >> 10
        if available < self.mib + 1024:
            return f"the host has {available} MiB of memory left"
        if shutil.disk_usage(context.disk_folder).free >> 20 < 2 * self.mib + 4096:
            return f"{context.disk_folder} has too little room"
        return None

    def look(self, context, who):
        folder = tempfile.mkdtemp(prefix="bonsai-bench-", dir=context.disk_folder)
        try:
            return (measure_engine if who == "bonsai" else measure_peer)(context, self.mib, folder)
        finally:
            shutil.rmtree(folder)

    def measure(self, context, who):
        done = self.runs.setdefault((who, self.mib), [])
        number = self.taken[who]
        self.taken[who] += 1
        if number == len(done):
            done.append(self.look(context, who))
        return done[number][self.figure], None


def rows():
    runs = {}
    return [row for mib in (512, 4096, 16384)
            for row in (Snapshot("snapshot-pause", "take-pause", mib, runs),
                        Snapshot("snapshot-back", "back-guest-runs", mib, runs),
                        Snapshot("instant-clone", "fork-guest-runs", mib, runs))]
