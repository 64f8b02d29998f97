/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/advice-group.h"

#include "app/report/report-source.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"

#define UNDO_SECONDS 30 /* who uses the keyboard has some way to it */

struct _BonsaiAdviceGroup {
  AdwBin parent;
  BonsaiVm *vm;              /* or NULL */
  GCancellable *cancellable; /* of the reading; or NULL */
  Advice *advice;            /* (nullable) */
  AdwActionRow *row;
  GtkWidget *button;
};

G_DEFINE_FINAL_TYPE (BonsaiAdviceGroup, bonsai_advice_group, ADW_TYPE_BIN)

/* --- doing it --- */

/* What a machine has. */
typedef struct {
  BonsaiVm *vm;
  guint64 memory;
  guint cpus;
  CpuTopology topology;
} Size;

static void
size_free (gpointer data, GClosure *closure)
{
  g_object_unref (((Size *)data)->vm);
  g_free (data);
}

static bool
give (const Size *size, GtkWindow *window)
{
  g_autoptr (VmConfig) config = vm_config_copy (bonsai_vm_get_config (size->vm));
  g_autoptr (GError) error = NULL;

  config->memory = size->memory;
  config->cpus = size->cpus;
  config->topology = size->topology;
  if (bonsai_vm_save_config (size->vm, config, &error))
    return true;
  error_dialog_show (window, _ ("Can’t Change the Machine"), error);
  return false;
}

static void
on_undo (AdwToast *toast, gpointer data)
{
  const Size *before = data;
  GtkApplication *application = GTK_APPLICATION (g_application_get_default ());

  if (bonsai_vm_get_config (before->vm))
    give (before, gtk_application_get_active_window (application));
}

/* @before: (transfer full) */
static void
offer_undo (BonsaiAdviceGroup *self, Size *before)
{
  GtkWidget *overlay = gtk_widget_get_ancestor (GTK_WIDGET (self), ADW_TYPE_TOAST_OVERLAY);
  g_autofree char *change = advice_describe_change (self->advice);
  g_autofree char *text = g_strdup_printf (_ ("From its next start: %s"), change);
  AdwToast *toast = adw_toast_new (text);

  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_timeout (toast, UNDO_SECONDS);
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo), before, size_free, 0);
  if (overlay)
    adw_toast_overlay_add_toast (ADW_TOAST_OVERLAY (overlay), toast);
  else
    g_object_unref (toast);
}

static void
on_apply (BonsaiAdviceGroup *self)
{
  const VmConfig *config = bonsai_vm_get_config (self->vm);
  const Advice *advice = self->advice;
  Size *before, after;

  if (!config || !advice)
    return;
  before = g_new (Size, 1);
  *before = (Size){ g_object_ref (self->vm), config->memory, config->cpus, config->topology };
  after = *before;
  if (advice->memory != 0)
    after.memory = advice->memory;
  if (advice->cpus != 0 && advice->cpus != after.cpus)
    {
      after.cpus = advice->cpus;
      after.topology = (CpuTopology){ 0 };
    }
  if (give (&after, GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self)))))
    offer_undo (self, before);
  else
    size_free (before, NULL);
}

/* --- showing it --- */

static void
update (BonsaiAdviceGroup *self)
{
  const VmConfig *config = self->vm ? bonsai_vm_get_config (self->vm) : NULL;
  const Advice *advice = self->advice;
  bool changes = advice && (advice->memory != 0 || advice->cpus != 0);
  bool applies = changes && config && advice_applies (advice, config->memory, config->cpus);

  gtk_widget_set_visible (GTK_WIDGET (self), advice && (applies || !changes));
  if (!advice)
    return;
  g_autofree char *change = advice_describe_change (advice);
  g_autofree char *text = g_strdup_printf (_ ("Could do with %s"), change);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->row), advice->text);
  adw_action_row_set_subtitle (self->row, changes ? text : "");
  gtk_widget_set_visible (self->button, changes);
}

/* --- reading --- */

static void
subject_clear (gpointer data)
{
  ReportSubject *subject = data;

  g_free (subject->uuid);
  g_free (subject);
}

static void
read_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, report_subject_advise (data), (GDestroyNotify)advice_free);
}

static void
was_read (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiAdviceGroup *self = BONSAI_ADVICE_GROUP (source);
  g_autoptr (GError) error = NULL;
  Advice *advice = g_task_propagate_pointer (G_TASK (result), &error);

  if (error)
    return;
  g_clear_pointer (&self->advice, advice_free);
  self->advice = advice;
  update (self);
}

static void
stop_reading (BonsaiAdviceGroup *self)
{
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
}

static void
read_again (BonsaiAdviceGroup *self)
{
  const VmConfig *config = self->vm ? bonsai_vm_get_config (self->vm) : NULL;
  g_autoptr (GTask) task = NULL;
  ReportSubject *subject;

  stop_reading (self);
  if (!config)
    return;
  subject = g_new0 (ReportSubject, 1);
  subject->uuid = g_strdup (config->uuid);
  subject->memory = config->memory;
  subject->cpus = config->cpus;
  self->cancellable = g_cancellable_new ();
  task = g_task_new (self, self->cancellable, was_read, NULL);
  g_task_set_task_data (task, subject, subject_clear);
  g_task_run_in_thread (task, read_in_thread);
}

/* --- the widget --- */

void
bonsai_advice_group_set_vm (BonsaiAdviceGroup *self, BonsaiVm *vm)
{
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  g_clear_pointer (&self->advice, advice_free);
  update (self);
  if (vm)
    g_signal_connect_swapped (vm, "notify::config", G_CALLBACK (update), self);
  read_again (self);
}

static void
bonsai_advice_group_dispose (GObject *object)
{
  BonsaiAdviceGroup *self = BONSAI_ADVICE_GROUP (object);

  stop_reading (self);
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_clear_object (&self->vm);
  g_clear_pointer (&self->advice, advice_free);
  G_OBJECT_CLASS (bonsai_advice_group_parent_class)->dispose (object);
}

static void
bonsai_advice_group_class_init (BonsaiAdviceGroupClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_advice_group_dispose;
}

static void
bonsai_advice_group_init (BonsaiAdviceGroup *self)
{
  GtkWidget *group = adw_preferences_group_new ();

  adw_preferences_group_set_title (ADW_PREFERENCES_GROUP (group), _ ("Advice"));
  self->row = ADW_ACTION_ROW (adw_action_row_new ());
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (self->row), FALSE);
  self->button = gtk_button_new_with_mnemonic (_ ("_Apply"));
  gtk_widget_set_valign (self->button, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text (self->button, _ ("From the Next Start"));
  g_signal_connect_swapped (self->button, "clicked", G_CALLBACK (on_apply), self);
  adw_action_row_add_suffix (self->row, self->button);
  adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), GTK_WIDGET (self->row));
  adw_bin_set_child (ADW_BIN (self), group);
  gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
}
