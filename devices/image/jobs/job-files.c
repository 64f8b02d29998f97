/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/chain-private.h"
#include "devices/image/jobs/job-private.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * A VMDK may be a descriptor and files that hold the data, "NAME-s001.vmdk" or "NAME-flat.vmdk", as ours and
 * VMware's are called. A new set never has the names of an old one: the old descriptor would find new data,
 * and neither disk would be whole.
 */

/* (transfer full) */
static char *
base_of (const char *name)
{
  const char *suffix = strrchr (name, '.');

  return suffix != NULL && g_ascii_strcasecmp (suffix, ".vmdk") == 0 ? g_strndup (name, suffix - name)
                                                                     : g_strdup (name);
}

/* Whether @name is @stem, then "-flat.vmdk", or "-", a letter, digits, ".vmdk". */
static bool
begins_with_stem (const char *name, const char *stem)
{
  size_t length = strlen (stem);
  const char *rest = name + length;

  if (strncmp (name, stem, length) != 0 || *rest++ != '-')
    return false;
  if (strcmp (rest, "flat.vmdk") == 0)
    return true;
  if (!g_ascii_isalpha (*rest) || !g_ascii_isdigit (rest[1]))
    return false;
  for (rest++; g_ascii_isdigit (*rest); rest++)
    continue;
  return strcmp (rest, ".vmdk") == 0;
}

static bool
is_taken (int folder, const char *stem)
{
  int fd = openat (folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  const struct dirent *entry;
  bool taken = false;

  while (dir != NULL && !taken && (entry = readdir (dir)) != NULL)
    taken = begins_with_stem (entry->d_name, stem);
  if (dir != NULL)
    closedir (dir);
  else if (fd >= 0)
    close (fd);
  return taken;
}

char *
job_files_stem (int folder, const char *name)
{
  g_autofree char *base = base_of (name);
  char *stem = g_strdup (base);

  for (unsigned i = 1; is_taken (folder, stem) && i < 1000; i++)
    {
      g_free (stem);
      stem = g_strdup_printf ("%s-%u", base, i);
    }
  return stem;
}

/* @stem is @base, or what job_files_stem made of it. */
static bool
is_of_base (const char *name, const char *base)
{
  g_autofree char *numbered = NULL;
  size_t length = strlen (base), digits;

  if (begins_with_stem (name, base))
    return true;
  if (strncmp (name, base, length) != 0 || name[length] != '-')
    return false;
  digits = strspn (name + length + 1, "0123456789");
  numbered = g_strndup (name, length + 1 + digits);
  return digits > 0 && begins_with_stem (name, numbered);
}

GPtrArray *
job_files_of (const char *path)
{
  const ImageOptions options = { .read_only = true, .format = "vmdk", .no_backing = true, .lenient = true };
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  ImageLayer *layer = image_layer_open_path (NULL, path, &options, NULL);
  g_autofree char *folder = g_path_get_dirname (path), *name = g_path_get_basename (path);
  g_autofree char *base = base_of (name);

  if (layer == NULL)
    return names;
  for (unsigned i = 0; layer->stores != NULL && i < layer->stores->len; i++)
    {
      const ImageStore *store = g_ptr_array_index (layer->stores, i);
      g_autofree char *file = g_path_get_basename (store->path),
                      *file_folder = g_path_get_dirname (store->path);

      if (image_same_file (file_folder, folder) && is_of_base (file, base))
        g_ptr_array_add (names, g_steal_pointer (&file));
    }
  image_layer_close (layer);
  return names;
}
