/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"

#include <sys/types.h>

G_BEGIN_DECLS

/*
 * What bonsai-publish does, as root: templates come into the folder of those that are offered (published.h),
 * and go. What is offered stays complete at every instant.
 *
 * Threading: one thread; changes the process' user while it reads.
 */

/* In the folder of each: "publisher", "version", "time". */
#define PUBLISHED_RECORD "published.json"

/* Refuses a machine that needs files outside of its folder, or whose disks can't be read by others. */
bool publish_check (const VmConfig *config, GError **error);

/**
 * publish_add:
 * @source: the folder of a machine that is complete by itself
 * @reader: as whom it is read: root doesn't lend its rights
 * @publisher: a name, for people
 *
 * Offers it, in the place of an older one of the same name.
 */
bool publish_add (const char *source, uid_t reader, const char *publisher, unsigned version, GError **error);

/* Machines that were made of it stay as they are. */
bool publish_remove (const char *name, GError **error);

G_END_DECLS
