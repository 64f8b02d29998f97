/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/library/library-window.h"
#include "ui/wizard/create-wizard.h"

G_BEGIN_DECLS

/*
 * How machines come into the library by a window of it. Main thread.
 */

/* @host outlives the wizard, which closes with @window. (transfer none) */
BonsaiCreateWizard *new_machine_show_wizard (BonsaiLibraryWindow *window, BonsaiLibrary *library,
                                             const HostReport *host);

/* From a medium, a disk image, or a bundle, whose folder is copied, whoever's it is; a description (file
 * managers can't be told what opens a folder) shows the machine that is here already. An offer of a workspace is shown, a
 * renewal taken. */
void new_machine_from_file (BonsaiLibraryWindow *window, BonsaiLibrary *library, const HostReport *host,
                            const char *path);

G_END_DECLS
