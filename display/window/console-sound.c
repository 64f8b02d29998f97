/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/console-sound.h"

#include "display/sound/sound-fifo.h"
#include "display/window/console-private.h"

#define RATE       48000
#define PIECE      512     /* frames that SDL wants at a time: 11 ms */
#define LINGER_US  1000000 /* what was played rings out, and the next sound may be near */
#define LATENCY_MS 25      /* the card gives every 5 ms: what is left bears a host that is busy for a while */

/* One direction. */
typedef struct {
  SoundFifo *fifo;
  SDL_AudioDeviceID device; /* 0: not open */
  unsigned rate;
  int wanted; /* atomic: it is in use */
  bool runs;
  int64_t rest_at; /* monotonic µs at which it is closed; 0: not soon */
  bool tried;      /* and failed, since it was wanted */
} Direction;

struct ConsoleSound {
  ConsoleHost *host;
  SoundHub *hub;
  Direction play, record;
};

/* --- SDL's threads --- */

static void
play_callback (void *data, Uint8 *bytes, int size)
{
  ConsoleSound *sound = data;

  sound_fifo_take (sound->play.fifo, sound->play.rate, (float *)bytes,
                   (unsigned)size / (SOUND_CHANNELS * sizeof (float)));
}

static void
record_callback (void *data, Uint8 *bytes, int size)
{
  ConsoleSound *sound = data;

  sound_fifo_put (sound->record.fifo, sound->record.rate, (const float *)bytes,
                  (unsigned)size / (SOUND_CHANNELS * sizeof (float)));
}

/* --- the card's thread --- */

static void
want (ConsoleSound *sound, Direction *direction, bool wanted)
{
  if (g_atomic_int_get (&direction->wanted) == wanted)
    return;
  g_atomic_int_set (&direction->wanted, wanted);
  console_host_wake (sound->host);
}

static void
backend_play (void *data, unsigned rate, const float *frames, unsigned n)
{
  ConsoleSound *sound = data;

  sound_fifo_put (sound->play.fifo, rate, frames, n);
  want (sound, &sound->play, true);
}

static void
backend_end_play (void *data)
{
  ConsoleSound *sound = data;

  sound_fifo_end (sound->play.fifo);
  want (sound, &sound->play, false);
}

static void
backend_listen (void *data, bool on)
{
  ConsoleSound *sound = data;

  want (sound, &sound->record, on);
}

static unsigned
backend_record (void *data, unsigned rate, float *frames, unsigned n)
{
  ConsoleSound *sound = data;

  sound_fifo_take (sound->record.fifo, rate, frames, n);
  return n;
}

static const SoundBackend backend = { backend_play, backend_end_play, backend_listen, backend_record };

/* --- the SDL thread --- */

static bool
open_device (ConsoleSound *sound, Direction *direction, bool records)
{
  const SDL_AudioSpec wanted = {
    .freq = RATE,
    .format = AUDIO_F32SYS,
    .channels = SOUND_CHANNELS,
    .samples = PIECE,
    .callback = records ? record_callback : play_callback,
    .userdata = sound,
  };
  SDL_AudioSpec got;

  if (direction->device)
    return true;
  if (direction->tried)
    return false;
  direction->tried = true;
  if (!SDL_WasInit (SDL_INIT_AUDIO) && SDL_InitSubSystem (SDL_INIT_AUDIO) != 0)
    {
      g_info ("no sound: %s", SDL_GetError ());
      return false;
    }
  /* Its callback doesn't run before it is started. */
  direction->device = SDL_OpenAudioDevice (NULL, records, &wanted, &got, SDL_AUDIO_ALLOW_FREQUENCY_CHANGE);
  if (!direction->device)
    {
      g_info ("no device to %s: %s", records ? "record" : "play", SDL_GetError ());
      return false;
    }
  direction->rate = (unsigned)got.freq;
  return true;
}

static void
close_device (Direction *direction)
{
  if (direction->device)
    SDL_CloseAudioDevice (direction->device);
  direction->device = 0;
  direction->runs = false;
}

/* SDL feeds an open device, even a paused one, all the time: one that isn't used is closed, after a while. */
static int64_t
update_direction (ConsoleSound *sound, Direction *direction, bool records)
{
  int64_t now = g_get_monotonic_time ();

  if (g_atomic_int_get (&direction->wanted))
    {
      direction->rest_at = 0;
      if (direction->runs || !open_device (sound, direction, records))
        return G_MAXINT64;
      if (records)
        sound_fifo_clear (direction->fifo);
      SDL_PauseAudioDevice (direction->device, 0);
      direction->runs = true;
      return G_MAXINT64;
    }
  direction->tried = false;
  if (!direction->runs)
    return G_MAXINT64;
  if (direction->rest_at == 0)
    direction->rest_at = now + (records ? 0 : LINGER_US);
  if (now < direction->rest_at)
    return direction->rest_at;
  close_device (direction);
  return G_MAXINT64;
}

int64_t
console_sound_update (ConsoleSound *sound)
{
  if (!sound)
    return G_MAXINT64;
  return MIN (update_direction (sound, &sound->play, false), update_direction (sound, &sound->record, true));
}

void
console_sound_event (ConsoleSound *sound, const SDL_AudioDeviceEvent *event)
{
  Direction *direction;

  if (!sound)
    return;
  direction = event->iscapture ? &sound->record : &sound->play;
  if (event->type == SDL_AUDIODEVICEREMOVED && event->which == direction->device)
    close_device (direction);
  direction->tried = false;
}

ConsoleSound *
console_sound_new (ConsoleHost *host, SoundHub *hub)
{
  ConsoleSound *sound = g_new0 (ConsoleSound, 1);

  sound->host = host;
  sound->hub = sound_hub_ref (hub);
  sound->play.fifo = sound_fifo_new (LATENCY_MS);
  sound->record.fifo = sound_fifo_new (LATENCY_MS);
  sound_hub_add (hub, &backend, sound);
  return sound;
}

void
console_sound_free (ConsoleSound *sound)
{
  if (!sound)
    return;
  sound_hub_remove (sound->hub, sound);
  close_device (&sound->play);
  close_device (&sound->record);
  sound_fifo_free (sound->play.fifo);
  sound_fifo_free (sound->record.fifo);
  sound_hub_unref (sound->hub);
  g_free (sound);
}
