/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/cli/cli.h"

G_BEGIN_DECLS

/* "bonsai guest VERB": what the guest's agent is asked. */
extern const Verb verb_guest_clipboard, verb_guest_addresses, verb_guest_exec, verb_guest_freeze, verb_guest_info,
  verb_guest_password, verb_guest_read, verb_guest_shutdown, verb_guest_thaw, verb_guest_time,
  verb_guest_write;

/* What "bonsai guest exec" ends with if it can't tell how the program did; as env(1) and others. */
#define GUEST_EXEC_FAILED 125

/* Asks, and waits. @arguments: floating. Returns: (transfer full): a{sv}, or NULL with @error set. */
GVariant *guest_ask (BonsaiSession *session, const char *operation, GVariant *arguments, GError **error);

/* Asks the machine @name without arguments. */
GVariant *guest_ask_simply (const char *name, const char *operation, GError **error);

/* All of standard input. NULL with @error set if it is more than @max bytes. (transfer full) */
GBytes *guest_read_input (gsize max, GError **error);

G_END_DECLS
