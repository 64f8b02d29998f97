/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiTerminalPage: a machine's text consoles, one at a time, wherever the machine runs. It connects when
 * it is looked at first, stays so until the machine ends, and connects again when that is started again. Main
 * thread.
 */
#define BONSAI_TYPE_TERMINAL_PAGE (bonsai_terminal_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiTerminalPage, bonsai_terminal_page, BONSAI, TERMINAL_PAGE, AdwBin)

/* @vm: (nullable). What another machine said is forgotten. */
void bonsai_terminal_page_set_vm (BonsaiTerminalPage *self, BonsaiVm *vm);

G_END_DECLS
