/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/sound/hda.h"

/* The hub is there with or without a card, so that windows need not know. */
bool
pc_add_sound (Pc *pc, GError **error)
{
  const MachineSpec *spec = pc->spec;
  const HdaConfig config = { pc_place (pc, PC_SLOT_SOUND, 0), pc->sound };

  if (!spec->sound)
    return true;
  if (spec->sound_record != NULL
      && !(pc->recorder = sound_file_record (pc->sound, spec->sound_record, error)))
    return false;
  if (spec->sound_microphone != NULL
      && !(pc->microphone = sound_file_listen (pc->sound, spec->sound_microphone, error)))
    return false;
  return board_add (pc->board, &hda_class, NULL, &config, error) != NULL;
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
