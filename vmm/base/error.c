/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/error.h"

#include <errno.h>
#include <stdarg.h>

/* Not G_DEFINE_QUARK, which isn't made for threads that fail at once. */
GQuark
vmm_error_quark (void)
{
  return g_quark_from_static_string ("vmm-error-quark");
}

static VmmError
code_for_errno (int saved_errno)
{
  switch (saved_errno)
    {
    case EACCES:
    case EPERM:
      return VMM_ERROR_PERMISSION;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return VMM_ERROR_RESOURCE;
    case EBUSY:
      return VMM_ERROR_BUSY;
    default:
      return VMM_ERROR_FAILED;
    }
}

gboolean
vmm_set_errno_error (GError **error, int saved_errno, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);

  g_set_error (error, VMM_ERROR, code_for_errno (saved_errno), "%s: %s", what, g_strerror (saved_errno));
  return FALSE;
}
