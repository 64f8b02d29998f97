/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/sound/sound-fifo.h"

#include <string.h>

#define CAPACITY       (SOUND_MAX_RATE / 2) /* frames: half a second of the fastest */
#define MAX_CORRECTION 0.005
#define SMOOTHING      0.02 /* of the fill level, for each piece that is taken */
#define FADE           64u  /* frames */

struct SoundFifo {
  GMutex lock;
  float *frames; /* a ring of CAPACITY */
  unsigned first, n;
  unsigned rate; /* of what is in it; 0: nothing came yet */
  unsigned latency_ms;
  SoundRate resampler;
  double level; /* smoothed fill, in frames */
  float last[SOUND_CHANNELS];
  unsigned fade; /* frames that are left of fading away from @last */
  bool flowing;  /* enough is there, or was and something still is */
  bool ended;
  unsigned dropouts;
};

/* --- rates --- */

/* Catmull-Rom, between the middle two. */
static float
interpolate (const SoundRate *rate, unsigned channel)
{
  float a = rate->last[0][channel], b = rate->last[1][channel], c = rate->last[2][channel],
        d = rate->last[3][channel], t = (float)rate->phase;

  return b + 0.5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

unsigned
sound_rate_run (SoundRate *rate, double step, const float *in, unsigned *n_in, float *out, unsigned n_out)
{
  unsigned used = 0, made = 0;

  while (made < n_out)
    {
      while (rate->phase >= 1 && used < *n_in)
        {
          for (unsigned channel = 0; channel < SOUND_CHANNELS; channel++)
            {
              for (unsigned i = 0; i < 3; i++)
                rate->last[i][channel] = rate->last[i + 1][channel];
              rate->last[3][channel] = in[SOUND_CHANNELS * used + channel];
            }
          used++;
          rate->phase -= 1;
        }
      if (rate->phase >= 1)
        break;
      for (unsigned channel = 0; channel < SOUND_CHANNELS; channel++)
        out[SOUND_CHANNELS * made + channel] = interpolate (rate, channel);
      made++;
      rate->phase += step;
    }
  *n_in = used;
  return made;
}

/* --- the queue --- */

SoundFifo *
sound_fifo_new (unsigned latency_ms)
{
  SoundFifo *fifo = g_new0 (SoundFifo, 1);

  g_mutex_init (&fifo->lock);
  fifo->frames = g_new (float, CAPACITY *SOUND_CHANNELS);
  fifo->latency_ms = latency_ms;
  return fifo;
}

void
sound_fifo_free (SoundFifo *fifo)
{
  if (fifo == NULL)
    return;
  g_mutex_clear (&fifo->lock);
  g_free (fifo->frames);
  g_free (fifo);
}

static unsigned
target (const SoundFifo *fifo)
{
  return fifo->rate / 1000 * fifo->latency_ms;
}

static void
clear_locked (SoundFifo *fifo)
{
  fifo->n = 0;
  fifo->flowing = fifo->ended = false;
  memset (&fifo->resampler, 0, sizeof fifo->resampler);
}

void
sound_fifo_clear (SoundFifo *fifo)
{
  g_mutex_lock (&fifo->lock);
  clear_locked (fifo);
  g_mutex_unlock (&fifo->lock);
}

/* What nobody takes for long is not kept: the oldest goes. */
static void
make_room_locked (SoundFifo *fifo, unsigned n)
{
  unsigned most = MIN (CAPACITY, 4 * target (fifo) + n);

  if (fifo->n + n <= most)
    return;
  n = fifo->n + n - MIN (most, target (fifo) + n);
  fifo->first = (fifo->first + n) % CAPACITY;
  fifo->n -= n;
  fifo->level = fifo->n;
}

void
sound_fifo_put (SoundFifo *fifo, unsigned rate, const float *frames, unsigned n)
{
  if (n > CAPACITY / 4)
    {
      frames += SOUND_CHANNELS * (n - CAPACITY / 4);
      n = CAPACITY / 4;
    }
  g_mutex_lock (&fifo->lock);
  if (rate != fifo->rate)
    clear_locked (fifo);
  fifo->rate = rate;
  fifo->ended = false;
  make_room_locked (fifo, n);
  for (unsigned i = 0; i < n; i++)
    memcpy (fifo->frames + (fifo->first + fifo->n + i) % CAPACITY * SOUND_CHANNELS,
            frames + SOUND_CHANNELS * i, SOUND_CHANNELS * sizeof *frames);
  fifo->n += n;
  g_mutex_unlock (&fifo->lock);
}

void
sound_fifo_end (SoundFifo *fifo)
{
  g_mutex_lock (&fifo->lock);
  fifo->ended = true;
  g_mutex_unlock (&fifo->lock);
}

/* How much faster than their nominal rate frames are taken. */
static double
correction_locked (SoundFifo *fifo)
{
  double wanted = target (fifo);

  fifo->level += ((double)fifo->n - fifo->level) * SMOOTHING;
  if (fifo->ended || wanted == 0)
    return 0;
  return CLAMP ((fifo->level - wanted) / wanted * 0.01, -MAX_CORRECTION, MAX_CORRECTION);
}

static unsigned
take_locked (SoundFifo *fifo, double step, float *frames, unsigned n)
{
  unsigned made = 0;

  while (made < n && fifo->n > 0)
    {
      unsigned used = MIN (fifo->n, CAPACITY - fifo->first);

      made += sound_rate_run (&fifo->resampler, step, fifo->frames + fifo->first * SOUND_CHANNELS, &used,
                              frames + made * SOUND_CHANNELS, n - made);
      fifo->first = (fifo->first + used) % CAPACITY;
      fifo->n -= used;
    }
  return made;
}

/* Away from the last frame, without a click. */
static void
fill_silence_locked (SoundFifo *fifo, float *frames, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    {
      float part = (float)fifo->fade / FADE;

      for (unsigned channel = 0; channel < SOUND_CHANNELS; channel++)
        frames[SOUND_CHANNELS * i + channel] = fifo->last[channel] * part;
      if (fifo->fade > 0)
        fifo->fade--;
    }
}

unsigned
sound_fifo_take (SoundFifo *fifo, unsigned rate, float *frames, unsigned n)
{
  unsigned made = 0;

  g_mutex_lock (&fifo->lock);
  if (!fifo->flowing && fifo->n > 0 && (fifo->ended || fifo->n >= target (fifo)))
    {
      fifo->flowing = true;
      fifo->level = fifo->n;
    }
  if (fifo->flowing)
    made = take_locked (fifo, (double)fifo->rate / rate * (1 + correction_locked (fifo)), frames, n);
  if (made > 0)
    {
      memcpy (fifo->last, frames + SOUND_CHANNELS * (made - 1), sizeof fifo->last);
      fifo->fade = FADE;
    }
  if (made < n && fifo->flowing)
    {
      fifo->flowing = false;
      memset (&fifo->resampler, 0, sizeof fifo->resampler);
      if (!fifo->ended)
        fifo->dropouts++;
    }
  fill_silence_locked (fifo, frames + SOUND_CHANNELS * made, n - made);
  g_mutex_unlock (&fifo->lock);
  return made;
}

unsigned
sound_fifo_fill_ms (SoundFifo *fifo)
{
  unsigned ms;

  g_mutex_lock (&fifo->lock);
  ms = fifo->rate ? (unsigned)((uint64_t)fifo->n * 1000 / fifo->rate) : 0;
  g_mutex_unlock (&fifo->lock);
  return ms;
}

unsigned
sound_fifo_dropouts (SoundFifo *fifo)
{
  unsigned dropouts;

  g_mutex_lock (&fifo->lock);
  dropouts = fifo->dropouts;
  g_mutex_unlock (&fifo->lock);
  return dropouts;
}
