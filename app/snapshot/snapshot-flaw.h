/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What people are told of a snapshot's memory file @path that is found damaged while the guest goes on from
 * there; a MachineFlawFunc (machine-snapshot.h). Returns: (transfer full): a sentence. */
char *snapshot_explain_flaw (const char *path, const char *flaw);

G_END_DECLS
