/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/snapshot/snapshot-card.h"

#include "ui/base/i18n.h"
#include "ui/snapshot/snapshot-text.h"

#include <gdk-pixbuf/gdk-pixbuf.h>

#define PICTURE_WIDTH  112
#define PICTURE_HEIGHT 70
#define GAP            10
#define ICON           16
#define BIG_ICON       32
#define TEXT_CHARS     19
#define N_LINES        3

struct _BonsaiSnapshotCard {
  GtkWidget parent;
  char *id; /* NULL: the machine as it is now */
  char *lines[N_LINES];
  const char *kind_icon;     /* a constant */
  const char *mark_icons[3]; /* constants; NULL ends early */
  bool broken;
  int text_width; /* limit, or 0 */

  GdkTexture *picture; /* or NULL */
  bool picture_looked_for;
  GCancellable *loading; /* or NULL */
};

G_DEFINE_FINAL_TYPE (BonsaiSnapshotCard, bonsai_snapshot_card, GTK_TYPE_WIDGET)

/* --- text --- */

static PangoLayout *
make_line (BonsaiSnapshotCard *self, unsigned line, int width)
{
  PangoLayout *layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), self->lines[line]);
  g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();

  if (line == 0)
    pango_attr_list_insert (attributes, pango_attr_weight_new (PANGO_WEIGHT_BOLD));
  else
    pango_attr_list_insert (attributes, pango_attr_scale_new (PANGO_SCALE_SMALL));
  pango_layout_set_attributes (layout, attributes);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
  if (width >= 0)
    pango_layout_set_width (layout, width * PANGO_SCALE);
  return layout;
}

static int
line_height (BonsaiSnapshotCard *self, unsigned line)
{
  g_autoptr (PangoLayout) layout = make_line (self, line, -1);
  int height;

  pango_layout_get_pixel_size (layout, NULL, &height);
  return height;
}

static int
text_width (BonsaiSnapshotCard *self)
{
  PangoContext *context = gtk_widget_get_pango_context (GTK_WIDGET (self));
  PangoFontMetrics *metrics = pango_context_get_metrics (context, NULL, NULL);
  int width = pango_font_metrics_get_approximate_char_width (metrics) * TEXT_CHARS / PANGO_SCALE;

  pango_font_metrics_unref (metrics);
  return self->text_width > 0 ? MIN (width, self->text_width) : width;
}

/* --- what it shows --- */

static void
set_line (BonsaiSnapshotCard *self, unsigned line, const char *text)
{
  g_free (self->lines[line]);
  self->lines[line] = g_strdup (text ? text : "");
}

static void
set_class (BonsaiSnapshotCard *self, const char *name, bool wanted)
{
  if (wanted)
    gtk_widget_add_css_class (GTK_WIDGET (self), name);
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self), name);
}

static const char *
kind_icon (const SnapshotNode *node)
{
  static const char *const icons[SNAPSHOT_N_KINDS] = {
    [SNAPSHOT_OFF] = "system-shutdown-symbolic",
    [SNAPSHOT_LIVE] = "media-playback-start-symbolic",
    [SNAPSHOT_DISKS] = "drive-harddisk-symbolic",
  };

  return node->trouble ? "dialog-warning-symbolic" : icons[node->kind];
}

static void
set_marks (BonsaiSnapshotCard *self, const SnapshotTree *tree, const SnapshotNode *node)
{
  guint n = 0;

  memset (self->mark_icons, 0, sizeof self->mark_icons);
  if (g_strcmp0 (tree->disposable, node->id) == 0)
    self->mark_icons[n++] = "view-refresh-symbolic";
  if (node->scheduled)
    self->mark_icons[n++] = "alarm-symbolic";
  if (node->note)
    self->mark_icons[n++] = "text-editor-symbolic";
}

/* @tip: (nullable): what isn't to be seen on it. */
static void
describe (BonsaiSnapshotCard *self, const char *text, const char *tip)
{
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), tip);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
bonsai_snapshot_card_show_node (BonsaiSnapshotCard *self, const SnapshotTree *tree, const SnapshotNode *node)
{
  g_autofree char *name = snapshot_text_name (node), *time = snapshot_text_time (node);
  g_autofree char *room = snapshot_text_room (node), *all = snapshot_text_all (tree, node);
  g_autofree char *facts = *room != '\0' ? g_strdup_printf ("%s · %s", snapshot_text_kind (node), room)
                                         : g_strdup (snapshot_text_kind (node));

  g_free (self->id);
  self->id = g_strdup (node->id);
  self->broken = node->trouble != NULL;
  set_line (self, 0, name);
  set_line (self, 1, self->broken ? _ ("Broken") : time);
  set_line (self, 2, self->broken ? node->trouble : facts);
  self->kind_icon = kind_icon (node);
  set_marks (self, tree, node);
  set_class (self, "broken", self->broken);
  describe (self, all, self->broken ? node->trouble : node->note);
}

void
bonsai_snapshot_card_show_here (BonsaiSnapshotCard *self, const char *state)
{
  g_autofree char *all = g_strdup_printf ("%s, %s", _ ("You are here"), state);

  set_line (self, 0, _ ("You Are Here"));
  set_line (self, 1, state);
  set_line (self, 2, "");
  self->kind_icon = "mark-location-symbolic";
  gtk_widget_add_css_class (GTK_WIDGET (self), "here");
  describe (self, all, NULL);
}

const char *
bonsai_snapshot_card_get_id (BonsaiSnapshotCard *self)
{
  return self->id;
}

void
bonsai_snapshot_card_set_selected (BonsaiSnapshotCard *self, gboolean selected)
{
  if (selected)
    gtk_widget_set_state_flags (GTK_WIDGET (self), GTK_STATE_FLAG_SELECTED, FALSE);
  else
    gtk_widget_unset_state_flags (GTK_WIDGET (self), GTK_STATE_FLAG_SELECTED);
  gtk_accessible_update_state (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_STATE_SELECTED, selected, -1);
}

void
bonsai_snapshot_card_set_text_width (BonsaiSnapshotCard *self, int width)
{
  if (self->text_width == width)
    return;
  self->text_width = width;
  gtk_widget_queue_resize (GTK_WIDGET (self));
}

/* --- the picture --- */

static void
load_in_thread (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  /* Twice the size, for dense screens. */
  g_autoptr (GdkPixbuf) pixbuf =
    gdk_pixbuf_new_from_file_at_scale (path, PICTURE_WIDTH * 2, PICTURE_HEIGHT * 2, TRUE, NULL);

  g_task_return_pointer (task, pixbuf ? gdk_texture_new_for_pixbuf (pixbuf) : NULL, g_object_unref);
}

static void
loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiSnapshotCard *self = BONSAI_SNAPSHOT_CARD (source);
  g_autoptr (GError) error = NULL;
  g_autoptr (GdkTexture) picture = g_task_propagate_pointer (G_TASK (result), &error);

  if (error)
    return;
  g_clear_object (&self->loading);
  bonsai_snapshot_card_set_picture (self, picture);
}

void
bonsai_snapshot_card_load_picture (BonsaiSnapshotCard *self, const char *path)
{
  g_autoptr (GTask) task = NULL;

  if (self->picture_looked_for || !path)
    return;
  self->picture_looked_for = true;
  self->loading = g_cancellable_new ();
  task = g_task_new (self, self->loading, loaded, NULL);
  g_task_set_task_data (task, g_strdup (path), g_free);
  g_task_set_return_on_cancel (task, FALSE);
  g_task_run_in_thread (task, load_in_thread);
}

void
bonsai_snapshot_card_drop_picture (BonsaiSnapshotCard *self)
{
  if (self->loading)
    g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  g_clear_object (&self->picture);
  self->picture_looked_for = false;
}

void
bonsai_snapshot_card_set_picture (BonsaiSnapshotCard *self, GdkTexture *picture)
{
  g_set_object (&self->picture, picture);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- drawing --- */

static void
draw_icon (BonsaiSnapshotCard *self, GtkSnapshot *snapshot, const char *name, int size, graphene_point_t at,
           const GdkRGBA *color)
{
  GtkWidget *widget = GTK_WIDGET (self);
  GtkIconTheme *theme = gtk_icon_theme_get_for_display (gtk_widget_get_display (widget));
  g_autoptr (GtkIconPaintable) icon =
    gtk_icon_theme_lookup_icon (theme, name, NULL, size, gtk_widget_get_scale_factor (widget),
                                gtk_widget_get_direction (widget), GTK_ICON_LOOKUP_FORCE_SYMBOLIC);

  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &at);
  gtk_symbolic_paintable_snapshot_symbolic (GTK_SYMBOLIC_PAINTABLE (icon), snapshot, size, size, color, 1);
  gtk_snapshot_restore (snapshot);
}

static void
draw_picture (BonsaiSnapshotCard *self, GtkSnapshot *snapshot, graphene_rect_t area)
{
  const GdkRGBA black = { 0.12f, 0.12f, 0.12f, 1 }, gray = { 0.6f, 0.6f, 0.6f, 1 };
  GskRoundedRect round;

  gsk_rounded_rect_init_from_rect (&round, &area, 6);
  gtk_snapshot_push_rounded_clip (snapshot, &round);
  gtk_snapshot_append_color (snapshot, &black, &area);
  if (self->picture)
    {
      float width = (float)gdk_texture_get_width (self->picture);
      float height = (float)gdk_texture_get_height (self->picture);
      float scale = MIN (area.size.width / width, area.size.height / height);
      graphene_rect_t fit = GRAPHENE_RECT_INIT (area.origin.x + (area.size.width - width * scale) / 2,
                                                area.origin.y + (area.size.height - height * scale) / 2,
                                                width * scale, height * scale);
      gtk_snapshot_append_texture (snapshot, self->picture, &fit);
    }
  else
    draw_icon (self, snapshot, self->kind_icon, BIG_ICON,
               GRAPHENE_POINT_INIT (area.origin.x + (area.size.width - BIG_ICON) / 2,
                                    area.origin.y + (area.size.height - BIG_ICON) / 2),
               &gray);
  gtk_snapshot_pop (snapshot);
}

/* Icons on the last line, from its end. */
static int
draw_marks (BonsaiSnapshotCard *self, GtkSnapshot *snapshot, int start, int end, int y, bool rtl,
            const GdkRGBA *color)
{
  int taken = 0;

  for (guint i = 0; i < G_N_ELEMENTS (self->mark_icons) && self->mark_icons[i]; i++)
    {
      int x = rtl ? start + taken : end - ICON - taken;

      draw_icon (self, snapshot, self->mark_icons[i], ICON, GRAPHENE_POINT_INIT ((float)x, (float)y), color);
      taken += ICON + 4;
    }
  return taken;
}

static void
draw_text (BonsaiSnapshotCard *self, GtkSnapshot *snapshot, int start, int end, int height)
{
  bool rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  int total = 0, y;
  GdkRGBA color;

  gtk_style_context_get_color (gtk_widget_get_style_context (GTK_WIDGET (self)), &color);
  for (unsigned i = 0; i < N_LINES; i++)
    total += self->lines[i][0] != '\0' ? line_height (self, i) + 2 : 0;
  y = (height - total) / 2;
  for (unsigned i = 0; i < N_LINES; i++)
    {
      g_autoptr (PangoLayout) layout = NULL;
      GdkRGBA shade = color;
      int marks = 0;

      if (self->lines[i][0] == '\0')
        continue;
      shade.alpha *= i == 0 ? 1.0f : 0.7f;
      if (i == 1)
        marks = draw_marks (self, snapshot, start, end, y, rtl, &shade);
      layout = make_line (self, i, end - start - marks);
      gtk_snapshot_save (snapshot);
      gtk_snapshot_translate (snapshot,
                              &GRAPHENE_POINT_INIT ((float)(rtl ? start + marks : start), (float)y));
      gtk_snapshot_append_layout (snapshot, layout, &shade);
      gtk_snapshot_restore (snapshot);
      y += line_height (self, i) + 2;
    }
}

static void
bonsai_snapshot_card_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  BonsaiSnapshotCard *self = BONSAI_SNAPSHOT_CARD (widget);
  bool rtl = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  int left = rtl ? width - PICTURE_WIDTH : 0;

  draw_picture (
    self, snapshot,
    GRAPHENE_RECT_INIT ((float)left, (float)(height - PICTURE_HEIGHT) / 2, PICTURE_WIDTH, PICTURE_HEIGHT));
  draw_text (self, snapshot, rtl ? 0 : PICTURE_WIDTH + GAP, rtl ? left - GAP : width, height);
}

static void
bonsai_snapshot_card_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                              int *natural, int *minimum_baseline, int *natural_baseline)
{
  BonsaiSnapshotCard *self = BONSAI_SNAPSHOT_CARD (widget);
  int text = 0;

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    *minimum = *natural = PICTURE_WIDTH + GAP + text_width (self);
  else
    {
      for (unsigned i = 0; i < N_LINES; i++)
        text += line_height (self, i) + 2;
      *minimum = *natural = MAX (PICTURE_HEIGHT, text);
    }
}

/* --- the object --- */

static void
bonsai_snapshot_card_finalize (GObject *object)
{
  BonsaiSnapshotCard *self = BONSAI_SNAPSHOT_CARD (object);

  bonsai_snapshot_card_drop_picture (self);
  for (unsigned i = 0; i < N_LINES; i++)
    g_free (self->lines[i]);
  g_free (self->id);
  G_OBJECT_CLASS (bonsai_snapshot_card_parent_class)->finalize (object);
}

static void
bonsai_snapshot_card_class_init (BonsaiSnapshotCardClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = bonsai_snapshot_card_finalize;
  widget_class->measure = bonsai_snapshot_card_measure;
  widget_class->snapshot = bonsai_snapshot_card_snapshot;
  gtk_widget_class_set_css_name (widget_class, "snapshotcard");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_TREE_ITEM);
}

static void
bonsai_snapshot_card_init (BonsaiSnapshotCard *self)
{
  for (unsigned i = 0; i < N_LINES; i++)
    self->lines[i] = g_strdup ("");
  self->kind_icon = "computer-symbolic";
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
}

GtkWidget *
bonsai_snapshot_card_new (void)
{
  return g_object_new (BONSAI_TYPE_SNAPSHOT_CARD, NULL);
}
