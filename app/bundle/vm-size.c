/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-config.h"

#include "app/base/error.h"

#include <glib/gi18n.h>
#include <string.h>

/* Each is 1024 of the one before. */
static const char units[] = "BKMGT";

/* "", "B", "K", "KB", "KiB", … → shift, or -1. */
static int
shift_for_suffix (const char *suffix)
{
  const char *unit;

  if (suffix[0] == '\0')
    return 20;
  unit = strchr (units, g_ascii_toupper (suffix[0]));
  if (unit == NULL)
    return -1;
  suffix++;
  if (unit != units && (g_ascii_strcasecmp (suffix, "iB") == 0 || g_ascii_strcasecmp (suffix, "B") == 0))
    suffix += strlen (suffix);
  return suffix[0] == '\0' ? (int)(unit - units) * 10 : -1;
}

uint64_t
vm_parse_size (const char *text, GError **error)
{
  char *end = NULL;
  guint64 number = g_ascii_isdigit (text[0]) ? g_ascii_strtoull (text, &end, 10) : 0;
  int shift = end != NULL ? shift_for_suffix (end + strspn (end, " ")) : -1;

  if (shift < 0 || number == 0 || number > (guint64)G_MAXINT64 >> shift)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   _ ("“%s” is not a size; write it like 512M or 2G"), text);
      return 0;
    }
  return number << shift;
}

char *
vm_format_size (uint64_t bytes)
{
  unsigned unit = 0;

  while (unit + 1 < strlen (units) && bytes != 0 && bytes % 1024 == 0)
    {
      bytes /= 1024;
      unit++;
    }
  return g_strdup_printf ("%" G_GUINT64_FORMAT "%c", (guint64)bytes, units[unit]);
}
