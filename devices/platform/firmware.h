/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * firmware_find:
 * @file: such as "bios-256k.bin"
 * @package: the distribution's package that has it
 *
 * Looks in the folders of $BONSAI_FIRMWARE_PATH (separated by colons), then in bonsai/firmware, seabios and
 * qemu below the user's and the system's XDG data folders, then where the build was told to look. Any thread.
 * Returns: (transfer full): a path, or NULL with VMM_ERROR_INVALID naming @package.
 */
char *firmware_find (const char *file, const char *package, GError **error);

G_END_DECLS
