/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/cpu-topology.h"

#include "vmm/base/error.h"

/* Bits that hold the numbers 0..n-1. */
static unsigned
bits_for (unsigned n)
{
  return n <= 1 ? 0 : 32u - (unsigned)__builtin_clz (n - 1);
}

CpuTopology
cpu_topology_flat (unsigned n_cpus)
{
  return (CpuTopology){ .sockets = 1, .cores = n_cpus, .threads = 1 };
}

unsigned
cpu_topology_count (const CpuTopology *topology)
{
  return topology->sockets * topology->cores * topology->threads;
}

unsigned
cpu_topology_thread_bits (const CpuTopology *topology)
{
  return bits_for (topology->threads);
}

unsigned
cpu_topology_core_bits (const CpuTopology *topology)
{
  return bits_for (topology->cores);
}

unsigned
cpu_topology_apic_id (const CpuTopology *topology, unsigned index)
{
  unsigned thread = index % topology->threads;
  unsigned core = index / topology->threads % topology->cores;
  unsigned socket = index / (topology->threads * topology->cores);

  return (socket << cpu_topology_core_bits (topology) | core) << cpu_topology_thread_bits (topology) | thread;
}

bool
cpu_topology_check (const CpuTopology *topology, unsigned n_cpus, GError **error)
{
  const unsigned parts[] = { topology->sockets, topology->cores, topology->threads };
  unsigned last;

  for (unsigned i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      if (parts[i] >= 1 && parts[i] <= CPU_TOPOLOGY_LAST_APIC_ID + 1)
        continue;
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "%u sockets with %u cores of %u threads can't be: each number must be 1 to %u.",
                   topology->sockets, topology->cores, topology->threads, CPU_TOPOLOGY_LAST_APIC_ID + 1);
      return false;
    }
  if (cpu_topology_count (topology) != n_cpus)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "%u sockets with %u cores of %u threads make %u processors, but the machine has %u: change one "
        "of the numbers.",
        topology->sockets, topology->cores, topology->threads, cpu_topology_count (topology), n_cpus);
      return false;
    }
  last = cpu_topology_apic_id (topology, n_cpus - 1);
  if (last > CPU_TOPOLOGY_LAST_APIC_ID)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "%u sockets with %u cores of %u threads need processor ids up to %u; %u is the last. Numbers of "
        "cores and threads that are powers of two need fewest.",
        topology->sockets, topology->cores, topology->threads, last, CPU_TOPOLOGY_LAST_APIC_ID);
      return false;
    }
  return true;
}
