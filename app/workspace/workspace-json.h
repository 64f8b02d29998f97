/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/base/json-add.h"
#include "app/workspace/workspace.h"

G_BEGIN_DECLS

/* Workspaces for programs. Threading: none. */

/* "active", "grace", "locked", …: how it is now. */
const char *workspace_state_name (const Workspace *workspace);

/* "2026-05-04T12:30:00Z"; NULL for 0. (nullable) (transfer full) */
char *workspace_time_text (int64_t seconds);

/* Members that say how the one of machine @name is. */
void workspace_add_json (JsonBuilder *builder, const char *name, const Workspace *workspace);
/* An object with its terms as well. (transfer full) */
char *workspace_to_json (const char *name, const Workspace *workspace);

G_END_DECLS
