/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/disk-message.h"

#include "app/base/error.h"
#include "app/disk/disk-secret.h"

#include <unistd.h>

/* --- out --- */

static void
add_text (GVariantBuilder *builder, const char *name, const char *value)
{
  if (value != NULL)
    g_variant_builder_add (builder, "{sv}", name, g_variant_new_string (value));
}

static void
add_limits (GVariantBuilder *builder, const ImageLimits *limits)
{
  g_variant_builder_add (builder, "{sv}", "limits",
                         g_variant_new ("(tttt)", limits->iops, limits->iops_burst, limits->bytes_per_second,
                                        limits->bytes_burst));
}

static bool
add_secret (GVariantBuilder *builder, GBytes *secret, GUnixFDList *fds, GError **error)
{
  int fd = disk_secret_pipe (secret, error), index;

  if (fd < 0)
    return false;
  index = g_unix_fd_list_append (fds, fd, error); /* a duplicate */
  close (fd);
  if (index >= 0)
    g_variant_builder_add (builder, "{sv}", "secret", g_variant_new_handle (index));
  return index >= 0;
}

GVariant *
disk_message_new (const DiskSpec *disk, bool any_bus, GUnixFDList *fds, GError **error)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a{sv}"));
  const DiskOptions *options = &disk->options;

  add_text (&builder, "id", disk->id);
  add_text (&builder, "kind", disk_kind_names[disk->kind]);
  add_text (&builder, "bus", any_bus ? NULL : disk_bus_names[disk->bus]);
  add_text (&builder, "path", disk->path);
  add_text (&builder, "format", options->format);
  add_text (&builder, "cache", disk_cache_names[options->cache]);
  add_text (&builder, "discard", disk_discard_names[options->discard]);
  add_text (&builder, "serial", options->serial);
  add_text (&builder, "secret-file", options->secret_file);
  g_variant_builder_add (&builder, "{sv}", "read-only", g_variant_new_boolean (disk->read_only));
  add_limits (&builder, &options->limits);
  if (options->secret != NULL && !add_secret (&builder, options->secret, fds, error))
    return NULL;
  return g_variant_builder_end (&builder);
}

/* --- in --- */

static bool
take_text (GVariant *value, char **member)
{
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return false;
  g_free (*member);
  *member = g_variant_dup_string (value, NULL);
  return true;
}

static bool
take_name (GVariant *value, const char *const *names, unsigned *number)
{
  const char *name =
    g_variant_is_of_type (value, G_VARIANT_TYPE_STRING) ? g_variant_get_string (value, NULL) : NULL;

  for (unsigned i = 0; name != NULL && names[i] != NULL; i++)
    if (g_str_equal (names[i], name))
      {
        *number = i;
        return true;
      }
  return false;
}

static bool
take_limits (GVariant *value, ImageLimits *limits)
{
  guint64 v[4];

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE ("(tttt)")))
    return false;
  g_variant_get (value, "(tttt)", &v[0], &v[1], &v[2], &v[3]);
  *limits = (ImageLimits){ v[0], v[1], v[2], v[3] };
  return true;
}

static bool
take_secret (GVariant *value, GUnixFDList *fds, GBytes **secret)
{
  int index = g_variant_is_of_type (value, G_VARIANT_TYPE_HANDLE) ? g_variant_get_handle (value) : -1;
  int fd = fds != NULL && index >= 0 && index < g_unix_fd_list_get_length (fds)
             ? g_unix_fd_list_get (fds, index, NULL)
             : -1;

  if (fd < 0)
    return false;
  g_clear_pointer (secret, g_bytes_unref);
  *secret = disk_secret_receive (fd, NULL);
  close (fd);
  return *secret != NULL;
}

static bool
take_choice (DiskSpec *disk, const char *name, GVariant *value, bool *any_bus)
{
  unsigned number = 0;
  bool known = false;

  if (g_str_equal (name, "kind") && (known = take_name (value, disk_kind_names, &number)))
    disk->kind = number;
  else if (g_str_equal (name, "bus") && (known = take_name (value, disk_bus_names, &number)))
    {
      disk->bus = number;
      *any_bus = false;
    }
  else if (g_str_equal (name, "cache") && (known = take_name (value, disk_cache_names, &number)))
    disk->options.cache = number;
  else if (g_str_equal (name, "discard") && (known = take_name (value, disk_discard_names, &number)))
    disk->options.discard = number;
  else if (g_str_equal (name, "read-only") && (known = g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN)))
    disk->read_only = g_variant_get_boolean (value);
  return known;
}

static bool
take (DiskSpec *disk, const char *name, GVariant *value, GUnixFDList *fds, bool *any_bus)
{
  const struct {
    const char *name;
    char **member;
  } texts[] = {
    { "id", &disk->id },
    { "path", &disk->path },
    { "format", &disk->options.format },
    { "serial", &disk->options.serial },
    { "secret-file", &disk->options.secret_file },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++)
    if (g_str_equal (name, texts[i].name))
      return take_text (value, texts[i].member);
  if (g_str_equal (name, "limits"))
    return take_limits (value, &disk->options.limits);
  if (g_str_equal (name, "secret"))
    return take_secret (value, fds, &disk->options.secret);
  return take_choice (disk, name, value, any_bus);
}

/* What is relative to the caller's folder means nothing here. */
static bool
check_path (const char *path, GError **error)
{
  if (path == NULL || g_path_is_absolute (path) || g_str_has_prefix (path, "nbd://")
      || g_str_has_prefix (path, "nbd+unix://"))
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "A disk's path must be absolute, not “%s”", path);
  return false;
}

DiskSpec *
disk_message_parse (GVariant *settings, GUnixFDList *fds, bool *any_bus, GError **error)
{
  g_autoptr (DiskSpec) disk = g_new0 (DiskSpec, 1);
  GVariantIter iter;
  const char *name;
  GVariant *value;

  *any_bus = true;
  g_variant_iter_init (&iter, settings);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      bool taken = take (disk, name, value, fds, any_bus);

      g_variant_unref (value);
      if (!taken)
        {
          g_set_error (
            error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
            "The setting “%s” of a disk is unknown to the process that runs the machine, or has a value "
            "that isn't",
            name);
          return NULL;
        }
    }
  if (!check_path (disk->path, error) || !check_path (disk->options.secret_file, error))
    return NULL;
  return g_steal_pointer (&disk);
}
