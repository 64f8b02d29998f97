/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/memory-private.h"

G_BEGIN_DECLS

/*
 * What a fork takes of a bank. RAM is private memory, which the fork has as it is at that instant. Other
 * banks are shared with mappings elsewhere, so that a child would see them change: they are copied to private
 * memory.
 *
 * Threading: none; filled where the guest stands.
 */
bool bank_is_shared (const MemoryBank *bank);

/* Private memory as large as the bank, zero. NULL with @error set: there isn't enough. */
uint8_t *bank_copy_new (const MemoryBank *bank, GError **error);
/* NULL is ignored. */
void bank_copy_free (const MemoryBank *bank, uint8_t *copy);

/* The copy holds what the bank does. A second time is quick: its pages are there already. */
void bank_copy_fill (const MemoryBank *bank, uint8_t *copy);

/* Whether forks from now on have RAM; for shared banks it does nothing. */
void bank_let_child_have (const MemoryBank *bank, bool let);

G_END_DECLS
