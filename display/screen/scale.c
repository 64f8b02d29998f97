/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/screen/scale.h"

/* One target row or column: @n source pixels from @first on, whose weights add up to WEIGHT_ONE. */
#define WEIGHT_ONE 256

typedef struct {
  int first, n;
  const uint16_t *weights;
} Taps;

typedef struct {
  Taps *taps;
  uint16_t *weights;
  int n_taps;
  bool single; /* each target pixel shows one source pixel */
} Axis;

/* In units of 1/@target of a source pixel, target pixel i covers [i * @source, (i + 1) * @source). */
static void
axis_init (Axis *axis, int source, int target, int from, int count)
{
  size_t n_weights = 0;
  uint16_t *weights;

  axis->taps = g_new (Taps, count);
  axis->n_taps = count;
  axis->single = true;
  for (int i = 0; i < count; i++)
    {
      int64_t start = (int64_t) (from + i) * source, end = start + source;
      int first = (int) (start / target), last = (int) ((end - 1) / target);

      axis->taps[i] = (Taps) { .first = first, .n = last - first + 1 };
      axis->single &= first == last;
      n_weights += axis->taps[i].n;
    }

  weights = axis->weights = g_new (uint16_t, n_weights);
  for (int i = 0; i < count; i++)
    {
      Taps *taps = &axis->taps[i];
      int64_t start = (int64_t) (from + i) * source;
      int sum = 0;

      taps->weights = weights;
      for (int k = 0; k < taps->n; k++)
        {
          int64_t covered = MIN ((int64_t) (taps->first + k + 1) * target - start, source);
          int upto = (int) (covered * WEIGHT_ONE / source);

          *weights++ = (uint16_t) (upto - sum);
          sum = upto;
        }
    }
}

static void
axis_clear (Axis *axis)
{
  g_free (axis->taps);
  g_free (axis->weights);
}

static const uint32_t *
surface_row (const Surface *surface, int y)
{
  return (const uint32_t *) ((const uint8_t *) surface->pixels + (ptrdiff_t) y * surface->stride);
}

/* Averages rows into one of 8-bit channels; written so that the compiler makes vector code of it. */
static void
mix_rows (const Surface *surface, const Taps *taps, int x, int n, uint16_t *sums, uint8_t *mixed)
{
  for (int i = 0; i < n * 4; i++)
    sums[i] = WEIGHT_ONE / 2;
  for (int k = 0; k < taps->n; k++)
    {
      const uint8_t *row = (const uint8_t *) (surface_row (surface, taps->first + k) + x);
      uint16_t weight = taps->weights[k];

      for (int i = 0; i < n * 4; i++)
        sums[i] = (uint16_t) (sums[i] + row[i] * weight);
    }
  for (int i = 0; i < n * 4; i++)
    mixed[i] = (uint8_t) (sums[i] >> 8);
}

/* Red and blue are summed in one word, 16 bits each: the weights add up to 256, so neither overflows. */
static void
mix_columns (const Axis *columns, const uint32_t *row, int x, uint32_t *out)
{
  for (int i = 0; i < columns->n_taps; i++)
    {
      const Taps *taps = &columns->taps[i];
      const uint32_t *p = row + (taps->first - x);
      uint32_t red_blue = 0x00800080, green = 0x80;

      if (taps->n == 1)
        {
          out[i] = *p;
          continue;
        }
      for (int k = 0; k < taps->n; k++)
        {
          red_blue += (p[k] & 0x00ff00ff) * taps->weights[k];
          green += (p[k] >> 8 & 0xff) * taps->weights[k];
        }
      out[i] = (red_blue >> 8 & 0x00ff00ff) | (green & 0x0000ff00);
    }
}

static void
copy_unscaled (const Surface *surface, uint32_t *pixels, int stride, Rect to, Rect clip)
{
  for (int y = clip.y; y < clip.y + clip.height; y++)
    memcpy ((uint8_t *) pixels + (ptrdiff_t) y * stride + (ptrdiff_t) clip.x * 4,
            surface_row (surface, y - to.y) + (clip.x - to.x), (size_t) clip.width * 4);
}

static void
scale_rows (const Surface *surface, uint32_t *pixels, int stride, Rect clip, const Axis *columns,
            const Axis *rows)
{
  const Taps *last = &columns->taps[columns->n_taps - 1];
  int x = columns->taps[0].first, n = last->first + last->n - x;
  g_autofree uint16_t *sums = rows->single ? NULL : g_new (uint16_t, (size_t) n * 4);
  g_autofree uint32_t *mixed = rows->single ? NULL : g_new (uint32_t, n);
  const uint32_t *previous = NULL;
  int previous_y = -1;

  for (int i = 0; i < rows->n_taps; i++)
    {
      const Taps *taps = &rows->taps[i];
      uint32_t *out = (uint32_t *) ((uint8_t *) pixels + (ptrdiff_t) (clip.y + i) * stride) + clip.x;

      if (taps->n > 1)
        {
          mix_rows (surface, taps, x, n, sums, (uint8_t *) mixed);
          mix_columns (columns, mixed, x, out);
        }
      else if (previous_y == taps->first)
        memcpy (out, previous, (size_t) clip.width * 4);
      else
        mix_columns (columns, surface_row (surface, taps->first) + x, x, out);

      previous = out;
      previous_y = taps->n == 1 ? taps->first : -1;
    }
}

void
scale_blit (const Surface *surface, uint32_t *pixels, int stride, Rect to, Rect clip)
{
  Axis columns, rows;

  clip = rect_intersect (clip, to);
  if (rect_is_empty (clip))
    return;
  if (to.width == surface->width && to.height == surface->height)
    {
      copy_unscaled (surface, pixels, stride, to, clip);
      return;
    }

  axis_init (&columns, surface->width, to.width, clip.x - to.x, clip.width);
  axis_init (&rows, surface->height, to.height, clip.y - to.y, clip.height);
  scale_rows (surface, pixels, stride, clip, &columns, &rows);
  axis_clear (&columns);
  axis_clear (&rows);
}

Rect
scale_rect (const Surface *surface, Rect to, Rect rect)
{
  int64_t left, top, right, bottom;

  rect = rect_intersect (rect, surface_rect (surface));
  if (rect_is_empty (rect) || rect_is_empty (to))
    return (Rect) { 0 };

  left = (int64_t) rect.x * to.width / surface->width;
  top = (int64_t) rect.y * to.height / surface->height;
  right = ((int64_t) (rect.x + rect.width) * to.width + surface->width - 1) / surface->width;
  bottom = ((int64_t) (rect.y + rect.height) * to.height + surface->height - 1) / surface->height;
  return (Rect) {
    .x = to.x + (int) left,
    .y = to.y + (int) top,
    .width = (int) (right - left),
    .height = (int) (bottom - top),
  };
}
