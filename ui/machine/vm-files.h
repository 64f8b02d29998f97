/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* What a machine that runs does with files of its owner's choice. Each asks for the file, and reports
 * failure in a dialog over @parent. Main thread. */

/* Whether it runs and has a CD-ROM drive. */
bool vm_files_has_cd (BonsaiVm *vm);

/* Asks for an ISO image and puts it into the first CD-ROM drive. */
void vm_files_insert_cd (GtkWindow *parent, BonsaiVm *vm);
void vm_files_eject_cd (GtkWindow *parent, BonsaiVm *vm);

/* Takes the screen now, then asks where to save it; proposes the Pictures folder. */
void vm_files_save_screenshot (GtkWindow *parent, BonsaiVm *vm);

G_END_DECLS
