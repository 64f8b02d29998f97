/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-tree.h"

#include <stdint.h>

/*
 * A machine with two small disks, a model of its snapshots, and random changes to both: what is on disk must
 * be what the model says.
 */
#define MODEL_DISKS  2
#define MODEL_BLOCKS 32 /* of a disk; each has a number of its own */

typedef struct {
  uint32_t block[MODEL_DISKS][MODEL_BLOCKS];
} ModelContent;

typedef struct {
  char *id, *name;
  char *parent; /* (nullable) */
  ModelContent content;
} ModelNode;

typedef struct {
  char *bundle;
  GRand *random;
  GPtrArray *nodes; /* of ModelNode */
  char *current;    /* (nullable): id */
  ModelContent content;
  unsigned n_names;
  unsigned n_failures;
  /* (nullable): the disk may be full. Steps that fail then have changed nothing; for writes room is made. */
  void (*make_room) (void *data);
  void *room_data;
} Model;

/* Makes the bundle in @folder: disk0 is raw, disk1 qcow2. */
Model *model_new (const char *folder, uint32_t seed);
void model_free (Model *model);

/* A random step: writes, takes, goes back, deletes, renames, collects. (transfer none): what it was */
const char *model_step (Model *model);

/* Fails the test unless the tree, and what all nodes and the machine's disks hold, are as the model says. */
void model_check (Model *model);

/* What the disks hold: those of the machine as it is now (@node NULL) or of a node. */
void model_read (const char *bundle, const SnapshotNode *node, ModelContent *content);
/* False: it failed. */
bool model_write (const char *bundle, unsigned disk, unsigned block, uint32_t number);

/* Fails the test if doctor finds anything. */
void model_check_sound (const char *bundle);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Model, model_free)
