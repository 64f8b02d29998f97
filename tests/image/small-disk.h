/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * A file system of this process's own that can be filled up: a tmpfs in a mount namespace (and,
 * for ordinary users, a user namespace).
 */

/* Enters the namespaces; first thing in main, before any thread. Ends the process with a message if the host
 * forbids it: a test that can't fill a disk has tested nothing. */
void small_disk_enter (void);

/* Mounts @size bytes on a new folder. (transfer full): its path. */
char *small_disk_new (uint64_t size);
void small_disk_free (char *path);

/* The same without limit, on a file system (ramfs) that can neither punch holes nor zero a range. */
char *bare_disk_new (void);

/* Gives it @size bytes instead. */
void small_disk_grow (const char *path, uint64_t size);

/* Takes all the room there is / gives it back. */
void small_disk_fill (const char *path);
void small_disk_make_room (const char *path);

/* A file of @size bytes, each byte the low byte of (offset / 512 + offset). (transfer full): its path. */
char *pattern_file_new (const char *folder, const char *name, uint64_t size);
uint8_t pattern_byte (uint64_t offset);

/* A private folder for one test / removes it and the files in it. */
char *scratch_new (void);
void scratch_free (char *path);

G_END_DECLS
