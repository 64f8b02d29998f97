/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiAdviceGroup: what a machine's history advises for its memory and processors, and a button that does
 * it at its next start, which can be undone. In sight only if there is something to say. Main thread.
 */
#define BONSAI_TYPE_ADVICE_GROUP (bonsai_advice_group_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiAdviceGroup, bonsai_advice_group, BONSAI, ADVICE_GROUP, AdwBin)

/* @vm: (nullable) */
void bonsai_advice_group_set_vm (BonsaiAdviceGroup *self, BonsaiVm *vm);

G_END_DECLS
