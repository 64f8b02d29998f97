/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bonsai's program @name ("bonsai", "bonsai-desktop"): beside the one that runs, in its build tree, or in
 * PATH. Any thread. (transfer full), or NULL with @error set. */
char *program_path (const char *name, GError **error);

G_END_DECLS
