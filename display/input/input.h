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

/* Who takes input: a device. Any thread; implementations lock themselves and bound their queues. */
typedef struct {
  void (*key) (void *sink, KeyUsage usage, bool down);
  void (*motion) (void *sink, int dx, int dy);                  /* pixels, relative */
  void (*position) (void *sink, unsigned x, unsigned y);        /* 0..32767 of the screen, absolute */
  void (*button) (void *sink, PointerButton button, bool down);
  void (*wheel) (void *sink, int horizontal, int vertical);     /* detents; up and right positive */
} InputSinkOps;

/*
 * InputHub: routes a console's input to the machine's devices and remembers what is pressed.
 * Several sinks: keys and buttons go to the newest sink of their kind that is enabled.
 * Threading: any thread.
 */
typedef struct InputHub InputHub;
typedef struct InputSink InputSink;

InputHub *input_hub_new (void);
InputHub *input_hub_ref (InputHub *hub);
void input_hub_unref (InputHub *hub);

/* NULL members of @ops are not offered. (transfer full); sinks are added enabled. */
InputSink *input_hub_add_sink (InputHub *hub, const InputSinkOps *ops, void *sink);
void input_sink_set_enabled (InputSink *sink, bool enabled);
void input_sink_remove (InputSink *sink); /* after it returns no op runs */

/* True if an enabled sink takes absolute positions: the console then needs no pointer capture. */
bool input_hub_is_absolute (InputHub *hub);

void input_hub_key (InputHub *hub, KeyUsage usage, bool down);
void input_hub_motion (InputHub *hub, int dx, int dy);
void input_hub_position (InputHub *hub, unsigned x, unsigned y);
void input_hub_button (InputHub *hub, PointerButton button, bool down);
void input_hub_wheel (InputHub *hub, int horizontal, int vertical);

/* Releases all that is pressed (focus loss). */
void input_hub_release_all (InputHub *hub);

/* Keyboard LEDs as the guest set them: bit 0 Num, 1 Caps, 2 Scroll. */
void input_hub_set_leds (InputHub *hub, unsigned leds);
unsigned input_hub_leds (InputHub *hub);

/* --- names, for `bonsai key` and `bonsai type` --- */

/* "a", "f1", "ctrl", "ret", "kp-enter", ... Returns 0 if unknown. */
KeyUsage key_usage_from_name (const char *name);
const char *key_usage_name (KeyUsage usage); /* or NULL */

/* The key and Shift state that give @character on a US keyboard. */
bool key_usage_for_char (gunichar character, KeyUsage *usage, bool *shift);

G_END_DECLS
