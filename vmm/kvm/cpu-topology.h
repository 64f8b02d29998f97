/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * CpuTopology: how a machine's processors sit in sockets, cores and threads, and their local APICs' ids.
 * Processor n is thread n of core 0 of socket 0, and so on: threads count fastest. An id has a field of bits
 * for each level (Intel SDM vol. 3A, 9.9.1), so ids have gaps where a number is no power of two.
 *
 * Threading: pure functions.
 */
typedef struct {
  unsigned sockets, cores, threads; /* of the machine, of a socket, of a core; 1 at least */
} CpuTopology;

/* 0xff is the broadcast address of an xAPIC. */
#define CPU_TOPOLOGY_LAST_APIC_ID 254u

/* One socket with @n_cpus cores of one thread each. */
CpuTopology cpu_topology_flat (unsigned n_cpus);

unsigned cpu_topology_count (const CpuTopology *topology);

/* Bits of an APIC id that tell threads of a core apart, and cores of a socket. */
unsigned cpu_topology_thread_bits (const CpuTopology *topology);
unsigned cpu_topology_core_bits (const CpuTopology *topology);

/* The APIC id of processor @index. */
unsigned cpu_topology_apic_id (const CpuTopology *topology, unsigned index);

/* Whether there is a place for exactly @n_cpus processors, and an APIC id for each. Says what to do in @error
 * (VMM_ERROR_INVALID). */
bool cpu_topology_check (const CpuTopology *topology, unsigned n_cpus, GError **error);

G_END_DECLS
