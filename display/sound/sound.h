/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * SoundHub: where a machine's sound card and the host's loudspeakers meet, as InputHub is for keys. The card
 * plays at the pace of the machine's clock, whoever listens: backends come and go while it does. Without any
 * there is silence.
 *
 * Sound is pieces of frames; a frame is two floats, left and right, -1 to 1.
 *
 * Threading: every function from any thread. A backend's functions run on the card's thread, one at a time,
 * with the hub's lock held: they copy and return, and don't call the hub.
 */
typedef struct SoundHub SoundHub;

#define SOUND_CHANNELS 2u
#define SOUND_MAX_RATE 192000u

/* What plays and records. Members may be NULL. */
typedef struct {
  /* @n frames, for which the card takes n / @rate seconds. */
  void (*play) (void *data, unsigned rate, const float *frames, unsigned n);
  /* Nothing more comes for now: let what was given ring out, then rest. */
  void (*end_play) (void *data);
  /* The guest records from now on, or no more. */
  void (*listen) (void *data, bool on);
  /* Fills @frames with what was recorded; returns how many there were. Only between listen true and false. */
  unsigned (*record) (void *data, unsigned rate, float *frames, unsigned n);
} SoundBackend;

SoundHub *sound_hub_new (void);
SoundHub *sound_hub_ref (SoundHub *hub);
void sound_hub_unref (SoundHub *hub);

/* All backends play; the latest that can records. @data names the backend; after sound_hub_remove it isn't
 * called. */
void sound_hub_add (SoundHub *hub, const SoundBackend *backend, void *data);
void sound_hub_remove (SoundHub *hub, void *data);

/* The card's side. @rate: Hz, up to SOUND_MAX_RATE. */
void sound_hub_play (SoundHub *hub, unsigned rate, const float *frames, unsigned n);
void sound_hub_end_play (SoundHub *hub);
void sound_hub_listen (SoundHub *hub, bool on);
/* Fills all of @frames: with silence where nothing was recorded. */
void sound_hub_record (SoundHub *hub, unsigned rate, float *frames, unsigned n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SoundHub, sound_hub_unref)

G_END_DECLS
