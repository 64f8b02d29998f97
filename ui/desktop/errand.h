/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/application.h"

G_BEGIN_DECLS

/*
 * Errands: what the menu, a notification, the search or the command line asks of one machine. The app stays
 * until each is done; what went wrong is shown, with or without a window. Main thread.
 */
typedef enum {
  ERRAND_START,    /* and show its window; of one that runs, only that */
  ERRAND_SUSPEND,  /* to disk */
  ERRAND_SNAPSHOT, /* of a name that says when it was taken */
  ERRAND_RESUME,
  ERRAND_SHOW, /* its window if it runs, else its page in the library */
  N_ERRANDS,
} Errand;

/* As actions are called: "start-vm". */
extern const char *const errand_actions[N_ERRANDS];

void errand_run (BonsaiApplication *application, BonsaiVm *vm, Errand what);

/* The machine @key, or a dialog that says there is none. (nullable) (transfer none) */
BonsaiVm *errand_find (BonsaiApplication *application, const char *key);

G_END_DECLS
