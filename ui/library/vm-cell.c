/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/vm-cell.h"

struct _BonsaiVmCell {
  GtkWidget parent;
  BonsaiCellFiller *filler;
  BonsaiVm *vm;       /* or NULL */
  BonsaiVmCard *card; /* or NULL */
};

G_DEFINE_FINAL_TYPE (BonsaiVmCell, bonsai_vm_cell, GTK_TYPE_WIDGET)

enum { MENU, N_SIGNALS };
static guint signals[N_SIGNALS];

BonsaiVm *
bonsai_vm_cell_get_vm (BonsaiVmCell *self)
{
  return self->vm;
}

bool
bonsai_vm_cell_is_waiting (BonsaiVmCell *self)
{
  return self->vm && (!self->card || bonsai_vm_card_get_vm (self->card) != self->vm);
}

bool
bonsai_vm_cell_has_card (BonsaiVmCell *self)
{
  return self->card != NULL;
}

/* What shows another machine than ours is not to be seen. */
static void
update_visible (BonsaiVmCell *self)
{
  if (self->card)
    gtk_widget_set_child_visible (GTK_WIDGET (self->card), bonsai_vm_card_get_vm (self->card) == self->vm);
}

void
bonsai_vm_cell_set_vm (BonsaiVmCell *self, BonsaiVm *vm)
{
  if (!g_set_object (&self->vm, vm))
    return;
  update_visible (self);
  bonsai_cell_filler_wake (self->filler);
}

void
bonsai_vm_cell_fill (BonsaiVmCell *self, BonsaiVmCard *card)
{
  if (card)
    {
      bonsai_vm_card_set_vm (card, self->vm);
      self->card = card;
      gtk_widget_set_parent (GTK_WIDGET (card), GTK_WIDGET (self));
    }
  else
    bonsai_vm_card_set_vm (self->card, self->vm);
  update_visible (self);
}

/* --- the widget --- */

static void
on_menu (GtkWidget *widget, const char *action, GVariant *parameter)
{
  BonsaiVmCell *self = BONSAI_VM_CELL (widget);

  if (self->vm)
    g_signal_emit (self, signals[MENU], 0,
                   self->card ? bonsai_vm_card_get_menu_button (self->card) : GTK_WIDGET (self));
}

static GtkSizeRequestMode
bonsai_vm_cell_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
bonsai_vm_cell_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                        int *natural, int *minimum_baseline, int *natural_baseline)
{
  BonsaiVmCell *self = BONSAI_VM_CELL (widget);

  if (self->card)
    gtk_widget_measure (GTK_WIDGET (self->card), orientation, for_size, minimum, natural, NULL, NULL);
  else
    bonsai_cell_filler_measure (self->filler, orientation, for_size, minimum, natural);
}

static void
bonsai_vm_cell_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  BonsaiVmCell *self = BONSAI_VM_CELL (widget);

  if (self->card)
    gtk_widget_allocate (GTK_WIDGET (self->card), width, height, -1, NULL);
}

static void
bonsai_vm_cell_dispose (GObject *object)
{
  BonsaiVmCell *self = BONSAI_VM_CELL (object);

  if (self->filler)
    bonsai_cell_filler_remove (self->filler, self);
  g_clear_pointer ((GtkWidget **)&self->card, gtk_widget_unparent);
  g_clear_object (&self->vm);
  g_clear_object (&self->filler);
  G_OBJECT_CLASS (bonsai_vm_cell_parent_class)->dispose (object);
}

static void
bonsai_vm_cell_class_init (BonsaiVmCellClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_vm_cell_dispose;
  widget_class->get_request_mode = bonsai_vm_cell_get_request_mode;
  widget_class->measure = bonsai_vm_cell_measure;
  widget_class->size_allocate = bonsai_vm_cell_size_allocate;
  signals[MENU] = g_signal_new ("menu", BONSAI_TYPE_VM_CELL, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                G_TYPE_NONE, 1, GTK_TYPE_WIDGET);
  gtk_widget_class_install_action (widget_class, "cell.menu", NULL, on_menu);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
}

static void
bonsai_vm_cell_init (BonsaiVmCell *self)
{
}

GtkWidget *
bonsai_vm_cell_new (BonsaiCellFiller *filler)
{
  BonsaiVmCell *self = g_object_new (BONSAI_TYPE_VM_CELL, NULL);

  self->filler = g_object_ref (filler);
  bonsai_cell_filler_add (filler, self);
  return GTK_WIDGET (self);
}
