/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * BonsaiRunningCard: a machine that runs: its screen, live while it is in sight, and what it uses. Leads to
 * its page. Main thread.
 */
#define BONSAI_TYPE_RUNNING_CARD (bonsai_running_card_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiRunningCard, bonsai_running_card, BONSAI, RUNNING_CARD, GtkButton)

GtkWidget *bonsai_running_card_new (BonsaiVm *vm);
/* (transfer none) */
BonsaiVm *bonsai_running_card_get_vm (BonsaiRunningCard *self);

/* Asks what the machine uses, to show it: a few seconds after the last time. */
void bonsai_running_card_look (BonsaiRunningCard *self);

G_END_DECLS
