/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiSettingsPage: all that can be chosen of a machine, section by section. What is changed is saved at
 * once. Main thread. */
#define BONSAI_TYPE_SETTINGS_PAGE (bonsai_settings_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiSettingsPage, bonsai_settings_page, BONSAI, SETTINGS_PAGE, AdwBin)

/* @vm: (nullable). Rows are made when they are looked at first. */
void bonsai_settings_page_set_vm (BonsaiSettingsPage *self, BonsaiVm *vm);

G_END_DECLS
