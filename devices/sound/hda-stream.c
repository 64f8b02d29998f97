/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/sound/hda-private.h"

#include <inttypes.h>

/*
 * Streams: section 4.5. Where a stream is follows from the machine's clock, whoever listens; sound is moved
 * when a driver looks, when it wants to be interrupted, and every few milliseconds.
 */

#define TICK         (5 * NS_PER_MS)
#define MAX_BACKLOG  (200 * NS_PER_MS) /* of a host that stood still: what is older is skipped */
#define PIECE_BYTES  4096u
#define PIECE_FRAMES 256u
#define MAX_ENTRIES  512u /* entries of a list for one piece: one that gets no further by then is broken */
#define ENTRY_SIZE   16u
#define ENTRY_IOC    1u

/* --- formats --- */

void
hda_format_parse (uint16_t value, HdaFormat *format)
{
  static const unsigned bits[] = { 8, 16, 20, 24, 32, 16, 16, 16 };
  unsigned base = value & 0x4000 ? 44100 : 48000;

  format->rate = base * MIN ((value >> 11 & 7) + 1u, 4u) / ((value >> 8 & 7) + 1u);
  format->bits = bits[value >> 4 & 7];
  format->sample_size = format->bits == 8 ? 1 : format->bits == 16 ? 2 : 4;
  format->n_channels = (value & 0xf) + 1u;
  format->frame_size = format->sample_size * format->n_channels;
}

static void
format_of (const HdaStream *stream, HdaFormat *format)
{
  hda_format_parse (load_le16 (stream->regs + HDA_SD_FMT), format);
}

bool
hda_is_output (const Hda *hda, const HdaStream *stream)
{
  return stream >= hda->streams + HDA_N_INPUTS;
}

/* --- the cyclic buffer: sections 3.6.2 and 3.6.3 --- */

static bool
enter (Hda *hda, HdaStream *stream)
{
  uint64_t list = load_le64 (stream->regs + HDA_SD_BDPL) & ~UINT64_C (0x7f);
  uint8_t entry[ENTRY_SIZE];

  if (!guest_read (hda->pci.device.board->memory, list + stream->entry * ENTRY_SIZE, entry, sizeof entry))
    return false;
  stream->address = load_le64 (entry);
  stream->length = load_le32 (entry + 8);
  stream->interrupts = load_le32 (entry + 12) & ENTRY_IOC;
  stream->offset = 0;
  stream->entered = true;
  return true;
}

static void
leave (HdaStream *stream)
{
  stream->entered = false;
  if (stream->interrupts)
    stream->regs[HDA_SD_STS] |= HDA_SD_STS_BCIS;
  stream->entry = stream->entry >= (load_le16 (stream->regs + HDA_SD_LVI) & 0xff) ? 0 : stream->entry + 1;
}

static bool
copy (Hda *hda, HdaStream *stream, uint8_t *bytes, unsigned size)
{
  GuestMemory *memory = hda->pci.device.board->memory;
  uint64_t address = stream->address + stream->offset;

  return hda_is_output (hda, stream) ? guest_read (memory, address, bytes, size)
                                     : guest_write (memory, address, bytes, size);
}

/* Section 3.3.36: a list or a buffer that can't be reached is an error of the descriptor; the stream stands.
 */
static void
fail (Hda *hda, HdaStream *stream, const char *what)
{
  GUEST_ERROR (hda, "stream %u: %s", (unsigned)(stream - hda->streams), what);
  stream->regs[HDA_SD_STS] |= HDA_SD_STS_DESE;
  stream->active = false;
}

/* Moves @size bytes between @bytes and the buffer. */
static bool
move (Hda *hda, HdaStream *stream, uint8_t *bytes, unsigned size)
{
  uint32_t length = load_le32 (stream->regs + HDA_SD_CBL);

  for (unsigned i = 0; size > 0; i++)
    {
      unsigned n;

      if (i >= MAX_ENTRIES || (!stream->entered && !enter (hda, stream)))
        {
          fail (hda, stream, "its buffer descriptor list leads nowhere");
          return false;
        }
      n = MIN (size, stream->length - stream->offset);
      if (n > 0 && !copy (hda, stream, bytes, n))
        {
          fail (hda, stream, "its buffer is no RAM");
          return false;
        }
      bytes += n;
      size -= n;
      stream->offset += n;
      stream->position += n;
      if (length > 0)
        stream->position %= length;
      if (stream->offset == stream->length)
        leave (stream);
    }
  return true;
}

/* --- sound --- */

/* The gain glides, so that a change doesn't click. False: no converter has to do with the stream. */
static bool
next_gain (Hda *hda, HdaStream *stream, unsigned *channel, float from[2], float to[2])
{
  unsigned number = stream->regs[HDA_SD_CTL + 2] >> 4;
  bool heard = hda_codec_gain (hda, hda_is_output (hda, stream), number, channel, to);

  memcpy (from, stream->gain, sizeof stream->gain);
  if (heard)
    memcpy (stream->gain, to, sizeof stream->gain);
  return heard;
}

static bool
play (Hda *hda, HdaStream *stream, const HdaFormat *format, unsigned n)
{
  uint8_t bytes[PIECE_BYTES];
  float frames[PIECE_FRAMES * SOUND_CHANNELS], from[2], to[2];
  unsigned channel;

  if (!move (hda, stream, bytes, n * format->frame_size))
    return false;
  if (!next_gain (hda, stream, &channel, from, to) || hda->hub == NULL)
    return true;
  hda_samples_decode (format, channel, bytes, frames, n, from, to);
  sound_hub_play (hda->hub, format->rate, frames, n);
  return true;
}

static bool
record (Hda *hda, HdaStream *stream, const HdaFormat *format, unsigned n)
{
  uint8_t bytes[PIECE_BYTES];
  float frames[PIECE_FRAMES * SOUND_CHANNELS] = { 0 }, from[2], to[2];
  unsigned channel = 0;

  if (!next_gain (hda, stream, &channel, from, to))
    memset (to, 0, sizeof to);
  else if (hda->hub != NULL)
    sound_hub_record (hda->hub, format->rate, frames, n);
  hda_samples_encode (format, channel, frames, bytes, n, from, to);
  return move (hda, stream, bytes, n * format->frame_size);
}

/* --- time --- */

static uint64_t
frames_at (const HdaStream *stream, const HdaFormat *format, uint64_t now)
{
  uint64_t ns = now > stream->since ? now - stream->since : 0;

  return ns / NS_PER_SECOND * format->rate + ns % NS_PER_SECOND * format->rate / NS_PER_SECOND;
}

/* When frame number @frame is over. */
static uint64_t
time_of (const HdaStream *stream, const HdaFormat *format, uint64_t frame)
{
  return stream->since + frame / format->rate * NS_PER_SECOND
         + (frame % format->rate * NS_PER_SECOND + format->rate - 1) / format->rate;
}

static void
run_stream (Hda *hda, HdaStream *stream, uint64_t now)
{
  HdaFormat format;
  uint64_t due, most;

  format_of (stream, &format);
  due = frames_at (stream, &format, now) - stream->frames;
  most = format.rate * (uint64_t)MAX_BACKLOG / NS_PER_SECOND;
  if (due > most)
    {
      TRACE (hda, "late", "stream=%u frames=%" PRIu64, (unsigned)(stream - hda->streams), due);
      stream->since = now - MAX_BACKLOG;
      stream->frames = 0;
      due = most;
    }
  while (due > 0 && stream->active)
    {
      unsigned n = MIN (due, MIN (PIECE_FRAMES, PIECE_BYTES / format.frame_size));

      if (!(hda_is_output (hda, stream) ? play : record) (hda, stream, &format, n))
        break;
      stream->frames += n;
      due -= n;
    }
}

/* Section 3.6.1: where the streams are, in the guest's memory. */
static void
write_positions (Hda *hda)
{
  uint64_t base = load_le64 (hda->regs + HDA_DPLBASE);

  if (!(base & HDA_DPLBASE_ENABLE))
    return;
  base &= ~UINT64_C (0x7f);
  for (unsigned i = 0; i < HDA_N_STREAMS; i++)
    if (hda->streams[i].active)
      {
        uint8_t position[4];

        store_le32 (position, hda->streams[i].position);
        guest_write (hda->pci.device.board->memory, base + 8 * i, position, sizeof position);
      }
}

void
hda_streams_run (Hda *hda)
{
  uint64_t now = hda_now (hda);
  bool any = false;

  if (!pci_may_dma (&hda->pci))
    return;
  for (unsigned i = 0; i < HDA_N_STREAMS; i++)
    if (hda->streams[i].active)
      {
        run_stream (hda, &hda->streams[i], now);
        any = true;
      }
  if (!any)
    return;
  write_positions (hda);
  hda_tell_hub (hda);
}

/* When the entry that is being moved is over, if that interrupts. */
static uint64_t
next_time (const HdaStream *stream, uint64_t now)
{
  uint64_t next = now + TICK, end;
  HdaFormat format;

  if (!stream->entered || !stream->interrupts)
    return next;
  format_of (stream, &format);
  end = stream->frames + (stream->length - stream->offset + format.frame_size - 1) / format.frame_size;
  return MIN (next, MAX (time_of (stream, &format, end), now + NS_PER_MS / 2));
}

void
hda_arm (Hda *hda)
{
  uint64_t now = hda_now (hda), next = UINT64_MAX;

  for (unsigned i = 0; i < HDA_N_STREAMS; i++)
    if (hda->streams[i].active)
      next = MIN (next, next_time (&hda->streams[i], now));
  if (next == UINT64_MAX)
    loop_timer_cancel (hda->timer);
  else
    loop_timer_arm (hda->timer, (int64_t)next);
}

/* --- registers --- */

void
hda_tell_hub (Hda *hda)
{
  bool playing = false, listening = false;

  for (unsigned i = 0; i < HDA_N_STREAMS; i++)
    if (hda->streams[i].active)
      *(i < HDA_N_INPUTS ? &listening : &playing) = true;
  if (hda->hub != NULL && hda->playing && !playing)
    sound_hub_end_play (hda->hub);
  if (hda->hub != NULL && hda->listening != listening)
    sound_hub_listen (hda->hub, listening);
  hda->playing = playing;
  hda->listening = listening;
}

/* Section 3.3.35: all but the bit itself; also what isn't in registers. */
void
hda_stream_reset (Hda *hda, HdaStream *stream)
{
  memset (stream, 0, sizeof *stream);
  store_le16 (stream->regs + HDA_SD_FIFOS, hda_is_output (hda, stream) ? 0xbf : 0x77);
}

void
hda_streams_reset (Hda *hda)
{
  for (unsigned i = 0; i < HDA_N_STREAMS; i++)
    hda_stream_reset (hda, &hda->streams[i]);
  hda_arm (hda);
  hda_tell_hub (hda);
}

static void
begin (Hda *hda, HdaStream *stream)
{
  stream->active = true;
  stream->since = hda_now (hda);
  stream->frames = 0;
  memset (stream->gain, 0, sizeof stream->gain); /* fades in */
  TRACE (hda, "run", "stream=%u format=0x%04x length=%u", (unsigned)(stream - hda->streams),
         load_le16 (stream->regs + HDA_SD_FMT), load_le32 (stream->regs + HDA_SD_CBL));
  hda_tell_hub (hda);
}

void
hda_stream_update (Hda *hda, HdaStream *stream)
{
  unsigned index = stream - hda->streams;
  bool runs, held;

  if (stream->regs[HDA_SD_CTL] & HDA_SD_CTL_SRST)
    {
      hda_stream_reset (hda, stream);
      stream->regs[HDA_SD_CTL] = HDA_SD_CTL_SRST;
      hda_tell_hub (hda);
      return;
    }
  runs = stream->regs[HDA_SD_CTL] & HDA_SD_CTL_RUN;
  held = hda->regs[HDA_SSYNC] & 1u << index;
  if (runs)
    stream->regs[HDA_SD_STS] |= HDA_SD_STS_FIFORDY;
  else
    stream->regs[HDA_SD_STS] &= ~HDA_SD_STS_FIFORDY;
  if (runs && !held && !stream->active && !(stream->regs[HDA_SD_STS] & HDA_SD_STS_DESE))
    begin (hda, stream);
  else if (stream->active && (!runs || held))
    {
      TRACE (hda, "stop", "stream=%u position=%u", index, stream->position);
      stream->active = false;
      hda_tell_hub (hda);
    }
}
