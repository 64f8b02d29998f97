/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-tree.h"
#include "devices/image/jobs/jobs.h"

G_BEGIN_DECLS

/*
 * Templates: machines of which others are made. A version is a snapshot of one, with a number; while a
 * template is sealed the machine can't be started or changed, so that it is what its newest version is.
 *
 * Threading: any thread; blocking. The caller holds the bundle's lock where something is changed.
 */

/* Refuses what would change a sealed template, with the remedy. */
bool template_check_open (const VmConfig *config, GError **error);
/* The same of the machine in @bundle as it is on disk now; @wanted: (nullable): a description that differs in
 * nothing but its name and notes is no change. */
bool template_check_change (const char *bundle, const VmConfig *wanted, GError **error);

/**
 * template_seal:
 * @name, @note: (nullable): of the new version's snapshot; “Version N”
 * @version: (out): its number
 *
 * Makes a template of the machine, or seals an open one: what it is now becomes the next version. Returns:
 * (transfer full): the snapshot's id, or NULL with @error set.
 */
char *template_seal (const char *bundle, const char *name, const char *note, unsigned *version,
                     GError **error);

/* From now on it can be started and changed, until it is sealed again. What there is of it stays as it is. */
bool template_open (const char *bundle, GError **error);

/* It is an ordinary machine again; its versions are snapshots like others. */
bool template_undo (const char *bundle, GError **error);

/* @number: 0: the newest. (transfer none), or NULL with @error set. */
const SnapshotNode *template_find_version (const SnapshotTree *tree, unsigned number, GError **error);

/* A machine that lies on a template's version. */
typedef struct {
  char *uuid;
  char *path; /* its bundle */
  char *name; /* (nullable): it can't be read where it is */
  char *node; /* id of the snapshot */
} TemplateClone;

/* All linked clones of @bundle. (transfer full): of TemplateClone; NULL with @error set. */
GPtrArray *template_list_clones (const char *bundle, GError **error);

typedef struct {
  unsigned version;    /* 0: the newest */
  bool discard;        /* what the machine has on its disks may go, though it isn't disposable */
  const ImageJob *job; /* (nullable) */
} TemplateMove;

/**
 * template_move:
 * @bundle: a linked clone of a template, off and locked by the caller; disposable, or with @how's discard
 * @origin: the template's bundle
 *
 * The machine becomes what a new linked clone of that version would be, but for its name, notes, UUID and MAC
 * addresses; one that was disposable is so again, and left alone if it is on that version. vm.json's
 * replacement is what counts: interrupted before, the machine is on the old version, after, on the new one.
 * Refuses machines with other snapshots than the one to which they go back.
 */
bool template_move (const char *bundle, const char *origin, const TemplateMove *how, GError **error);

G_END_DECLS
