/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/sound/sound.h"
#include "display/window/console-module.h"

#include <SDL.h>

G_BEGIN_DECLS

/*
 * The host's loudspeakers and microphone, by SDL, for as long as a window is open: a backend of the machine's
 * hub. Devices are opened when the guest first plays or records, and rest when it no longer does; a host
 * without any is silent. On the SDL thread.
 */
typedef struct ConsoleSound ConsoleSound;

ConsoleSound *console_sound_new (ConsoleHost *host, SoundHub *hub);
void console_sound_free (ConsoleSound *sound); /* NULL is ignored */

/* Opens, starts and stops devices as it is wanted; after each wake. Returns: when it must be called again
 * (monotonic µs), or G_MAXINT64. NULL is ignored. */
int64_t console_sound_update (ConsoleSound *sound);
/* A device went or came. NULL is ignored. */
void console_sound_event (ConsoleSound *sound, const SDL_AudioDeviceEvent *event);

G_END_DECLS
