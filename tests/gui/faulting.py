# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel that ends in a triple fault at once."""
import struct

LOAD = 0x100000
ELF_HEADER = 52 + 32  # header and one program header (System V ABI, edition 4.1, chapter 4 and 5)


def write_kernel(path):
    """Multiboot 0.6.96, 3.1: an i386 ELF with the header in front. lidt with limit 0, then ud2: neither #UD nor the
    double fault that follows finds a handler."""
    magic, flags = 0x1BADB002, 0
    header = struct.pack("<III", magic, flags, -(magic + flags) & 0xffffffff)
    code_at = LOAD + len(header)
    code = b"\x0f\x01\x1d" + struct.pack("<I", code_at + 9) + b"\x0f\x0b" + bytes(6)
    image = header + code
    elf = struct.pack("<4sBBBB8xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, 1, 0, 2, 3, 1, code_at, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    program = struct.pack("<IIIIIIII", 1, ELF_HEADER, LOAD, LOAD, len(image), len(image), 5, 4)
    with open(path, "wb") as out:
        out.write(elf + program + image)
