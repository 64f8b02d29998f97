/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/sound/sound.h"

#include <string.h>

typedef struct {
  const SoundBackend *backend;
  void *data;
} Member;

struct SoundHub {
  gatomicrefcount refs;
  GMutex lock;
  GArray *members; /* of Member */
  bool playing, listening;
};

SoundHub *
sound_hub_new (void)
{
  SoundHub *hub = g_new0 (SoundHub, 1);

  g_atomic_ref_count_init (&hub->refs);
  g_mutex_init (&hub->lock);
  hub->members = g_array_new (FALSE, FALSE, sizeof (Member));
  return hub;
}

SoundHub *
sound_hub_ref (SoundHub *hub)
{
  g_atomic_ref_count_inc (&hub->refs);
  return hub;
}

void
sound_hub_unref (SoundHub *hub)
{
  if (hub == NULL || !g_atomic_ref_count_dec (&hub->refs))
    return;
  g_array_unref (hub->members);
  g_mutex_clear (&hub->lock);
  g_free (hub);
}

static const Member *
member (const SoundHub *hub, unsigned i)
{
  return &g_array_index (hub->members, Member, i);
}

/* The latest that can record, or NULL. */
static const Member *
recorder_locked (const SoundHub *hub)
{
  for (unsigned i = hub->members->len; i > 0; i--)
    if (member (hub, i - 1)->backend->record != NULL)
      return member (hub, i - 1);
  return NULL;
}

static void
tell_recorder_locked (SoundHub *hub, bool on)
{
  const Member *recorder = recorder_locked (hub);

  if (recorder != NULL && recorder->backend->listen != NULL)
    recorder->backend->listen (recorder->data, on);
}

void
sound_hub_add (SoundHub *hub, const SoundBackend *backend, void *data)
{
  Member added = { backend, data };

  g_mutex_lock (&hub->lock);
  if (hub->listening && backend->record != NULL)
    tell_recorder_locked (hub, false);
  g_array_append_val (hub->members, added);
  if (hub->listening && backend->record != NULL)
    tell_recorder_locked (hub, true);
  g_mutex_unlock (&hub->lock);
}

void
sound_hub_remove (SoundHub *hub, void *data)
{
  g_mutex_lock (&hub->lock);
  for (unsigned i = 0; i < hub->members->len; i++)
    {
      Member gone = *member (hub, i);
      bool records = recorder_locked (hub) == member (hub, i);

      if (gone.data != data)
        continue;
      if (hub->playing && gone.backend->end_play != NULL)
        gone.backend->end_play (data);
      if (hub->listening && records)
        tell_recorder_locked (hub, false);
      g_array_remove_index (hub->members, i);
      if (hub->listening && records)
        tell_recorder_locked (hub, true);
      break;
    }
  g_mutex_unlock (&hub->lock);
}

void
sound_hub_play (SoundHub *hub, unsigned rate, const float *frames, unsigned n)
{
  g_mutex_lock (&hub->lock);
  hub->playing = true;
  for (unsigned i = 0; i < hub->members->len; i++)
    if (member (hub, i)->backend->play != NULL)
      member (hub, i)->backend->play (member (hub, i)->data, rate, frames, n);
  g_mutex_unlock (&hub->lock);
}

void
sound_hub_end_play (SoundHub *hub)
{
  g_mutex_lock (&hub->lock);
  for (unsigned i = 0; i < hub->members->len && hub->playing; i++)
    if (member (hub, i)->backend->end_play != NULL)
      member (hub, i)->backend->end_play (member (hub, i)->data);
  hub->playing = false;
  g_mutex_unlock (&hub->lock);
}

void
sound_hub_listen (SoundHub *hub, bool on)
{
  g_mutex_lock (&hub->lock);
  if (hub->listening != on)
    tell_recorder_locked (hub, on);
  hub->listening = on;
  g_mutex_unlock (&hub->lock);
}

void
sound_hub_record (SoundHub *hub, unsigned rate, float *frames, unsigned n)
{
  const Member *recorder;
  unsigned got = 0;

  g_mutex_lock (&hub->lock);
  recorder = recorder_locked (hub);
  if (recorder != NULL && hub->listening)
    got = recorder->backend->record (recorder->data, rate, frames, n);
  g_mutex_unlock (&hub->lock);
  memset (frames + SOUND_CHANNELS * got, 0, (n - got) * SOUND_CHANNELS * sizeof *frames);
}
