/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/cli/snapshot.h"
#include "app/snapshot/template.h"

G_BEGIN_DECLS

/* The verbs of “bonsai template”. */
extern const Verb verb_template_clone, verb_template_list, verb_template_make, verb_template_move,
  verb_template_new_version, verb_template_publish, verb_template_published, verb_template_show,
  verb_template_undo, verb_template_unpublish;

/* A machine, which must be off, and its lock. */
bool cli_open_template_to_change (const char *machine, CliSnapshots *snapshots, GError **error);

/* "3" → 3. False with @error set. @text: (nullable): 0 */
bool cli_parse_version (const char *text, unsigned *version, GError **error);

G_END_DECLS
