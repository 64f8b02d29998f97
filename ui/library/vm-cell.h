/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/library/cell-filler.h"
#include "ui/library/vm-card.h"

G_BEGIN_DECLS

/*
 * BonsaiVmCell: a machine's place in a list, which GTK makes for each machine within some pages of what is in
 * sight. It weighs next to nothing until its filler puts a card there. Its action "cell.menu" emits the
 * signal "menu" (GtkWidget: at which the machine's menu is to open). Main thread.
 */
GtkWidget *bonsai_vm_cell_new (BonsaiCellFiller *filler);

/* @vm: (nullable) */
void bonsai_vm_cell_set_vm (BonsaiVmCell *self, BonsaiVm *vm);
/* (nullable) (transfer none) */
BonsaiVm *bonsai_vm_cell_get_vm (BonsaiVmCell *self);

/* Whether there is a machine that no card shows. */
bool bonsai_vm_cell_is_waiting (BonsaiVmCell *self);
bool bonsai_vm_cell_has_card (BonsaiVmCell *self);
/* Shows the machine on @card, a new one; NULL: on the one that is there. */
void bonsai_vm_cell_fill (BonsaiVmCell *self, BonsaiVmCard *card);

G_END_DECLS
