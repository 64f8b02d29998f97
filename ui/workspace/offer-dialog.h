/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "app/workspace/offer.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* What @offer (transfer full) is, under which terms, and by whom; Accept makes its machine: a job. Main
 * thread. */
void offer_dialog_show (GtkWindow *parent, BonsaiLibrary *library, Offer *offer);

G_END_DECLS
