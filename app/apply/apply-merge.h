/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/apply/apply-file.h"
#include "app/bundle/vm-config.h"

G_BEGIN_DECLS

/*
 * What a file says of a machine, laid over what the machine is: a description, read and checked as vm.json
 * is. What the file doesn't speak of stays; null is what holds if nothing is said; objects are merged member
 * by member (RFC 7396), except policy and schedule, which are replaced; disks and network cards are found by
 * their ids. Threading: none; looks at no files.
 */

/* What a file wants of a disk beside its description. */
typedef struct {
  char *id;
  char *pointer;       /* where it stands in the file */
  uint64_t size;       /* of the whole disk, bytes; 0: not said */
  bool absent;         /* it is taken out; its image stays */
  bool has_bus, grows; /* @grows: the plan found that it is smaller */
  char *path;          /* (nullable): the image that it is said to have */
} ApplyDisk;

typedef struct {
  VmConfig *config; /* what it is to be; disks that are to be made have VmDisk.create */
  GPtrArray *disks; /* of ApplyDisk: those that the file speaks of */
  JsonText *text;   /* places of @config's members (json_text_set_error) */
} ApplyWish;

/* @now: (nullable): there is none yet. Returns: (transfer full), or NULL with @error set, with file, line,
 * column and member. */
ApplyWish *apply_merge (const ApplyFile *file, const ApplyMachine *machine, const VmConfig *now,
                        GError **error);
void apply_wish_free (ApplyWish *wish);

/* NULL if the file doesn't speak of it. */
const ApplyDisk *apply_wish_find_disk (const ApplyWish *wish, const char *id);

/* Whether @disk, a new one of @wish, can be put into a machine that runs: its bus is another's choice, or
 * takes it. */
bool apply_wish_is_hot (const ApplyWish *wish, const VmDisk *disk);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ApplyWish, apply_wish_free)

G_END_DECLS
