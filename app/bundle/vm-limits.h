/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/host-check.h"

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* What a machine may have on this host, and what is proposed for a new one. */
typedef struct {
  uint64_t memory_min, memory_default, memory_max; /* bytes, multiples of 1 MiB */
  unsigned cpus_default, cpus_max;
  uint64_t disk_min, disk_default; /* bytes */
} VmLimits;

VmLimits vm_limits_for_host (const HostReport *report);

/* Refuses @memory and @cpus beyond the host's with a message that says what would do. */
gboolean vm_limits_check (const HostReport *report, uint64_t memory, unsigned cpus, GError **error);

G_END_DECLS
