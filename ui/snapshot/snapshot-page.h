/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiSnapshotPage: the tree of a machine's snapshots, and all that is done with it. Lies in an
 * AdwToastOverlay. Main thread.
 */
#define BONSAI_TYPE_SNAPSHOT_PAGE (bonsai_snapshot_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiSnapshotPage, bonsai_snapshot_page, BONSAI, SNAPSHOT_PAGE, AdwBin)

/* @library: where clones appear. @vm: (nullable) */
void bonsai_snapshot_page_set_vm (BonsaiSnapshotPage *self, BonsaiLibrary *library, BonsaiVm *vm);

G_END_DECLS
