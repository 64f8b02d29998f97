/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiHistoryPage: what a machine has used: graphs of its processor, memory, disks and network, live and
 * back to a year, to be zoomed and exported. It reads only while it is in sight. Main thread.
 */
#define BONSAI_TYPE_HISTORY_PAGE (bonsai_history_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiHistoryPage, bonsai_history_page, BONSAI, HISTORY_PAGE, AdwBin)

/* Shows the last hour of @vm. @vm: (nullable): nothing */
void bonsai_history_page_set_vm (BonsaiHistoryPage *self, BonsaiVm *vm);

G_END_DECLS
