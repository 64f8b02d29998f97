/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct nbd_handle;

G_BEGIN_DECLS

/* A connection to an export, and what the server said of it. */
typedef struct {
  struct nbd_handle *handle; /* NULL: none */
  uint64_t size;
  bool read_only, can_flush, can_zero, can_status;
  uint32_t minimum;   /* bytes, a power of two: unit of offsets and lengths */
  uint32_t preferred; /* bytes, a power of two */
  uint32_t maximum;   /* bytes of one read or write, a multiple of @minimum */
} NbdLink;

/* Whether @location is a URI that an NBD server is meant by. */
bool nbd_is_uri (const char *location);

/* @uri without user, password and what it says of keys: for people's eyes. */
char *nbd_display_uri (const char *uri);

/**
 * nbd_link_open:
 * @name: how errors call the disk: see nbd_display_uri
 * @timeout: ms, for every step of the way
 *
 * Blocking; any thread. Errors: nobody listens, no such export (with those that there are), TLS is asked for.
 */
bool nbd_link_open (NbdLink *link, const char *uri, const char *name, int timeout, GError **error);
void nbd_link_close (NbdLink *link);

G_END_DECLS
