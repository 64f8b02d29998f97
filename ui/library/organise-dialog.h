/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Asks for the group and the tags of @vms (of BonsaiVm; those are kept), and gives them to all. */
void organise_dialog_show (GtkWindow *parent, BonsaiLibrary *library, GPtrArray *vms);

/* Moves them; NULL: out of all groups. What goes wrong is shown over @parent. */
void organise_move (GtkWindow *parent, GPtrArray *vms, const char *group);

G_END_DECLS
