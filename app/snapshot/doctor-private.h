/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/doctor.h"
#include "app/snapshot/snapshot-private.h"

G_BEGIN_DECLS

/* A bundle being examined. */
typedef struct {
  const DoctorHow *how;
  GPtrArray *findings;
  SnapshotTree *tree;
  VmConfig *config;
  LayerGraph *graph;
  bool running;                 /* what looks left over may be under way */
  uint64_t verified, to_verify; /* bytes of memory files */
} Patient;

/* A new finding. @node: (nullable); @path: (nullable): as in the file system. (transfer none) */
DoctorFinding *doctor_find (Patient *patient, DoctorKind kind, const char *node, const char *path,
                            const char *format, ...) G_GNUC_PRINTF (5, 6);

bool doctor_is_cancelled (const Patient *patient);

/* What an interrupted change has left behind, unless one may be under way: doctor-leftovers.c. */
void doctor_look_for_leftovers (Patient *patient);
/* Bytes on the host of @path and all in it. */
uint64_t doctor_room_of_tree (const char *path);

/* Linked clones: doctor-clones.c. */
void doctor_look_at_clones (Patient *patient);

/* Compares all saved memory with its hashes if that is wished: doctor-memory.c. */
void doctor_look_at_pages (Patient *patient);

G_END_DECLS
