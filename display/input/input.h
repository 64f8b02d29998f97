/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Keys are USB HID usages of the keyboard page (HID Usage Tables 1.4, section 10), which name
 * places on the keyboard, never characters. 0x04 is "A" on a US keyboard, 0xe0..0xe7 the modifiers.
 */
typedef uint8_t KeyUsage;

typedef enum { POINTER_LEFT, POINTER_RIGHT, POINTER_MIDDLE, POINTER_SIDE, POINTER_EXTRA } PointerButton;

#define POINTER_N_BUTTONS 5

/* The largest absolute position. */
#define POINTER_POSITION_MAX 32767

/* Who takes input: a device. Any thread, one call at a time; implementations lock themselves and bound their
 * queues. A held key comes down once: typematic repeat is the device's. */
typedef struct {
  void (*key) (void *sink, KeyUsage usage, bool down);
  void (*motion) (void *sink, int dx, int dy);                  /* pixels, relative */
  void (*position) (void *sink, unsigned x, unsigned y);        /* 0..32767 of the screen, absolute */
  void (*button) (void *sink, PointerButton button, bool down);
  void (*wheel) (void *sink, int horizontal, int vertical);     /* detents; up and right positive */
} InputSinkOps;

/*
 * InputHub: routes a console's input to the machine's devices and remembers what is pressed.
 * Several sinks: keys go to the newest enabled keyboard, positions to the newest enabled sink that takes them,
 * motion likewise. Buttons and wheel go to the one that was moved last; before, to the one that takes positions, if
 * any. A release goes where the press went.
 *
 * Threading: any thread. Ops run with the hub's lock held, on the thread of the input. With a device's lock held only
 * input_sink_set_enabled, input_hub_set_leds and input_hub_leds may be called.
 */
typedef struct InputHub InputHub;
typedef struct InputSink InputSink;

InputHub *input_hub_new (void);
InputHub *input_hub_ref (InputHub *hub);
void input_hub_unref (InputHub *hub);

/* NULL members of @ops are not offered; @ops stays the caller's. (transfer full); sinks are added enabled. */
InputSink *input_hub_add_sink (InputHub *hub, const InputSinkOps *ops, void *sink);
void input_sink_set_enabled (InputSink *sink, bool enabled);
void input_sink_remove (InputSink *sink); /* releases what is pressed there; after it returns no op runs */

/* True if an enabled sink takes absolute positions: the console then needs no pointer capture. */
bool input_hub_is_absolute (InputHub *hub);

void input_hub_key (InputHub *hub, KeyUsage usage, bool down);
void input_hub_motion (InputHub *hub, int dx, int dy);
void input_hub_position (InputHub *hub, unsigned x, unsigned y);
void input_hub_button (InputHub *hub, PointerButton button, bool down);
void input_hub_wheel (InputHub *hub, int horizontal, int vertical);

/* Releases all that is pressed (focus loss). */
void input_hub_release_all (InputHub *hub);

bool input_hub_key_is_down (InputHub *hub, KeyUsage usage);

/* Keyboard LEDs as the guest set them: bit 0 Num, 1 Caps, 2 Scroll. */
void input_hub_set_leds (InputHub *hub, unsigned leds);
unsigned input_hub_leds (InputHub *hub);

/* --- names, for `bonsai key` and `bonsai type` --- */

/* Usages that code has to name. */
enum {
  KEY_A = 0x04,
  KEY_F = 0x09,
  KEY_M = 0x10,
  KEY_P = 0x13,
  KEY_S = 0x16,
  KEY_ENTER = 0x28,
  KEY_ESCAPE = 0x29,
  KEY_SPACE = 0x2c,
  KEY_PRINT = 0x46,
  KEY_PAUSE = 0x48,
  KEY_DELETE = 0x4c,
  KEY_END = 0x4d,
  KEY_RIGHT = 0x4f,
  KEY_LEFT = 0x50,
  KEY_DOWN = 0x51,
  KEY_UP = 0x52,
  KEY_LEFT_CTRL = 0xe0,
  KEY_LEFT_SHIFT = 0xe1,
  KEY_LEFT_ALT = 0xe2,
  KEY_LEFT_SUPER = 0xe3,
  KEY_RIGHT_CTRL = 0xe4,
  KEY_RIGHT_SUPER = 0xe7,
};

/* "a", "f1", "ctrl", "ret", "kp-enter", ...: case does not matter, "_" is "-", many have aliases. Returns 0 if
 * unknown. */
KeyUsage key_usage_from_name (const char *name);
const char *key_usage_name (KeyUsage usage); /* or NULL */

/* The key and Shift state that give @character on a US keyboard. */
bool key_usage_for_char (gunichar character, KeyUsage *usage, bool *shift);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (InputHub, input_hub_unref)

G_END_DECLS
