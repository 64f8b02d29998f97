/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include <string.h>

/* VESA Enhanced EDID Standard, release A revision 2: EDID structure 1.4. */

/* A mode with VESA's timing: CVT 1.2 with reduced blanking, or DMT for 640x480 and 1024x768. */
typedef struct {
  unsigned clock_10khz;
  unsigned width, h_blank, h_front, h_sync;
  unsigned height, v_blank, v_front, v_sync;
  uint8_t flags; /* digital separate sync, polarities */
} DetailedTiming;

static const DetailedTiming preferred[] = {
  { 7100, 1280, 160, 48, 32, 800, 23, 3, 6, 0x1a },
  { 6500, 1024, 320, 24, 136, 768, 38, 3, 6, 0x18 },
  { 2518, 640, 160, 16, 96, 480, 45, 10, 2, 0x18 },
};

/* Picture of 96 dots per inch. */
static unsigned
millimetres (unsigned pixels)
{
  return pixels * 254 / 960;
}

/* Section 3.10.2, table 3.21. */
static void
fill_timing (uint8_t *p, const DetailedTiming *t)
{
  unsigned w = millimetres (t->width), h = millimetres (t->height);

  p[0] = t->clock_10khz & 0xff;
  p[1] = t->clock_10khz >> 8;
  p[2] = t->width & 0xff;
  p[3] = t->h_blank & 0xff;
  p[4] = (t->width >> 8) << 4 | t->h_blank >> 8;
  p[5] = t->height & 0xff;
  p[6] = t->v_blank & 0xff;
  p[7] = (t->height >> 8) << 4 | t->v_blank >> 8;
  p[8] = t->h_front & 0xff;
  p[9] = t->h_sync & 0xff;
  p[10] = (t->v_front & 0x0f) << 4 | (t->v_sync & 0x0f);
  p[11] = (t->h_front >> 8) << 6 | (t->h_sync >> 8) << 4 | (t->v_front >> 4) << 2 | t->v_sync >> 4;
  p[12] = w & 0xff;
  p[13] = h & 0xff;
  p[14] = (w >> 8) << 4 | h >> 8;
  p[17] = t->flags;
}

/* Section 3.10.3: a display descriptor; text is ended by a line feed and padded with blanks. */
static void
fill_text (uint8_t *p, uint8_t tag, const char *text)
{
  size_t length = strlen (text);

  p[3] = tag;
  memset (p + 5, ' ', 13);
  memcpy (p + 5, text, length);
  p[5 + length] = '\n';
}

static void
fill_range_limits (uint8_t *p)
{
  static const uint8_t limits[] = { 0, 0, 0, 0xfd, 0, 50, 125, 30, 160, 60, 0x01, '\n', ' ', ' ', ' ', ' ', ' ', ' ' };

  memcpy (p, limits, sizeof limits);
}

/* Section 3.9: width / 8 - 31, aspect ratio and rate - 60. */
static void
fill_standard_timings (uint8_t *p)
{
  enum { ASPECT_16_10 = 0x00, ASPECT_4_3 = 0x40, ASPECT_5_4 = 0x80, ASPECT_16_9 = 0xc0 };
  static const struct {
    uint16_t width;
    uint8_t aspect;
  } modes[8] = {
    { 1920, ASPECT_16_9 }, { 1920, ASPECT_16_10 }, { 1680, ASPECT_16_10 }, { 1600, ASPECT_4_3 },
    { 1440, ASPECT_16_10 }, { 1280, ASPECT_5_4 }, { 1280, ASPECT_16_9 }, { 1280, ASPECT_16_10 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      p[2 * i] = modes[i].width / 8 - 31;
      p[2 * i + 1] = modes[i].aspect;
    }
}

void
edid_fill (uint8_t edid[128], uint64_t memory_size)
{
  static const uint8_t header[] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
  /* Chromaticities of sRGB, table 3.15. */
  static const uint8_t srgb[] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };
  const DetailedTiming *timing = preferred;
  uint8_t sum = 0;

  while (timing < preferred + G_N_ELEMENTS (preferred) - 1 && 4 * timing->width * timing->height > memory_size)
    timing++;

  memset (edid, 0, 128);
  memcpy (edid, header, sizeof header);
  edid[8] = ('B' - '@') << 2 | ('N' - '@') >> 3; /* "BNS" in three times five bits */
  edid[9] = (uint8_t)(('N' - '@') << 5) | ('S' - '@');
  edid[10] = 0x01;
  edid[17] = 2026 - 1990; /* year of the model */
  edid[16] = 0xff;
  edid[18] = 1;
  edid[19] = 4;
  edid[20] = 0xa0; /* digital, 8 bits per colour */
  edid[21] = millimetres (timing->width) / 10;
  edid[22] = millimetres (timing->height) / 10;
  edid[23] = 120; /* gamma 2.2 */
  edid[24] = 0x06; /* sRGB; the first timing is the native one */
  memcpy (edid + 25, srgb, sizeof srgb);
  edid[35] = 0x21; /* 640x480, 800x600 at 60 Hz */
  edid[36] = 0x08; /* 1024x768 at 60 Hz */
  fill_standard_timings (edid + 38);
  fill_timing (edid + 54, timing);
  fill_range_limits (edid + 72);
  fill_text (edid + 90, 0xfc, "Bonsai");
  edid[108 + 3] = 0x10; /* dummy descriptor */
  for (unsigned i = 0; i < 127; i++)
    sum += edid[i];
  edid[127] = -sum;
}
