/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/input/input.h"

/* A sink that writes down what it is told: "a:k04+ a:b0- a:m1,2 a:p3,4 a:w0,-1". */
typedef struct {
  GString *log;
  char name;
} Recorder;

static void
record_key (void *data, KeyUsage usage, bool down)
{
  Recorder *r = data;

  g_string_append_printf (r->log, "%c:k%02x%c ", r->name, usage, down ? '+' : '-');
}

static void
record_button (void *data, PointerButton button, bool down)
{
  Recorder *r = data;

  g_string_append_printf (r->log, "%c:b%d%c ", r->name, button, down ? '+' : '-');
}

static void
record_motion (void *data, int dx, int dy)
{
  Recorder *r = data;

  g_string_append_printf (r->log, "%c:m%d,%d ", r->name, dx, dy);
}

static void
record_position (void *data, unsigned x, unsigned y)
{
  Recorder *r = data;

  g_string_append_printf (r->log, "%c:p%u,%u ", r->name, x, y);
}

static void
record_wheel (void *data, int horizontal, int vertical)
{
  Recorder *r = data;

  g_string_append_printf (r->log, "%c:w%d,%d ", r->name, horizontal, vertical);
}

static const InputSinkOps keyboard_ops = { .key = record_key };
static const InputSinkOps mouse_ops = { .motion = record_motion, .button = record_button, .wheel = record_wheel };
static const InputSinkOps tablet_ops = { .position = record_position, .button = record_button, .wheel = record_wheel };

static void
assert_log (GString *log, const char *expected)
{
  g_assert_cmpstr (log->str, ==, expected);
  g_string_truncate (log, 0);
}

static void
test_keys_go_to_the_newest_enabled_keyboard (void)
{
  g_autoptr (InputHub) hub = input_hub_new ();
  g_autoptr (GString) log = g_string_new (NULL);
  Recorder ps2 = { log, 'p' }, usb = { log, 'u' };
  InputSink *first = input_hub_add_sink (hub, &keyboard_ops, &ps2);
  InputSink *second = input_hub_add_sink (hub, &keyboard_ops, &usb);

  input_hub_key (hub, 0x04, true);
  input_hub_key (hub, 0x04, false);
  assert_log (log, "u:k04+ u:k04- ");

  input_hub_key (hub, 0x05, true);
  input_sink_set_enabled (second, false);
  input_hub_key (hub, 0x06, true);
  input_hub_key (hub, 0x05, false);
  assert_log (log, "u:k05+ p:k06+ u:k05- ");

  input_sink_remove (first);
  assert_log (log, "p:k06- ");
  input_hub_key (hub, 0x07, true);
  g_assert_false (input_hub_key_is_down (hub, 0x07));
  assert_log (log, "");
  input_sink_remove (second);
}

static void
test_each_press_is_told_once (void)
{
  g_autoptr (InputHub) hub = input_hub_new ();
  g_autoptr (GString) log = g_string_new (NULL);
  Recorder r = { log, 'k' };
  InputSink *sink = input_hub_add_sink (hub, &keyboard_ops, &r);

  input_hub_key (hub, 0x1e, false);
  input_hub_key (hub, 0x1e, true);
  input_hub_key (hub, 0x1e, true);
  input_hub_key (hub, 0x1e, false);
  input_hub_key (hub, 0x1e, false);
  assert_log (log, "k:k1e+ k:k1e- ");
  input_sink_remove (sink);
}

static void
test_release_all_lets_modifiers_go_last (void)
{
  g_autoptr (InputHub) hub = input_hub_new ();
  g_autoptr (GString) log = g_string_new (NULL);
  Recorder k = { log, 'k' }, m = { log, 'm' };
  InputSink *keyboard = input_hub_add_sink (hub, &keyboard_ops, &k);
  InputSink *mouse = input_hub_add_sink (hub, &mouse_ops, &m);

  input_hub_key (hub, KEY_LEFT_ALT, true);
  input_hub_key (hub, 0x2b, true);
  input_hub_button (hub, POINTER_RIGHT, true);
  g_string_truncate (log, 0);
  input_hub_release_all (hub);
  assert_log (log, "m:b1- k:k2b- k:ke2- ");
  input_hub_release_all (hub);
  assert_log (log, "");
  input_sink_remove (mouse);
  input_sink_remove (keyboard);
}

static void
test_an_absolute_pointer_wins_while_enabled (void)
{
  g_autoptr (InputHub) hub = input_hub_new ();
  g_autoptr (GString) log = g_string_new (NULL);
  Recorder t = { log, 't' }, m = { log, 'm' };
  InputSink *tablet = input_hub_add_sink (hub, &tablet_ops, &t);
  InputSink *mouse = input_hub_add_sink (hub, &mouse_ops, &m);

  g_assert_true (input_hub_is_absolute (hub));
  input_hub_position (hub, 40000, 5);
  input_hub_button (hub, POINTER_LEFT, true);
  input_sink_set_enabled (tablet, false);
  g_assert_false (input_hub_is_absolute (hub));
  input_hub_position (hub, 1, 1);
  input_hub_wheel (hub, 0, -1);
  input_hub_button (hub, POINTER_LEFT, false);
  input_hub_motion (hub, 0, 0);
  input_hub_motion (hub, -3, 4);
  assert_log (log, "t:p32767,5 t:b0+ m:w0,-1 t:b0- m:m-3,4 ");
  input_sink_remove (tablet);
  input_sink_remove (mouse);
}

/* A console that holds the pointer captive sends motion although the guest has a tablet: a click belongs to it. */
static void
test_buttons_follow_what_moved_last (void)
{
  g_autoptr (InputHub) hub = input_hub_new ();
  g_autoptr (GString) log = g_string_new (NULL);
  Recorder t = { log, 't' }, m = { log, 'm' };
  InputSink *mouse = input_hub_add_sink (hub, &mouse_ops, &m);
  InputSink *tablet = input_hub_add_sink (hub, &tablet_ops, &t);

  input_hub_wheel (hub, 0, 1);
  input_hub_motion (hub, 1, 2);
  input_hub_button (hub, POINTER_LEFT, true);
  input_hub_position (hub, 3, 4);
  input_hub_button (hub, POINTER_LEFT, false);
  input_hub_button (hub, POINTER_RIGHT, true);
  input_hub_button (hub, POINTER_RIGHT, false);
  assert_log (log, "t:w0,1 m:m1,2 m:b0+ t:p3,4 m:b0- t:b1+ t:b1- ");
  input_hub_position (hub, 3, 4);
  input_sink_remove (tablet);
  input_hub_wheel (hub, 0, 1);
  assert_log (log, "t:p3,4 m:w0,1 ");
  input_sink_remove (mouse);
}

static void
disable_itself (void *data, KeyUsage usage, bool down)
{
  InputSink **sink = data;

  input_sink_set_enabled (*sink, false);
}

static void
set_leds (void *data, unsigned x, unsigned y)
{
  input_hub_set_leds (data, 0xff);
}

static void
test_devices_call_back_from_inside (void)
{
  g_autoptr (InputHub) hub = input_hub_new ();
  const InputSinkOps shy = { .key = disable_itself }, lights = { .position = set_leds };
  InputSink *a = NULL, *b;

  a = input_hub_add_sink (hub, &shy, &a);
  b = input_hub_add_sink (hub, &lights, hub);
  input_hub_key (hub, 4, true);
  input_hub_position (hub, 0, 0);
  g_assert_cmpuint (input_hub_leds (hub), ==, 7);
  input_sink_remove (a);
  input_sink_remove (b);
}

/* --- names --- */

static void
test_every_name_leads_back_to_its_key (void)
{
  int n = 0;

  for (unsigned usage = 1; usage < 256; usage++)
    {
      const char *name = key_usage_name ((KeyUsage) usage);

      if (!name)
        continue;
      n++;
      g_assert_cmphex (key_usage_from_name (name), ==, usage);
    }
  g_assert_cmpint (n, >, 140);
  g_assert_null (key_usage_name (0));
}

static void
test_aliases (void)
{
  static const struct {
    const char *name;
    KeyUsage usage;
  } cases[] = {
    { "Enter", 0x28 },  { "CTRL", 0xe0 },   { "ctrl_r", 0xe4 }, { "meta_l", 0xe3 },   { "kp_enter", 0x58 },
    { "altgr", 0xe6 },  { "sysrq", 0x9a },  { "pause", 0x48 },  { "print", 0x46 },    { "less", 0x64 },
    { "-", 0x2d },      { "f12", 0x45 },    { "pgup", 0x4b },   { "page_down", 0x4e }, { "", 0 },
    { "f25", 0 },       { "nonsense", 0 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmphex (key_usage_from_name (cases[i].name), ==, cases[i].usage);
}

static void
test_characters (void)
{
  static const char typed[] = "abcxyzABCXYZ0189!@#$%^&*()-_=+[{]}\\|;:'\"`~,<.>/? \n\t";
  KeyUsage usage;
  bool shift;

  for (const char *c = typed; *c; c++)
    g_assert_true (key_usage_for_char (*c, &usage, &shift));
  g_assert_true (key_usage_for_char ('a', &usage, &shift) && usage == 0x04 && !shift);
  g_assert_true (key_usage_for_char ('Z', &usage, &shift) && usage == 0x1d && shift);
  g_assert_true (key_usage_for_char ('0', &usage, &shift) && usage == 0x27 && !shift);
  g_assert_true (key_usage_for_char (')', &usage, &shift) && usage == 0x27 && shift);
  g_assert_true (key_usage_for_char ('?', &usage, &shift) && usage == 0x38 && shift);
  g_assert_true (key_usage_for_char (';', &usage, &shift) && usage == 0x33 && !shift);
  g_assert_true (key_usage_for_char ('|', &usage, &shift) && usage == 0x31 && shift);
  g_assert_true (key_usage_for_char ('\r', &usage, &shift) && usage == 0x28 && !shift);
  g_assert_false (key_usage_for_char (0, &usage, &shift));
  g_assert_false (key_usage_for_char (1, &usage, &shift));
  g_assert_false (key_usage_for_char (0xe4, &usage, &shift));
  g_assert_false (key_usage_for_char (0x161, &usage, &shift));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub/newest", test_keys_go_to_the_newest_enabled_keyboard);
  g_test_add_func ("/hub/once", test_each_press_is_told_once);
  g_test_add_func ("/hub/release-all", test_release_all_lets_modifiers_go_last);
  g_test_add_func ("/hub/absolute", test_an_absolute_pointer_wins_while_enabled);
  g_test_add_func ("/hub/moved-last", test_buttons_follow_what_moved_last);
  g_test_add_func ("/hub/re-entry", test_devices_call_back_from_inside);
  g_test_add_func ("/keys/names", test_every_name_leads_back_to_its_key);
  g_test_add_func ("/keys/aliases", test_aliases);
  g_test_add_func ("/keys/characters", test_characters);
  return g_test_run ();
}
