/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* Ends of method calls; each takes the invocation over. Threading: the main context. */

/* @error: (transfer full): other domains than BONSAI_ERROR are told as Failed: their codes say nothing
 * outside. */
void api_answer_error (GDBusMethodInvocation *invocation, GError *error);
/* @error: (transfer full): if not @done. */
void api_answer_empty (GDBusMethodInvocation *invocation, gboolean done, GError *error);
/* @text: (transfer full) (nullable): NULL: it failed, with @error (transfer full). */
void api_answer_text (GDBusMethodInvocation *invocation, char *text, GError *error);

/* Makes a text, blocking; any thread. (transfer full), or NULL with @error set. */
typedef char *(*ApiMakeText) (gpointer data, GError **error);
/* Answers with what @make makes, in a thread. @data: (transfer full), freed by @free_data. */
void api_answer_from_thread (GDBusMethodInvocation *invocation, ApiMakeText make, gpointer data,
                             GDestroyNotify free_data);

/* Refuses options (a{sv}) of which a name isn't in @names (NULL ends) or whose type isn't that in @types. */
bool api_check_options (GVariant *options, const char *const *names, const char *types, GError **error);

G_END_DECLS
