/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

/* Shows what happened (@heading) and why with the remedy (@error's message). @parent: (nullable). */
void error_dialog_show (GtkWindow *parent, const char *heading, const GError *error);

/* (nullable): the window that is used, when the one that something was done in may be gone. */
GtkWindow *error_dialog_find_parent (void);
