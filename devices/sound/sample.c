/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/sound/hda-private.h"

/* Section 3.7.1: samples of 20 and 24 bits lie in the upper bits of containers of 32. */

static float
decode (const uint8_t *p, unsigned size)
{
  switch (size)
    {
    case 1:
      return (float)(int8_t)(*p ^ 0x80) / 128.0f;
    case 2:
      return (float)(int16_t)load_le16 (p) / 32768.0f;
    default:
      return (float)(int32_t)load_le32 (p) / 2147483648.0f;
    }
}

static void
encode (uint8_t *p, unsigned size, float value)
{
  value = CLAMP (value, -1.0f, 1.0f);
  switch (size)
    {
    case 1:
      *p = (uint8_t)(int8_t)(value * 127.0f) ^ 0x80;
      break;
    case 2:
      store_le16 (p, (uint16_t)(int16_t)(value * 32767.0f));
      break;
    default:
      store_le32 (p, (uint32_t)(int32_t)((double)value * 2147483647.0));
      break;
    }
}

/* Stereo's side @side: a stream of one channel has one for both. */
static unsigned
place_of (const HdaFormat *format, unsigned channel, unsigned side)
{
  return MIN (channel + side, format->n_channels - 1) * format->sample_size;
}

static float
gain_at (const float from[2], const float to[2], unsigned side, unsigned i, unsigned n)
{
  return from[side] + (to[side] - from[side]) * (float)i / (float)n;
}

void
hda_samples_decode (const HdaFormat *format, unsigned channel, const uint8_t *bytes, float *frames,
                    unsigned n, const float from[2], const float to[2])
{
  for (unsigned side = 0; side < 2; side++)
    {
      const uint8_t *p = bytes + place_of (format, channel, side);

      for (unsigned i = 0; i < n; i++, p += format->frame_size)
        frames[2 * i + side] = decode (p, format->sample_size) * gain_at (from, to, side, i, n);
    }
}

void
hda_samples_encode (const HdaFormat *format, unsigned channel, const float *frames, uint8_t *bytes,
                    unsigned n, const float from[2], const float to[2])
{
  memset (bytes, format->sample_size == 1 ? 0x80 : 0, n * format->frame_size);
  for (unsigned side = 0; side < 2; side++)
    {
      uint8_t *p = bytes + place_of (format, channel, side);

      for (unsigned i = 0; i < n; i++, p += format->frame_size)
        encode (p, format->sample_size, frames[2 * i + side] * gain_at (from, to, side, i, n));
    }
}
