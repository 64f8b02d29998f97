/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/library/machine-model.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiMachineGrid: machines as tiles or as rows of a list, of which several can be selected, dragged, and
 * worked by a menu: by the secondary button, Shift+F10 and the menu key.
 *
 * Signal: "opened" (BonsaiVm): with a double click or Enter. Main thread.
 */
#define BONSAI_TYPE_MACHINE_GRID (bonsai_machine_grid_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiMachineGrid, bonsai_machine_grid, BONSAI, MACHINE_GRID, AdwBin)

/* Once. */
void bonsai_machine_grid_set_model (BonsaiMachineGrid *self, BonsaiMachineModel *model);

void bonsai_machine_grid_set_as_list (BonsaiMachineGrid *self, bool as_list);

/* Gives the focus to the machine at a position, or the last one. Returns: whether there is one. */
bool bonsai_machine_grid_focus (BonsaiMachineGrid *self, guint position);

/* Names an item of a list for assistive technologies. */
void library_name_item (GtkListItem *item, const char *name);

G_END_DECLS
