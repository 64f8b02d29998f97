/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/*
 * Relay: what other threads (a machine's loop, the console's) hold of an object that lives on one main
 * context. The object may go while they call. Threading: relay_post from any thread.
 */
typedef struct Relay Relay;

/* @content is the message's. */
typedef void (*RelayFunc) (gpointer object, gconstpointer content);

/* For the thread-default context. The object unrefs it when it is finalized. */
Relay *relay_new (GObject *object);
void relay_unref (Relay *relay);

/* Runs @handle on the object's context, in order, unless the object is gone by then. */
void relay_post (Relay *relay, RelayFunc handle, gpointer content, GDestroyNotify free_content);

/* The same with a descriptor (transfer full): @handle gets an int * and steals from it; what it leaves is closed. */
void relay_post_fd (Relay *relay, RelayFunc handle, int fd);

G_END_DECLS
