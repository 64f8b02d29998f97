/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Programs that begin with memory that another process lends (lender.h).
 *
 * Threading: any thread; blocks for as long as a fork takes.
 */

/* Returns: a descriptor, close-on-exec, with which the lender lives; -1 with @error set. The socket's file
 * goes: there is one client. */
int loan_connect (const char *path, GError **error);

typedef struct {
  const char *const *arguments; /* the first is the program's path */
  const char *const *variables; /* "NAME=VALUE" */
  const char *folder;           /* where it works */
  const int *fds;               /* become 0, 1, …; after them comes the one that memory_loan_read takes */
  unsigned n_fds;
  bool is_last; /* the lender becomes it, and no other can follow */
} LoanProgram;

/* Starts one, in a session of its own (setsid). Who has its exit status is the lender. Returns: its process
 * id; -1 with
 * @error set. */
int loan_start (int lender, const LoanProgram *program, GError **error);

G_END_DECLS
