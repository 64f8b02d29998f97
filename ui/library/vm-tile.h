/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiVmTile: one machine in a grid: its screen, name and state, and what can be done. It is used for one
 * machine after the other. */
#define BONSAI_TYPE_VM_TILE (bonsai_vm_tile_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiVmTile, bonsai_vm_tile, BONSAI, VM_TILE, AdwBin)

GtkWidget *bonsai_vm_tile_new (void);

/* @vm: (nullable) */
void bonsai_vm_tile_set_vm (BonsaiVmTile *tile, BonsaiVm *vm);
BonsaiVm *bonsai_vm_tile_get_vm (BonsaiVmTile *tile);

/* Opens its menu. */
void bonsai_vm_tile_popup (BonsaiVmTile *tile);

G_END_DECLS
