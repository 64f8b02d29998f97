/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiHealthGroup: whether a machine's files are sound, what is wrong with them, and a button that puts
 * right what can be. Looks when it comes on screen. */
#define BONSAI_TYPE_HEALTH_GROUP (bonsai_health_group_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiHealthGroup, bonsai_health_group, BONSAI, HEALTH_GROUP, AdwBin)

/* @vm: (nullable) */
void bonsai_health_group_set_vm (BonsaiHealthGroup *self, BonsaiVm *vm);

G_END_DECLS
