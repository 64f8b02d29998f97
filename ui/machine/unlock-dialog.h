/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiUnlockDialog: asks for the passphrases of a machine's encrypted disks, one disk after the other,
 * before it starts. A wrong one is told, and asked again. Signal: "unlocked": all disks are open, the window
 * goes. Closed without it, the machine shall not start.
 */
#define BONSAI_TYPE_UNLOCK_DIALOG (bonsai_unlock_dialog_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiUnlockDialog, bonsai_unlock_dialog, BONSAI, UNLOCK_DIALOG, AdwWindow)

/* @parent: (nullable). @disk: the first one that waits, as bonsai_vm_find_locked_finish has it. */
BonsaiUnlockDialog *bonsai_unlock_dialog_new (GtkWindow *parent, BonsaiVm *vm, const char *disk);

G_END_DECLS
