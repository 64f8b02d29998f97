/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * What guests' agents say is any bytes at all: bounded before it is parsed, and every member judged before it
 * is used. Text that people will read has no control characters left.
 */

#define AGENT_REPLY_MAX (24u << 20) /* bytes of one answer: 16 MiB as base64, and some */

/* What an answer is. */
typedef enum {
  AGENT_REPLY_RESULT,
  AGENT_REPLY_ERROR,
} AgentReplyKind;

/**
 * agent_reply_parse:
 * @text: @size bytes, a line without its end
 * @node: (out): the result; of an error, NULL
 * @reason: (out): of an error, what the agent says, for people
 *
 * Returns: false with @error set if it is no answer of an agent, too deep or too long.
 */
bool agent_reply_parse (const char *text, gsize size, AgentReplyKind *kind, JsonNode **node, char **reason,
                        GError **error);

/* Members of an object in an answer; NULL, false or @fallback if it isn't there or of another type. */
JsonObject *agent_json_object (JsonNode *node);
/* Without control characters, at most @max characters. (transfer full) */
char *agent_json_text (JsonObject *object, const char *name, unsigned max);
bool agent_json_int (JsonObject *object, const char *name, gint64 *value);
bool agent_json_bool (JsonObject *object, const char *name, bool fallback);
JsonArray *agent_json_array (JsonObject *object, const char *name);
/* Base64. NULL if there is no such member; @valid: false if it is something else. (transfer full) */
GBytes *agent_json_bytes (JsonObject *object, const char *name, bool *valid);

/* Makes any text fit to be shown: UTF-8, control characters become "?". (transfer full) */
char *agent_clean_text (const char *text, unsigned max);

/* --- answers, as a{sv}; false with @error set if they make no sense --- */

/* guest-network-get-interfaces: "interfaces" a(ssa(su)): name, hardware address or "", addresses and their
 * prefix. */
bool agent_read_interfaces (JsonNode *node, GVariantDict *to, GError **error);
/* guest-info: "agent-version" s, "commands" as: those that are switched on. */
bool agent_read_info (JsonNode *node, GVariantDict *to, GError **error);
/* guest-get-osinfo: "os-name" s, "os-id" s, "os-version" s, "kernel" s, "machine" s: what it has of these. */
bool agent_read_os (JsonNode *node, GVariantDict *to, GError **error);
/* guest-get-host-name: "host-name" s. */
bool agent_read_host_name (JsonNode *node, GVariantDict *to, GError **error);
/* guest-get-users: "users" a(sd): name, and since when, in seconds since 1970. */
bool agent_read_users (JsonNode *node, GVariantDict *to, GError **error);
/* guest-get-timezone: "zone" s, "offset" i, seconds. */
bool agent_read_zone (JsonNode *node, GVariantDict *to, GError **error);
/* guest-exec: the process's number. */
bool agent_read_pid (JsonNode *node, gint64 *pid, GError **error);
/* guest-exec-status: *@ended; then "exit-status" i or "signal" i, "output" ay, "errors" ay, "truncated" b. */
bool agent_read_exec_status (JsonNode *node, bool *ended, GVariantDict *to, GError **error);
/* A number from 0 on, such as that of frozen file systems. */
bool agent_read_count (JsonNode *node, gint64 *count, GError **error);
/* guest-file-read: at most @max bytes, and whether that was the end. (transfer full) */
GBytes *agent_read_file_piece (JsonNode *node, gsize max, bool *eof, GError **error);

G_END_DECLS
