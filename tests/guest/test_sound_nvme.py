#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux's own drivers bind to the sound card and to NVMe disks: a tone is heard without a gap, a microphone hears, and
what is written to a disk comes back."""

import array
import gzip
import hashlib
import json
import math
import pathlib
import re
import subprocess
import wave

import guests
import tap
from machine import MachineStory
from storage import StorageMachine

MIB = 1 << 20
RATE = 48000
TONE = 440
MICROPHONE = 700
SECONDS = 2


def write_tone(path, frequency, seconds):
    samples = array.array("h")
    for i in range(RATE * seconds):
        value = round(20000 * math.sin(2 * math.pi * frequency * i / RATE))
        samples.extend((value, value))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def read_left(file):
    """The left side's samples, without the silence around them."""
    with wave.open(file, "rb") as recording:
        assert recording.getframerate() == RATE and recording.getnchannels() == 2
        samples = array.array("h", recording.readframes(recording.getnframes()))[::2]
    loud = [i for i, value in enumerate(samples) if abs(value) > 1000]
    assert loud, "nothing but silence"
    return samples[loud[0]:loud[-1] + 1]


def measure(samples):
    """The frequency, of the times at which the wave rises through zero; and gaps: turns of the wave that took more
    than a tenth longer or shorter than the others."""
    times = [i + samples[i] / (samples[i] - samples[i + 1]) for i in range(len(samples) - 1)
             if samples[i] < 0 <= samples[i + 1]]
    turn = (times[-1] - times[0]) / (len(times) - 1)
    gaps = sum(abs(b - a - turn) > turn / 10 for a, b in zip(times, times[1:]))
    return RATE / turn, gaps


class SoundMachine(StorageMachine):
    """Plays into a file and hears another; its initramfs holds the tone."""

    def __init__(self):
        super().__init__("sound-nvme", "sound", "sound-init", memory=256)
        self.played = self.scratch / "played.wav"
        self.heard = self.scratch / "heard.wav"
        write_tone(self.heard, MICROPHONE, 4)

    def initramfs(self, base):
        path = super().initramfs(base)
        tone = self.scratch / "tone.wav"
        write_tone(tone, TONE, SECONDS)
        packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=self.scratch, input=b"tone.wav\n",
                                stdout=subprocess.PIPE, check=True).stdout
        with open(path, "ab") as file:
            file.write(gzip.compress(packed))
        return path

    def plug_serial(self):
        super().plug_serial()
        path = pathlib.Path(self.show()["path"], "vm.json")
        description = json.loads(path.read_text())
        description["sound"] = {"record": str(self.played), "microphone": str(self.heard)}
        path.write_text(json.dumps(description))


class SoundNvme(MachineStory):
    """One sound card, two NVMe disks."""

    def set_up(self):
        self.machine = SoundMachine()
        self.work = self.machine.scratch / "work.qcow2"
        self.out = self.machine.scratch / "out.raw"
        self.machine.bonsai("disk", "create", "--format", "qcow2", self.work, "64M")
        self.machine.bonsai("disk", "create", "--format", "raw", self.out, "8M")
        self.machine.disks = [
            {"id": "disk0", "bus": "nvme", "path": str(self.work), "format": "qcow2", "serial": "nvme-work"},
            {"id": "disk1", "bus": "nvme", "path": str(self.out), "format": "raw"},
            {"id": "disk15", "bus": "virtio", "path": str(guests.directory("disks") / "tools.img"), "format": "raw",
             "read-only": True},
        ]
        self.machine.start()

    def said(self, pattern, seconds):
        return self.machine.wait_serial(rf"^sound: {pattern}\r?$", seconds)

    def complaints(self):
        return re.findall(r"^sound: .*(?:differ|failed|kernel:).*", self.machine.serial.read_text(errors="replace"),
                          re.MULTILINE)

    def test_card(self):
        """snd_hda_intel binds to the card, and the generic parser finds an analogue device."""
        driver, _, n_analog = self.said(r"card (\S+) (\S+) (\d+)", 120).groups()
        assert driver == "snd_hda_intel", driver
        assert int(n_analog) >= 1

    def test_tone(self):
        """A tone of 440 Hz arrives as such, to a thousandth, and without a gap."""
        self.said("played", 60)
        self.said("recorded .*", 60)  # the file is whole when the card rests
        samples = read_left(str(self.machine.played))
        frequency, gaps = measure(samples)
        print(f"# {frequency:.3f} Hz, {gaps} gaps, {len(samples) / RATE:.3f} s")
        assert abs(frequency - TONE) < TONE / 1000, frequency
        assert gaps == 0
        # The driver stops the card when it hears of the end, some milliseconds late.
        assert SECONDS - 0.01 < len(samples) / RATE < SECONDS + 0.5, len(samples)

    def test_disk(self):
        """The nvme driver binds, with a queue for each processor; what is written comes back."""
        settings = self.said(r"disk (\S+) (\d+) (.+) queues (\d+)", 120).groups()
        assert settings == ("nvme", "131072", "write back", "2"), settings
        self.said("fio good", 120)
        self.sum = self.said(r"sum (\w+)", 120)[1]
        self.said("done", 60)
        assert not self.complaints(), self.complaints()

    def test_afterwards(self):
        """What the microphone heard is the file's tone; the disk's file is sound, holds what the guest read, and
        what the guest gave up is gone from it."""
        self.machine.wait_off()
        frequency, gaps = measure(read_left(str(self.out)))
        print(f"# {frequency:.3f} Hz, {gaps} gaps")
        assert abs(frequency - MICROPHONE) < MICROPHONE / 1000, frequency
        assert gaps == 0
        self.machine.bonsai("disk", "check", self.work)
        subprocess.run(["qemu-img", "check", self.work], check=True, capture_output=True)
        raw = self.machine.scratch / "work.raw"
        subprocess.run(["qemu-img", "convert", "-O", "raw", self.work, raw], check=True)
        with open(raw, "rb") as file:
            file.seek(16 * MIB)
            assert hashlib.sha256(file.read(MIB)).hexdigest() == self.sum
        assert self.work.stat().st_blocks * 512 < 24 * MIB, self.work.stat().st_blocks


if __name__ == "__main__":
    tap.main()
