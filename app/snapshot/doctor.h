/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/jobs/jobs.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * What is wrong with a bundle, and what of it can be put right.
 *
 * Threading: any thread; blocking.
 */
typedef enum {
  DOCTOR_LEFTOVER, /* of something that was interrupted; takes room, nothing else */
  DOCTOR_UNUSED,   /* an image in the bundle to which nothing refers; perhaps its owner's: never removed */
  DOCTOR_BROKEN,   /* a node, a layer or a file is damaged or missing */
  DOCTOR_N_KINDS,
} DoctorKind;
extern const char *const doctor_kind_names[]; /* "leftover", "unused", "broken" */

typedef struct {
  DoctorKind kind;
  char *node;     /* (nullable): its id */
  char *path;     /* (nullable): from the bundle */
  char *message;  /* what, why, and the remedy */
  uint64_t bytes; /* that it takes on the host */
  bool repaired;
} DoctorFinding;

typedef struct {
  bool repair;         /* put right what can be: the caller holds the bundle's lock */
  bool thorough;       /* check all sums, and each layer's format: reads everything */
  const ImageJob *job; /* (nullable) */
} DoctorHow;

/* Returns: (transfer full): of DoctorFinding; empty: it is sound. NULL with @error set: not a bundle, or
 * cancelled. */
GPtrArray *doctor_examine (const char *bundle, const DoctorHow *how, GError **error);

/* What lies in the library's @folder and is of no machine. Returns: (transfer full): of DoctorFinding. */
GPtrArray *doctor_examine_library (const char *folder, const DoctorHow *how);

G_END_DECLS
