/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiGuestFacts: what the guest's agent says of its system and its addresses; hidden while none answers.
 * Asks only while it is on screen. */
#define BONSAI_TYPE_GUEST_FACTS (bonsai_guest_facts_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiGuestFacts, bonsai_guest_facts, BONSAI, GUEST_FACTS, AdwBin)

/* @vm: (nullable) */
void bonsai_guest_facts_set_vm (BonsaiGuestFacts *self, BonsaiVm *vm);

G_END_DECLS
