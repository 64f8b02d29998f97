/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/ps2-queue.h"

void
ps2_queue_clear (Ps2Queue *queue)
{
  queue->head = queue->count = 0;
}

bool
ps2_queue_is_sane (const Ps2Queue *queue)
{
  return queue->head < PS2_QUEUE_SIZE && queue->count <= PS2_QUEUE_SIZE;
}

bool
ps2_queue_push (Ps2Queue *queue, const uint8_t *bytes, unsigned n)
{
  if (n > PS2_QUEUE_SIZE - (unsigned)queue->count)
    return false;
  for (unsigned i = 0; i < n; i++)
    queue->bytes[(queue->head + queue->count++) % PS2_QUEUE_SIZE] = bytes[i];
  return true;
}

bool
ps2_queue_push_byte (Ps2Queue *queue, uint8_t byte)
{
  return ps2_queue_push (queue, &byte, 1);
}

int
ps2_queue_pop (Ps2Queue *queue)
{
  uint8_t byte;

  if (queue->count == 0)
    return -1;
  byte = queue->bytes[queue->head];
  queue->head = (queue->head + 1) % PS2_QUEUE_SIZE;
  queue->count--;
  return byte;
}

static const StateField ps2_queue_fields[] = {
  STATE_BYTES (Ps2Queue, bytes, 1),
  STATE_U8 (Ps2Queue, head, 1),
  STATE_U8 (Ps2Queue, count, 1),
  STATE_END,
};

const StateTable ps2_queue_state = {
  .name = "ps2-queue",
  .version = 1,
  .fields = ps2_queue_fields,
  .object_size = sizeof (Ps2Queue),
};
