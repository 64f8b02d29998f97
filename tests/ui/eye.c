/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/ui/eye.h"

#include "tests/ui/audit.h"
#include "tests/ui/hand.h"

#include <glib/gstdio.h>

#define WIDTH    360
#define HEIGHT   600
#define PATIENCE 40 /* pictures */

static const struct {
  const char *name;
  int dpi;
  GtkTextDirection direction;
} ways[] = {
  { "small", 96, GTK_TEXT_DIR_LTR },
  { "large", 192, GTK_TEXT_DIR_LTR },
  { "rtl", 96, GTK_TEXT_DIR_RTL },
};

struct Eye {
  char *folder;
  unsigned n_places;
};

/* --- pictures --- */

static void
save (GtkWidget *widget, const char *path)
{
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (widget);
  GtkSnapshot *snapshot = gtk_snapshot_new ();
  GskRenderer *renderer = gtk_native_get_renderer (gtk_widget_get_native (widget));
  int width = gdk_paintable_get_intrinsic_width (paintable),
      height = gdk_paintable_get_intrinsic_height (paintable);
  g_autoptr (GskRenderNode) node = NULL;
  g_autoptr (GdkTexture) texture = NULL;

  gdk_paintable_snapshot (paintable, snapshot, width, height);
  node = gtk_snapshot_free_to_node (snapshot);
  if (!node)
    return;
  texture = gsk_renderer_render_texture (renderer, node, &GRAPHENE_RECT_INIT (0, 0, width, height));
  g_assert_true (gdk_texture_save_to_png (texture, path));
}

static gboolean
keep_long_page (GtkWidget *widget, gpointer data)
{
  GtkWidget **page = data,
            *child = GTK_IS_VIEWPORT (widget) ? gtk_viewport_get_child (GTK_VIEWPORT (widget)) : NULL;

  if (child && gtk_widget_get_height (child) > gtk_widget_get_height (widget))
    *page = child;
  return !*page;
}

/* What is in sight, and all of the page that one can scroll through. */
static void
keep_pictures (Eye *eye, GtkWidget *surface, const char *place, const char *way)
{
  g_autofree char *stem = g_strdup_printf ("%s/%02u-%s-%s", eye->folder, eye->n_places, place, way);
  g_autofree char *path = g_strconcat (stem, ".png", NULL),
                  *page_path = g_strconcat (stem, "-whole.png", NULL);
  GtkWidget *page = NULL;

  save (surface, path);
  hand_walk (surface, keep_long_page, &page);
  if (page)
    save (page, page_path);
}

/* --- ways of looking --- */

static void
go_about (unsigned way)
{
  GtkWindow *window = GTK_WINDOW (hand_window ());

  g_object_set (gtk_settings_get_default (), "gtk-xft-dpi", ways[way].dpi * 1024, NULL);
  gtk_widget_set_default_direction (ways[way].direction);
  if (gtk_window_get_resizable (window))
    gtk_window_set_default_size (window, WIDTH, HEIGHT);
  hand_settle ();
}

static void
tell (const char *place, const char *way, GPtrArray *problems)
{
  for (guint i = 0; i < problems->len; i++)
    {
      g_test_message ("%s, %s: %s", place, way, (char *)problems->pdata[i]);
      g_test_fail ();
    }
  g_ptr_array_set_size (problems, 0);
}

/* Windows get their size when the window manager has time: what is wrong only until then isn't. */
static void
inspect (GPtrArray *problems)
{
  for (unsigned i = 0; i < PATIENCE; i++)
    {
      g_ptr_array_set_size (problems, 0);
      audit_size (hand_window (), WIDTH, HEIGHT, problems);
      audit_places (hand_surface (), problems);
      audit_names (hand_surface (), problems);
      if (problems->len == 0)
        return;
      hand_settle ();
    }
}

void
eye_look (Eye *eye, const char *place)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

  eye->n_places++;
  for (unsigned i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      go_about (i);
      inspect (problems);
      keep_pictures (eye, hand_surface (), place, ways[i].name);
      tell (place, ways[i].name, problems);
    }
  go_about (0);
  audit_tab (hand_surface (), problems);
  tell (place, "by keys", problems);
}

Eye *
eye_new (const char *folder)
{
  Eye *eye = g_new0 (Eye, 1);

  eye->folder = g_strdup (folder);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  return eye;
}

void
eye_free (Eye *eye)
{
  g_free (eye->folder);
  g_free (eye);
}
