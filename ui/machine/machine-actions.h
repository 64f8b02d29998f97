/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * What people do with one machine, as actions for a widget's group "vm": start, console, pause, resume,
 * shutdown, power-off, reboot, reset, suspend, snapshot, clone (a linked one, at once), full-clone, screenshot, insert-cd, eject-cd, delete. An
 * action is enabled while it makes sense. Dialogs go over the application's active window; what takes long is
 * a job.
 *
 * Main thread.
 */

/* The machine's actions, shared by all who show it. (transfer none) */
GActionGroup *bonsai_machine_actions_get (BonsaiVm *vm);

/* By which bonsai_library_find finds it, also if it is broken. (transfer full) */
char *bonsai_machine_actions_key (BonsaiVm *vm);

/* What opening it means where that is its screen: starts it, or shows its window. */
void bonsai_machine_actions_start (BonsaiVm *vm);

/* Does that to all of them, in an order that makes sense. @vms: of BonsaiVm; may be reordered. */
void bonsai_machine_actions_activate_all (GPtrArray *vms, const char *action);

/* Whether that action could be taken now. */
bool bonsai_machine_actions_can (BonsaiVm *vm, const char *action);

G_END_DECLS
