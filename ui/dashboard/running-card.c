/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/dashboard/running-card.h"

#include "ui/base/i18n.h"
#include "ui/library/thumbnail.h"
#include "ui/library/vm-controls.h"
#include "ui/machine/machine-actions.h"

#include <math.h>

#define PICTURE_WIDTH 192

struct _BonsaiRunningCard {
  GtkButton parent;
  BonsaiVm *vm;
  GCancellable *cancellable;
  Counters before;    /* as they were at the last look; time 0: never */
  double cpu, memory; /* of one processor; bytes; NaN: unknown */
  GtkLabel *name, *figures;
};

G_DEFINE_FINAL_TYPE (BonsaiRunningCard, bonsai_running_card, GTK_TYPE_BUTTON)

/* --- what it uses --- */

static void
show_figures (BonsaiRunningCard *self)
{
  const VmConfig *config = bonsai_vm_get_config (self->vm);
  BonsaiState state = bonsai_vm_get_state (self->vm);
  g_autofree char *has =
    config ? g_format_size_full (config->memory, G_FORMAT_SIZE_IEC_UNITS) : g_strdup ("?");
  g_autofree char *uses =
    isnan (self->memory) ? NULL : g_format_size_full ((guint64)self->memory, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *memory = uses ? g_strdup_printf (_ ("%s of %s"), uses, has) : g_strdup (has);
  g_autofree char *cpu =
    isnan (self->cpu) || !config ? NULL : g_strdup_printf (_ ("%.0f %% CPU"), 100 * self->cpu / config->cpus);
  g_autofree char *text = state != BONSAI_STATE_RUNNING ? g_strdup (bonsai_state_label (state))
                          : cpu                         ? g_strdup_printf ("%s · %s", cpu, memory)
                                                        : g_steal_pointer (&memory);

  gtk_label_set_text (self->figures, text);
}

static void
counted (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiRunningCard) self = data;
  g_autofree Counters *now = bonsai_session_get_counters_finish (BONSAI_SESSION (source), result, NULL);

  if (!now || !self->vm)
    return;
  if (self->before.values[COUNTER_TIME] > 0)
    self->cpu = counters_rate (&self->before, now, COUNTER_CPU_TIME);
  self->before = *now;
  show_figures (self);
}

static void
remembered (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiRunningCard) self = data;
  g_autoptr (GVariant) memory = bonsai_session_get_memory_finish (BONSAI_SESSION (source), result, NULL);
  guint64 total, available, resident;

  if (!memory || !self->vm)
    return;
  if (g_variant_lookup (memory, "total", "t", &total)
      && g_variant_lookup (memory, "available", "t", &available))
    self->memory = (double)(total - MIN (available, total));
  else if (g_variant_lookup (memory, "resident", "t", &resident))
    self->memory = (double)resident;
  show_figures (self);
}

void
bonsai_running_card_look (BonsaiRunningCard *self)
{
  BonsaiSession *session = bonsai_vm_get_session (self->vm);

  if (!session || bonsai_vm_get_state (self->vm) != BONSAI_STATE_RUNNING)
    return;
  bonsai_session_get_counters_async (session, self->cancellable, counted, g_object_ref (self));
  bonsai_session_get_memory_async (session, self->cancellable, remembered, g_object_ref (self));
}

/* --- the machine --- */

static void
update (BonsaiRunningCard *self)
{
  g_autofree char *label = vm_state_label (self->vm);

  gtk_label_set_text (self->name, bonsai_vm_get_name (self->vm));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  show_figures (self);
}

BonsaiVm *
bonsai_running_card_get_vm (BonsaiRunningCard *self)
{
  return self->vm;
}

/* --- the widget --- */

static void
bonsai_running_card_dispose (GObject *object)
{
  BonsaiRunningCard *self = BONSAI_RUNNING_CARD (object);

  g_cancellable_cancel (self->cancellable);
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_clear_object (&self->vm);
  G_OBJECT_CLASS (bonsai_running_card_parent_class)->dispose (object);
}

static void
bonsai_running_card_finalize (GObject *object)
{
  g_object_unref (BONSAI_RUNNING_CARD (object)->cancellable);
  G_OBJECT_CLASS (bonsai_running_card_parent_class)->finalize (object);
}

static void
bonsai_running_card_class_init (BonsaiRunningCardClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_running_card_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_running_card_finalize;
}

static GtkLabel *
add_line (GtkBox *box, const char *class)
{
  GtkLabel *label = GTK_LABEL (gtk_label_new (NULL));

  gtk_label_set_xalign (label, 0);
  gtk_label_set_wrap (label, TRUE);
  gtk_label_set_wrap_mode (label, PANGO_WRAP_WORD_CHAR);
  gtk_label_set_lines (label, 2);
  gtk_label_set_ellipsize (label, PANGO_ELLIPSIZE_END);
  gtk_label_set_max_width_chars (label, 20);
  gtk_widget_add_css_class (GTK_WIDGET (label), class);
  gtk_box_append (box, GTK_WIDGET (label));
  return label;
}

static void
bonsai_running_card_init (BonsaiRunningCard *self)
{
  self->cancellable = g_cancellable_new ();
  self->cpu = self->memory = NAN;
  gtk_widget_add_css_class (GTK_WIDGET (self), "dashboard-tile");
}

GtkWidget *
bonsai_running_card_new (BonsaiVm *vm)
{
  BonsaiRunningCard *self = g_object_new (BONSAI_TYPE_RUNNING_CARD, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  GtkWidget *picture = g_object_new (BONSAI_TYPE_THUMBNAIL, "width", PICTURE_WIDTH, NULL);
  g_autofree char *key = bonsai_machine_actions_key (vm);

  self->vm = g_object_ref (vm);
  bonsai_vm_screen_set_vm (BONSAI_VM_SCREEN (picture), vm);
  gtk_widget_set_margin_bottom (picture, 3);
  gtk_box_append (GTK_BOX (box), picture);
  self->name = add_line (GTK_BOX (box), "heading");
  self->figures = add_line (GTK_BOX (box), "caption");
  gtk_widget_add_css_class (GTK_WIDGET (self->figures), "numeric");
  gtk_button_set_child (GTK_BUTTON (self), box);
  gtk_actionable_set_action_name (GTK_ACTIONABLE (self), "win.show-vm");
  gtk_actionable_set_action_target (GTK_ACTIONABLE (self), "s", key);
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (update), self);
  g_signal_connect_swapped (vm, "notify::name", G_CALLBACK (update), self);
  update (self);
  return GTK_WIDGET (self);
}
