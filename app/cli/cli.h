/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/base/json-add.h"
#include "app/library/library.h"
#include "app/session/exit-status.h"
#include "app/session/remote-session.h"

G_BEGIN_DECLS

/* A verb of the command line; each has a file of its own. */
typedef struct Verb Verb;

struct Verb {
  const char *name;
  const char *arguments; /* "NAME [FILE]" */
  const char *summary;
  /* @argv[0] is the verb. Returns: an ExitStatus. */
  int (*run) (const Verb *verb, int argc, char **argv);
};

extern const Verb verb_apply, verb_autostart, verb_cd, verb_clone, verb_console, verb_create, verb_delete,
  verb_demand, verb_disk, verb_doctor, verb_events, verb_forward, verb_guest, verb_host, verb_key, verb_label,
  verb_launcher, verb_link, verb_list, verb_memory, verb_mouse, verb_pause, verb_policy, verb_purge,
  verb_report, verb_reset, verb_resume, verb_run, verb_screenshot, verb_service, verb_share, verb_shared,
  verb_show, verb_shutdown, verb_snapshot, verb_start, verb_stats, verb_stop, verb_suspend, verb_template,
  verb_type, verb_undelete, verb_usb, verb_workspace;

/**
 * cli_parse:
 * @entries: (nullable): the verb's options
 * @min_arguments, @max_arguments: how many may be left; -1: any number
 * @status: set when this returns false: 0 after --help, else EXIT_STATUS_USAGE
 *
 * Parses the options and takes them out of @argv.
 */
bool cli_parse (const Verb *verb, const GOptionEntry *entries, int *argc, char ***argv, int min_arguments,
                int max_arguments, int *status);

/* Complains about how the verb was used. Returns: EXIT_STATUS_USAGE. */
int cli_usage (const Verb *verb, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Prints "bonsai: MESSAGE". @error: (transfer full). Returns: EXIT_STATUS_ERROR. */
int cli_fail (GError *error);

/* Prints the JSON that was built. */
void cli_print_json (JsonBuilder *builder);

/* --- waiting for an asynchronous answer --- */

/* A GAsyncReadyCallback; @data is a CliWait. */
typedef struct {
  GAsyncResult *result;
} CliWait;

void cli_wait_ready (GObject *source, GAsyncResult *result, gpointer data);
/* Runs the main loop until the answer is there. (transfer none): until cli_wait_clear */
GAsyncResult *cli_wait (CliWait *wait);
void cli_wait_clear (CliWait *wait);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliWait, cli_wait_clear)

/* --- machines --- */

/* The library, once it is known what each machine does. */
BonsaiLibrary *cli_open_library (GError **error);

/* Says one thing of a machine: appended to the JSON, or printed if that is NULL. */
typedef void (*CliTellMachine) (BonsaiVm *vm, JsonBuilder *json);
/* Runs a verb whose one option is --json, and which tells of every machine of the library. @headings: of the
 * table's columns, printed in front of it (nullable). */
int cli_tell_machines (const Verb *verb, int argc, char **argv, const char *headings, CliTellMachine tell);

/* The machine @key of the library, or an error that says what there is. (transfer none) */
BonsaiVm *cli_find_vm (BonsaiLibrary *library, const char *key, GError **error);

/* The desktop's menu shows what was made or changed beside @library. */
void cli_tell_desktop (BonsaiLibrary *library);

/* A copy of its description to change and save. (transfer full), or NULL with @error set: it is broken. */
VmConfig *cli_copy_config (BonsaiVm *vm, GError **error);

/* "on" and "off". Returns: whether @text is one of them. */
bool cli_parse_switch (const char *text, gboolean *on);

/* One that another user shares; NULL with @error set: nobody is there, or lets this user in. (transfer full)
 */
BonsaiSession *cli_connect_shared (const SharedSocket *shared, GError **error);

/* The machine @key that runs: of the library, or one without a bundle (bonsai run), or
 * “OWNER/NAME”, which another user shares. */
BonsaiSession *cli_find_session (const char *key, GError **error);
/* @path: (out) (nullable) (transfer full): of its bundle, if it has one */
BonsaiSession *cli_find_session_of (const char *key, char **path, GError **error);
/* After its machine has ended: until others can have the bundle @path (nullable), but not for long. */
void cli_await_release (const char *path);

/* All machines that run without a bundle in @library. (transfer full): of BonsaiSession */
GPtrArray *cli_list_strays (BonsaiLibrary *library);

/* The verbs that only ask a running machine for something. @argv: as for Verb.run. */
int cli_control (const Verb *verb, int argc, char **argv, BonsaiControl control);

/* --- input --- */

/* "ctrl+alt+delete", "f1", "kp-enter" → usages, in the order to press. Returns: how many, or 0 with @error
 * set. */
unsigned cli_parse_chord (const char *text, KeyUsage *usages, unsigned max, GError **error);

/* Runs the main loop for @ms: a guest takes key strokes no faster than a keyboard makes them. */
void cli_pace (unsigned ms);

void cli_send_key (BonsaiSession *session, KeyUsage usage, bool down);

/* Waits until the input has arrived. Returns: an ExitStatus. */
int cli_finish_input (BonsaiSession *session);

G_END_DECLS
