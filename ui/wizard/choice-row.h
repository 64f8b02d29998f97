/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/install/locale-choices.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiChoiceRow: a row with a drop-down list of choices, in which one can search if there are many.
 * Signal: "changed", by its user.
 */
#define BONSAI_TYPE_CHOICE_ROW (bonsai_choice_row_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiChoiceRow, bonsai_choice_row, BONSAI, CHOICE_ROW, AdwActionRow)

/* @choices: of LocaleChoice; (transfer full). The first is chosen. */
void bonsai_choice_row_set_choices (BonsaiChoiceRow *row, GPtrArray *choices);
/* The same of @n pairs of id and name. */
void bonsai_choice_row_set_pairs (BonsaiChoiceRow *row, const char *const pairs[][2], unsigned n);

/* (nullable): there are no choices. */
const char *bonsai_choice_row_get_id (BonsaiChoiceRow *row);
/* Chooses it without telling; one that is not in the list is added. */
void bonsai_choice_row_set_id (BonsaiChoiceRow *row, const char *id);

G_END_DECLS
