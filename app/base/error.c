/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"

#include <errno.h>
#include <stdarg.h>

G_DEFINE_QUARK (bonsai-error-quark, bonsai_error)

static BonsaiError
code_for_errno (int saved_errno)
{
  switch (saved_errno)
    {
    case ENOENT:
    case ENOTDIR:
      return BONSAI_ERROR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
      return BONSAI_ERROR_EXISTS;
    case EBUSY:
    case ETXTBSY:
      return BONSAI_ERROR_BUSY;
    case EACCES:
    case EPERM:
      return BONSAI_ERROR_REFUSED;
    default:
      return BONSAI_ERROR_FAILED;
    }
}

gboolean
bonsai_set_errno_error (GError **error, int saved_errno, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);

  g_set_error (error, BONSAI_ERROR, code_for_errno (saved_errno), "%s: %s", what, g_strerror (saved_errno));
  return FALSE;
}
