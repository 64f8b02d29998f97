/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <gtk/gtk.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* Files that issuers of workspaces sign. Main thread. */

/* Whether the file at @path is an offer or a renewal, by its name. */
bool offer_open_is_one (const char *path);

/* Shows what is offered, to be accepted or not; a renewal is just taken. What is wrong is shown. */
void offer_open (GtkWindow *parent, BonsaiLibrary *library, const char *path);

G_END_DECLS
