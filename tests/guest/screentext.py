# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the text off a screenshot of a PC's console by exact comparison with the fonts.

Two fonts are known: the video BIOS's (SeaVGABIOS), which text modes show, and Linux's
own, which its frame buffer consoles show. Both are taken from where they are installed.
Cells are 8 or 9 dots wide and 16 high, in any two colours.
"""

import functools
import pathlib

from PIL import Image

import guests

VIDEO_BIOS = pathlib.Path("/usr/share/seabios/vgabios-stdvga.bin")

ROWS = 16
LETTER_A = bytes.fromhex("0000 1038 6cc6 c6fe c6c6 c6c6 0000 0000")
CODES = ("\0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
         + bytes(range(0x20, 0x7f)).decode("ascii") + "⌂" + bytes(range(0x80, 0x100)).decode("cp437"))
UNKNOWN = "\ufffd"
# A text cursor covers some of the last rows of its cell.
ROWS_ABOVE_CURSOR = 13


def bios_font():
    rom = VIDEO_BIOS.read_bytes()
    start = rom.index(LETTER_A) - ord("A") * ROWS
    return rom[start:start + 256 * ROWS]


def linux_font():
    return (guests.directory("linux") / "console-font").read_bytes()


@functools.cache
def glyphs():
    """Maps 16 rows of 8 dots to a character, and the rows above a cursor likewise."""
    whole, above_cursor = {}, {}
    # ASCII first: where glyphs are alike, the plain character is meant.
    order = [*range(0x20, 0x7f), *range(0x20), *range(0x7f, 0x100)]
    for font in (bios_font(), linux_font()):
        for code in order:
            rows = font[code * ROWS:(code + 1) * ROWS]
            character = " " if not any(rows) else CODES[code]
            whole.setdefault(rows, character)
            above_cursor.setdefault(rows[:ROWS_ABOVE_CURSOR], character)
    return whole, above_cursor


def lookup(rows):
    whole, above_cursor = glyphs()
    inverse = bytes(255 - row for row in rows)
    for candidate in (rows, inverse):
        if candidate in whole:
            return whole[candidate]
    for candidate in (rows, inverse):
        if candidate[:ROWS_ABOVE_CURSOR] in above_cursor:
            return above_cursor[candidate[:ROWS_ABOVE_CURSOR]]
    return UNKNOWN


@functools.lru_cache(maxsize=65536)
def read_cell(dots):
    """The character that 16 rows of RGB dots show. The ninth column of a text mode's
    cell only repeats the eighth or is blank, so it is not looked at."""
    width = len(dots) // ROWS // 3
    pixels = [dots[i:i + 3] for i in range(0, len(dots), 3)]
    colours = set(pixels)
    if len(colours) == 1:
        return " "
    if len(colours) > 2:
        return UNKNOWN
    ink = max(colours)
    rows = bytes(sum((pixels[y * width + x] == ink) << (7 - x) for x in range(8)) for y in range(ROWS))
    return lookup(rows)


def read_lines(image, width):
    """The lines of text in cells of so many dots."""
    data = image.tobytes()
    stride = image.width * 3
    lines = []
    for top in range(0, image.height - ROWS + 1, ROWS):
        strip = data[top * stride:(top + ROWS) * stride]
        if strip == strip[:3] * (len(strip) // 3):
            lines.append("")
            continue
        cells = []
        for left in range(0, (image.width // width) * width * 3, width * 3):
            cells.append(read_cell(b"".join(strip[row * stride + left:row * stride + left + width * 3]
                                            for row in range(ROWS))))
        lines.append("".join(cells).rstrip())
    return lines


def read_image(image):
    """The lines of a PIL image; those of the cell width that more characters are read with."""
    image = image.convert("RGB")
    widths = [9, 8] if image.width % 9 == 0 and image.height == 400 else [8]
    readings = [read_lines(image, width) for width in widths]
    return min(readings, key=lambda lines: sum(line.count(UNKNOWN) for line in lines))


def read_screen(path):
    """The lines of a screenshot file."""
    with Image.open(path) as image:
        return read_image(image)
