/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/bundle/vm-limits.h"
#include "app/disk/disk-look.h"
#include "app/guests/guests.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Where a new machine's system comes from. */
typedef enum {
  VM_SOURCE_READY,  /* a guest that the host's packages hold ready */
  VM_SOURCE_CDROM,  /* an installation medium */
  VM_SOURCE_DISK,   /* a disk image that exists */
  VM_SOURCE_KERNEL, /* a kernel, booted directly */
} VmSource;

/*
 * VmDraft: a new machine while its owner still thinks about it; what a creation wizard fills in.
 * A plain value. Threading: none; one thread at a time.
 */
typedef struct {
  VmSource source;
  const ReadyGuest *guest; /* READY; the caller's */
  char *path;              /* CDROM, DISK, KERNEL: the file */
  DiskLook look;           /* DISK: what it is, once the source was checked */
  char *initrd, *append;   /* KERNEL; (nullable) */
  char *name;
  uint64_t memory; /* bytes */
  unsigned cpus;
  bool uefi;     /* instead of the BIOS, if vm_draft_has_firmware */
  uint64_t disk; /* bytes of a new, empty disk; 0: none */
} VmDraft;

/* Host's defaults, source CDROM, no name. (transfer full) */
VmDraft *vm_draft_new (const HostReport *report);
void vm_draft_free (VmDraft *draft);

/* Whether the source can be used: the file is there and readable, and is what it should be. Looks at a disk
 * image each time. */
bool vm_draft_check_source (VmDraft *draft, GError **error);

/* Whether firmware starts it: a kernel, and what is ready, may do without. */
bool vm_draft_has_firmware (const VmDraft *draft);

/* Whether everything fits together and fits the host. */
bool vm_draft_check (VmDraft *draft, const HostReport *report, GError **error);

/* "debian-12-netinst" for /media/debian-12-netinst.iso: a name to propose. (transfer full) */
char *vm_draft_suggest_name (const VmDraft *draft);

/* What bonsai_library_create takes, of a draft that was checked. May take a second: a ready guest's parts are
 * built. (transfer full) */
VmConfig *vm_draft_to_config (const VmDraft *draft, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmDraft, vm_draft_free)

G_END_DECLS
