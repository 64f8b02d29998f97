/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiVmRow: one machine in a list: its screen, name, tags, state, and what can be done. It is used for one
 * machine after the other. */
#define BONSAI_TYPE_VM_ROW (bonsai_vm_row_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiVmRow, bonsai_vm_row, BONSAI, VM_ROW, AdwBin)

GtkWidget *bonsai_vm_row_new (void);

/* @vm: (nullable) */
void bonsai_vm_row_set_vm (BonsaiVmRow *row, BonsaiVm *vm);
BonsaiVm *bonsai_vm_row_get_vm (BonsaiVmRow *row);

/* Opens its menu. */
void bonsai_vm_row_popup (BonsaiVmRow *row);

G_END_DECLS
