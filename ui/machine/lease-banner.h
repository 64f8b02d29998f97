/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiLeaseBanner: a line above a machine's page that says that the workspace expires within a week, is
 * over or locked; there only then. It keeps up while it is in sight. Main thread.
 */
#define BONSAI_TYPE_LEASE_BANNER (bonsai_lease_banner_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiLeaseBanner, bonsai_lease_banner, BONSAI, LEASE_BANNER, AdwBin)

/* @vm: (nullable) */
void bonsai_lease_banner_set_vm (BonsaiLeaseBanner *self, BonsaiVm *vm);

G_END_DECLS
