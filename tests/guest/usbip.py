# SPDX-License-Identifier: GPL-3.0-or-later
"""A USB microphone that this process plays and the kernel plugs in (vhci_hcd): the controllers of gadgets, dummy_hcd and
usbip-vudc, have no isochronous transfers. What it hears is a byte that counts up.

USB/IP 1.1.1 (Documentation/usb/usbip_protocol.rst), Audio 1.0 (usb.org)."""

import collections
import errno
import pathlib
import select
import socket
import struct
import subprocess
import threading
import time

import gadget

CONTROLLER = pathlib.Path("/sys/devices/platform/vhci_hcd.0")
FULL_SPEED = 2
SUBMIT, UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
HEADER = struct.Struct(">5I")
REQUEST = struct.Struct(">IIiii8s")
ANSWER = struct.Struct(">iiiii8x")
PACKET = struct.Struct(">IIIi")
SAMPLES = 8  # of a frame, which lasts a millisecond

DEVICE = bytes.fromhex("12 01 1001 00 00 00 40 6b1d 0801 0001 00 01 00 01")
INTERFACES = bytes.fromhex(
    "09 04 00 00 00 01 01 00 00"              # audio control
    "09 24 01 0001 1e00 01 01"                #   its header
    "0c 24 02 01 0102 00 01 0000 00 00"       #   terminal 1, a microphone
    "09 24 03 02 0101 00 01 00"               #   terminal 2, the stream of what 1 hears
    "09 04 01 00 00 01 02 00 00"              # audio streaming, off
    "09 04 01 01 01 01 02 00 00"              # and on
    "07 24 01 02 01 0200"                     #   of terminal 2, unsigned bytes
    "0b 24 02 01 01 01 08 01 401f00"          #   one channel, 8000 samples a second
    "09 05 81 05 1000 01 00 00"               #   isochronous, up to 16 bytes a frame
    "07 25 01 00 00 0000")
CONFIGURATION = struct.pack("<BBHBBBBB", 9, 2, 9 + len(INTERFACES), 2, 1, 0, 0x80, 50) + INTERFACES


class Microphone(gadget.Device):
    """Plugged in while it is there."""

    product = "0108"

    def __init__(self):
        self.socket, self.theirs = socket.socketpair()
        self.waiting = collections.deque()  # of (when, sequence number, its packets)
        self.due = 0  # the end of the last of them, by time.monotonic
        self.sample = 0
        self.packets = 0

    def plug(self):
        subprocess.run(["modprobe", "vhci_hcd"], check=True)
        threading.Thread(target=self.serve, daemon=True).start()
        with self.theirs as theirs:
            (CONTROLLER / "attach").write_text(f"0 {theirs.fileno()} 1 {FULL_SPEED}")
        gadget.wait(self.find, "microphone")

    # --- what the controller asks ---

    def receive(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def serve(self):
        try:
            while True:
                pause = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
                if select.select([self.socket], [], [], pause)[0]:
                    self.take()
                while self.waiting and self.waiting[0][0] <= time.monotonic():
                    self.record(*self.waiting.popleft()[1:])
        except (EOFError, ConnectionError):
            pass

    def take(self):
        command, number, _, incoming, endpoint = HEADER.unpack(self.receive(HEADER.size))
        rest = self.receive(REQUEST.size)
        if command == UNLINK:
            self.unlink(number, struct.unpack(">I", rest[:4])[0])
            return
        _, length, _, n_packets, _, setup = REQUEST.unpack(rest)
        data = b"" if incoming else self.receive(length)
        if endpoint == 0:
            self.answer_control(number, setup, length, data)
        else:
            packets = [PACKET.unpack(self.receive(PACKET.size)) for _ in range(n_packets)]
            self.due = max(self.due, time.monotonic()) + n_packets / 1000
            self.waiting.append((self.due, number, packets))

    def answer(self, number, status, data=b"", packets=(), written=0):
        header = HEADER.pack(SUBMITTED, number, 0, 0, 0)
        self.socket.sendall(header + ANSWER.pack(status, len(data) or written, 0, len(packets), 0) + data
                            + b"".join(PACKET.pack(*packet) for packet in packets))

    def unlink(self, number, which):
        found = [one for one in self.waiting if one[1] == which]
        for one in found:
            self.waiting.remove(one)
        status = -errno.ECONNRESET if found else 0
        self.socket.sendall(HEADER.pack(UNLINKED, number, 0, 0, 0) + struct.pack(">i24x", status))

    # --- what it is and does ---

    def answer_control(self, number, setup, length, data):
        kind, request, value = struct.unpack("<BBH", setup[:4])
        descriptors = {0x100: DEVICE, 0x200: CONFIGURATION, 0x300: b"\x04\x03\x09\x04",
                       0x301: b"\x10\x03" + "Counter".encode("utf-16-le")}
        if kind == 0x80 and request == 6 and value in descriptors:
            self.answer(number, 0, descriptors[value][:length])
        elif kind == 0x80 and request == 0:
            self.answer(number, 0, b"\0\0"[:length])
        elif not kind & 0x80:
            self.answer(number, 0, written=len(data))
        else:
            self.answer(number, -errno.EPIPE)

    def record(self, number, packets):
        data, told = b"", []
        for offset, length, _, _ in packets:
            actual = min(length, SAMPLES)
            data += bytes((self.sample + i) % 256 for i in range(actual))
            self.sample += actual
            told.append((offset, length, actual, 0))
        self.packets += len(packets)
        self.answer(number, 0, data, told)
