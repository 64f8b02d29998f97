/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library-search.h"
#include "app/library/library.h"
#include "ui/library/gradual-model.h"

#include <gtk/gtk.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * BonsaiMachineModel: which machines of the library a view shows, in which order, and which of them are
 * selected. Signal "changed": which they are, or what they are or do. Main thread.
 */
#define BONSAI_TYPE_MACHINE_MODEL (bonsai_machine_model_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiMachineModel, bonsai_machine_model, BONSAI, MACHINE_MODEL, GObject)

BonsaiMachineModel *bonsai_machine_model_new (BonsaiLibrary *library);

BonsaiLibrary *bonsai_machine_model_get_library (BonsaiMachineModel *self);
/* The machines as a list model, of BonsaiVm, which follows changes some at a time, as it is told: the model
 * below it. (transfer none) */
GtkSelectionModel *bonsai_machine_model_get_selection (BonsaiMachineModel *self);
BonsaiGradualModel *bonsai_machine_model_get_shown (BonsaiMachineModel *self);
/* (transfer full): of BonsaiVm */
GPtrArray *bonsai_machine_model_get_selected (BonsaiMachineModel *self);

/* All of them, in their order, whether they are shown yet. (transfer full) (nullable) */
BonsaiVm *bonsai_machine_model_get (BonsaiMachineModel *self, guint position);
/* Returns: its position; or GTK_INVALID_LIST_POSITION */
guint bonsai_machine_model_find (BonsaiMachineModel *self, BonsaiVm *vm);
guint bonsai_machine_model_count (BonsaiMachineModel *self);
guint bonsai_machine_model_count_alive (BonsaiMachineModel *self);
/* Of all machines of the library, sorted. (transfer full) */
GStrv bonsai_machine_model_list_tags (BonsaiMachineModel *self);

/* Whose machines: a group's and those of the groups in it; NULL: all. Or the templates. */
void bonsai_machine_model_set_place (BonsaiMachineModel *self, const char *group, bool templates);
const char *bonsai_machine_model_get_group (BonsaiMachineModel *self);
bool bonsai_machine_model_get_templates (BonsaiMachineModel *self);
/* As library_query_new has it. */
void bonsai_machine_model_set_search (BonsaiMachineModel *self, const char *text);
/* (nullable): whatever tags they have */
void bonsai_machine_model_set_tag (BonsaiMachineModel *self, const char *tag);
/* Whether it is a search or a tag that decides. */
bool bonsai_machine_model_is_asked (BonsaiMachineModel *self);

LibrarySort bonsai_machine_model_get_sort (BonsaiMachineModel *self);
void bonsai_machine_model_set_sort (BonsaiMachineModel *self, LibrarySort sort);

G_END_DECLS
