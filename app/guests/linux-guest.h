/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Debian's stock kernel with an initial RAM file system that holds busybox: a small Linux at the prompt.
 * Both are kept in the user's data folder, so that the machine outlives a kernel's update.
 */

/* Whether kernel, its modules and busybox are there. @package: (out): what is missing, else what it is from.
 */
bool linux_guest_is_installed (const char **package);

/* Makes both files if they aren't there yet. Returns: false with @error set. */
bool linux_guest_build (char **kernel, char **initrd, GError **error);

G_END_DECLS
