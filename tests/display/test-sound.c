/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hub of sound, the queue between two clocks, and files in the place of loudspeakers. */
#include "display/sound/sound-fifo.h"
#include "display/sound/sound-file.h"
#include "display/sound/sound.h"

#include "vmm/base/bytes.h"

#include <glib/gstdio.h>
#include <math.h>
#include <unistd.h>

#define TONE 440.0

static void
fill_tone (float *frames, unsigned n, unsigned rate, unsigned from)
{
  for (unsigned i = 0; i < n; i++)
    frames[2 * i] = frames[2 * i + 1] = 0.5f * sinf ((float)(2 * G_PI * fmod (TONE * (from + i) / rate, 1)));
}

/* Of the left side, by its rises through zero. */
static double
frequency (const float *frames, unsigned n, unsigned rate)
{
  double first = -1, last = -1;
  unsigned turns = 0;

  for (unsigned i = 0; i + 1 < n; i++)
    {
      float a = frames[2 * i], b = frames[2 * i + 2];

      if (a >= 0 || b < 0)
        continue;
      last = i + (double)(a / (a - b));
      if (first < 0)
        first = last;
      else
        turns++;
    }
  return turns * rate / (last - first);
}

/* --- rates --- */

static void
test_rates (void)
{
  static const unsigned rates[][2] = {
    { 44100, 48000 }, { 48000, 48000 }, { 96000, 48000 }, { 48000, 44100 }
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (rates); i++)
    {
      unsigned n_in = rates[i][0], used = n_in, n;
      g_autofree float *in = g_new (float, 2 * n_in);
      g_autofree float *out = g_new (float, 2 * 100000);
      SoundRate rate = { 0 };

      fill_tone (in, n_in, rates[i][0], 0);
      n = sound_rate_run (&rate, (double)rates[i][0] / rates[i][1], in, &used, out, 100000);
      g_assert_cmpuint (used, ==, n_in);
      g_assert_cmpint (abs ((int)n - (int)rates[i][1]), <=, 4);
      g_assert_cmpfloat_with_epsilon (frequency (out + 20, n - 10, rates[i][1]), TONE, 0.05);
    }
}

/* --- the queue --- */

/* One side is faster than the other by @drift, in pieces of 5 and 10.7 ms; for a minute. */
static void
run_drifting (double drift)
{
  g_autoptr (SoundFifo) fifo = sound_fifo_new (25);
  g_autoptr (GArray) taken = g_array_new (FALSE, FALSE, sizeof (float));
  float frames[2 * 512];
  double put_at = 0, take_at = 0;
  unsigned n_put = 0;

  while (take_at < 60)
    {
      if (put_at <= take_at)
        {
          fill_tone (frames, 240, 48000, n_put);
          sound_fifo_put (fifo, 48000, frames, 240);
          n_put += 240;
          put_at += 240 / (48000 * (1 + drift));
          continue;
        }
      sound_fifo_take (fifo, 48000, frames, 512);
      if (take_at > 1)
        g_array_append_vals (taken, frames, 2 * 512);
      take_at += 512 / 48000.0;
      g_assert_cmpuint (sound_fifo_fill_ms (fifo), <=, 75);
    }
  g_assert_cmpuint (sound_fifo_dropouts (fifo), ==, 0);
  g_assert_cmpfloat_with_epsilon (frequency ((const float *)taken->data, taken->len / 2, 48000),
                                  TONE * (1 + drift), TONE * 0.001);
  for (unsigned i = 2; i < taken->len; i += 2) /* no clicks: a tone of 440 Hz changes slowly */
    g_assert_cmpfloat (fabsf (g_array_index (taken, float, i) - g_array_index (taken, float, i - 2)), <,
                       0.04);
}

static void
test_drift (void)
{
  run_drifting (0);
  run_drifting (0.001);
  run_drifting (-0.001);
}

/* A giver that stops for a while is one gap, without a click; then there is sound again. */
static void
test_gap (void)
{
  g_autoptr (SoundFifo) fifo = sound_fifo_new (25);
  float frames[2 * 4800], last = 0;

  fill_tone (frames, 4800, 48000, 0);
  g_assert_cmpuint (sound_fifo_take (fifo, 48000, frames, 480), ==, 0);
  sound_fifo_put (fifo, 48000, frames, 480); /* not enough to begin with */
  g_assert_cmpuint (sound_fifo_take (fifo, 48000, frames, 48), ==, 0);
  fill_tone (frames, 4800, 48000, 0);
  sound_fifo_put (fifo, 48000, frames, 1200);
  for (unsigned i = 0; i < 10; i++)
    {
      sound_fifo_take (fifo, 48000, frames, 480);
      for (unsigned j = 0; j < 480; j++)
        {
          g_assert_cmpfloat (fabsf (frames[2 * j] - last), <, 0.04);
          last = frames[2 * j];
        }
    }
  g_assert_cmpfloat (last, ==, 0);
  g_assert_cmpuint (sound_fifo_dropouts (fifo), ==, 1);

  /* The end is no gap, and all is given. */
  fill_tone (frames, 480, 48000, 0);
  sound_fifo_put (fifo, 48000, frames, 480);
  sound_fifo_end (fifo);
  g_assert_cmpuint (sound_fifo_take (fifo, 48000, frames, 4800), >=, 470);
  g_assert_cmpuint (sound_fifo_dropouts (fifo), ==, 1);
  g_assert_cmpuint (sound_fifo_fill_ms (fifo), ==, 0);
}

/* A taker that doesn't take finds the newest, and not minutes of the old. */
static void
test_overflow (void)
{
  g_autoptr (SoundFifo) fifo = sound_fifo_new (25);
  float frames[2 * 480];

  for (unsigned i = 0; i < 10000; i++)
    {
      fill_tone (frames, 480, 48000, 480 * i);
      sound_fifo_put (fifo, 48000, frames, 480);
    }
  g_assert_cmpuint (sound_fifo_fill_ms (fifo), <=, 120);
}

/* --- the hub --- */

typedef struct {
  unsigned n_played, n_ends, n_listens;
  bool listening;
} Backend;

static void
count_play (void *data, unsigned rate, const float *frames, unsigned n)
{
  ((Backend *)data)->n_played += n;
}

static void
count_end (void *data)
{
  ((Backend *)data)->n_ends++;
}

static void
note_listen (void *data, bool on)
{
  ((Backend *)data)->listening = on;
  ((Backend *)data)->n_listens++;
}

static unsigned
give_ones (void *data, unsigned rate, float *frames, unsigned n)
{
  for (unsigned i = 0; i < 2 * (n / 2); i++)
    frames[i] = 1;
  return n / 2;
}

static void
test_hub (void)
{
  static const SoundBackend deaf = { .play = count_play, .end_play = count_end };
  static const SoundBackend whole = { count_play, count_end, note_listen, give_ones };
  g_autoptr (SoundHub) hub = sound_hub_new ();
  Backend a = { 0 }, b = { 0 }, c = { 0 };
  float frames[2 * 100] = { 0 };

  sound_hub_play (hub, 48000, frames, 100); /* to nobody */
  sound_hub_record (hub, 48000, frames, 100);
  sound_hub_add (hub, &whole, &a);
  sound_hub_add (hub, &deaf, &b);
  sound_hub_play (hub, 48000, frames, 100);
  g_assert_cmpuint (a.n_played, ==, 100);
  g_assert_cmpuint (b.n_played, ==, 100);
  sound_hub_end_play (hub);
  sound_hub_end_play (hub);
  g_assert_cmpuint (a.n_ends, ==, 1);

  /* The latest that can records; what it lacks is silence. */
  sound_hub_listen (hub, true);
  g_assert_true (a.listening);
  sound_hub_record (hub, 48000, frames, 100);
  g_assert_cmpfloat (frames[99], ==, 1);
  g_assert_cmpfloat (frames[100], ==, 0);
  sound_hub_add (hub, &whole, &c);
  g_assert_true (c.listening && !a.listening);
  sound_hub_remove (hub, &c);
  g_assert_true (!c.listening && a.listening);
  sound_hub_remove (hub, &a);
  g_assert_false (a.listening);
  sound_hub_record (hub, 48000, frames, 100);
  g_assert_cmpfloat (frames[0], ==, 0);
  sound_hub_remove (hub, &b);
}

/* --- files --- */

static void
test_files (void)
{
  g_autoptr (SoundHub) hub = sound_hub_new ();
  g_autofree char *folder = g_dir_make_tmp ("bonsai-sound-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "tone.wav", NULL);
  g_autofree float *frames = g_new0 (float, 2 * 48000);
  g_autofree char *content = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;
  SoundFile *file = sound_file_record (hub, path, &error);

  g_assert_no_error (error);
  fill_tone (frames, 44100, 44100, 0);
  for (unsigned i = 0; i < 44100; i += 210)
    sound_hub_play (hub, 44100, frames + 2 * i, 210);
  sound_hub_end_play (hub); /* the header is whole from here on */
  g_assert_true (g_file_get_contents (path, &content, &size, NULL));
  g_assert_cmpuint (size, ==, 44 + 44100 * 4);
  g_assert_cmpmem (content, 4, "RIFF", 4);
  g_assert_cmpmem (content + 36, 4, "data", 4);
  g_assert_cmpuint (load_le32 (content + 4), ==, size - 8);
  g_assert_cmpuint (load_le32 (content + 24), ==, 44100);
  g_assert_cmpuint (load_le32 (content + 40), ==, 44100 * 4);
  fill_tone (frames, 48000, 48000, 0);
  sound_hub_play (hub, 48000, frames, 48000); /* another rate: as long in the file */
  sound_file_free (file);
  g_clear_pointer (&content, g_free);
  g_assert_true (g_file_get_contents (path, &content, &size, NULL));
  g_assert_cmpint (abs ((int)size - (44 + 2 * 44100 * 4)), <=, 16);

  file = sound_file_listen (hub, path, &error);
  g_assert_no_error (error);
  sound_hub_listen (hub, true);
  for (unsigned i = 0; i < 48000; i += 480)
    sound_hub_record (hub, 48000, frames + 2 * i, 480);
  g_assert_cmpfloat_with_epsilon (frequency (frames + 200, 47000, 48000), TONE, 0.05);
  for (unsigned i = 0; i < 3 * 48000; i += 480) /* beyond the end there is silence */
    sound_hub_record (hub, 48000, frames, 480);
  g_assert_cmpfloat (frames[0], ==, 0);
  sound_file_free (file);

  g_assert_true (g_file_set_contents (path, content, 30, NULL));
  g_assert_null (sound_file_listen (hub, path, &error));
  g_assert_nonnull (strstr (error->message, path));
  g_clear_error (&error);
  g_assert_null (sound_file_record (hub, folder, &error));
  g_assert_nonnull (strstr (error->message, folder));
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sound/rates", test_rates);
  g_test_add_func ("/sound/drift", test_drift);
  g_test_add_func ("/sound/gap", test_gap);
  g_test_add_func ("/sound/overflow", test_overflow);
  g_test_add_func ("/sound/hub", test_hub);
  g_test_add_func ("/sound/files", test_files);
  return g_test_run ();
}
