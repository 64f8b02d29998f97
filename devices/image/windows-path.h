/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* File names as VHD and VHDX files hold them. Pure; all return new strings in UTF-8, or NULL for nonsense. */

/* UTF-16 up to the first NUL. @big_endian: what it should be; the text itself may show that its writer erred.
 */
char *windows_text (const uint8_t *data, size_t size, bool big_endian);

/* A path as one of this host: relative ones stay so; what lies on a drive or share of another computer
 * becomes a name in the folder of whoever names it. */
char *windows_path_here (const char *path);

G_END_DECLS
