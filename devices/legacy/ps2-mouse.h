/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/legacy/ps2-queue.h"
#include "display/input/input.h"

/*
 * A PS/2 mouse with the IntelliMouse (wheel) and IntelliMouse Explorer (wheel, five buttons)
 * protocols, chosen by the guest's knock of sample rates. Part of a controller: its lock protects it.
 */
typedef struct {
  Ps2Queue queue;
  uint8_t type; /* 0: three buttons, 3: wheel, 4: wheel and five buttons */
  uint8_t command;
  uint8_t sample_rate, resolution;
  uint8_t knock[3]; /* the last three sample rates */
  bool enabled, remote, wrap, scale_2_1;
  uint8_t buttons;      /* bit 0 left, 1 right, 2 middle, 3 side, 4 extra */
  uint8_t buttons_sent; /* as last reported */
  int32_t dx, dy, dz;   /* not yet reported; y up */
} Ps2Mouse;

extern const StateTable ps2_mouse_state;

void ps2_mouse_reset (Ps2Mouse *mouse);
bool ps2_mouse_is_sane (const Ps2Mouse *mouse);

/* A byte from the host's side of the cable. */
void ps2_mouse_write (Ps2Mouse *mouse, uint8_t byte);

void ps2_mouse_move (Ps2Mouse *mouse, int dx, int dy); /* y down, as screens have it */
void ps2_mouse_button (Ps2Mouse *mouse, PointerButton button, bool down);
void ps2_mouse_wheel (Ps2Mouse *mouse, int vertical);

/* Turns collected motion into packets while the queue has room for them. */
void ps2_mouse_report (Ps2Mouse *mouse);
