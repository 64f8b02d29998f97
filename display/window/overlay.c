/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/overlay.h"

#include <pango/pangocairo.h>
#include <stdbool.h>

#define PANEL_FONT    "Sans 11"
#define PANEL_PADDING 16
#define PANEL_RADIUS  10

static void
rounded_rectangle (cairo_t *cr, double width, double height, double radius)
{
  cairo_new_sub_path (cr);
  cairo_arc (cr, width - radius, radius, radius, -G_PI_2, 0);
  cairo_arc (cr, width - radius, height - radius, radius, 0, G_PI_2);
  cairo_arc (cr, radius, height - radius, radius, G_PI_2, G_PI);
  cairo_arc (cr, radius, radius, radius, G_PI, 3 * G_PI_2);
  cairo_close_path (cr);
}

static PangoLayout *
panel_layout (PangoContext *context, const char *heading, const char *text, int max_width)
{
  PangoLayout *layout = pango_layout_new (context);
  PangoFontDescription *font = pango_font_description_from_string (PANEL_FONT);
  g_autofree char *escaped_heading = g_markup_escape_text (heading ? heading : "", -1);
  g_autofree char *escaped_text = g_markup_escape_text (text ? text : "", -1);
  g_autofree char *markup = g_strdup_printf ("<span size=\"x-large\" weight=\"bold\">%s</span>%s%s",
                                             escaped_heading, heading && text ? "\n" : "", escaped_text);

  pango_layout_set_font_description (layout, font);
  pango_font_description_free (font);
  pango_layout_set_markup (layout, markup, -1);
  pango_layout_set_alignment (layout, PANGO_ALIGN_CENTER);
  pango_layout_set_wrap (layout, PANGO_WRAP_WORD_CHAR);
  pango_layout_set_width (layout, max_width * PANGO_SCALE);
  return layout;
}

Sprite *
overlay_panel (const char *heading, const char *text, int max_width, double scale)
{
  PangoFontMap *fonts = pango_cairo_font_map_new ();
  PangoContext *context;
  PangoLayout *layout;
  int padding = (int) (PANEL_PADDING * scale), text_width = MAX (max_width - 2 * padding, 1);
  PangoRectangle extents;
  Sprite *sprite;
  cairo_t *cr;

  pango_cairo_font_map_set_resolution (PANGO_CAIRO_FONT_MAP (fonts), 96 * scale);
  context = pango_font_map_create_context (fonts);
  layout = panel_layout (context, heading, text, text_width);
  pango_layout_get_pixel_extents (layout, NULL, &extents);

  sprite = sprite_new (extents.width + 2 * padding, extents.height + 2 * padding);
  cr = sprite_draw (sprite);
  rounded_rectangle (cr, sprite->width, sprite->height, PANEL_RADIUS * scale);
  cairo_set_source_rgba (cr, 0.11, 0.11, 0.13, 0.88);
  cairo_fill (cr);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_move_to (cr, padding - extents.x, padding - extents.y);
  pango_cairo_show_layout (cr, layout);
  sprite_drawn (cr);
  g_object_unref (layout);
  g_object_unref (context);
  g_object_unref (fonts);
  return sprite;
}

/* --- the icon, drawn on a field of 64 by 64 --- */

static void
fill (cairo_t *cr, uint32_t rgb)
{
  cairo_set_source_rgb (cr, (rgb >> 16) / 255.0, (rgb >> 8 & 0xff) / 255.0, (rgb & 0xff) / 255.0);
  cairo_fill (cr);
}

static void
ellipse (cairo_t *cr, double x, double y, double width, double height, uint32_t rgb)
{
  cairo_save (cr);
  cairo_translate (cr, x, y);
  cairo_scale (cr, width / 2, height / 2);
  cairo_arc (cr, 0, 0, 1, 0, 2 * G_PI);
  cairo_restore (cr);
  fill (cr, rgb);
}

Sprite *
overlay_icon (int size)
{
  Sprite *sprite = sprite_new (size, size);
  cairo_t *cr = sprite_draw (sprite);

  cairo_scale (cr, size / 64.0, size / 64.0);
  cairo_move_to (cr, 27, 48); /* the trunk, bent by the wind */
  cairo_curve_to (cr, 25, 38, 37, 36, 31, 24);
  cairo_line_to (cr, 36, 24);
  cairo_curve_to (cr, 43, 37, 32, 40, 37, 48);
  cairo_close_path (cr);
  fill (cr, 0x8d5f3c);
  ellipse (cr, 33, 14, 34, 18, 0x3f8f4f);
  ellipse (cr, 18, 25, 24, 13, 0x357a43);
  ellipse (cr, 49, 28, 22, 12, 0x4da35e);
  cairo_rectangle (cr, 10, 46, 44, 5); /* the pot */
  fill (cr, 0xb5523b);
  cairo_move_to (cr, 13, 51);
  cairo_line_to (cr, 51, 51);
  cairo_line_to (cr, 46, 61);
  cairo_line_to (cr, 18, 61);
  cairo_close_path (cr);
  fill (cr, 0x9c4431);
  sprite_drawn (cr);
  return sprite;
}
