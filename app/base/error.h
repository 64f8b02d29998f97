/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The one error domain of app/. A message names the thing, the cause and the remedy. */
#define BONSAI_ERROR (bonsai_error_quark ())

typedef enum {
  BONSAI_ERROR_FAILED,      /* a system call failed where it should not have */
  BONSAI_ERROR_INVALID,     /* a description (vm.json, an option) is wrong; the message says where */
  BONSAI_ERROR_NOT_FOUND,   /* no such machine, bundle, drive or file */
  BONSAI_ERROR_EXISTS,      /* the name is taken */
  BONSAI_ERROR_BUSY,        /* in use by another process, or in the wrong state for this */
  BONSAI_ERROR_NOT_RUNNING, /* it needs a running machine */
  BONSAI_ERROR_TIMED_OUT,   /* the guest did not answer in time */
  BONSAI_ERROR_REFUSED,     /* another user's process, or a host that can't do this */
  BONSAI_ERROR_NO_ROOM,     /* the host has no memory for it; it can be done all the same */
} BonsaiError;

GQuark bonsai_error_quark (void);

/* Stores "<format>: <strerror>" with the code that fits @saved_errno. Returns: always FALSE. */
gboolean bonsai_set_errno_error (GError **error, int saved_errno, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

G_END_DECLS
