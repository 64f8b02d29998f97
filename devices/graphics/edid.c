/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/edid.h"

#include "vmm/base/bytes.h"

#include <stdio.h>
#include <string.h>

/* VESA Enhanced EDID Standard, release A revision 2: EDID structure 1.4. */

typedef struct {
  unsigned clock_10khz;
  unsigned width, h_blank, h_front, h_sync;
  unsigned height, v_blank, v_front, v_sync;
  uint8_t flags; /* digital separate sync, polarities */
} DetailedTiming;

#define MAX_WIDTH  4088u /* 12 bits, in whole characters */
#define MAX_HEIGHT 4095u
#define MAX_CLOCK  UINT64_C (655000000)

/* VESA CVT 1.2, table 2: the height of the sync pulse tells the aspect ratio. */
static unsigned
v_sync_of (unsigned width, unsigned height)
{
  static const struct {
    unsigned x, y, lines;
  } ratios[] = { { 4, 3, 4 }, { 16, 9, 5 }, { 16, 10, 6 }, { 5, 4, 7 }, { 15, 9, 7 } };

  for (unsigned i = 0; i < G_N_ELEMENTS (ratios); i++)
    if (width == 8 * (height * ratios[i].x / ratios[i].y / 8))
      return ratios[i].lines;
  return 10;
}

/* CVT 1.2, section 5.4: reduced blanking, 60 Hz, or as many as the clock's 16 bits can say. */
static DetailedTiming
compute_timing (unsigned width, unsigned height)
{
  DetailedTiming t = {
    .width = width, .h_blank = 160, .h_front = 48, .h_sync = 32, .height = height, .v_front = 3, .flags = 0x1a
  };
  double line_us = (1e6 / 60 - 460) / height;
  uint64_t dots, clock;

  t.v_sync = v_sync_of (width, height);
  t.v_blank = MAX ((unsigned)(460 / line_us) + 1, t.v_front + t.v_sync + 6);
  dots = (uint64_t)(width + t.h_blank) * (height + t.v_blank);
  clock = MIN (dots * 60, MAX_CLOCK);
  t.clock_10khz = clock / 250000 * 25;
  return t;
}

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
  static const uint8_t limits[] = { 0,  0,    0,    0xfd, 0,   20,  125, 20,  255,
                                    66, 0x01, '\n', ' ',  ' ', ' ', ' ', ' ', ' ' };

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
    { 1920, ASPECT_16_9 },  { 1920, ASPECT_16_10 }, { 1680, ASPECT_16_10 }, { 1600, ASPECT_4_3 },
    { 1440, ASPECT_16_10 }, { 1280, ASPECT_5_4 },   { 1280, ASPECT_16_9 },  { 1280, ASPECT_16_10 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      p[2 * i] = modes[i].width / 8 - 31;
      p[2 * i + 1] = modes[i].aspect;
    }
}

void
edid_fill (uint8_t edid[EDID_SIZE], const EdidConfig *config)
{
  static const uint8_t header[] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
  /* Chromaticities of sRGB, table 3.15. */
  static const uint8_t srgb[] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };
  DetailedTiming timing =
    compute_timing (CLAMP (config->width & ~7u, 64, MAX_WIDTH), CLAMP (config->height, 64, MAX_HEIGHT));
  char name[14] = "Bonsai";
  uint8_t sum = 0;

  if (config->serial > 1)
    snprintf (name, sizeof name, "Bonsai %u", config->serial % 100);
  memset (edid, 0, EDID_SIZE);
  memcpy (edid, header, sizeof header);
  edid[8] = ('B' - '@') << 2 | ('N' - '@') >> 3; /* "BNS" in three times five bits */
  edid[9] = (uint8_t)(('N' - '@') << 5) | ('S' - '@');
  edid[10] = 0x01;
  store_le32 (edid + 12, config->serial);
  edid[17] = 2026 - 1990; /* year of the model */
  edid[16] = 0xff;
  edid[18] = 1;
  edid[19] = 4;
  edid[20] = 0xa0; /* digital, 8 bits per colour */
  edid[21] = millimetres (timing.width) / 10;
  edid[22] = millimetres (timing.height) / 10;
  edid[23] = 120;  /* gamma 2.2 */
  edid[24] = 0x06; /* sRGB; the first timing is the native one */
  memcpy (edid + 25, srgb, sizeof srgb);
  edid[35] = 0x21; /* 640x480, 800x600 at 60 Hz */
  edid[36] = 0x08; /* 1024x768 at 60 Hz */
  fill_standard_timings (edid + 38);
  fill_timing (edid + 54, &timing);
  fill_range_limits (edid + 72);
  fill_text (edid + 90, 0xfc, name);
  edid[108 + 3] = 0x10; /* dummy descriptor */
  for (unsigned i = 0; i < EDID_SIZE - 1; i++)
    sum += edid[i];
  edid[EDID_SIZE - 1] = -sum;
}
