/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * The user's keyring (libsecret), where there is one: what logs in to an installed machine is kept there.
 *
 * Threading: the thread-default main context of whoever asks; the work is done in a thread, as the keyring
 * may have to be opened by its owner first.
 */

/* Keeps the password of @user in the machine @uuid. @name: the machine's, for people. */
void keyring_store_async (const char *uuid, const char *name, const char *user, const char *password,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean keyring_store_finish (GAsyncResult *result, GError **error);

/* The password kept for the machine @uuid: (transfer full), wipe it after use; NULL with @error set if there
 * is none. */
void keyring_lookup_async (const char *uuid, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer data);
char *keyring_lookup_finish (GAsyncResult *result, GError **error);

G_END_DECLS
