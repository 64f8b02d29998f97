/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/vm-tile.h"

#include "app/bundle/vm-labels.h"
#include "ui/base/resource.h"
#include "ui/library/thumbnail.h"
#include "ui/library/vm-controls.h"

struct _BonsaiVmTile {
  AdwBin parent;
  BonsaiVm *vm;

  BonsaiThumbnail *thumbnail;
  GtkLabel *name_label;
  GtkLabel *state_label;
  GtkLabel *reason_label;
  BonsaiVmControls *extras;
  BonsaiVmControls *controls;
};

G_DEFINE_FINAL_TYPE (BonsaiVmTile, bonsai_vm_tile, ADW_TYPE_BIN)

/* What there may be no room for: all of why, and the tags. */
static void
update (BonsaiVmTile *self)
{
  const VmConfig *config = bonsai_vm_get_config (self->vm);
  const char *name = bonsai_vm_get_name (self->vm), *reason = vm_state_reason (self->vm);
  g_autofree char *tags = vm_tags_format (config ? (const char *const *)config->tags : NULL);
  g_autofree char *tip = g_strconcat (name, *reason ? "\n" : "", reason, *tags ? "\n" : "", tags, NULL);

  gtk_label_set_text (self->name_label, name);
  vm_state_show (self->vm, self->state_label);
  gtk_label_set_text (self->reason_label, reason);
  gtk_widget_set_visible (GTK_WIDGET (self->reason_label), *reason != '\0');
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), tip);
}

void
bonsai_vm_tile_set_vm (BonsaiVmTile *self, BonsaiVm *vm)
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
  g_signal_connect_swapped (vm, "notify", G_CALLBACK (update), self);
  update (self);
}

BonsaiVm *
bonsai_vm_tile_get_vm (BonsaiVmTile *self)
{
  return self->vm;
}

void
bonsai_vm_tile_popup (BonsaiVmTile *self)
{
  bonsai_vm_controls_popup (self->controls);
}

static void
bonsai_vm_tile_dispose (GObject *object)
{
  BonsaiVmTile *self = BONSAI_VM_TILE (object);

  if (self->vm)
    bonsai_vm_tile_set_vm (self, NULL);
  G_OBJECT_CLASS (bonsai_vm_tile_parent_class)->dispose (object);
}

static void
bonsai_vm_tile_class_init (BonsaiVmTileClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_vm_tile_dispose;
  g_type_ensure (BONSAI_TYPE_THUMBNAIL);
  g_type_ensure (BONSAI_TYPE_VM_CONTROLS);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/vm-tile.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmTile, thumbnail);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmTile, name_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmTile, state_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmTile, reason_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmTile, extras);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmTile, controls);
}

static void
bonsai_vm_tile_init (BonsaiVmTile *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
bonsai_vm_tile_new (void)
{
  return g_object_new (BONSAI_TYPE_VM_TILE, NULL);
}
