/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Checking a VMDK's sparse extents. Files: vmdk-check.c (what happens in which order, and repairs),
 * -tables (header, directories, tables), -areas (what lies where in the file: overlaps and leaks).
 */

#include "devices/image/vmdk/vmdk-private.h"

G_BEGIN_DECLS

#define VMDK_METADATA UINT32_MAX

/* A part of the file that is in use. All of a file's are kept: 12 bytes for a grain of, usually, 64 KiB. */
typedef struct {
  uint32_t start, length; /* sectors */
  uint32_t owner;         /* grain, or VMDK_METADATA */
} VmdkArea;

typedef struct {
  VmdkSparse *sparse;
  ImageCheck *check;
  const char *name;
  GArray *areas;            /* of VmdkArea */
  uint32_t *first, *second; /* a table and its copy */
  uint32_t last;            /* sector of the grain before */
  uint64_t done, total;     /* tables */
  bool changed;
  unsigned pass;
  uint64_t fixed, unfixed, fixed_leaks, leaks; /* of all passes; of the last one */
  int error;
} VmdkChecking;

/* --- vmdk-check.c --- */

/* One corruption. */
void vmdk_found (VmdkChecking *checking, bool fixed, const char *format, ...) G_GNUC_PRINTF (3, 4);
void vmdk_add_area (VmdkChecking *checking, uint64_t start, uint64_t length, uint32_t owner);
/* Table @index to be changed: loaded, and at a sound place; @anew: at another one. NULL: see @error. */
VmdkTable *vmdk_open_table (VmdkChecking *checking, uint32_t index, bool anew);
/* Whether it was repaired so. */
bool vmdk_set_entry (VmdkChecking *checking, uint32_t grain, uint32_t value);

/* --- vmdk-check-tables.c --- */

void vmdk_check_header (VmdkChecking *checking);
void vmdk_add_metadata (VmdkChecking *checking); /* the areas of header, descriptor and directories */
void vmdk_check_table (VmdkChecking *checking, uint32_t index);

/* --- vmdk-check-areas.c --- */

/* All areas are known. */
void vmdk_check_areas (VmdkChecking *checking);

G_END_DECLS
