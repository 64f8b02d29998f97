/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* Shows a machine's vm.json as text that can be changed; it is checked before it is saved. @parent:
 * (nullable) */
void config_view_show (GtkWindow *parent, BonsaiVm *vm);

G_END_DECLS
