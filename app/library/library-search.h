/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <stdbool.h>

G_BEGIN_DECLS

/*
 * LibraryQuery: what people type to find machines. Each word must be in the name, group, tags, notes or
 * operating system, whatever its case and accents; "tag:web", "group:work/web", "os:debian"
 * and "is:running" say where.
 *
 * Threading: none; a plain value.
 */
typedef struct LibraryQuery LibraryQuery;

/* @text: (nullable): as "". (transfer full) */
LibraryQuery *library_query_new (const char *text);
void library_query_free (LibraryQuery *query);

/* Nothing was asked: every machine matches. */
bool library_query_is_empty (const LibraryQuery *query);
bool library_query_matches (const LibraryQuery *query, BonsaiVm *vm);

/* How lists of machines are ordered. */
typedef enum {
  LIBRARY_SORT_NAME,
  LIBRARY_SORT_STATE,     /* those that run first, then those that need care */
  LIBRARY_SORT_LAST_USED, /* the latest first */
  LIBRARY_SORT_MEMORY,    /* the largest first */
  LIBRARY_N_SORTS,
} LibrarySort;
extern const char *const library_sort_names[]; /* "name", "state", …; NULL ends */

/* As strcmp; what is alike goes by name. */
int library_compare (BonsaiVm *a, BonsaiVm *b, LibrarySort sort);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LibraryQuery, library_query_free)

G_END_DECLS
