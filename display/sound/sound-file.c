/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/sound/sound-file.h"

#include "display/display-error.h"
#include "display/sound/sound-fifo.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* "Multimedia Programming Interface and Data Specifications 1.0", chapter 3: RIFF WAVE. */
enum {
  RIFF_SIZE = 4,
  FMT_TAG = 20,
  FMT_CHANNELS = 22,
  FMT_RATE = 24,
  FMT_BYTES_PER_SECOND = 28,
  FMT_BLOCK = 32,
  FMT_BITS = 34,
  DATA_SIZE = 40,
  HEADER_SIZE = 44,
};

#define MAX_FILE    (64u << 20)
#define PIECE       1024u /* frames */
#define FRAME_BYTES 4u

struct SoundFile {
  SoundHub *hub;
  int fd; /* of what is recorded, or -1 */
  unsigned rate;
  uint64_t n_bytes;
  SoundRate resampler;
  bool failed;

  float *frames; /* of what is listened to */
  unsigned n_frames, position;
};

/* --- what is played --- */

static void
write_header (SoundFile *file)
{
  uint8_t header[HEADER_SIZE] = "RIFF    WAVEfmt \x10\0\0\0\1\0\2\0            data";
  uint32_t size = MIN (file->n_bytes, UINT32_MAX - HEADER_SIZE);

  store_le32 (header + RIFF_SIZE, size + HEADER_SIZE - 8);
  store_le32 (header + FMT_RATE, file->rate);
  store_le32 (header + FMT_BYTES_PER_SECOND, file->rate * FRAME_BYTES);
  store_le16 (header + FMT_BLOCK, FRAME_BYTES);
  store_le16 (header + FMT_BITS, 16);
  store_le32 (header + DATA_SIZE, size);
  if (pwrite (file->fd, header, sizeof header, 0) != sizeof header)
    file->failed = true;
}

/* A host without room ends the recording, not the machine. */
static void
write_frames (SoundFile *file, const float *frames, unsigned n)
{
  uint8_t bytes[PIECE * FRAME_BYTES];
  ssize_t size = (ssize_t)(n * FRAME_BYTES);

  for (unsigned i = 0; i < n * SOUND_CHANNELS; i++)
    store_le16 (bytes + 2 * i, (uint16_t)(int16_t)(CLAMP (frames[i], -1.0f, 1.0f) * 32767.0f));
  if (file->failed || pwrite (file->fd, bytes, size, (off_t)(HEADER_SIZE + file->n_bytes)) != size)
    file->failed = true;
  else
    file->n_bytes += (uint64_t)size;
}

static void
file_play (void *data, unsigned rate, const float *frames, unsigned n)
{
  SoundFile *file = data;

  if (file->rate == 0)
    file->rate = rate;
  while (n > 0)
    {
      float out[PIECE * SOUND_CHANNELS];
      unsigned used = MIN (n, PIECE), made = used;

      if (rate == file->rate)
        write_frames (file, frames, used);
      else
        {
          used = n;
          made = sound_rate_run (&file->resampler, (double)rate / file->rate, frames, &used, out, PIECE);
          write_frames (file, out, made);
          if (made == 0 && used == 0)
            break;
        }
      frames += SOUND_CHANNELS * used;
      n -= used;
    }
}

static void
file_end_play (void *data)
{
  write_header (data);
}

static const SoundBackend recorder = { .play = file_play, .end_play = file_end_play };

SoundFile *
sound_file_record (SoundHub *hub, const char *path, GError **error)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
  SoundFile *file;

  if (fd < 0)
    {
      g_set_error (error, DISPLAY_ERROR, DISPLAY_ERROR_FAILED,
                   "The sound can't be recorded in “%s”: %s. Choose another file.", path, g_strerror (errno));
      return NULL;
    }
  file = g_new0 (SoundFile, 1);
  file->fd = fd;
  file->hub = sound_hub_ref (hub);
  sound_hub_add (hub, &recorder, file);
  return file;
}

/* --- what is listened to --- */

/* The chunk @name in @data, a RIFF file; NULL: it isn't there as a whole. */
static const uint8_t *
find_chunk (const uint8_t *data, size_t size, const char *name, size_t *length)
{
  size_t offset = 12;

  while (size >= 8 && offset <= size - 8)
    {
      *length = load_le32 (data + offset + 4);
      if (*length > size - offset - 8)
        *length = size - offset - 8;
      if (memcmp (data + offset, name, 4) == 0)
        return data + offset + 8;
      offset += 8 + *length + (*length & 1);
    }
  return NULL;
}

static bool
decode (SoundFile *file, const uint8_t *data, size_t size)
{
  size_t fmt_size = 0, n_bytes = 0;
  const uint8_t *fmt, *samples;
  unsigned n_channels;

  if (size < 12 || memcmp (data, "RIFF", 4) != 0 || memcmp (data + 8, "WAVE", 4) != 0)
    return false;
  fmt = find_chunk (data, size, "fmt ", &fmt_size);
  samples = find_chunk (data, size, "data", &n_bytes);
  if (fmt == NULL || samples == NULL || fmt_size < 16)
    return false;
  n_channels = load_le16 (fmt + 2);
  file->rate = load_le32 (fmt + 4);
  if (load_le16 (fmt) != 1 || load_le16 (fmt + 14) != 16 || n_channels < 1 || n_channels > 2
      || file->rate < 1000 || file->rate > SOUND_MAX_RATE)
    return false;
  file->n_frames = n_bytes / (2 * n_channels);
  file->frames = g_new (float, MAX (file->n_frames, 1) * SOUND_CHANNELS);
  for (unsigned i = 0; i < file->n_frames * SOUND_CHANNELS; i++)
    {
      unsigned sample = n_channels == 2 ? i : i / 2;

      file->frames[i] = (float)(int16_t)load_le16 (samples + 2 * sample) / 32768.0f;
    }
  return true;
}

static unsigned
file_record (void *data, unsigned rate, float *frames, unsigned n)
{
  SoundFile *file = data;
  unsigned used = file->n_frames - file->position, made;

  made = sound_rate_run (&file->resampler, (double)file->rate / rate,
                         file->frames + SOUND_CHANNELS * file->position, &used, frames, n);
  file->position += used;
  return made;
}

static const SoundBackend microphone = { .record = file_record };

SoundFile *
sound_file_listen (SoundHub *hub, const char *path, GError **error)
{
  g_autofree char *content = NULL;
  gsize size;
  SoundFile *file;

  if (!g_file_get_contents (path, &content, &size, error))
    return NULL;
  file = g_new0 (SoundFile, 1);
  file->fd = -1;
  if (size > MAX_FILE || !decode (file, (const uint8_t *)content, size))
    {
      g_set_error (
        error, DISPLAY_ERROR, DISPLAY_ERROR_FAILED,
        "“%s” is no sound that a guest could record: give a WAV file of 16-bit PCM with one or two "
        "channels, of at most 64 MiB.",
        path);
      sound_file_free (file);
      return NULL;
    }
  file->hub = sound_hub_ref (hub);
  sound_hub_add (hub, &microphone, file);
  return file;
}

void
sound_file_move (SoundFile *file, SoundHub *hub)
{
  sound_hub_remove (file->hub, file);
  sound_hub_unref (file->hub);
  file->hub = sound_hub_ref (hub);
  sound_hub_add (hub, file->fd >= 0 ? &recorder : &microphone, file);
}

void
sound_file_free (SoundFile *file)
{
  if (file == NULL)
    return;
  if (file->hub != NULL)
    sound_hub_remove (file->hub, file);
  if (file->fd >= 0)
    {
      write_header (file);
      close (file->fd);
    }
  sound_hub_unref (file->hub);
  g_free (file->frames);
  g_free (file);
}
