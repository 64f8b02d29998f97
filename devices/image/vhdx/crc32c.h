/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* CRC-32C (Castagnoli; RFC 3720, appendix B.4) of @size bytes that follow those of which @crc is the CRC; 0
 * at the start. Pure. */
uint32_t crc32c (uint32_t crc, const void *data, size_t size);

G_END_DECLS
