/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/legacy/ps2-queue.h"
#include "display/input/input.h"

/*
 * A PS/2 keyboard (IBM PS/2 Technical Reference, "Keyboard"), scan code sets 1 and 2, with
 * typematic repeat. Part of a controller: the controller's lock protects it.
 */
typedef struct {
  Ps2Queue queue;
  uint8_t scan_set; /* 1 or 2 */
  uint8_t command;  /* the command that waits for its argument, or 0 */
  uint8_t leds;
  uint8_t typematic; /* as set by command 0xf3 */
  bool enabled;
  uint8_t down[32];     /* bit per usage */
  uint8_t repeat_usage; /* the key that repeats, or 0 */
} Ps2Keyboard;

extern const StateTable ps2_keyboard_state;

void ps2_keyboard_reset (Ps2Keyboard *kbd);
bool ps2_keyboard_is_sane (const Ps2Keyboard *kbd);

/* A byte from the host's side of the cable. */
void ps2_keyboard_write (Ps2Keyboard *kbd, uint8_t byte);

/* A key was pressed or released. Returns true if the repeat timer must be started anew. */
bool ps2_keyboard_key (Ps2Keyboard *kbd, KeyUsage usage, bool down);

/* The repeat timer fired: sends the make code again. False if nothing repeats any more. */
bool ps2_keyboard_repeat (Ps2Keyboard *kbd);

/* Typematic delay and period in ms. */
unsigned ps2_keyboard_delay_ms (const Ps2Keyboard *kbd);
unsigned ps2_keyboard_period_ms (const Ps2Keyboard *kbd);

/* Turns the next byte of set 2 into set 1 as the 8042 does; *@release carries the 0xf0 prefix between calls.
 * Returns -1 if @byte was the prefix. */
int ps2_translate_set2 (uint8_t byte, bool *release);
