/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/trash.h"
#include "ui/library/library-view.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiPlaceStack: what is at a place of the library (library-sidebar.h says how places are called): the
 * view of machines, a machine's page, the dashboard, the trash, the host. A page is made when it is first looked at. Main
 * thread.
 */
#define BONSAI_TYPE_PLACE_STACK (bonsai_place_stack_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiPlaceStack, bonsai_place_stack, BONSAI, PLACE_STACK, AdwBin)

/* Once. */
void bonsai_place_stack_set_library (BonsaiPlaceStack *self, BonsaiLibrary *library, BonsaiTrash *trash);

/* Returns: whether there is such a machine, if it is one's page. */
bool bonsai_place_stack_show (BonsaiPlaceStack *self, const char *place);

/* (transfer none) */
BonsaiLibraryView *bonsai_place_stack_get_view (BonsaiPlaceStack *self);
/* Whether machines are shown, not a page of something. */
bool bonsai_place_stack_is_view (BonsaiPlaceStack *self);
/* The page of a machine while it is shown. (transfer none) (nullable) */
GtkWidget *bonsai_place_stack_get_machine_page (BonsaiPlaceStack *self);

/* Gives the focus to what is shown: to the machine at @position if it is the view. */
void bonsai_place_stack_focus (BonsaiPlaceStack *self, guint position);

G_END_DECLS
