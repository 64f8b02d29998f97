/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * The user's keyring (libsecret), where there is one: what logs in to an installed machine is kept there.
 *
 * Threading of what is asynchronous: the thread-default main context of whoever asks; the work is done in a
 * thread, as the keyring may have to be opened by its owner first.
 */

/* Keeps the password of @user in the machine @uuid. @name: the machine's, for people. */
void keyring_store_async (const char *uuid, const char *name, const char *user, const char *password,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean keyring_store_finish (GAsyncResult *result, GError **error);

/* Forgets what is kept for the machine @uuid, if anything is. Any thread; waits while somebody is asked to
 * open the keyring, which happens only if there is something in it. Returns: false with @error set if it
 * can't be used. */
bool keyring_forget (const char *uuid, GError **error);

G_END_DECLS
