/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/apply/apply-merge.h"
#include "app/library/library.h"

G_BEGIN_DECLS

/*
 * ApplyPlan: what is to be done so that the library is as a file says, and that nothing keeps it from being
 * done, as far as can be told before. It is made anew each time: what is so already is not in it.
 */

typedef enum {
  APPLY_NOTHING,
  APPLY_CREATE,
  APPLY_CHANGE,
  APPLY_REMOVE, /* to the trash */
} ApplyAction;

/* "nothing", "create", "change", "remove" */
extern const char *const apply_action_names[];

typedef struct {
  char *member;    /* "disks.disk0.limits.iops" */
  char *from, *to; /* (nullable): JSON; NULL: it isn't there */
  bool at_start;   /* the machine runs, and has it from its next start on only */
} ApplyChange;

typedef struct {
  const ApplyMachine *machine;
  ApplyAction action;
  BonsaiVm *vm;       /* (nullable): CREATE has none yet */
  ApplyWish *wish;    /* (nullable): REMOVE has none */
  GPtrArray *changes; /* of ApplyChange */
} ApplyStep;

typedef struct {
  ApplyFile *file;
  GPtrArray *steps; /* of ApplyStep, one for each machine, in the order of the file */
  guint n_due;      /* those that do something */
} ApplyPlan;

/**
 * apply_plan_new:
 * @file: (transfer full)
 *
 * Blocking: looks at disk images. Threading: the library's context. Returns: (transfer full), or NULL with
 * @error set, for the first thing that can't be done; nothing is changed.
 */
ApplyPlan *apply_plan_new (ApplyFile *file, BonsaiLibrary *library, GError **error);
void apply_plan_free (ApplyPlan *plan);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ApplyPlan, apply_plan_free)

G_END_DECLS
