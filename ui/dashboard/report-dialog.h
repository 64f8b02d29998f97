/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* Asks which report is wanted, of which time and in which form, and where it is to be saved; a job of the app
 * makes it, in a thread. Main thread. */
void report_dialog_show (GtkWindow *parent, BonsaiLibrary *library);

G_END_DECLS
