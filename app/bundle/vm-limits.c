/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-limits.h"

#include "app/base/error.h"
#include "app/bundle/vm-config.h"

#include <glib/gi18n.h>

#define MIB             (1024ull * 1024)
#define GIB             (1024 * MIB)
#define ENGINE_MAX_CPUS 255

static uint64_t
whole_mib (uint64_t bytes)
{
  return bytes / MIB * MIB;
}

VmLimits
vm_limits_for_host (const HostReport *report)
{
  VmLimits limits = { .memory_min = 16 * MIB, .disk_min = 1 * MIB, .disk_default = 20 * GIB };
  uint64_t quarter = whole_mib (report->memory_total / 4);

  limits.memory_max = MAX (whole_mib (report->memory_total), limits.memory_min);
  limits.memory_default = CLAMP (quarter, 512 * MIB, 4 * GIB);
  limits.memory_default = MIN (limits.memory_default / (256 * MIB) * (256 * MIB), limits.memory_max);
  limits.cpus_max = CLAMP (report->max_vcpus, 1, ENGINE_MAX_CPUS);
  limits.cpus_default = CLAMP (report->n_cpus / 2, 1, 4);
  return limits;
}

gboolean
vm_limits_check (const HostReport *report, uint64_t memory, unsigned cpus, GError **error)
{
  VmLimits limits = vm_limits_for_host (report);

  if (report->memory_total != 0 && memory > limits.memory_max)
    {
      g_autofree char *wanted = vm_format_size (memory), *most = vm_format_size (limits.memory_max);

      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   _ ("The machine wants %s of memory, this host has %s; give it less"), wanted, most);
      return FALSE;
    }
  if (report->max_vcpus != 0 && cpus > limits.cpus_max)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   _ ("The machine wants %u processors, this host's KVM gives at most %u; give it fewer"),
                   cpus, limits.cpus_max);
      return FALSE;
    }
  return TRUE;
}
