/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"
#include "vmm/state/state.h"

G_BEGIN_DECLS

/*
 * The "Virtual Machine Generation ID" (Microsoft, version of 2012): a number by which a guest knows that it
 * has been set back, or is a copy of one that runs elsewhere: it then makes new keys, nonces and the like.
 * The DSDT tells where it is read, and general purpose event 5 that it is another now. A part of the LPC
 * bridge, whose lock guards it.
 */
#define VM_GENERATION_BASE UINT64_C (0xfed18000)
#define VM_GENERATION_SIZE 16u
#define VM_GENERATION_GPE  5u

typedef struct {
  uint8_t id[VM_GENERATION_SIZE];   /* a GUID, in its order in memory */
  uint8_t seen[VM_GENERATION_SIZE]; /* the one that the guest may know */
} VmGeneration;

extern const StateTable vm_generation_state;

/* @id: (nullable): "xxxxxxxx-xxxx-...": the machine's; NULL: zeros. */
void vm_generation_init (VmGeneration *generation, const char *id);

/* @offset in [0, VM_GENERATION_SIZE). */
uint64_t vm_generation_read (const VmGeneration *generation, uint64_t offset, unsigned size);

/* After a state was loaded: whether the guest is to be told that its number is another. Once. */
bool vm_generation_is_news (VmGeneration *generation);

G_END_DECLS
