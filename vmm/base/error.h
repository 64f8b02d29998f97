/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The engine's one error domain. A message names the thing, the cause and the remedy. */
#define VMM_ERROR (vmm_error_quark ())

typedef enum {
  VMM_ERROR_FAILED,      /* a system call failed where it should not have */
  VMM_ERROR_NO_KVM,      /* no /dev/kvm, module not loaded, or virtualization off in firmware */
  VMM_ERROR_PERMISSION,  /* something exists but this user may not use it */
  VMM_ERROR_UNSUPPORTED, /* this host's KVM cannot do what the machine needs */
  VMM_ERROR_INVALID,     /* a configuration or file contradicts itself */
  VMM_ERROR_RESOURCE,    /* memory, descriptors or disk space ran out */
  VMM_ERROR_STATE,       /* a saved state is damaged, too new, or does not fit this machine */
  VMM_ERROR_BUSY,        /* the thing is in use, or the machine is in the wrong run state */
} VmmError;

GQuark vmm_error_quark (void);

/**
 * vmm_set_errno_error:
 * @error: (nullable): where to store the error
 * @saved_errno: the errno of the failed call
 * @format: printf format naming the thing and what was tried, without a final full stop
 *
 * Stores "<format>: <strerror>" with the code that fits @saved_errno (EACCES and EPERM:
 * PERMISSION; ENOMEM, ENOSPC, EMFILE and ENFILE: RESOURCE; EBUSY: BUSY; others: FAILED).
 * Thread-safe. Returns: always false, so that callers can return it.
 */
gboolean vmm_set_errno_error (GError **error, int saved_errno, const char *format, ...) G_GNUC_PRINTF (3, 4);

G_END_DECLS
