/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/dashboard/capacity-group.h"

#include "ui/base/i18n.h"

typedef struct {
  GtkWidget *row;
  GtkLabel *text;
  GtkProgressBar *bar;
} Meter;

struct _BonsaiCapacityGroup {
  AdwBin parent;
  Meter memory, processors, disk, merging;
};

G_DEFINE_FINAL_TYPE (BonsaiCapacityGroup, bonsai_capacity_group, ADW_TYPE_BIN)

/* --- one --- */

static GtkLabel *
add_label (GtkWidget *box, const char *text, const char *class)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  if (class)
    gtk_widget_add_css_class (label, class);
  gtk_box_append (GTK_BOX (box), label);
  return GTK_LABEL (label);
}

static Meter
add_meter (AdwPreferencesGroup *group, const char *title, bool has_bar)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 4);
  Meter meter = { .row = adw_preferences_row_new () };

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (meter.row), title);
  gtk_widget_add_css_class (box, "meter");
  add_label (box, title, NULL);
  meter.text = add_label (box, "", "caption");
  gtk_widget_add_css_class (GTK_WIDGET (meter.text), "dim-label");
  if (has_bar)
    {
      meter.bar = GTK_PROGRESS_BAR (gtk_progress_bar_new ());
      gtk_accessible_update_property (GTK_ACCESSIBLE (meter.bar), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
      gtk_box_append (GTK_BOX (box), GTK_WIDGET (meter.bar));
    }
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (meter.row), box);
  gtk_actionable_set_action_name (GTK_ACTIONABLE (meter.row), "win.go");
  gtk_actionable_set_action_target (GTK_ACTIONABLE (meter.row), "s", "host");
  adw_preferences_group_add (group, meter.row);
  return meter;
}

static void
show (const Meter *meter, double used, const char *text)
{
  const char *title = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (meter->row));
  g_autofree char *label = g_strdup_printf ("%s: %s", title, text);

  gtk_label_set_text (meter->text, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (meter->row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  if (meter->bar)
    gtk_progress_bar_set_fraction (meter->bar, CLAMP (used, 0, 1));
}

/* --- all --- */

static char *
size_of (guint64 bytes)
{
  return g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
}

static double
part (guint64 some, guint64 all)
{
  return all > 0 ? (double)some / (double)all : 0;
}

static void
show_memory (BonsaiCapacityGroup *self, const OverviewRoom *room)
{
  const HostMemory *memory = &room->memory;
  g_autofree char *there = size_of (memory->available), *total = size_of (memory->total);
  g_autofree char *promised = size_of (room->promises.size);
  g_autofree char *used = size_of (room->promises.size - MIN (room->promises.claims, room->promises.size));
  g_autofree char *text = room->promises.machines == 0
                            ? g_strdup_printf (_ ("%s of %s free"), there, total)
                            : g_strdup_printf (_ ("%s of %s free; machines were promised %s and have %s"),
                                               there, total, promised, used);

  show (&self->memory, 1 - part (memory->available, memory->total), text);
}

static void
show_processors (BonsaiCapacityGroup *self, const OverviewRoom *room)
{
  g_autofree char *text =
    g_strdup_printf (ngettext ("%u processor; machines that run were promised %u",
                               "%u processors; machines that run were promised %u", room->processors),
                     room->processors, room->promises.cpus);

  show (&self->processors, part (room->promises.cpus, room->processors), text);
}

static void
show_disk (BonsaiCapacityGroup *self, const OverviewRoom *room)
{
  g_autofree char *there = size_of (room->disk_free), *total = size_of (room->disk_total);
  g_autofree char *text = g_strdup_printf (_ ("%s of %s free where machines lie"), there, total);

  gtk_widget_set_visible (self->disk.row, room->disk_total > 0);
  show (&self->disk, 1 - part (room->disk_free, room->disk_total), text);
}

static void
show_merging (BonsaiCapacityGroup *self, const OverviewRoom *room)
{
  g_autofree char *saved = size_of (room->ksm.saved);
  g_autofree char *text = room->ksm.runs
                            ? g_strdup_printf (_ ("On: saves %s"), saved)
                            : g_strdup (_ ("Off: what several machines have alike is kept several times"));

  gtk_widget_set_visible (self->merging.row, room->ksm.exists);
  show (&self->merging, 0, text);
}

void
bonsai_capacity_group_show (BonsaiCapacityGroup *self, const OverviewRoom *room)
{
  gtk_widget_set_visible (GTK_WIDGET (self), true);
  show_memory (self, room);
  show_processors (self, room);
  show_disk (self, room);
  show_merging (self, room);
}

static void
bonsai_capacity_group_class_init (BonsaiCapacityGroupClass *klass)
{
}

static void
bonsai_capacity_group_init (BonsaiCapacityGroup *self)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());

  adw_preferences_group_set_title (group, _ ("Capacity"));
  self->memory = add_meter (group, _ ("Memory"), true);
  self->processors = add_meter (group, _ ("Processors"), true);
  self->disk = add_meter (group, _ ("Disk Space"), true);
  self->merging = add_meter (group, _ ("Merging of Equal Memory"), false);
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (group));
  gtk_widget_set_visible (GTK_WIDGET (self), false); /* until it is known */
}
