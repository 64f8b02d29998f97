/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/bundle/vm-limits.h"
#include "app/disk/disk-task.h"
#include "app/draft/source-look.h"
#include "app/guests/guests.h"
#include "app/install/express.h"
#include "app/library/library.h"
#include "app/published/published.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * VmDraft: a new machine while its owner still thinks about it; what a creation wizard fills in.
 * A plain value. Threading: none; one thread at a time.
 */
typedef struct {
  VmSource source;
  const ReadyGuest *guest; /* READY; the caller's */
  char *path;              /* CDROM, DISK, KERNEL: the file */
  SourceLook look;         /* what that is; empty until vm_draft_take_look */
  char *initrd, *append;   /* KERNEL; (nullable) */
  char *template_path;     /* TEMPLATE: its bundle */
  char *template_name;
  PublishedTemplate
    *published;  /* ... (nullable): it is one that all users are offered; template_path is its */
  bool linked;   /* TEMPLATE: on its disks, instead of copies of them; not of what is published */
  OsProfile *os; /* NULL: nobody knows. Set by vm_draft_set_os */

  char *name;
  uint64_t memory; /* bytes */
  unsigned cpus;
  bool uefi;     /* instead of the BIOS, if vm_draft_has_firmware */
  uint64_t disk; /* bytes of a new, empty disk, if vm_draft_can_have_disk; 0: none */
  DiskBus bus;   /* of disks */
  NicModel nic;
  GraphicsKind graphics;
  bool network; /* a network card that leads somewhere */
  bool usb; /* a USB controller, with a keyboard and a tablet */
  bool sound;

  bool express;       /* the system installs itself, if vm_draft_can_express */
  OsExpress *answers; /* never NULL */
} VmDraft;

/* What a problem is about. */
typedef enum {
  VM_DRAFT_SOURCE,
  VM_DRAFT_NAME,
  VM_DRAFT_MEMORY,
  VM_DRAFT_CPUS,
  VM_DRAFT_DISK,
  VM_DRAFT_FIRMWARE,
  VM_DRAFT_EXPRESS, /* any of its answers */
  VM_DRAFT_N_FIELDS,
} VmDraftField;

/* Host's defaults, source CDROM, no name. (transfer full) */
VmDraft *vm_draft_new (const HostReport *report);
VmDraft *vm_draft_copy (const VmDraft *draft); /* (transfer full) */
void vm_draft_free (VmDraft *draft);

/* --- the source --- */

/* Another one; what was found out about the one before is forgotten. @guest: READY. */
void vm_draft_set_source (VmDraft *draft, VmSource source, const ReadyGuest *guest);
/* CDROM, DISK, KERNEL. */
void vm_draft_set_path (VmDraft *draft, const char *path);
/* TEMPLATE. @vm: (nullable). */
void vm_draft_set_template (VmDraft *draft, BonsaiVm *vm);
void vm_draft_set_published (VmDraft *draft, const PublishedTemplate *published);
/* What source_look said about the path; cleared. The system that it knows is the draft's. */
void vm_draft_take_look (VmDraft *draft, SourceLook *look);
/* (nullable) */
void vm_draft_set_os (VmDraft *draft, const OsProfile *os);

/* Everything that the operating system does well with, within what the host can give: memory, processors,
 * disk, firmware, and devices that it has drivers for. */
void vm_draft_recommend (VmDraft *draft, const HostReport *report);

/* Whether firmware starts it: a kernel, and what is ready, may do without. */
bool vm_draft_has_firmware (const VmDraft *draft);
/* Whether it is for its owner to choose: an installer that is booted directly finds none of it. */
bool vm_draft_can_choose_firmware (const VmDraft *draft);
bool vm_draft_can_have_disk (const VmDraft *draft);
/* Whether its memory and so on are its owner's choice now: a template's machine has the template's. */
bool vm_draft_has_hardware (const VmDraft *draft);
bool vm_draft_can_express (const VmDraft *draft);
bool vm_draft_is_express (const VmDraft *draft);

/* --- checks --- */

/* The templates among the machines of @library. (transfer full): of BonsaiVm */
GPtrArray *vm_draft_list_templates (BonsaiLibrary *library);

/* Whether the source can be used, as far as it was looked at. */
bool vm_draft_check_source (const VmDraft *draft, GError **error);

/* What keeps it from being made as it is, as a sentence with the remedy, or NULL. @library: (nullable).
 * (transfer full) */
char *vm_draft_find_problem (const VmDraft *draft, const HostReport *report, BonsaiLibrary *library,
                             VmDraftField field);
/* What is possible, but not advisable: "Debian 12 needs at least 512 MiB". (transfer full), or NULL */
char *vm_draft_find_advice (const VmDraft *draft, const HostReport *report, VmDraftField field);

/* Whether everything fits together and fits the host: the first problem. */
bool vm_draft_check (const VmDraft *draft, const HostReport *report, BonsaiLibrary *library, GError **error);

/* "Debian 12", "debian-12-netinst" for /media/debian-12-netinst.iso: a name to propose. (transfer full) */
char *vm_draft_suggest_name (const VmDraft *draft);

/* --- making it --- */

/* What bonsai_library_create takes, of a draft that was checked; TEMPLATE has none. May take a second: a
 * ready guest's parts are built. (transfer full) */
VmConfig *vm_draft_to_config (const VmDraft *draft, GError **error);

/**
 * vm_draft_create_async:
 * @draft: checked; copied
 * @progress: (nullable): bytes done and of all; total 0: nobody knows
 *
 * Makes the machine on a thread. Cancelled or failed, nothing of it stays. The password of an express
 * installation goes to the keyring if there is one.
 */
void vm_draft_create_async (const VmDraft *draft, BonsaiLibrary *library, OsCatalog *catalog,
                            DiskProgressFunc progress, gpointer progress_data, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data);
/* (transfer full): the library's new member, or NULL with @error set. */
BonsaiVm *vm_draft_create_finish (GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmDraft, vm_draft_free)

G_END_DECLS
