/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiOverviewPage: a machine's screen, what it does and why, what it is, how it fares. Uses the actions
 * "vm" and "page.show" of the page that it is in. */
#define BONSAI_TYPE_OVERVIEW_PAGE (bonsai_overview_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiOverviewPage, bonsai_overview_page, BONSAI, OVERVIEW_PAGE, AdwBin)

/* @vm: (nullable) */
void bonsai_overview_page_set_vm (BonsaiOverviewPage *self, BonsaiVm *vm);

G_END_DECLS
