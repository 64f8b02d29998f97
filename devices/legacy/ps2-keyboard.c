/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/ps2-keyboard.h"

#include <string.h>

enum {
  KBD_SET_LEDS = 0xed,
  KBD_ECHO = 0xee,
  KBD_SCAN_SET = 0xf0,
  KBD_IDENTIFY = 0xf2,
  KBD_TYPEMATIC = 0xf3,
  KBD_ENABLE = 0xf4,
  KBD_DEFAULT_DISABLE = 0xf5,
  KBD_DEFAULT = 0xf6,
  KBD_RESEND = 0xfe,
  KBD_RESET = 0xff,

  KBD_ACK = 0xfa,
  KBD_SELF_TEST_PASSED = 0xaa,
  KBD_REPLY_ECHO = 0xee,
  KBD_REPLY_RESEND = 0xfe,
};

#define TYPEMATIC_DEFAULT 0x2b /* 500 ms, then 10.9 characters a second */
#define EXTENDED          0x100

/* HID usage (keyboard page) → set 2 make code; EXTENDED means a 0xe0 prefix.
 * HID Usage Tables 1.4 section 10 and its companion, "USB HID to PS/2 Scan Code Translation Table". */
static const uint16_t set2_codes[256] = {
  [0x04] = 0x1c,
  [0x05] = 0x32,
  [0x06] = 0x21,
  [0x07] = 0x23,
  [0x08] = 0x24,
  [0x09] = 0x2b,
  [0x0a] = 0x34,
  [0x0b] = 0x33,
  [0x0c] = 0x43,
  [0x0d] = 0x3b,
  [0x0e] = 0x42,
  [0x0f] = 0x4b,
  [0x10] = 0x3a,
  [0x11] = 0x31,
  [0x12] = 0x44,
  [0x13] = 0x4d,
  [0x14] = 0x15,
  [0x15] = 0x2d,
  [0x16] = 0x1b,
  [0x17] = 0x2c,
  [0x18] = 0x3c,
  [0x19] = 0x2a,
  [0x1a] = 0x1d,
  [0x1b] = 0x22,
  [0x1c] = 0x35,
  [0x1d] = 0x1a,
  [0x1e] = 0x16,
  [0x1f] = 0x1e,
  [0x20] = 0x26,
  [0x21] = 0x25,
  [0x22] = 0x2e,
  [0x23] = 0x36,
  [0x24] = 0x3d,
  [0x25] = 0x3e,
  [0x26] = 0x46,
  [0x27] = 0x45,
  [0x28] = 0x5a,
  [0x29] = 0x76,
  [0x2a] = 0x66,
  [0x2b] = 0x0d,
  [0x2c] = 0x29,
  [0x2d] = 0x4e,
  [0x2e] = 0x55,
  [0x2f] = 0x54,
  [0x30] = 0x5b,
  [0x31] = 0x5d,
  [0x32] = 0x5d,
  [0x33] = 0x4c,
  [0x34] = 0x52,
  [0x35] = 0x0e,
  [0x36] = 0x41,
  [0x37] = 0x49,
  [0x38] = 0x4a,
  [0x39] = 0x58,
  [0x3a] = 0x05,
  [0x3b] = 0x06,
  [0x3c] = 0x04,
  [0x3d] = 0x0c,
  [0x3e] = 0x03,
  [0x3f] = 0x0b,
  [0x40] = 0x83,
  [0x41] = 0x0a,
  [0x42] = 0x01,
  [0x43] = 0x09,
  [0x44] = 0x78,
  [0x45] = 0x07,
  [0x47] = 0x7e,
  [0x49] = EXTENDED | 0x70,
  [0x4a] = EXTENDED | 0x6c,
  [0x4b] = EXTENDED | 0x7d,
  [0x4c] = EXTENDED | 0x71,
  [0x4d] = EXTENDED | 0x69,
  [0x4e] = EXTENDED | 0x7a,
  [0x4f] = EXTENDED | 0x74,
  [0x50] = EXTENDED | 0x6b,
  [0x51] = EXTENDED | 0x72,
  [0x52] = EXTENDED | 0x75,
  [0x53] = 0x77,
  [0x54] = EXTENDED | 0x4a,
  [0x55] = 0x7c,
  [0x56] = 0x7b,
  [0x57] = 0x79,
  [0x58] = EXTENDED | 0x5a,
  [0x59] = 0x69,
  [0x5a] = 0x72,
  [0x5b] = 0x7a,
  [0x5c] = 0x6b,
  [0x5d] = 0x73,
  [0x5e] = 0x74,
  [0x5f] = 0x6c,
  [0x60] = 0x75,
  [0x61] = 0x7d,
  [0x62] = 0x70,
  [0x63] = 0x71,
  [0x64] = 0x61,
  [0x65] = EXTENDED | 0x2f,
  [0x66] = EXTENDED | 0x37,
  [0x67] = 0x0f,
  [0x68] = 0x08,
  [0x69] = 0x10,
  [0x6a] = 0x18,
  [0x6b] = 0x20,
  [0x6c] = 0x28,
  [0x6d] = 0x30,
  [0x6e] = 0x38,
  [0x6f] = 0x40,
  [0x70] = 0x48,
  [0x71] = 0x50,
  [0x72] = 0x57,
  [0x73] = 0x5f,
  [0x7f] = EXTENDED | 0x23,
  [0x80] = EXTENDED | 0x32,
  [0x81] = EXTENDED | 0x21,
  [0x85] = 0x6d,
  [0x87] = 0x51,
  [0x88] = 0x13,
  [0x89] = 0x6a,
  [0x8a] = 0x64,
  [0x8b] = 0x67,
  [0x90] = 0xf2,
  [0x91] = 0xf1,
  [0x92] = 0x63,
  [0x93] = 0x62,
  [0x94] = 0x5f,
  [0xe0] = 0x14,
  [0xe1] = 0x12,
  [0xe2] = 0x11,
  [0xe3] = EXTENDED | 0x1f,
  [0xe4] = EXTENDED | 0x14,
  [0xe5] = 0x59,
  [0xe6] = EXTENDED | 0x11,
  [0xe7] = EXTENDED | 0x27,
};

/* The 8042's translation of set 2 into set 1 (PS/2 Technical Reference, keyboard controller). */
static const uint8_t set1_of_set2[0x80] = {
  0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
  0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
  0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
  0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
  0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
  0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
  0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
  0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

enum {
  USAGE_PRINT = 0x46,
  USAGE_PAUSE = 0x48,
  USAGE_LEFT_CTRL = 0xe0,
  USAGE_LEFT_ALT = 0xe2,
  USAGE_RIGHT_CTRL = 0xe4,
  USAGE_RIGHT_ALT = 0xe6,
};

static uint8_t
set1_code (uint8_t set2)
{
  if (set2 == 0x83)
    return 0x41; /* F7 */
  if (set2 == 0x84)
    return 0x54; /* SysRq */
  return set2 < 0x80 ? set1_of_set2[set2] : set2;
}

int
ps2_translate_set2 (uint8_t byte, bool *release)
{
  bool prefix = *release;

  *release = byte == 0xf0;
  if (byte == 0xf0)
    return -1;
  if (byte == 0xe0 || byte == 0xe1)
    {
      *release = prefix;
      return byte;
    }
  return set1_code (byte) | (prefix ? 0x80 : 0);
}

static bool
is_down (const Ps2Keyboard *kbd, KeyUsage usage)
{
  return kbd->down[usage / 8] & (1 << (usage % 8));
}

static void
set_down (Ps2Keyboard *kbd, KeyUsage usage, bool down)
{
  if (down)
    kbd->down[usage / 8] |= 1 << (usage % 8);
  else
    kbd->down[usage / 8] &= ~(1 << (usage % 8));
}

/* Queues a sequence of set 2, turned into set 1 if the guest chose that. */
static void
send_codes (Ps2Keyboard *kbd, const uint8_t *set2, unsigned n)
{
  uint8_t set1[8];
  unsigned n1 = 0;
  bool release = false;

  if (kbd->scan_set == 2)
    {
      ps2_queue_push (&kbd->queue, set2, n);
      return;
    }
  for (unsigned i = 0; i < n && n1 < sizeof set1; i++)
    {
      int byte = ps2_translate_set2 (set2[i], &release);
      if (byte >= 0)
        set1[n1++] = byte;
    }
  ps2_queue_push (&kbd->queue, set1, n1);
}

#define SEND(kbd, ...)                                                                                       \
  send_codes (kbd, (const uint8_t[]){ __VA_ARGS__ }, sizeof ((const uint8_t[]){ __VA_ARGS__ }))

static void
send_pause (Ps2Keyboard *kbd, bool down)
{
  bool ctrl = is_down (kbd, USAGE_LEFT_CTRL) || is_down (kbd, USAGE_RIGHT_CTRL);

  if (!down)
    return; /* Pause has no break code */
  if (ctrl)
    SEND (kbd, 0xe0, 0x7e, 0xe0, 0xf0, 0x7e); /* Break */
  else
    SEND (kbd, 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
}

static void
send_print (Ps2Keyboard *kbd, bool down)
{
  bool alt = is_down (kbd, USAGE_LEFT_ALT) || is_down (kbd, USAGE_RIGHT_ALT);

  if (alt && down)
    SEND (kbd, 0x84); /* SysRq */
  else if (alt)
    SEND (kbd, 0xf0, 0x84);
  else if (down)
    SEND (kbd, 0xe0, 0x12, 0xe0, 0x7c);
  else
    SEND (kbd, 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12);
}

static void
send_key (Ps2Keyboard *kbd, KeyUsage usage, bool down)
{
  uint16_t code = set2_codes[usage];

  if (usage == USAGE_PAUSE)
    send_pause (kbd, down);
  else if (usage == USAGE_PRINT)
    send_print (kbd, down);
  else if (code == 0)
    return; /* a key that PS/2 keyboards don't have */
  else if (code & EXTENDED)
    {
      if (down)
        SEND (kbd, 0xe0, code & 0xff);
      else
        SEND (kbd, 0xe0, 0xf0, code & 0xff);
    }
  else if (down)
    SEND (kbd, code);
  else if (code < 0xf0) /* the Korean language keys send no break code */
    SEND (kbd, 0xf0, code);
}

bool
ps2_keyboard_key (Ps2Keyboard *kbd, KeyUsage usage, bool down)
{
  bool repeats = usage != USAGE_PAUSE && (set2_codes[usage] != 0 || usage == USAGE_PRINT);

  if (is_down (kbd, usage) == down)
    return false;
  set_down (kbd, usage, down);
  if (kbd->enabled)
    send_key (kbd, usage, down);
  if (down && repeats)
    {
      kbd->repeat_usage = usage;
      return true;
    }
  if (!down && kbd->repeat_usage == usage)
    kbd->repeat_usage = 0;
  return false;
}

bool
ps2_keyboard_repeat (Ps2Keyboard *kbd)
{
  if (kbd->repeat_usage == 0 || !kbd->enabled)
    return false;
  /* A guest that doesn't read gets no backlog of repeats. */
  if (kbd->queue.count == 0)
    send_key (kbd, kbd->repeat_usage, true);
  return true;
}

unsigned
ps2_keyboard_delay_ms (const Ps2Keyboard *kbd)
{
  return (((kbd->typematic >> 5) & 3) + 1) * 250;
}

unsigned
ps2_keyboard_period_ms (const Ps2Keyboard *kbd)
{
  unsigned a = kbd->typematic & 7, b = (kbd->typematic >> 3) & 3;

  return ((8 + a) << b) * 417 / 100; /* (8 + A) × 2^B × 4.17 ms */
}

static void
set_defaults (Ps2Keyboard *kbd)
{
  kbd->typematic = TYPEMATIC_DEFAULT;
  kbd->scan_set = 2;
  kbd->repeat_usage = 0;
}

void
ps2_keyboard_reset (Ps2Keyboard *kbd)
{
  set_defaults (kbd);
  ps2_queue_clear (&kbd->queue);
  kbd->command = 0;
  kbd->leds = 0;
  kbd->enabled = true;
}

bool
ps2_keyboard_is_sane (const Ps2Keyboard *kbd)
{
  return ps2_queue_is_sane (&kbd->queue) && (kbd->scan_set == 1 || kbd->scan_set == 2);
}

static void
write_argument (Ps2Keyboard *kbd, uint8_t byte)
{
  uint8_t command = kbd->command;

  kbd->command = 0;
  if (command == KBD_SET_LEDS)
    kbd->leds = byte & 7;
  else if (command == KBD_TYPEMATIC)
    kbd->typematic = byte & 0x7f;
  else if (command == KBD_SCAN_SET && byte > 2)
    {
      ps2_queue_push_byte (&kbd->queue, KBD_REPLY_RESEND);
      return;
    }
  ps2_queue_push_byte (&kbd->queue, KBD_ACK);
  if (command == KBD_SCAN_SET && byte == 0)
    ps2_queue_push_byte (&kbd->queue, kbd->scan_set);
  else if (command == KBD_SCAN_SET)
    kbd->scan_set = byte;
}

static void
write_command (Ps2Keyboard *kbd, uint8_t command)
{
  switch (command)
    {
    case KBD_SET_LEDS:
    case KBD_SCAN_SET:
    case KBD_TYPEMATIC:
      kbd->command = command;
      ps2_queue_push_byte (&kbd->queue, KBD_ACK);
      break;
    case KBD_ECHO:
      ps2_queue_push_byte (&kbd->queue, KBD_REPLY_ECHO);
      break;
    case KBD_IDENTIFY:
      ps2_queue_push (&kbd->queue, (const uint8_t[]){ KBD_ACK, 0xab, 0x83 }, 3);
      break;
    case KBD_ENABLE:
    case KBD_DEFAULT_DISABLE:
    case KBD_DEFAULT:
      ps2_queue_clear (&kbd->queue);
      if (command != KBD_ENABLE)
        set_defaults (kbd);
      if (command != KBD_DEFAULT)
        kbd->enabled = command == KBD_ENABLE;
      ps2_queue_push_byte (&kbd->queue, KBD_ACK);
      break;
    case KBD_RESET:
      ps2_keyboard_reset (kbd);
      ps2_queue_push (&kbd->queue, (const uint8_t[]){ KBD_ACK, KBD_SELF_TEST_PASSED }, 2);
      break;
    default:
      ps2_queue_push_byte (&kbd->queue, KBD_REPLY_RESEND);
    }
}

void
ps2_keyboard_write (Ps2Keyboard *kbd, uint8_t byte)
{
  /* A command interrupts one that waits for its argument; arguments are below 0xed. */
  if (kbd->command != 0 && byte < KBD_SET_LEDS)
    write_argument (kbd, byte);
  else
    {
      kbd->command = 0;
      write_command (kbd, byte);
    }
}

static const StateField ps2_keyboard_fields[] = {
  STATE_STRUCT (Ps2Keyboard, queue, &ps2_queue_state, 1),
  STATE_U8 (Ps2Keyboard, scan_set, 1),
  STATE_U8 (Ps2Keyboard, command, 1),
  STATE_U8 (Ps2Keyboard, leds, 1),
  STATE_U8 (Ps2Keyboard, typematic, 1),
  STATE_BOOL (Ps2Keyboard, enabled, 1),
  STATE_BYTES (Ps2Keyboard, down, 1),
  STATE_U8 (Ps2Keyboard, repeat_usage, 1),
  STATE_END,
};

const StateTable ps2_keyboard_state = {
  .name = "ps2-keyboard",
  .version = 1,
  .fields = ps2_keyboard_fields,
  .object_size = sizeof (Ps2Keyboard),
};
