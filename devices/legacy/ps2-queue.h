/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/state/state.h"

#include <stdbool.h>
#include <stdint.h>

/* What a PS/2 device has to say: a bounded queue of bytes. All or nothing of a sequence enters. */
#define PS2_QUEUE_SIZE 64

typedef struct {
  uint8_t bytes[PS2_QUEUE_SIZE];
  uint8_t head, count;
} Ps2Queue;

extern const StateTable ps2_queue_state;

void ps2_queue_clear (Ps2Queue *queue);
bool ps2_queue_is_sane (const Ps2Queue *queue); /* of a loaded state */

/* False, having queued nothing, if @n bytes don't fit. */
bool ps2_queue_push (Ps2Queue *queue, const uint8_t *bytes, unsigned n);
bool ps2_queue_push_byte (Ps2Queue *queue, uint8_t byte);

/* Next byte, or -1. */
int ps2_queue_pop (Ps2Queue *queue);
