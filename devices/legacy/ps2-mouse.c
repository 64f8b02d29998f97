/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/ps2-mouse.h"

#include <glib.h>

enum {
  MOUSE_SCALE_1_1 = 0xe6,
  MOUSE_SCALE_2_1 = 0xe7,
  MOUSE_RESOLUTION = 0xe8,
  MOUSE_STATUS = 0xe9,
  MOUSE_STREAM = 0xea,
  MOUSE_READ_DATA = 0xeb,
  MOUSE_RESET_WRAP = 0xec,
  MOUSE_WRAP = 0xee,
  MOUSE_REMOTE = 0xf0,
  MOUSE_IDENTIFY = 0xf2,
  MOUSE_SAMPLE_RATE = 0xf3,
  MOUSE_ENABLE = 0xf4,
  MOUSE_DISABLE = 0xf5,
  MOUSE_DEFAULT = 0xf6,
  MOUSE_RESET = 0xff,

  MOUSE_ACK = 0xfa,
  MOUSE_ERROR = 0xfc,
  MOUSE_SELF_TEST_PASSED = 0xaa,
};

enum { TYPE_STANDARD = 0, TYPE_WHEEL = 3, TYPE_EXPLORER = 4 };

/* Motion that nobody fetches is kept up to this much, then forgotten. */
#define MOTION_LIMIT 4096

/* Packets that may wait: enough for smoothness, few enough that a slow guest's pointer doesn't lag. */
#define BACKLOG_LIMIT 16

static void
set_defaults (Ps2Mouse *mouse)
{
  mouse->sample_rate = 100;
  mouse->resolution = 2;
  mouse->scale_2_1 = false;
  mouse->enabled = false;
  mouse->remote = false;
  mouse->dx = mouse->dy = mouse->dz = 0;
}

void
ps2_mouse_reset (Ps2Mouse *mouse)
{
  set_defaults (mouse);
  ps2_queue_clear (&mouse->queue);
  mouse->type = TYPE_STANDARD;
  mouse->command = 0;
  mouse->wrap = false;
  memset (mouse->knock, 0, sizeof mouse->knock);
  mouse->buttons_sent = mouse->buttons;
}

bool
ps2_mouse_is_sane (const Ps2Mouse *mouse)
{
  return ps2_queue_is_sane (&mouse->queue)
         && (mouse->type == TYPE_STANDARD || mouse->type == TYPE_WHEEL || mouse->type == TYPE_EXPLORER)
         && ABS ((int64_t)mouse->dx) <= MOTION_LIMIT && ABS ((int64_t)mouse->dy) <= MOTION_LIMIT
         && ABS ((int64_t)mouse->dz) <= MOTION_LIMIT;
}

static int
take (int32_t *sum, int low, int high)
{
  int step = CLAMP (*sum, low, high);

  *sum -= step;
  return step;
}

/* Three bytes, or four with a wheel (Microsoft, "IntelliMouse packet formats"). */
static void
queue_packet (Ps2Mouse *mouse)
{
  int dx = take (&mouse->dx, -255, 255), dy = take (&mouse->dy, -255, 255);
  uint8_t packet[4] = { 0x08 | (mouse->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0), dx, dy };
  unsigned n = 3;

  if (mouse->type == TYPE_WHEEL)
    packet[n++] = take (&mouse->dz, -127, 127);
  else if (mouse->type == TYPE_EXPLORER)
    packet[n++] = (take (&mouse->dz, -7, 7) & 0x0f) | (mouse->buttons & 0x18) << 1;
  else
    mouse->dz = 0;
  mouse->buttons_sent = mouse->buttons;
  ps2_queue_push (&mouse->queue, packet, n);
}

static bool
has_news (const Ps2Mouse *mouse)
{
  return mouse->dx || mouse->dy || mouse->dz || mouse->buttons != mouse->buttons_sent;
}

void
ps2_mouse_report (Ps2Mouse *mouse)
{
  if (!mouse->enabled || mouse->remote || mouse->wrap)
    return;
  while (has_news (mouse) && mouse->queue.count < BACKLOG_LIMIT)
    queue_packet (mouse);
}

void
ps2_mouse_move (Ps2Mouse *mouse, int dx, int dy)
{
  dx = CLAMP (dx, -MOTION_LIMIT, MOTION_LIMIT);
  dy = CLAMP (dy, -MOTION_LIMIT, MOTION_LIMIT);
  mouse->dx = CLAMP (mouse->dx + dx, -MOTION_LIMIT, MOTION_LIMIT);
  mouse->dy = CLAMP (mouse->dy - dy, -MOTION_LIMIT, MOTION_LIMIT);
  ps2_mouse_report (mouse);
}

void
ps2_mouse_button (Ps2Mouse *mouse, PointerButton button, bool down)
{
  if (down)
    mouse->buttons |= 1 << button;
  else
    mouse->buttons &= ~(1 << button);
  ps2_mouse_report (mouse);
}

void
ps2_mouse_wheel (Ps2Mouse *mouse, int vertical)
{
  vertical = CLAMP (vertical, -127, 127);
  /* Towards the user is positive on the wire. */
  mouse->dz = CLAMP (mouse->dz - vertical, -MOTION_LIMIT, MOTION_LIMIT);
  ps2_mouse_report (mouse);
}

/* The knock: rates 200, 100, 80 turn on the wheel; 200, 200, 80 then the extra buttons. */
static void
set_sample_rate (Ps2Mouse *mouse, uint8_t rate)
{
  mouse->sample_rate = rate;
  mouse->knock[0] = mouse->knock[1];
  mouse->knock[1] = mouse->knock[2];
  mouse->knock[2] = rate;
  if (mouse->knock[0] != 200 || rate != 80)
    return;
  if (mouse->knock[1] == 100)
    mouse->type = TYPE_WHEEL;
  else if (mouse->knock[1] == 200 && mouse->type != TYPE_STANDARD)
    mouse->type = TYPE_EXPLORER;
}

static void
queue_status (Ps2Mouse *mouse)
{
  uint8_t b = mouse->buttons;
  uint8_t flags = (b & 1) << 2 | (b & 2) >> 1 | (b & 4) >> 1 | (mouse->scale_2_1 ? 0x10 : 0)
                  | (mouse->enabled ? 0x20 : 0) | (mouse->remote ? 0x40 : 0);

  ps2_queue_push (&mouse->queue, (const uint8_t[]){ MOUSE_ACK, flags, mouse->resolution, mouse->sample_rate },
                  4);
}

static void
write_argument (Ps2Mouse *mouse, uint8_t byte)
{
  if (mouse->command == MOUSE_SAMPLE_RATE)
    set_sample_rate (mouse, byte);
  else
    mouse->resolution = byte & 3;
  mouse->command = 0;
  ps2_queue_push_byte (&mouse->queue, MOUSE_ACK);
}

static void
write_command (Ps2Mouse *mouse, uint8_t command)
{
  if (mouse->wrap && command != MOUSE_RESET && command != MOUSE_RESET_WRAP)
    {
      ps2_queue_push_byte (&mouse->queue, command);
      return;
    }
  if (command != MOUSE_READ_DATA)
    ps2_queue_clear (&mouse->queue); /* a command discards what the mouse was about to say */

  switch (command)
    {
    case MOUSE_SCALE_1_1:
    case MOUSE_SCALE_2_1:
      mouse->scale_2_1 = command == MOUSE_SCALE_2_1;
      break;
    case MOUSE_RESOLUTION:
    case MOUSE_SAMPLE_RATE:
      mouse->command = command;
      break;
    case MOUSE_STATUS:
      queue_status (mouse);
      return;
    case MOUSE_STREAM:
    case MOUSE_REMOTE:
      mouse->remote = command == MOUSE_REMOTE;
      break;
    case MOUSE_RESET_WRAP:
    case MOUSE_WRAP:
      mouse->wrap = command == MOUSE_WRAP;
      break;
    case MOUSE_READ_DATA:
      ps2_queue_push_byte (&mouse->queue, MOUSE_ACK);
      queue_packet (mouse);
      return;
    case MOUSE_IDENTIFY:
      ps2_queue_push (&mouse->queue, (const uint8_t[]){ MOUSE_ACK, mouse->type }, 2);
      return;
    case MOUSE_ENABLE:
    case MOUSE_DISABLE:
      mouse->enabled = command == MOUSE_ENABLE;
      break;
    case MOUSE_DEFAULT:
      set_defaults (mouse);
      break;
    case MOUSE_RESET:
      ps2_mouse_reset (mouse);
      ps2_queue_push (&mouse->queue, (const uint8_t[]){ MOUSE_ACK, MOUSE_SELF_TEST_PASSED, 0x00 }, 3);
      return;
    default:
      ps2_queue_push_byte (&mouse->queue, MOUSE_ERROR);
      return;
    }
  ps2_queue_push_byte (&mouse->queue, MOUSE_ACK);
}

void
ps2_mouse_write (Ps2Mouse *mouse, uint8_t byte)
{
  if (mouse->command != 0)
    write_argument (mouse, byte);
  else
    write_command (mouse, byte);
}

static const StateField ps2_mouse_fields[] = {
  STATE_STRUCT (Ps2Mouse, queue, &ps2_queue_state, 1),
  STATE_U8 (Ps2Mouse, type, 1),
  STATE_U8 (Ps2Mouse, command, 1),
  STATE_U8 (Ps2Mouse, sample_rate, 1),
  STATE_U8 (Ps2Mouse, resolution, 1),
  STATE_BYTES (Ps2Mouse, knock, 1),
  STATE_BOOL (Ps2Mouse, enabled, 1),
  STATE_BOOL (Ps2Mouse, remote, 1),
  STATE_BOOL (Ps2Mouse, wrap, 1),
  STATE_BOOL (Ps2Mouse, scale_2_1, 1),
  STATE_U8 (Ps2Mouse, buttons, 1),
  STATE_U8 (Ps2Mouse, buttons_sent, 1),
  STATE_U32 (Ps2Mouse, dx, 1),
  STATE_U32 (Ps2Mouse, dy, 1),
  STATE_U32 (Ps2Mouse, dz, 1),
  STATE_END,
};

const StateTable ps2_mouse_state = {
  .name = "ps2-mouse",
  .version = 1,
  .fields = ps2_mouse_fields,
  .object_size = sizeof (Ps2Mouse),
};
