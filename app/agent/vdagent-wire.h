/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * How spice-vdagent's messages lie on its channel (spice-protocol 0.14, spice/vd_agent.h): chunks of a port,
 * each with a header; in a port's chunks messages, each with a header, over as many chunks as it takes.
 *
 * Threading: none; one thread at a time.
 */
typedef enum {
  VD_MOUSE_STATE = 1,
  VD_MONITORS_CONFIG = 2,
  VD_REPLY = 3,
  VD_CLIPBOARD = 4,
  VD_ANNOUNCE_CAPABILITIES = 6,
  VD_CLIPBOARD_GRAB = 7,
  VD_CLIPBOARD_REQUEST = 8,
  VD_CLIPBOARD_RELEASE = 9,
  VD_MAX_CLIPBOARD = 14,
} VdType;

/* The largest message that is taken: 64 MiB of clipboard with what goes before it. */
#define VD_CLIPBOARD_MAX (64u << 20)
#define VD_MESSAGE_MAX   (VD_CLIPBOARD_MAX + 64u)

typedef struct VdReader VdReader;

/* A whole message; @bytes are the reader's. */
typedef void (*VdMessageFunc) (uint32_t type, const uint8_t *bytes, size_t size, void *data);

VdReader *vd_reader_new (VdMessageFunc func, void *data);
void vd_reader_free (VdReader *reader);

/* Takes what arrived. Memory grows with what really came, up to VD_MESSAGE_MAX for each of two ports. False:
 * it is not the protocol; nothing after it can be understood. @func must not free the reader. */
bool vd_reader_feed (VdReader *reader, const uint8_t *bytes, size_t size);

/* Appends a message for the guest to @out, in chunks of the size that its agent takes. */
void vd_append (GByteArray *out, VdType type, const void *bytes, size_t size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VdReader, vd_reader_free)

G_END_DECLS
