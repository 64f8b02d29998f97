/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library-search.h"
#include "app/library/library.h"
#include "vmm/kvm/host-check.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiLibraryView: machines as a grid or a list, those of a place that a search finds, in some order; with
 * what can be done with several at once (actions "bulk.…", bulk-bar.h). It has a header bar of its own.
 *
 * Signals: "opened" (BonsaiVm): with a double click or Enter; "changed": mode or order.
 * Main thread.
 */
#define BONSAI_TYPE_LIBRARY_VIEW (bonsai_library_view_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiLibraryView, bonsai_library_view, BONSAI, LIBRARY_VIEW, AdwBin)

void bonsai_library_view_set_library (BonsaiLibraryView *self, BonsaiLibrary *library);

/* Whose machines: a group's and those of the groups in it; NULL: all. Or the templates. */
void bonsai_library_view_set_group (BonsaiLibraryView *self, const char *group);
void bonsai_library_view_set_templates (BonsaiLibraryView *self);

/* "grid" or "list". */
const char *bonsai_library_view_get_mode (BonsaiLibraryView *self);
void bonsai_library_view_set_mode (BonsaiLibraryView *self, const char *mode);
/* One of library_sort_names. */
const char *bonsai_library_view_get_sort (BonsaiLibraryView *self);
void bonsai_library_view_set_sort (BonsaiLibraryView *self, const char *sort);

/* Where in its order a machine is; of one that it doesn't show, GTK_INVALID_LIST_POSITION. */
guint bonsai_library_view_find (BonsaiLibraryView *self, BonsaiVm *vm);
/* Gives the focus to the machine at a position, or the last one; to what else there is if there is none. */
void bonsai_library_view_focus (BonsaiLibraryView *self, guint position);

/* Typing anywhere in @window searches. */
void bonsai_library_view_capture_keys (BonsaiLibraryView *self, GtkWidget *window);
void bonsai_library_view_search (BonsaiLibraryView *self);

/* What is worst about the host, if anything is. */
void bonsai_library_view_show_host (BonsaiLibraryView *self, const HostReport *host);

G_END_DECLS
