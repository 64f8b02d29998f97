/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiVmRow: one machine in the library's list: live thumbnail, name, state, the button for what
 * one most likely wants next, and a menu with the rest. Its actions are "vm.start", "vm.pause", ...
 */
#define BONSAI_TYPE_VM_ROW (bonsai_vm_row_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiVmRow, bonsai_vm_row, BONSAI, VM_ROW, GtkListBoxRow)

GtkWidget *bonsai_vm_row_new (BonsaiVm *vm);
BonsaiVm *bonsai_vm_row_get_vm (BonsaiVmRow *self);

/* What a double click or Enter does: start it, or bring its console to the front. */
void bonsai_vm_row_activate (BonsaiVmRow *self);

G_END_DECLS
