/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/guest-memory.h"

G_BEGIN_DECLS

/*
 * MemoryLoan: lends what is in a guest's memory at one instant to other processes, which go on with it at
 * once: nothing is copied, and nothing is written to a disk. The process forks a lender (vmm/loan/lender.h),
 * of which each of those is a fork again; a page is copied when somebody writes to it. It needs no
 * permission, and takes as long as a fork does, which depends on the number of pages that RAM is in: see
 * memory-save.h.
 *
 * Threading: one thread at a time; memory_loan_take where the guest stands.
 */
typedef struct MemoryLoan MemoryLoan;

/**
 * memory_loan_new:
 * @socket_path: where the lender listens; nothing is there yet. In a folder that others may not enter:
 * whoever connects has the guest's memory
 *
 * Prepares all that can be while the guest runs. Returns: (transfer full): NULL with @error set
 * (VMM_ERROR_UNSUPPORTED: this program can't lend, having been built with a sanitizer).
 */
MemoryLoan *memory_loan_new (GuestMemory *memory, const char *socket_path, GError **error);

/* Ends no lender: it ends with its client, or soon if none comes, and the socket's file then goes. */
void memory_loan_free (MemoryLoan *loan);

/* Forks the lender. vCPUs are parked, nothing is in flight, and nobody else writes to the memory before this
 * returns. False with @error set: the host refuses. */
bool memory_loan_take (MemoryLoan *loan, GError **error);

/* After that: tells those who borrow what is where, and @state. No client may come before. */
bool memory_loan_tell (MemoryLoan *loan, GBytes *state, GError **error);

/* --- the other side --- */

/**
 * memory_loan_read:
 * @contents: the descriptor that the lender gave this process
 * @state: (out) (transfer full): what memory_loan_tell was given; untrusted
 *
 * Returns: (transfer full): what was lent, for guest_memory_adopt. NULL with @error set.
 */
GVariant *memory_loan_read (int contents, GBytes **state, GError **error);

/**
 * guest_memory_adopt:
 * @lent: of memory_loan_read, in the process that it was lent to; once
 *
 * Gives the memory what was lent: RAM is moved to where the banks are, others are copied. Banks must be the
 * same by name and size. vCPUs are parked, nothing is in flight. On failure the content is undefined.
 */
bool guest_memory_adopt (GuestMemory *memory, GVariant *lent, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MemoryLoan, memory_loan_free)

G_END_DECLS
