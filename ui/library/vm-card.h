/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * BonsaiVmCard: a machine as one of many: its screen, what it is called, what it does and why, and what takes
 * one click. BONSAI_TYPE_VM_TILE has the screen above the words, BONSAI_TYPE_VM_ROW beside them.
 * A card is some twenty widgets: lists have one for each machine in sight (cell-filler.h). Main thread.
 */
#define BONSAI_TYPE_VM_CARD (bonsai_vm_card_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiVmCard, bonsai_vm_card, BONSAI, VM_CARD, GtkBox)

#define BONSAI_TYPE_VM_TILE (bonsai_vm_tile_get_type ())
#define BONSAI_TYPE_VM_ROW  (bonsai_vm_row_get_type ())
GType bonsai_vm_tile_get_type (void);
GType bonsai_vm_row_get_type (void);

/* @vm: (nullable) */
void bonsai_vm_card_set_vm (BonsaiVmCard *self, BonsaiVm *vm);
/* (nullable) (transfer none) */
BonsaiVm *bonsai_vm_card_get_vm (BonsaiVmCard *self);

/* At which the machine's menu opens. (transfer none) */
GtkWidget *bonsai_vm_card_get_menu_button (BonsaiVmCard *self);

G_END_DECLS
