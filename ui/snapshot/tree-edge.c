/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/snapshot/tree-edge.h"

#define LINE   2
#define RADIUS 10

static void
draw_line (GtkSnapshot *snapshot, float x, float y, float width, float height, const GdkRGBA *color)
{
  gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT (x, y, width, height));
}

/* A quarter of a frame: the vertical and the horizontal side that meet in one round corner. */
static void
draw_corner (GtkSnapshot *snapshot, graphene_rect_t area, GskCorner corner, const GdkRGBA *color)
{
  const float widths[4][4] = {
    [GSK_CORNER_TOP_LEFT] = { LINE, 0, 0, LINE },
    [GSK_CORNER_TOP_RIGHT] = { LINE, LINE, 0, 0 },
    [GSK_CORNER_BOTTOM_RIGHT] = { 0, LINE, LINE, 0 },
    [GSK_CORNER_BOTTOM_LEFT] = { 0, 0, LINE, LINE },
  };
  const GdkRGBA colors[4] = { *color, *color, *color, *color };
  GskRoundedRect outline;

  gsk_rounded_rect_init_from_rect (&outline, &area, 0);
  outline.corner[corner] = GRAPHENE_SIZE_INIT (RADIUS, RADIUS);
  gtk_snapshot_append_border (snapshot, &outline, widths[corner], colors);
}

/* From the parent's lower edge, half way down, across, and down to the child. */
void
tree_edge_draw (GtkSnapshot *snapshot, float from, float top, float to, float bottom, const GdkRGBA *color)
{
  float middle = (top + bottom) / 2, half = (bottom - top) / 2;

  from -= LINE / 2.0f;
  to -= LINE / 2.0f;
  if (from == to)
    draw_line (snapshot, from, top, LINE, bottom - top, color);
  else if (from < to)
    {
      draw_corner (snapshot, GRAPHENE_RECT_INIT (from, top, (to - from) / 2, half + LINE),
                   GSK_CORNER_BOTTOM_LEFT, color);
      draw_corner (snapshot, GRAPHENE_RECT_INIT ((from + to) / 2, middle, (to - from) / 2 + LINE, half),
                   GSK_CORNER_TOP_RIGHT, color);
    }
  else
    {
      draw_corner (snapshot, GRAPHENE_RECT_INIT ((from + to) / 2, top, (from - to) / 2 + LINE, half + LINE),
                   GSK_CORNER_BOTTOM_RIGHT, color);
      draw_corner (snapshot, GRAPHENE_RECT_INIT (to, middle, (from - to) / 2, half), GSK_CORNER_TOP_LEFT,
                   color);
    }
}
