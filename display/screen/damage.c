/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/screen/surface.h"

static int64_t
rect_area (Rect rect)
{
  return (int64_t) rect.width * rect.height;
}

/* Edges are computed in 64 bits: a rectangle that reaches beyond INT_MAX is cut off there. */
static Rect
rect_from_edges (int64_t left, int64_t top, int64_t right, int64_t bottom)
{
  return (Rect) {
    .x = (int) left,
    .y = (int) top,
    .width = (int) CLAMP (right - left, 0, G_MAXINT),
    .height = (int) CLAMP (bottom - top, 0, G_MAXINT),
  };
}

static int64_t
rect_right (Rect rect)
{
  return (int64_t) rect.x + rect.width;
}

static int64_t
rect_bottom (Rect rect)
{
  return (int64_t) rect.y + rect.height;
}

static Rect
rect_union (Rect a, Rect b)
{
  return rect_from_edges (MIN (a.x, b.x), MIN (a.y, b.y), MAX (rect_right (a), rect_right (b)),
                          MAX (rect_bottom (a), rect_bottom (b)));
}

Rect
rect_intersect (Rect a, Rect b)
{
  int64_t left = MAX (a.x, b.x), top = MAX (a.y, b.y);
  int64_t right = MIN (rect_right (a), rect_right (b)), bottom = MIN (rect_bottom (a), rect_bottom (b));

  if (right <= left || bottom <= top)
    return (Rect) { 0 };
  return rect_from_edges (left, top, right, bottom);
}

static void
damage_remove (Damage *damage, unsigned index)
{
  damage->rects[index] = damage->rects[--damage->n];
}

/* How many pixels one box around both would redraw for nothing; overlap makes it negative. */
static int64_t
merge_waste (Rect a, Rect b)
{
  return rect_area (rect_union (a, b)) - rect_area (a) - rect_area (b);
}

void
damage_clear (Damage *damage)
{
  damage->n = 0;
}

bool
damage_is_empty (const Damage *damage)
{
  return damage->n == 0;
}

/* The index of the rectangle that is merged with @rect most cheaply. */
static unsigned
cheapest_partner (const Damage *damage, Rect rect, int64_t *waste)
{
  unsigned best = 0;

  *waste = G_MAXINT64;
  for (unsigned i = 0; i < damage->n; i++)
    {
      int64_t w = merge_waste (damage->rects[i], rect);

      if (w < *waste)
        {
          *waste = w;
          best = i;
        }
    }
  return best;
}

void
damage_add (Damage *damage, Rect rect)
{
  if (rect_is_empty (rect))
    return;

  /* Each merge takes one rectangle out, so this ends. */
  while (damage->n > 0)
    {
      int64_t waste;
      unsigned partner = cheapest_partner (damage, rect, &waste);

      if (waste > 0 && damage->n < DAMAGE_MAX)
        break;
      rect = rect_union (rect, damage->rects[partner]);
      damage_remove (damage, partner);
    }
  damage->rects[damage->n++] = rect;
}

void
damage_add_all (Damage *damage, const Damage *other)
{
  for (unsigned i = 0; i < other->n; i++)
    damage_add (damage, other->rects[i]);
}

Rect
damage_bounds (const Damage *damage)
{
  Rect bounds = { 0 };

  for (unsigned i = 0; i < damage->n; i++)
    bounds = i == 0 ? damage->rects[0] : rect_union (bounds, damage->rects[i]);
  return bounds;
}

void
damage_clip (Damage *damage, Rect bounds)
{
  for (unsigned i = 0; i < damage->n;)
    {
      damage->rects[i] = rect_intersect (damage->rects[i], bounds);
      if (rect_is_empty (damage->rects[i]))
        damage_remove (damage, i);
      else
        i++;
    }
}
