/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "app/workspace/workspace.h"

G_BEGIN_DECLS

/* Threading: the library's context; blocking. */

/* Puts @vm, which has to be off, under terms that this user signs.
 * @subject: (nullable): whose it is; NULL: this user's. @profile: its name (app/workspace/profile.h).
 * Returns: (transfer full), or NULL with @error set: BONSAI_ERROR_BUSY: it runs. */
Terms *library_issue_workspace (BonsaiLibrary *library, BonsaiVm *vm, const char *subject,
                                const char *profile, const Expiry *expiry, GError **error);

/* Of the machine @vm: as workspace_read and workspace_renew. */
Workspace *library_read_workspace (BonsaiVm *vm, GError **error);
bool library_renew_workspace (BonsaiVm *vm, const Expiry *expiry, bool mends, GError **error);

G_END_DECLS
