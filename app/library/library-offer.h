/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/disk/disk-task.h"
#include "app/library/library.h"
#include "app/workspace/workspace.h"

G_BEGIN_DECLS

/*
 * Workspaces that come as files, and renewals of them: their user's side. Threading: the library's context.
 */

/* Whether the offer's template is in the library. */
bool library_has_template_of (BonsaiLibrary *library, const Offer *offer);

/**
 * library_accept_offer_async:
 * @offer: the caller's until the callback
 * @template: (nullable): the folder of the template, which is brought if it isn't in the library
 * @progress: (nullable)
 *
 * Makes the machine that @offer is for, under its terms. Refused if it was accepted before, if its time is
 * over, or if the template has no such version as its issuer meant it. Cancelled or failed, no machine stays.
 */
void library_accept_offer_async (BonsaiLibrary *library, const Offer *offer, const char *template,
                                 DiskProgressFunc progress, gpointer progress_data, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data);
/* (transfer none), or NULL with @error set. */
BonsaiVm *library_accept_offer_finish (BonsaiLibrary *library, GAsyncResult *result, GError **error);

/* Adds a renewal to the workspace that it is of; any bytes. @file: how errors call it. Blocks shortly.
 * (transfer none), or NULL with @error set: it is the next renewal of none. */
BonsaiVm *library_accept_renewal (BonsaiLibrary *library, const char *text, gsize length, const char *file,
                                  GError **error);

G_END_DECLS
