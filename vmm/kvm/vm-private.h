/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/hypervisor.h"
#include "vmm/kvm/irq-routes.h"
#include "vmm/kvm/vm.h"

G_BEGIN_DECLS

struct KvmVm {
  Hypervisor hypervisor;
  int system_fd;
  int fd;
  size_t run_size;
  bool pvm;
  IrqRoutes *routes; /* atomic: NULL until there are chips */
  KvmVmState power_on;
  GMutex lock;
  GHashTable *slots;     /* lock: number → Slot */
  uint32_t early_levels; /* lock: of the lines until there are chips */
  bool stands; /* time does; no vCPU runs */
  struct kvm_pit_state2 pit; /* what it goes on from then */
};

G_END_DECLS
