/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdarg.h>

/* The names that errors have on D-Bus. */
static const GDBusErrorEntry names[] = {
  { BONSAI_ERROR_FAILED, "org.bonsaivm.Error.Failed" },
  { BONSAI_ERROR_INVALID, "org.bonsaivm.Error.Invalid" },
  { BONSAI_ERROR_NOT_FOUND, "org.bonsaivm.Error.NotFound" },
  { BONSAI_ERROR_EXISTS, "org.bonsaivm.Error.Exists" },
  { BONSAI_ERROR_BUSY, "org.bonsaivm.Error.Busy" },
  { BONSAI_ERROR_NOT_RUNNING, "org.bonsaivm.Error.NotRunning" },
  { BONSAI_ERROR_TIMED_OUT, "org.bonsaivm.Error.TimedOut" },
  { BONSAI_ERROR_REFUSED, "org.bonsaivm.Error.Refused" },
  { BONSAI_ERROR_NO_ROOM, "org.bonsaivm.Error.NoRoom" },
};

GQuark
bonsai_error_quark (void)
{
  static gsize quark;

  g_dbus_error_register_error_domain ("bonsai-error-quark", &quark, names, G_N_ELEMENTS (names));
  return (GQuark)quark;
}

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
