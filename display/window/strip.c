/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/strip.h"

#include "display/window/icons.h"

#include <pango/pangocairo.h>

#define FONT    "Sans 10"
#define ICON    16 /* points */
#define PADDING 10
#define GAP     6
#define EDGE    4 /* around the items */
#define HEIGHT  32
#define RADIUS  8

static int
pixels (const Strip *strip, double points)
{
  return (int)(points * strip->scale + 0.5);
}

/* --- text --- */

static PangoContext *
text_context (double scale)
{
  PangoFontMap *fonts = pango_cairo_font_map_new ();
  PangoContext *context;

  pango_cairo_font_map_set_resolution (PANGO_CAIRO_FONT_MAP (fonts), 96 * scale);
  context = pango_font_map_create_context (fonts);
  g_object_unref (fonts);
  return context;
}

static PangoLayout *
text_layout (PangoContext *context, const char *text, int max_width)
{
  PangoLayout *layout = pango_layout_new (context);
  PangoFontDescription *font = pango_font_description_from_string (FONT);

  pango_layout_set_font_description (layout, font);
  pango_font_description_free (font);
  pango_layout_set_text (layout, text, -1);
  pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_get_pixel_size (layout, NULL, NULL);
  if (max_width > 0)
    {
      int width;

      pango_layout_get_pixel_size (layout, &width, NULL);
      pango_layout_set_width (layout, MIN (width + 1, max_width) * PANGO_SCALE);
    }
  return layout;
}

static int
text_width (PangoContext *context, const char *text)
{
  PangoLayout *layout = text_layout (context, text, 0);
  int width;

  pango_layout_get_pixel_size (layout, &width, NULL);
  g_object_unref (layout);
  return width;
}

/* --- layout --- */

static int
item_width (const Strip *strip, PangoContext *context, const ConsoleItem *item)
{
  int width = 2 * pixels (strip, PADDING);

  if (strip->is_list || item->icon != CONSOLE_ICON_NONE)
    width += pixels (strip, ICON);
  if (strip->has_labels)
    width += pixels (strip, GAP) + text_width (context, item->label);
  if (item->menu && !strip->is_list)
    width += pixels (strip, GAP);
  return width;
}

static void
lay_row (Strip *strip, PangoContext *context)
{
  int x = pixels (strip, EDGE);

  for (guint i = 0; i < strip->menu->items->len; i++)
    {
      int width = item_width (strip, context, g_ptr_array_index (strip->menu->items, i));

      strip->places[i] = (Rect){ x, 0, width, pixels (strip, HEIGHT) };
      x += width;
    }
  strip->width = x + pixels (strip, EDGE);
  strip->height = pixels (strip, HEIGHT);
}

static void
lay_list (Strip *strip, PangoContext *context, int max_width)
{
  int edge = pixels (strip, EDGE), height = pixels (strip, HEIGHT), width = 0;

  for (guint i = 0; i < strip->menu->items->len; i++)
    width = MAX (width, item_width (strip, context, g_ptr_array_index (strip->menu->items, i)));
  width = MIN (width, max_width - 2 * edge);
  for (guint i = 0; i < strip->menu->items->len; i++)
    strip->places[i] = (Rect){ edge, edge + (int)i * height, width, height };
  strip->width = width + 2 * edge;
  strip->height = (int)strip->menu->items->len * height + 2 * edge;
}

Strip *
strip_new (const ConsoleMenu *menu, bool is_list, int max_width, double scale)
{
  Strip *strip = g_new0 (Strip, 1);
  PangoContext *context = text_context (scale);

  *strip = (Strip){ .menu = menu, .scale = scale, .is_list = is_list, .has_labels = true };
  strip->places = g_new0 (Rect, menu->items->len);
  if (is_list)
    lay_list (strip, context, max_width);
  else
    lay_row (strip, context);
  if (!is_list && strip->width > max_width)
    {
      strip->has_labels = false;
      lay_row (strip, context);
    }
  g_object_unref (context);
  return strip;
}

void
strip_free (Strip *strip)
{
  g_free (strip->places);
  g_free (strip);
}

static bool
can_be_chosen (const Strip *strip, guint i)
{
  const ConsoleItem *item = g_ptr_array_index (strip->menu->items, i);

  return !item->disabled;
}

int
strip_find (const Strip *strip, int x, int y)
{
  for (guint i = 0; i < strip->menu->items->len; i++)
    {
      const Rect *place = &strip->places[i];

      if (x >= place->x && x < place->x + place->width && y >= place->y && y < place->y + place->height)
        return can_be_chosen (strip, i) ? (int)i : -1;
    }
  return -1;
}

int
strip_next (const Strip *strip, int from, int step)
{
  int n = (int)strip->menu->items->len;

  if (from < 0)
    from = step > 0 ? -1 : n;
  for (int i = 1; i <= n; i++)
    {
      int at = (from + step * i) % n;

      at = at < 0 ? at + n : at;
      if (can_be_chosen (strip, (guint)at))
        return at;
    }
  return -1;
}

int
strip_find_again (const Strip *strip, const ConsoleItem *item)
{
  for (guint i = 0; item && i < strip->menu->items->len; i++)
    {
      const ConsoleItem *candidate = g_ptr_array_index (strip->menu->items, i);

      if (g_strcmp0 (candidate->action, item->action) == 0
          && (item->action || g_str_equal (candidate->label, item->label)))
        return can_be_chosen (strip, i) ? (int)i : -1;
    }
  return -1;
}

/* --- drawing --- */

/* A row hangs from the window's top edge; a list has four round corners. */
static void
draw_ground (cairo_t *cr, const Strip *strip)
{
  double w = strip->width, h = strip->height, r = pixels (strip, RADIUS);

  cairo_new_sub_path (cr);
  if (strip->is_list)
    {
      cairo_arc (cr, r, r, r, G_PI, 3 * G_PI_2);
      cairo_arc (cr, w - r, r, r, 3 * G_PI_2, 2 * G_PI);
    }
  else
    {
      cairo_move_to (cr, 0, 0);
      cairo_line_to (cr, w, 0);
    }
  cairo_arc (cr, w - r, h - r, r, 0, G_PI_2);
  cairo_arc (cr, r, h - r, r, G_PI_2, G_PI);
  cairo_close_path (cr);
  cairo_set_source_rgba (cr, 0.14, 0.14, 0.16, 0.96);
  cairo_fill (cr);
}

static void
draw_light (cairo_t *cr, const Strip *strip, const Rect *place)
{
  double inset = pixels (strip, 2);

  cairo_rectangle (cr, place->x + inset / 2, place->y + inset, place->width - inset,
                   place->height - 2 * inset);
  cairo_set_source_rgba (cr, 1, 1, 1, 0.16);
  cairo_fill (cr);
}

static void
draw_label (cairo_t *cr, const Strip *strip, PangoContext *context, const ConsoleItem *item, Rect place)
{
  PangoLayout *layout = text_layout (context, item->label, place.width);
  int height;

  pango_layout_get_pixel_size (layout, NULL, &height);
  cairo_move_to (cr, place.x, place.y + (place.height - height) / 2);
  pango_cairo_show_layout (cr, layout);
  g_object_unref (layout);
}

static void
draw_item (cairo_t *cr, const Strip *strip, PangoContext *context, const ConsoleItem *item, Rect place)
{
  int padding = pixels (strip, PADDING), icon = pixels (strip, ICON), gap = pixels (strip, GAP);
  double opacity = item->disabled ? 0.4 : 1;

  cairo_set_source_rgba (cr, 1, 1, 1, opacity);
  place.x += padding;
  place.width -= 2 * padding;
  if (item->icon != CONSOLE_ICON_NONE || strip->is_list)
    {
      double y = place.y + (place.height - icon) / 2;

      if (item->checked)
        icon_draw_check (cr, place.x, y, icon);
      else
        icon_draw (cr, item->icon, place.x, y, icon);
      place.x += icon + gap;
      place.width -= icon + gap;
    }
  if (item->menu && !strip->is_list)
    {
      int left = strip->has_labels ? place.x + place.width - gap / 2 : place.x - gap / 2;

      icon_draw_arrow (cr, left, place.y + place.height / 2, gap);
      place.width -= gap;
    }
  if (strip->has_labels)
    draw_label (cr, strip, context, item, place);
}

Sprite *
strip_draw (const Strip *strip, int lit)
{
  Sprite *sprite = sprite_new (strip->width, strip->height);
  cairo_t *cr = sprite_draw (sprite);
  PangoContext *context = text_context (strip->scale);

  draw_ground (cr, strip);
  if (lit >= 0)
    draw_light (cr, strip, &strip->places[lit]);
  for (guint i = 0; i < strip->menu->items->len; i++)
    draw_item (cr, strip, context, g_ptr_array_index (strip->menu->items, i), strip->places[i]);
  g_object_unref (context);
  sprite_drawn (cr);
  return sprite;
}
