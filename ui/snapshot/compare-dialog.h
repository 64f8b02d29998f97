/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm-snapshots.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* Shows what differs between two snapshots of @vm, or one and the machine as it is now, which is what @node
 * (an id) is compared with first. @tree isn't kept. @parent: (nullable) */
void compare_dialog_show (GtkWindow *parent, BonsaiVm *vm, const SnapshotTree *tree, const char *node);

G_END_DECLS
