/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/virtio/virtio-input.h"

#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/* What kinds of input devices there are, in the words of Linux' input events (the kernel's
 * Documentation/input/event-codes.rst), which section 5.8 makes its own. */
enum {
  EV_SYN = 0x00,
  EV_KEY = 0x01,
  EV_REL = 0x02,
  EV_ABS = 0x03,
  EV_LED = 0x11,
  EV_REP = 0x14,

  REL_HWHEEL = 0x06,
  REL_WHEEL = 0x08,

  ABS_X = 0x00,
  ABS_Y = 0x01,

  BTN_LEFT = 0x110, /* then right, middle, side, extra */

  LED_SCROLL_LOCK = 0x02, /* the third and last; as InputHub numbers them */
};

#define INPUT_N_CODES 0x120u /* keys and buttons that our devices have lie below */

/* The code of a key of the keyboard page; 0: none. */
uint16_t virtio_input_key_code (KeyUsage usage);

/* Section 5.8.2: what virtio_input_config answers to @select and @subsel. Returns: the bytes put to @answer
 * (at least 128 of room), 0 if there is no such thing. */
unsigned virtio_input_describe (VirtioInputKind kind, uint8_t select, uint8_t subsel, uint8_t *answer);

G_END_DECLS
