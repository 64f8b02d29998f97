/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Initrd: an initial RAM file system in the making: a cpio archive in the "newc" format that Linux unpacks
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Threading: none.
 */
typedef struct Initrd Initrd;

Initrd *initrd_new (void);
void initrd_free (Initrd *initrd);

/* Paths without a leading slash; folders before what is in them. @mode: permission bits. */
void initrd_add_folder (Initrd *initrd, const char *path);
void initrd_add (Initrd *initrd, const char *path, unsigned mode, const void *content, gsize length);
void initrd_add_link (Initrd *initrd, const char *path, const char *target);
bool initrd_add_file (Initrd *initrd, const char *path, unsigned mode, const char *from, GError **error);

/* Closes the archive and adds it to the file @path, an initial RAM file system already: what is in this one
 * goes before what is in that. */
bool initrd_append_to (Initrd *initrd, const char *path, GError **error);

/* Closes the archive and writes it. */
bool initrd_save (Initrd *initrd, const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Initrd, initrd_free)

G_END_DECLS
