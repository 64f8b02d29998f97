/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * UiState: how the app looked when it was used last: $XDG_STATE_HOME/bonsai/desktop.ini, a key file. Changes
 * are written a moment later, beside the main loop, and at the latest when it is freed. What can't be read or
 * written is forgotten. Main thread.
 */
typedef struct UiState UiState;

/* @path: (nullable): NULL: the usual file. (transfer full) */
UiState *ui_state_new (const char *path);
/* Writes what is not yet written. */
void ui_state_free (UiState *state);

/* (nullable) (transfer full) */
char *ui_state_get_string (UiState *state, const char *group, const char *key);
int ui_state_get_int (UiState *state, const char *group, const char *key, int otherwise);
bool ui_state_get_bool (UiState *state, const char *group, const char *key);
/* (nullable) (transfer full) */
GStrv ui_state_get_strings (UiState *state, const char *group, const char *key);

/* @value: (nullable) */
void ui_state_set_string (UiState *state, const char *group, const char *key, const char *value);
void ui_state_set_int (UiState *state, const char *group, const char *key, int value);
void ui_state_set_bool (UiState *state, const char *group, const char *key, bool value);
void ui_state_set_strings (UiState *state, const char *group, const char *key, const char *const *value);

/* Forgets what @group says. */
void ui_state_remove_group (UiState *state, const char *group);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (UiState, ui_state_free)

G_END_DECLS
