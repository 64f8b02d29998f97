/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * BonsaiVmControls: buttons for what is done with a machine, those that make sense now. "main": start, pause,
 * resume, shut down, and the menu with the rest, which opens by the action "cell.menu"; "extras": what else takes one click where there is room.
 */
#define BONSAI_TYPE_VM_CONTROLS (bonsai_vm_controls_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiVmControls, bonsai_vm_controls, BONSAI, VM_CONTROLS, GtkBox)

/* @vm: (nullable). The widget's actions "vm.…" become the machine's. */
void bonsai_vm_controls_set_vm (BonsaiVmControls *self, BonsaiVm *vm);

/* Of the main ones; else NULL. (transfer none) */
GtkWidget *bonsai_vm_controls_get_menu_button (BonsaiVmControls *self);

/* --- how a machine's state is told --- */

/* The style class for it: "error", "warning", "success" or NULL. */
const char *vm_state_class (BonsaiVm *vm);
/* Why it is in its state, or that it has no window; "" if there is nothing to say. */
const char *vm_state_reason (BonsaiVm *vm);
/* "Web server, Running": of a list's item. (transfer full) */
char *vm_state_label (BonsaiVm *vm);
/* Shows it on @label. */
void vm_state_show (BonsaiVm *vm, GtkLabel *label);

G_END_DECLS
