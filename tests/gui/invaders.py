# SPDX-License-Identifier: GPL-3.0-or-later
"""What GRUB Invaders shows: attackers in cyan above, the player's ship in magenta in the bottom line, its shots in red.

The game looks at a key that is down, not at presses: hold keys.
"""
from desktop import wait
from PIL import Image

LOOKS = 10  # of about a fifth of a second each
MAGENTA, CYAN, RED = (170, 0, 170), (0, 170, 170), (170, 0, 0)  # of the VGA palette
WHITE = (255, 255, 255)  # of Bonsai's own messages: the game draws none


def columns(app, window, colour, part):
    """Where on the x axis that colour is, in the lower part of the window's picture."""
    path = app.glance(window)
    if not path:
        return []
    with Image.open(path) as picture:
        width, height = picture.size
        strip = picture.convert("RGB").crop((0, int(height * (1 - part)), width, height))
        return [i % width for i, pixel in enumerate(strip.getdata()) if pixel == colour]


def drawn(app, window):
    """Whether attackers are on screen."""
    return len(columns(app, window, CYAN, 1)) > 100


def ship(app, window):
    """The ship's middle, or None while it isn't drawn."""
    found = columns(app, window, MAGENTA, 0.12)
    return (min(found) + max(found)) // 2 if len(found) > 10 else None


def resting_ship(app, window):
    """The ship's middle once it stays there: it goes on for a while after its key was let go."""
    seen = []

    def rests():
        seen.append(ship(app, window))
        return len(seen) >= LOOKS and seen[-1] and len(set(seen[-LOOKS:])) == 1

    wait("the ship to rest", rests)
    return seen[-1]


def shots(app, window):
    return len(columns(app, window, RED, 1)) > 0


def message(app, window):
    """Whether a message of Bonsai's lies over the picture."""
    return len(columns(app, window, WHITE, 1)) > 50
