/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/lease-banner.h"

#include "app/workspace/lease-notice.h"
#include "ui/base/i18n.h"

/* Time passes: what it says is looked at again so often. */
#define AGAIN_S 30

struct _BonsaiLeaseBanner {
  AdwBin parent;
  BonsaiVm *vm; /* or NULL */
  GtkRevealer *revealer;
  GtkLabel *label;
  GCancellable *looking; /* or NULL */
  guint again;           /* a source, or 0 */
};

G_DEFINE_FINAL_TYPE (BonsaiLeaseBanner, bonsai_lease_banner, ADW_TYPE_BIN)

typedef struct {
  char *bundle, *uuid;
  bool runs;
} Look;

static void
look_free (Look *look)
{
  g_free (look->bundle);
  g_free (look->uuid);
  g_free (look);
}

static void
look_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Look *look = data;
  const LeasePlace place = workspace_place (look->bundle, look->uuid);
  g_autoptr (GError) error = NULL;
  g_autoptr (Workspace) workspace = workspace_read (&place, look->runs, &error);

  if (workspace)
    g_task_return_pointer (task, lease_describe (workspace), g_free);
  else
    g_task_return_pointer (task, lease_store_exists (&place) ? g_strdup (error->message) : NULL, g_free);
}

static void
looked (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiLeaseBanner *self = BONSAI_LEASE_BANNER (source);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_task_propagate_pointer (G_TASK (result), &error);

  if (error)
    return;
  g_clear_object (&self->looking);
  if (text)
    gtk_label_set_text (self->label, text);
  gtk_revealer_set_reveal_child (self->revealer, text != NULL);
}

static gboolean
look (gpointer data)
{
  BonsaiLeaseBanner *self = data;
  const VmConfig *config = self->vm ? bonsai_vm_get_config (self->vm) : NULL;
  g_autoptr (GTask) task = NULL;
  Look *what;

  if (self->looking)
    g_cancellable_cancel (self->looking);
  g_clear_object (&self->looking);
  if (!config)
    {
      gtk_revealer_set_reveal_child (self->revealer, false);
      return G_SOURCE_CONTINUE;
    }
  self->looking = g_cancellable_new ();
  task = g_task_new (self, self->looking, looked, NULL);
  what = g_new (Look, 1);
  *what = (Look){ g_strdup (bonsai_vm_get_path (self->vm)), g_strdup (config->uuid),
                  bonsai_vm_get_session (self->vm) != NULL };
  g_task_set_task_data (task, what, (GDestroyNotify)look_free);
  g_task_run_in_thread (task, look_in_thread);
  return G_SOURCE_CONTINUE;
}

static void
look_now (BonsaiLeaseBanner *self)
{
  look (self);
}

void
bonsai_lease_banner_set_vm (BonsaiLeaseBanner *self, BonsaiVm *vm)
{
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  if (vm)
    {
      g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (look_now), self);
      g_signal_connect_swapped (vm, "notify::config", G_CALLBACK (look_now), self);
    }
  look (self);
}

/* --- the object --- */

static void
bonsai_lease_banner_map (GtkWidget *widget)
{
  BonsaiLeaseBanner *self = BONSAI_LEASE_BANNER (widget);

  GTK_WIDGET_CLASS (bonsai_lease_banner_parent_class)->map (widget);
  self->again = g_timeout_add_seconds (AGAIN_S, look, self);
  look (self);
}

static void
bonsai_lease_banner_unmap (GtkWidget *widget)
{
  g_clear_handle_id (&BONSAI_LEASE_BANNER (widget)->again, g_source_remove);
  GTK_WIDGET_CLASS (bonsai_lease_banner_parent_class)->unmap (widget);
}

static void
bonsai_lease_banner_dispose (GObject *object)
{
  BonsaiLeaseBanner *self = BONSAI_LEASE_BANNER (object);

  g_clear_handle_id (&self->again, g_source_remove);
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_clear_object (&self->vm);
  if (self->looking)
    g_cancellable_cancel (self->looking);
  g_clear_object (&self->looking);
  G_OBJECT_CLASS (bonsai_lease_banner_parent_class)->dispose (object);
}

static void
bonsai_lease_banner_class_init (BonsaiLeaseBannerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_lease_banner_dispose;
  GTK_WIDGET_CLASS (klass)->map = bonsai_lease_banner_map;
  GTK_WIDGET_CLASS (klass)->unmap = bonsai_lease_banner_unmap;
}

static void
bonsai_lease_banner_init (BonsaiLeaseBanner *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *icon = gtk_image_new_from_icon_name ("alarm-symbolic");

  self->label = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_wrap (self->label, true);
  gtk_label_set_xalign (self->label, 0);
  gtk_widget_set_hexpand (GTK_WIDGET (self->label), true);
  gtk_widget_add_css_class (box, "lease-banner");
  gtk_box_append (GTK_BOX (box), icon);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->label));
  self->revealer = GTK_REVEALER (gtk_revealer_new ());
  gtk_revealer_set_child (self->revealer, box);
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->revealer));
}
