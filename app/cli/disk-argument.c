/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk-argument.h"

#include "app/base/error.h"
#include "app/bundle/vm-config.h"
#include "vmm/base/number.h"

#include <string.h>

static const char *const keys[] = { "bus",        "format",    "cache",       "discard",
                                    "serial",     "read-only", "secret-file", "iops",
                                    "iops-burst", "bps",       "bps-burst",   NULL };

/* Returns: always false. */
static bool G_GNUC_PRINTF (2, 3) complain (GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, message);
  return false;
}

static bool
choose (const char *key, const char *value, const char *const *choices, unsigned *number, GError **error)
{
  g_autofree char *all = NULL;

  for (unsigned i = 0; choices[i] != NULL; i++)
    if (g_str_equal (choices[i], value))
      {
        *number = i;
        return true;
      }
  all = g_strjoinv (", ", (char **)choices);
  return complain (error, "%s can't be “%s”; it is one of %s", key, value, all);
}

bool
disk_argument_bus (const char *option, const char *text, DiskBus *bus, GError **error)
{
  unsigned number = 0;
  bool known = choose (option, g_str_equal (text, "sata") ? "ahci" : text, disk_bus_names, &number, error);

  *bus = number;
  return known;
}

static bool
take_number (const char *key, const char *value, uint64_t *number, GError **error)
{
  if (number_parse (value, 10, 1, UINT32_MAX, number))
    return true;
  return complain (error, "%s must be a number, not “%s”", key, value);
}

static bool
take_bytes (uint64_t *number, const char *value, GError **error)
{
  *number = vm_parse_size (value, error);
  return *number != 0;
}

static bool
take_choice (DiskArgument *argument, const char *key, const char *value, GError **error)
{
  static const char *const switches[] = { "no", "yes", NULL };
  unsigned number = 0;
  bool known;

  if (g_str_equal (key, "bus"))
    {
      known = disk_argument_bus (key, value, &argument->bus, error);
      argument->has_bus = true;
    }
  else if (g_str_equal (key, "cache"))
    {
      known = choose (key, value, disk_cache_names, &number, error);
      argument->options.cache = number;
    }
  else if (g_str_equal (key, "discard"))
    {
      known = choose (key, value, disk_discard_names, &number, error);
      argument->options.discard = number;
    }
  else
    {
      known = choose (key, value, switches, &number, error);
      argument->read_only = number == 1;
    }
  return known;
}

static void
take_text (char **member, char *value)
{
  g_free (*member);
  *member = value;
}

static bool
take (DiskArgument *argument, const char *key, const char *value, GError **error)
{
  DiskOptions *options = &argument->options;

  if (value[0] == '\0')
    return complain (error, "%s has no value", key);
  if (g_str_equal (key, "format"))
    take_text (&options->format, g_ascii_strdown (value, -1));
  else if (g_str_equal (key, "serial"))
    take_text (&options->serial, g_strdup (value));
  else if (g_str_equal (key, "secret-file"))
    take_text (&options->secret_file, g_canonicalize_filename (value, NULL));
  else if (g_str_equal (key, "iops"))
    return take_number (key, value, &options->limits.iops, error);
  else if (g_str_equal (key, "iops-burst"))
    return take_number (key, value, &options->limits.iops_burst, error);
  else if (g_str_equal (key, "bps"))
    return take_bytes (&options->limits.bytes_per_second, value, error);
  else if (g_str_equal (key, "bps-burst"))
    return take_bytes (&options->limits.bytes_burst, value, error);
  else
    return take_choice (argument, key, value, error);
  return true;
}

bool
disk_argument_parse (DiskArgument *argument, const char *option, const char *text, GError **error)
{
  char *comma, *equals;

  *argument = (DiskArgument){ .what = g_strdup (text) };
  while ((comma = strrchr (argument->what, ',')) != NULL && (equals = strchr (comma, '=')) != NULL)
    {
      g_autofree char *key = g_strndup (comma + 1, (gsize)(equals - comma - 1));

      if (!g_strv_contains (keys, key))
        break;
      if (!take (argument, key, equals + 1, error))
        {
          g_prefix_error (error, "%s: ", option);
          return false;
        }
      *comma = '\0';
    }
  return true;
}

void
disk_argument_clear (DiskArgument *argument)
{
  g_clear_pointer (&argument->what, g_free);
  disk_options_clear (&argument->options);
}
