/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The encoding; all numbers little-endian.
 *
 *   object:  u32 bytes that follow, name, u16 version, u16 number of fields, fields
 *   field:   name, u8 StateKind, u32 bytes that follow, value
 *   name:    u8 length (1..255), text
 *   value:   numbers one after the other; bools as one byte 0 or 1; bytes; objects
 */
#define STATE_NAME_MAX   255u
#define STATE_BUFFER_MAX (1u << 30)
#define STATE_MAX_FIELDS 1024u
