/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/sound/hda.h"

static bool
is_inherited (const char *path, const SoundFile *before, const char *path_before)
{
  return before != NULL && g_strcmp0 (path, path_before) == 0;
}

/* The hub is there with or without a card, so that windows need not know. */
bool
pc_add_sound (Pc *pc, GError **error)
{
  const MachineSpec *spec = pc->spec;
  const Pc *before = pc->predecessor != NULL ? pc->predecessor : pc;
  const HdaConfig config = { pc_place (pc, PC_SLOT_SOUND, 0), pc->sound };

  if (!spec->sound)
    return true;
  if (spec->sound_record != NULL
      && !is_inherited (spec->sound_record, before->recorder, before->spec->sound_record)
      && !(pc->recorder = sound_file_record (pc->sound, spec->sound_record, error)))
    return false;
  if (spec->sound_microphone != NULL
      && !is_inherited (spec->sound_microphone, before->microphone, before->spec->sound_microphone)
      && !(pc->microphone = sound_file_listen (pc->sound, spec->sound_microphone, error)))
    return false;
  return board_add (pc->board, &hda_class, NULL, &config, error) != NULL;
}

static void
take_file (Pc *pc, SoundFile **to, SoundFile **from, const char *path)
{
  if (path == NULL || *to != NULL || *from == NULL)
    return;
  *to = g_steal_pointer (from);
  sound_file_move (*to, pc->sound);
}

void
pc_take_sound (Pc *pc, Pc *predecessor)
{
  take_file (pc, &pc->recorder, &predecessor->recorder, pc->spec->sound ? pc->spec->sound_record : NULL);
  take_file (pc, &pc->microphone, &predecessor->microphone,
             pc->spec->sound ? pc->spec->sound_microphone : NULL);
}

void
pc_free_sound (Pc *pc)
{
  g_clear_pointer (&pc->recorder, sound_file_free);
  g_clear_pointer (&pc->microphone, sound_file_free);
  g_clear_pointer (&pc->sound, sound_hub_unref);
}

SoundHub *
pc_sound (Pc *pc)
{
  return pc->sound;
}
