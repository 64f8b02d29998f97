/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/sound/sound.h"

G_BEGIN_DECLS

/*
 * Files in the place of loudspeakers and microphone: RIFF WAVE, PCM. What is played is recorded at the rate
 * of its first piece, stereo, 16 bits; pauses leave nothing in the file. What the guest records is read from
 * a file once, at the guest's pace, and then is silence.
 */
typedef struct SoundFile SoundFile;

/* Empties or makes @path, and records there what @hub plays until it is freed. Returns: (transfer full). */
SoundFile *sound_file_record (SoundHub *hub, const char *path, GError **error);
/* Gives @hub what is in @path to record: 16-bit PCM with one or two channels, up to 64 MiB. Returns:
 * (transfer full). */
SoundFile *sound_file_listen (SoundHub *hub, const char *path, GError **error);
/* @hub takes the place of the hub that it was made for. */
void sound_file_move (SoundFile *file, SoundHub *hub);
void sound_file_free (SoundFile *file); /* NULL is ignored */

G_END_DECLS
