/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

/* Shows what happened (@heading) and why with the remedy (@error's message). @parent: (nullable). */
void error_dialog_show (GtkWindow *parent, const char *heading, const GError *error);
