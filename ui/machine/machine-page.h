/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiMachinePage: all that there is to see and to do of one machine: overview, snapshots, settings. It has
 * a header bar of its own. Main thread.
 */
#define BONSAI_TYPE_MACHINE_PAGE (bonsai_machine_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiMachinePage, bonsai_machine_page, BONSAI, MACHINE_PAGE, AdwBin)

GtkWidget *bonsai_machine_page_new (BonsaiLibrary *library);

/* @vm: (nullable) */
void bonsai_machine_page_set_vm (BonsaiMachinePage *self, BonsaiVm *vm);
/* (nullable) (transfer none) */
BonsaiVm *bonsai_machine_page_get_vm (BonsaiMachinePage *self);

/* @name: "overview", "snapshots", "text-console" or "settings" */
void bonsai_machine_page_show_tab (BonsaiMachinePage *self, const char *name);

G_END_DECLS
