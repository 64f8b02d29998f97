/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-policy.h"
#include "app/cli/cli.h"

G_BEGIN_DECLS

/* The verbs of “bonsai policy”. */
extern const Verb verb_policy_check, verb_policy_list, verb_policy_set, verb_policy_show, verb_policy_test;

/* What stands in the file at @path ("-": standard input), by itself. (transfer full), or NULL with @error
 * set. */
VmPolicy *cli_read_policy (const char *path, GError **error);

/* "cpu over 90% for 10m". (transfer full) */
char *cli_describe_rule (const VmRule *rule);
/* "notify, cpu-cap". (transfer full) */
char *cli_describe_actions (const VmRule *rule);
/* "30s", "10m", "2h": the largest unit that fits exactly. (transfer full) */
char *cli_describe_seconds (gint64 seconds);

G_END_DECLS
