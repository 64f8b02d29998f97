/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "devices/image/jobs/jobs.h"

#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Machines made from others.
 *
 * Threading: any thread; blocking.
 */
typedef struct {
  const char *name; /* of the new machine */
  const char *node; /* id of the snapshot as which it begins; NULL: as the machine is now, which must be off
                       then, and its lock the caller's; full clones only */
  bool linked;      /* its disks lie on the snapshot's layers, which stay as long as it does: it is there at
                       once, and takes no room. False: it has a copy of all */
  bool instant; /* linked, and its guest goes on from where the snapshot's was, which must be a live one */
  bool borrows; /* instant, but with memory that is lent to its start (vmm/machine/machine-loan.h), so that the
                   snapshot needs none. Any other start boots it, as after a power failure */
  const char *hook;    /* (nullable): of an instant one: what its guest's shell is to run (clone-hook.h) */
  const char *uuid;    /* (nullable): the new machine's: NULL: a random one */
  /* (nullable): is given the machine's coming folder, with all that is in it, before it appears. */
  bool (*complete) (const char *folder, VmConfig *config, void *data, GError **error);
  void *complete_data;
  const ImageJob *job; /* (nullable) */
} CloneHow;

/**
 * clone_make:
 * @bundle: the machine
 * @parent: the library's folder
 *
 * The new machine has a UUID and MAC addresses of its own. Unless it is an instant clone it boots: what the
 * snapshot's guest was doing isn't taken along. It appears complete or not at all. Returns: (transfer full):
 * its bundle, or NULL with
 * @error set.
 */
char *clone_make (const char *bundle, const char *parent, const CloneHow *how, GError **error);

typedef struct {
  char *uuid;
  char *path; /* its bundle, where it was last seen */
} CloneRecord;

/* The linked clones that lie on @bundle. NULL with @error set: they can't be told. (transfer full): of CloneRecord */
GPtrArray *clone_list (const char *bundle, GError **error);

/* The linked clone @uuid of @bundle is gone for good. */
bool clone_forget (const char *bundle, const char *uuid, GError **error);

G_END_DECLS
