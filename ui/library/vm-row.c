/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/vm-row.h"

#include "app/bundle/vm-labels.h"
#include "ui/base/resource.h"
#include "ui/library/thumbnail.h"
#include "ui/library/vm-controls.h"

struct _BonsaiVmRow {
  AdwBin parent;
  BonsaiVm *vm;

  BonsaiThumbnail *thumbnail;
  GtkLabel *name_label;
  GtkLabel *state_label;
  GtkLabel *tags_label;
  GtkLabel *reason_label;
  BonsaiVmControls *extras;
  BonsaiVmControls *controls;
};

G_DEFINE_FINAL_TYPE (BonsaiVmRow, bonsai_vm_row, ADW_TYPE_BIN)

static void
update_state (BonsaiVmRow *self)
{
  const char *reason = vm_state_reason (self->vm);

  vm_state_show (self->vm, self->state_label);
  gtk_label_set_text (self->reason_label, reason);
  gtk_widget_set_visible (GTK_WIDGET (self->reason_label), *reason != '\0');
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->reason_label), reason);
}

static void
update_labels (BonsaiVmRow *self)
{
  const VmConfig *config = bonsai_vm_get_config (self->vm);
  g_autofree char *tags = vm_tags_format (config ? (const char *const *)config->tags : NULL);

  gtk_label_set_text (self->name_label, bonsai_vm_get_name (self->vm));
  gtk_label_set_text (self->tags_label, tags);
  gtk_widget_set_visible (GTK_WIDGET (self->tags_label), tags[0] != '\0');
}

void
bonsai_vm_row_set_vm (BonsaiVmRow *self, BonsaiVm *vm)
{
  if (self->vm == vm)
    return;
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  bonsai_thumbnail_set_vm (self->thumbnail, vm);
  bonsai_vm_controls_set_vm (self->extras, vm);
  bonsai_vm_controls_set_vm (self->controls, vm);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (update_state), self);
  g_signal_connect_swapped (vm, "notify::state-text", G_CALLBACK (update_state), self);
  g_signal_connect_swapped (vm, "notify::console-open", G_CALLBACK (update_state), self);
  g_signal_connect_swapped (vm, "notify::config", G_CALLBACK (update_labels), self);
  update_labels (self);
  update_state (self);
}

BonsaiVm *
bonsai_vm_row_get_vm (BonsaiVmRow *self)
{
  return self->vm;
}

void
bonsai_vm_row_popup (BonsaiVmRow *self)
{
  bonsai_vm_controls_popup (self->controls);
}

static void
bonsai_vm_row_dispose (GObject *object)
{
  BonsaiVmRow *self = BONSAI_VM_ROW (object);

  if (self->vm)
    bonsai_vm_row_set_vm (self, NULL);
  G_OBJECT_CLASS (bonsai_vm_row_parent_class)->dispose (object);
}

static void
bonsai_vm_row_class_init (BonsaiVmRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_vm_row_dispose;
  g_type_ensure (BONSAI_TYPE_THUMBNAIL);
  g_type_ensure (BONSAI_TYPE_VM_CONTROLS);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/vm-row.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, thumbnail);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, name_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, state_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, tags_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, reason_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, extras);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmRow, controls);
}

static void
bonsai_vm_row_init (BonsaiVmRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
bonsai_vm_row_new (void)
{
  return g_object_new (BONSAI_TYPE_VM_ROW, NULL);
}
