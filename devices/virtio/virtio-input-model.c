/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-input-private.h"
#include "vmm/base/bytes.h"

#include <string.h>

/* Section 5.8.4, "Device configuration layout". */
enum {
  CFG_ID_NAME = 0x01,
  CFG_ID_DEVIDS = 0x03,
  CFG_EV_BITS = 0x11,
  CFG_ABS_INFO = 0x12,
};

#define BUS_VIRTUAL 0x06
#define VENDOR      0x1af4
#define VERSION     1

#define ANSWER_SIZE 128u

/* Usages of the keyboard page (HID Usage Tables 1.4, section 10) as Linux numbers keys. */
/* clang-format off */
static const uint8_t key_codes[256] = {
  /* A to Z */
  [0x04] = 30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50, 49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45,
  21, 44,
  /* 1 to 0; Return, Escape, Backspace, Tab, Space */
  [0x1e] = 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 28, 1, 14, 15, 57,
  /* - = [ ] \ # ; ' ` , . / Caps Lock */
  [0x2d] = 12, 13, 26, 27, 43, 43, 39, 40, 41, 51, 52, 53, 58,
  /* F1 to F12; Print, Scroll Lock, Pause */
  [0x3a] = 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 87, 88, 99, 70, 119,
  /* Insert, Home, Page Up, Delete, End, Page Down; right, left, down, up */
  [0x49] = 110, 102, 104, 111, 107, 109, 106, 105, 108, 103,
  /* the keypad: Num Lock / * - + Enter, 1 to 0, decimal point */
  [0x53] = 69, 98, 55, 74, 78, 96, 79, 80, 81, 75, 76, 77, 71, 72, 73, 82, 83,
  /* < > beside the left Shift, Menu, Power, keypad =, F13 to F24 */
  [0x64] = 86, 127, 116, 117, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194,
  /* Open, Help, Props, Select, Stop, Again, Undo, Cut, Copy, Paste, Find, Mute, louder, softer */
  [0x74] = 134, 138, 130, 132, 128, 129, 131, 137, 133, 135, 136, 113, 115, 114,
  /* keypad comma; Ro, Katakana/Hiragana, Yen, Henkan, Muhenkan, keypad comma of Japan */
  [0x85] = 121, [0x87] = 89, 93, 124, 92, 94, 95,
  /* Hangul, Hanja, Katakana, Hiragana, Zenkaku/Hankaku; SysRq */
  [0x90] = 122, 123, 90, 91, 85, [0x9a] = 99,
  /* Ctrl, Shift, Alt, Super: left, then right */
  [0xe0] = 29, 42, 56, 125, 97, 54, 100, 126,
};
/* clang-format on */

uint16_t
virtio_input_key_code (KeyUsage usage)
{
  return key_codes[usage];
}

static void
set_bit (uint8_t *bits, unsigned bit)
{
  bits[bit / 8] |= (uint8_t)(1 << bit % 8);
}

static void
describe_keys (VirtioInputKind kind, uint8_t *bits)
{
  if (kind == VIRTIO_INPUT_TABLET)
    for (unsigned i = 0; i < POINTER_N_BUTTONS; i++)
      set_bit (bits, BTN_LEFT + i);
  else
    for (unsigned usage = 0; usage < G_N_ELEMENTS (key_codes); usage++)
      if (key_codes[usage] != 0)
        set_bit (bits, key_codes[usage]);
}

/* The codes of one type of events. */
static void
describe_events (VirtioInputKind kind, uint8_t type, uint8_t *bits)
{
  bool tablet = kind == VIRTIO_INPUT_TABLET;

  if (type == EV_KEY)
    describe_keys (kind, bits);
  else if (type == EV_REL && tablet)
    {
      set_bit (bits, REL_WHEEL);
      set_bit (bits, REL_HWHEEL);
    }
  else if (type == EV_ABS && tablet)
    {
      set_bit (bits, ABS_X);
      set_bit (bits, ABS_Y);
    }
  else if (type == EV_LED && !tablet)
    for (unsigned i = 0; i <= LED_SCROLL_LOCK; i++)
      set_bit (bits, i);
  else if (type == EV_REP && !tablet)
    set_bit (bits, 0); /* the guest repeats held keys itself */
}

static unsigned
describe_name (VirtioInputKind kind, uint8_t *answer)
{
  const char *name = kind == VIRTIO_INPUT_TABLET ? "Bonsai Tablet" : "Bonsai Keyboard";

  memcpy (answer, name, strlen (name));
  return (unsigned)strlen (name);
}

unsigned
virtio_input_describe (VirtioInputKind kind, uint8_t select, uint8_t subsel, uint8_t *answer)
{
  unsigned size = 0;

  memset (answer, 0, ANSWER_SIZE);
  if (select == CFG_EV_BITS)
    {
      describe_events (kind, subsel, answer);
      for (size = ANSWER_SIZE; size > 0 && answer[size - 1] == 0;)
        size--;
    }
  else if (select == CFG_ABS_INFO && kind == VIRTIO_INPUT_TABLET && subsel <= ABS_Y)
    {
      store_le32 (answer + 4, POINTER_POSITION_MAX); /* from 0; no fuzz, no flat part, no resolution */
      size = 20;
    }
  else if (select == CFG_ID_NAME && subsel == 0)
    size = describe_name (kind, answer);
  else if (select == CFG_ID_DEVIDS && subsel == 0)
    {
      store_le16 (answer, BUS_VIRTUAL);
      store_le16 (answer + 2, VENDOR);
      store_le16 (answer + 4, (uint16_t)(kind + 1));
      store_le16 (answer + 6, VERSION);
      size = 8;
    }
  return size;
}
