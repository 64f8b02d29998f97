/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

G_BEGIN_DECLS

/* For who changes a machine by other ways than BonsaiVm's: writes into the log of events what was done with it, or that
 * it failed. The parameters are those of event_log_add. */
void bonsai_vm_note (BonsaiVm *vm, const char *kind, const char *detail, const char *cause, const GError *error);

G_END_DECLS
