/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/demand/demand-peer.h"
#include "app/vm/vm.h"

G_BEGIN_DECLS

/* One machine, and the ports that it is reached at (demand.h). Threading: as Demand. */
typedef struct DemandMachine DemandMachine;

DemandMachine *demand_machine_new (BonsaiVm *vm);
void demand_machine_free (DemandMachine *machine);
BonsaiVm *demand_machine_get_vm (DemandMachine *machine);

/* Who runs it is there: @peer has asked for it, and is answered; its end is the run's. */
void demand_machine_lend (DemandMachine *machine, GSocket *peer);

G_END_DECLS
