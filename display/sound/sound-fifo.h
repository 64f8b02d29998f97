/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/sound/sound.h"

G_BEGIN_DECLS

/*
 * SoundRate: makes frames of one rate of frames of another, by third-order interpolation. One that was zeroed
 * begins with silence. Pure but for itself.
 */
typedef struct {
  float last[4][SOUND_CHANNELS]; /* the newest is the last */
  double phase;                  /* between last[1] and last[2] */
} SoundRate;

/**
 * sound_rate_run:
 * @step: frames of the input for one of the output, above 0
 * @n_in: how many there are; in return, how many were used
 *
 * Returns: how many frames of @out, at most @n_out, could be made.
 */
unsigned sound_rate_run (SoundRate *rate, double step, const float *in, unsigned *n_in, float *out,
                         unsigned n_out);

/*
 * SoundFifo: between two clocks that both think that they count seconds. What one side puts in at its rate
 * the other takes out at its own. It holds about its latency's worth, by taking up to half a percent faster
 * or slower; a taker that finds it empty gets silence, faded into, until there is that much again.
 *
 * Threading: one thread puts, one takes, at any time; it locks by itself.
 */
typedef struct SoundFifo SoundFifo;

SoundFifo *sound_fifo_new (unsigned latency_ms); /* 1..200 */
void sound_fifo_free (SoundFifo *fifo);
void sound_fifo_put (SoundFifo *fifo, unsigned rate, const float *frames, unsigned n);
/* Fills all of @frames. Returns: how many of them are no silence for want of better. */
unsigned sound_fifo_take (SoundFifo *fifo, unsigned rate, float *frames, unsigned n);
/* No more comes: what is there may be taken to its end. */
void sound_fifo_end (SoundFifo *fifo);
void sound_fifo_clear (SoundFifo *fifo);
unsigned sound_fifo_fill_ms (SoundFifo *fifo);  /* what it holds */
unsigned sound_fifo_dropouts (SoundFifo *fifo); /* times that it ran empty while more was to come, so far */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SoundFifo, sound_fifo_free)

G_END_DECLS
