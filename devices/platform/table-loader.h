/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct GuestMemory GuestMemory;

/*
 * The table loader's script (a file of 128-byte commands that firmware runs): written here for
 * firmware, and run here where there is none.
 */
typedef enum { TABLE_ZONE_HIGH = 1, TABLE_ZONE_F_SEGMENT = 2 } TableZone;

/* Appends one command. File names have at most 55 characters. */
void table_loader_allocate (GByteArray *script, const char *file, uint32_t align, TableZone zone);
/* The @size bytes at @offset of @file hold an offset into @target: adds @target's address. */
void table_loader_add_pointer (GByteArray *script, const char *file, const char *target, uint32_t offset,
                               unsigned size);
/* Sets the byte at @offset so that [start, start + length) sums up to 0. */
void table_loader_add_checksum (GByteArray *script, const char *file, uint32_t offset, uint32_t start,
                                uint32_t length);

typedef GBytes *(*TableLoaderFind) (const char *file, void *data); /* (transfer none), NULL: no such file */

/* Where the files may go; both areas shrink as space is used. */
typedef struct {
  uint64_t high_start, high_end; /* allocated from the end */
  uint64_t low_start, low_end;   /* F segment, from the start */
} TableLoaderAreas;

/**
 * table_loader_run:
 * @placed: (nullable): called with the address of each file
 *
 * Runs @script into guest memory. Returns: false with VMM_ERROR_INVALID naming what is wrong: the script
 * is checked like any other input.
 */
bool table_loader_run (GBytes *script, TableLoaderFind find,
                       void (*placed) (const char *file, uint64_t address, void *data), void *data,
                       GuestMemory *memory, TableLoaderAreas *areas, GError **error);

G_END_DECLS
