/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/vm-card.h"

#include "app/bundle/vm-labels.h"
#include "ui/base/resource.h"
#include "ui/library/thumbnail.h"
#include "ui/library/vm-controls.h"

struct _BonsaiVmCard {
  GtkBox parent;
  BonsaiVm *vm;

  BonsaiVmScreen *thumbnail;
  GtkLabel *name_label;
  GtkLabel *state_label;
  GtkLabel *tags_label; /* of a row; a tile has no room */
  GtkLabel *reason_label;
  BonsaiVmControls *extras;
  BonsaiVmControls *controls;
};

typedef BonsaiVmCard BonsaiVmTile, BonsaiVmRow;
typedef BonsaiVmCardClass BonsaiVmTileClass, BonsaiVmRowClass;

G_DEFINE_ABSTRACT_TYPE (BonsaiVmCard, bonsai_vm_card, GTK_TYPE_BOX)
G_DEFINE_TYPE (BonsaiVmTile, bonsai_vm_tile, BONSAI_TYPE_VM_CARD)
G_DEFINE_TYPE (BonsaiVmRow, bonsai_vm_row, BONSAI_TYPE_VM_CARD)

/* What there may be no room for is in the tip: all of why, and the tags. */
static void
update (BonsaiVmCard *self)
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
  if (!self->tags_label)
    return;
  gtk_label_set_text (self->tags_label, tags);
  gtk_widget_set_visible (GTK_WIDGET (self->tags_label), *tags != '\0');
}

void
bonsai_vm_card_set_vm (BonsaiVmCard *self, BonsaiVm *vm)
{
  if (self->vm == vm)
    return;
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  bonsai_vm_screen_set_vm (self->thumbnail, vm);
  bonsai_vm_controls_set_vm (self->extras, vm);
  bonsai_vm_controls_set_vm (self->controls, vm);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify", G_CALLBACK (update), self);
  update (self);
}

BonsaiVm *
bonsai_vm_card_get_vm (BonsaiVmCard *self)
{
  return self->vm;
}

GtkWidget *
bonsai_vm_card_get_menu_button (BonsaiVmCard *self)
{
  return bonsai_vm_controls_get_menu_button (self->controls);
}

static void
bonsai_vm_card_dispose (GObject *object)
{
  BonsaiVmCard *self = BONSAI_VM_CARD (object);

  if (self->vm)
    bonsai_vm_card_set_vm (self, NULL);
  G_OBJECT_CLASS (bonsai_vm_card_parent_class)->dispose (object);
}

static void
bonsai_vm_card_class_init (BonsaiVmCardClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_vm_card_dispose;
  g_type_ensure (BONSAI_TYPE_THUMBNAIL);
  g_type_ensure (BONSAI_TYPE_VM_CONTROLS);
}

static void
bonsai_vm_card_init (BonsaiVmCard *self)
{
}

/* --- its two kinds --- */

static void
bind_template (GtkWidgetClass *widget_class, const char *resource)
{
  gtk_widget_class_set_template_from_resource (widget_class, resource);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmCard, thumbnail);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmCard, name_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmCard, state_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmCard, reason_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmCard, extras);
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmCard, controls);
}

static void
bonsai_vm_tile_class_init (BonsaiVmTileClass *klass)
{
  bind_template (GTK_WIDGET_CLASS (klass), UI_RESOURCE "library/vm-tile.ui");
}

static void
bonsai_vm_tile_init (BonsaiVmTile *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

static void
bonsai_vm_row_class_init (BonsaiVmRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  bind_template (widget_class, UI_RESOURCE "library/vm-row.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiVmCard, tags_label);
}

static void
bonsai_vm_row_init (BonsaiVmRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
