/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/library/machine-model.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiBulkBar: what can be done with several machines at once; it shows while more than one is selected.
 * Its actions are a group "bulk" for whoever shows the machines. Main thread.
 */
#define BONSAI_TYPE_BULK_BAR (bonsai_bulk_bar_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiBulkBar, bonsai_bulk_bar, BONSAI, BULK_BAR, AdwBin)

void bonsai_bulk_bar_set_model (BonsaiBulkBar *self, BonsaiMachineModel *model);

/* start, pause, shutdown, suspend, snapshot, delete: each machine takes part that can; organise; unselect.
 * (transfer none) */
GActionGroup *bonsai_bulk_bar_get_actions (BonsaiBulkBar *self);

G_END_DECLS
