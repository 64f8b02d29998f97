/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/disk/disk-look.h"
#include "app/os/os-catalog.h"

G_BEGIN_DECLS

/* Where a new machine's system comes from. */
typedef enum {
  VM_SOURCE_READY,    /* a guest that the host's packages hold ready */
  VM_SOURCE_CDROM,    /* an installation medium */
  VM_SOURCE_DISK,     /* a disk image that exists */
  VM_SOURCE_KERNEL,   /* a kernel, booted directly */
  VM_SOURCE_TEMPLATE, /* another machine of the library */
  VM_SOURCE_NETWORK,  /* a boot server, by the network card's firmware (iPXE) */
} VmSource;

/* What a file is that a machine is to be made of. */
typedef struct {
  bool done;        /* it was looked at, and can be used */
  GError *error;    /* why it can't be */
  OsMedium *medium; /* CDROM */
  DiskLook disk;    /* DISK */
} SourceLook;

void source_look_clear (SourceLook *look);
/* @to: cleared, or new. */
void source_look_copy (SourceLook *to, const SourceLook *from);

/* Looks at @path for that use: CDROM, DISK or KERNEL. Blocking, but never on a FIFO. @initrd: (nullable):
 * KERNEL. */
void source_look (SourceLook *look, VmSource source, const char *path, const char *initrd, OsCatalog *catalog,
                  GCancellable *cancellable);

/* On a thread. */
void source_look_async (VmSource source, const char *path, const char *initrd, OsCatalog *catalog,
                        GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* False if it was cancelled: @look is not set. */
bool source_look_finish (GAsyncResult *result, SourceLook *look);

/* What a file is by the look of its name and content, for one that was dropped: CDROM, DISK, or -1: none of
 * them. Opens it; blocking. */
int source_guess (const char *path);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SourceLook, source_look_clear)

G_END_DECLS
