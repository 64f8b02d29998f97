/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "app/service/service-bus.h"

G_BEGIN_DECLS

/*
 * ApiMachine: one machine of a library on the bus: its object with org.bonsaivm.Machine1, Stats1, Policy1 and
 * Workspace1.
 *
 * Threading: the library's context.
 */
typedef struct {
  BonsaiLibrary *library; /* outlives it */
  BonsaiVm *vm;
  GDBusObjectSkeleton *object;
  BonsaiApiMachine1 *machine;
  BonsaiApiPolicy1 *policy;
} ApiMachine;

#define API_LIBRARY_PATH "/org/bonsaivm/Library"

/* The path of the object of a machine. (transfer full) */
char *api_machine_path (const char *uuid);

/* @vm: whose UUID is known. */
ApiMachine *api_machine_new (BonsaiLibrary *library, BonsaiVm *vm);
void api_machine_free (ApiMachine *machine);

/* Answers with the object of @vm, or, if that is NULL, with @error (transfer full). */
void api_answer_vm (GDBusMethodInvocation *invocation, BonsaiVm *vm, GError *error);

/* --- for its parts: connect what is called to what is done --- */

typedef struct {
  const char *signal; /* "handle-start" */
  GCallback handler;
} ApiMethod;

void api_connect (gpointer skeleton, const ApiMethod *methods, guint n_methods, gpointer data);

void api_machine_connect_life (ApiMachine *machine);
void api_machine_connect_snapshots (ApiMachine *machine);
void api_machine_connect_policy (ApiMachine *machine);
/* Stats1 and Workspace1, which have no properties. (transfer full) */
BonsaiApiStats1 *api_machine_make_stats (ApiMachine *machine);
BonsaiApiWorkspace1 *api_machine_make_workspace (ApiMachine *machine);

/* Answers with the history in the file at @path (transfer full). */
void api_answer_history (GDBusMethodInvocation *invocation, char *path, gint64 from, gint64 to, guint step,
                         const char *format);

G_END_DECLS
