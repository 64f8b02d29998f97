/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Console windows on made-up screens, for the GUI tests and the benches: takes commands on standard input,
 * one per line, answers each with a line, and prints what the windows pass on. See the table of commands
 * below.
 */
#include "display/window/console-window.h"

#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct {
  GMainContext *context; /* the machine's loop */
  GMainLoop *loop;
  GThread *thread;
  Screen *screen;
  InputHub *hub;
  InputSink *keyboard, *mouse, *tablet;
  ConsoleHost *host;
  GPtrArray *windows;
  ConsoleWindow *window; /* the newest, which commands are for */

  GMutex lock; /* of the made-up device */
  Surface *surface;
  Damage pending;
  unsigned frame;
  GSource *animation;
  int refreshes;

  SoundHub *sound;
  unsigned tone_at;
  int tone_left; /* pieces */

  Clip *image; /* the last that was in the clipboard, or NULL; @lock's */
} Probe;

static void
say (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  putchar ('\n');
  fflush (stdout);
}

/* --- the device --- */

static void
refresh (void *source, Surface **surface, Damage *damage, bool force)
{
  Probe *probe = source;

  g_mutex_lock (&probe->lock);
  if (*surface != probe->surface)
    *surface = surface_ref (probe->surface);
  damage_add_all (damage, &probe->pending);
  damage_clear (&probe->pending);
  probe->refreshes++;
  g_mutex_unlock (&probe->lock);
}

static const ScreenSource source_ops = { .refresh = refresh };

static void
fill_rect (Probe *probe, Rect rect, uint32_t pixel)
{
  g_mutex_lock (&probe->lock);
  rect = rect_intersect (rect, surface_rect (probe->surface));
  for (int y = rect.y; y < rect.y + rect.height; y++)
    for (int x = rect.x; x < rect.x + rect.width; x++)
      probe->surface->pixels[y * probe->surface->stride / 4 + x] = pixel;
  damage_add (&probe->pending, rect);
  screen_wake (probe->screen);
  g_mutex_unlock (&probe->lock);
}

/* Quarters of red, green, blue and white with a black dot in the middle of each; the top byte is rubbish. */
static void
draw_quarters (Probe *probe)
{
  static const uint32_t colours[] = { 0x80ff0000, 0x0000ff00, 0xff0000ff, 0x7fffffff };
  int w = probe->surface->width / 2, h = probe->surface->height / 2;

  for (int i = 0; i < 4; i++)
    {
      fill_rect (probe, (Rect){ i % 2 * w, i / 2 * h, w, h }, colours[i]);
      fill_rect (probe, (Rect){ i % 2 * w + w / 2 - 2, i / 2 * h + h / 2 - 2, 4, 4 }, 0);
    }
}

static void
set_mode (Probe *probe, int width, int height)
{
  g_mutex_lock (&probe->lock);
  g_clear_pointer (&probe->surface, surface_unref);
  probe->surface = surface_new (width, height);
  g_mutex_unlock (&probe->lock);
  draw_quarters (probe);
}

static gboolean
animate_all (void *data)
{
  Probe *probe = data;

  probe->frame++;
  fill_rect (probe, surface_rect (probe->surface), probe->frame * 0x030507);
  return G_SOURCE_CONTINUE;
}

static gboolean
animate_cursor (void *data)
{
  Probe *probe = data;

  fill_rect (probe, (Rect){ 80, 160, 8, 2 }, probe->frame++ % 2 ? 0xffffff : 0);
  return G_SOURCE_CONTINUE;
}

static void
animate (Probe *probe, GSourceFunc func, unsigned interval_ms)
{
  if (probe->animation)
    {
      g_source_destroy (probe->animation);
      g_source_unref (probe->animation);
      probe->animation = NULL;
    }
  if (!func)
    return;
  probe->animation = g_timeout_source_new (interval_ms);
  g_source_set_callback (probe->animation, func, probe, NULL);
  g_source_attach (probe->animation, probe->context);
}

/* --- input --- */

static void
on_key (void *sink, KeyUsage usage, bool down)
{
  const char *name = key_usage_name (usage);

  say ("key %s %s", name ? name : "?", down ? "down" : "up");
}

static void
on_motion (void *sink, int dx, int dy)
{
  say ("motion %d %d", dx, dy);
}

static void
on_position (void *sink, unsigned x, unsigned y)
{
  say ("position %u %u", x, y);
}

static void
on_button (void *sink, PointerButton button, bool down)
{
  say ("button %d %s", button, down ? "down" : "up");
}

static void
on_wheel (void *sink, int horizontal, int vertical)
{
  say ("wheel %d %d", horizontal, vertical);
}

static const InputSinkOps keyboard_ops = { .key = on_key };
static const InputSinkOps mouse_ops = { .motion = on_motion, .button = on_button, .wheel = on_wheel };
static const InputSinkOps tablet_ops = { .position = on_position, .button = on_button, .wheel = on_wheel };

/* --- the window --- */

static void
on_close (ConsoleWindow *window, void *data)
{
  say ("close requested");
}

static void
on_action (ConsoleWindow *window, const char *action, void *data)
{
  say ("action %s", action);
}

/* How long it is, and its first and last words. */
static void
say_text (const Clip *clip)
{
  gsize size;
  const char *bytes = g_bytes_get_data (clip->bytes, &size);
  g_autofree char *text = g_strndup (bytes, size);
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  say ("clipboard %zu %s %s", size, words[0], words[g_strv_length (words) - 1]);
}

static void
keep_image (Probe *probe, Clip *clip)
{
  g_mutex_lock (&probe->lock);
  g_clear_pointer (&probe->image, clip_unref);
  probe->image = clip_ref (clip);
  g_mutex_unlock (&probe->lock);
}

static void
on_clipboard (ConsoleWindow *window, Clip *clip, void *data)
{
  if (!clip)
    say ("clipboard of others");
  else if (clip->kind == CLIP_TEXT)
    say_text (clip);
  else
    {
      g_autofree char *sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, clip->bytes);

      keep_image (data, clip);
      say ("image %s", sum);
    }
}

static const ConsoleWindowOps window_ops = { .close_requested = on_close,
                                             .action = on_action,
                                             .clipboard = on_clipboard };

static ConsoleWindow *
open_window (Probe *probe, const char *title, const char *wm_class)
{
  g_autoptr (GError) error = NULL;
  ConsoleWindow *window =
    console_window_new (probe->host, title, wm_class, probe->screen, probe->hub, &window_ops, probe, &error);

  if (!window)
    g_error ("%s", error->message);
  return window;
}

static void
push_window (Probe *probe, const char *title, const char *wm_class)
{
  probe->window = open_window (probe, title, wm_class);
  g_ptr_array_add (probe->windows, probe->window);
}

static void
pop_window (Probe *probe)
{
  console_window_free (probe->window);
  g_ptr_array_set_size (probe->windows, (int)probe->windows->len - 1);
  probe->window = g_ptr_array_index (probe->windows, probe->windows->len - 1);
}

/* --- the machine's input and screen --- */

static void
plug_in (Probe *probe)
{
  probe->screen = screen_new ("svga0", probe->context);
  probe->hub = input_hub_new ();
  probe->keyboard = input_hub_add_sink (probe->hub, &keyboard_ops, NULL);
  probe->mouse = input_hub_add_sink (probe->hub, &mouse_ops, NULL);
  probe->tablet = input_hub_add_sink (probe->hub, &tablet_ops, NULL);
  input_sink_set_enabled (probe->tablet, false);
}

/* Another machine takes the place of the one that the windows show, whose memory goes. */
static void
replace_machine (Probe *probe, int width, int height)
{
  Screen *screen = probe->screen;
  InputHub *hub = probe->hub;
  InputSink *sinks[] = { probe->keyboard, probe->mouse, probe->tablet };

  screen_set_source (screen, NULL, NULL);
  plug_in (probe);
  set_mode (probe, width, height);
  screen_set_source (probe->screen, &source_ops, probe);
  for (unsigned i = 0; i < probe->windows->len; i++)
    console_window_attach (g_ptr_array_index (probe->windows, i), probe->screen, probe->hub);
  for (unsigned i = 0; i < G_N_ELEMENTS (sinks); i++)
    input_sink_remove (sinks[i]);
  input_hub_unref (hub);
  screen_unref (screen);
}

/* --- commands --- */

static long
resident_kib (void)
{
  g_autofree char *statm = NULL;

  g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL);
  return strtol (strchr (statm, ' '), NULL, 10) * sysconf (_SC_PAGESIZE) / 1024;
}

static void
open_and_close (Probe *probe, int times)
{
  for (int i = 0; i < times; i++)
    console_window_free (open_window (probe, "passing", NULL));
}

static void
say_usage (Probe *probe)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  say ("usage %.3f s cpu, %ld KiB, %d refreshes",
       usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
         + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
       resident_kib (), probe->refreshes);
}

static const struct {
  const char *name;
  ConsoleScale scale;
} scales[] = { { "fit", CONSOLE_SCALE_FIT },
               { "integer", CONSOLE_SCALE_INTEGER },
               { "none", CONSOLE_SCALE_NONE } };

static void
set_scale (Probe *probe, const char *name)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (scales); i++)
    if (strcmp (scales[i].name, name) == 0)
      console_window_set_scale (probe->window, scales[i].scale);
}

static void
set_cursor (Probe *probe, int x, int y)
{
  static uint32_t shape[16 * 16];

  for (unsigned i = 0; i < G_N_ELEMENTS (shape); i++)
    shape[i] = 0xffff00ff;
  screen_set_cursor (probe->screen, &(ScreenCursor){ .visible = x >= 0,
                                                     .x = x,
                                                     .y = y,
                                                     .hot_x = 8,
                                                     .hot_y = 8,
                                                     .width = 16,
                                                     .height = 16,
                                                     .pixels = shape });
}

/* A tone from the card's thread, for as long as it takes: a card gives its sound every few milliseconds. */
static gboolean
give_tone (gpointer data)
{
  Probe *probe = data;
  float frames[2 * 480];

  if (probe->tone_left == 0)
    {
      sound_hub_end_play (probe->sound);
      say ("silence");
      return G_SOURCE_REMOVE;
    }
  for (unsigned i = 0; i < 480; i++, probe->tone_at++)
    frames[2 * i] = frames[2 * i + 1] = probe->tone_at / 50 % 2 ? 0.25f : -0.25f;
  sound_hub_play (probe->sound, 48000, frames, 480);
  probe->tone_left--;
  return G_SOURCE_CONTINUE;
}

static void
play_tone (Probe *probe, int ms)
{
  g_autoptr (GSource) source = g_timeout_source_new (10);

  if (!probe->sound)
    {
      probe->sound = sound_hub_new ();
      console_window_set_sound (probe->window, probe->sound);
    }
  probe->tone_left = ms / 10;
  g_source_set_callback (source, give_tone, probe, NULL);
  g_source_attach (source, probe->context);
}

/* A text of so many words. */
static void
copy_words (Probe *probe, int n)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (int i = 0; i < n; i++)
    g_string_append_printf (text, "größe%d ", i);
  g_string_append (text, "end");
  g_autoptr (Clip) clip = clip_new (CLIP_TEXT, g_bytes_new (text->str, text->len));
  console_window_set_clipboard (probe->window, clip);
}

/* The image that was there last. */
static void
copy_image (Probe *probe)
{
  Clip *image;

  g_mutex_lock (&probe->lock);
  image = g_steal_pointer (&probe->image);
  g_mutex_unlock (&probe->lock);
  console_window_set_clipboard (probe->window, image);
  clip_unref (image);
}

/* As a machine's: two actions, one that can't be had, and a menu; so many discs come before it. */
static void
offer_menu (Probe *probe, int discs)
{
  ConsoleMenu *menu = console_menu_new ();
  ConsoleMenu *back;

  console_menu_add (menu, "Pause", CONSOLE_ICON_PAUSE, "pause");
  console_menu_add (menu, "Snapshot", CONSOLE_ICON_SNAPSHOT, "snapshot");
  for (int i = 0; i < discs; i++)
    console_menu_add (menu, "Disc", CONSOLE_ICON_DISC, "disc");
  back = console_menu_add_menu (menu, "Go Back", CONSOLE_ICON_BACK)->menu;
  console_menu_add (back, "Fresh installation", CONSOLE_ICON_NONE, "restore:one");
  console_menu_add (back, "With a compiler and all that it needs", CONSOLE_ICON_NONE, "restore:two")->checked = true;
  console_menu_add (menu, "Type Clipboard", CONSOLE_ICON_TYPE, "type")->disabled = true;
  console_window_set_menu (probe->window, menu);
}

static void
say_describe (Probe *probe)
{
  g_autofree char *how = console_window_describe (probe->window);

  say ("describe %s", how);
}

static void
run_window_command (Probe *probe, char **words, const char *rest, int a, int b)
{
  const char *verb = words[0];
  g_auto (GStrv) parts = g_strsplit (rest, "|", 2);

  if (strcmp (verb, "state") == 0)
    console_window_set_state (probe->window, parts[0], parts[0] ? parts[1] : NULL);
  else if (strcmp (verb, "running") == 0)
    console_window_set_state (probe->window, NULL, NULL);
  else if (strcmp (verb, "scale") == 0)
    set_scale (probe, words[1]);
  else if (strcmp (verb, "fullscreen") == 0)
    console_window_set_fullscreen (probe->window, a);
  else if (strcmp (verb, "present") == 0)
    console_window_present (probe->window);
  else if (strcmp (verb, "tone") == 0)
    play_tone (probe, a);
  else if (strcmp (verb, "copy") == 0)
    copy_words (probe, a);
  else if (strcmp (verb, "copy-image") == 0)
    copy_image (probe);
  else if (strcmp (verb, "menu") == 0)
    offer_menu (probe, a);
  else if (strcmp (verb, "tell") == 0)
    console_window_tell (probe->window, rest);
  else if (strcmp (verb, "describe") == 0)
    say_describe (probe);
  else if (strcmp (verb, "cycle") == 0)
    open_and_close (probe, a);
  else if (strcmp (verb, "open") == 0)
    push_window (probe, rest, words[1]);
  else if (strcmp (verb, "close") == 0)
    pop_window (probe);
  else
    g_error ("unknown command %s", verb);
}

static void
run_command (Probe *probe, char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  const char *verb = words[0], *rest = strchr (line, ' ') ? strchr (line, ' ') + 1 : "";
  int a = words[1] ? atoi (words[1]) : 0, b = words[1] && words[2] ? atoi (words[2]) : 0;

  if (strcmp (verb, "mode") == 0)
    set_mode (probe, a, b);
  else if (strcmp (verb, "replace") == 0)
    replace_machine (probe, a, b);
  else if (strcmp (verb, "dot") == 0)
    fill_rect (probe, (Rect){ a, b, 10, 10 }, 0x00ff00ff);
  else if (strcmp (verb, "tablet") == 0)
    input_sink_set_enabled (probe->tablet, a);
  else if (strcmp (verb, "cursor") == 0)
    set_cursor (probe, a, b);
  else if (strcmp (verb, "frames") == 0)
    animate (probe, a ? animate_all : NULL, a);
  else if (strcmp (verb, "blink") == 0)
    animate (probe, a ? animate_cursor : NULL, a);
  else if (strcmp (verb, "usage") == 0)
    say_usage (probe);
  else
    run_window_command (probe, words, rest, a, b);
  say ("done %s", verb);
}

static void *
run_machine (void *data)
{
  g_main_loop_run (data);
  return NULL;
}

static void
start (Probe *probe)
{
  g_autoptr (GError) error = NULL;

  probe->context = g_main_context_new ();
  probe->loop = g_main_loop_new (probe->context, FALSE);
  plug_in (probe);
  g_mutex_init (&probe->lock);
  set_mode (probe, 640, 480);
  screen_set_source (probe->screen, &source_ops, probe);
  probe->thread = g_thread_new ("machine", run_machine, probe->loop);
  probe->host = console_host_new (NULL, &error);
  if (!probe->host)
    g_error ("%s", error->message);
}

static void
stop (Probe *probe)
{
  console_host_free (probe->host);
  g_ptr_array_unref (probe->windows);
  animate (probe, NULL, 0);
  screen_set_source (probe->screen, NULL, NULL);
  g_main_loop_quit (probe->loop);
  g_thread_join (probe->thread);
  screen_unref (probe->screen);
  sound_hub_unref (probe->sound);
  input_sink_remove (probe->keyboard);
  input_sink_remove (probe->mouse);
  input_sink_remove (probe->tablet);
  input_hub_unref (probe->hub);
  surface_unref (probe->surface);
  g_main_loop_unref (probe->loop);
  g_main_context_unref (probe->context);
  g_mutex_clear (&probe->lock);
}

int
main (int argc, char **argv)
{
  Probe probe = { 0 };
  char line[512];

  start (&probe);
  probe.windows = g_ptr_array_new ();
  push_window (&probe, "Probe", "bonsai-probe");
  say ("ready");
  while (fgets (line, sizeof line, stdin))
    run_command (&probe, g_strchomp (line));
  stop (&probe);
  say ("bye");
  return 0;
}
