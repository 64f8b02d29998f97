/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * BonsaiNotesView: what its owner writes about a machine. It is saved when the focus leaves it. What could not be saved
 * is kept with the machine, is shown again on its page, and is tried again when the focus leaves that. Main thread.
 */
#define BONSAI_TYPE_NOTES_VIEW (bonsai_notes_view_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiNotesView, bonsai_notes_view, BONSAI, NOTES_VIEW, GtkTextView)

/* @vm: (nullable). What was written about the one before is saved. */
void bonsai_notes_view_set_vm (BonsaiNotesView *self, BonsaiVm *vm);

G_END_DECLS
