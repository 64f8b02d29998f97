/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include "app/base/error.h"
#include "app/disk/disk-look.h"

#include <string.h>

/* --- naming a disk --- */

void
cli_disk_clear (CliDisk *disk)
{
  g_free (disk->path);
  g_free (disk->format);
  g_free (disk->drive);
  g_clear_object (&disk->session);
}

static bool
find_in_library (const char *name, const char *id, CliDisk *disk, GError **error)
{
  g_autoptr (BonsaiLibrary) library = cli_open_library (error);
  BonsaiVm *vm = library != NULL ? cli_find_vm (library, name, error) : NULL;
  const VmConfig *config = vm != NULL ? bonsai_vm_get_config (vm) : NULL;
  VmDisk *found = config != NULL ? vm_config_find_disk (config, id) : NULL;

  if (vm == NULL)
    return false;
  if (found == NULL || found->path == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "“%s” has no disk “%s”; see “bonsai show %s”",
                   name, id, name);
      return false;
    }
  disk->path = g_path_is_absolute (found->path)
                 ? g_strdup (found->path)
                 : g_build_filename (bonsai_vm_get_path (vm), found->path, NULL);
  disk->drive = g_strdup (id);
  disk->format = g_strdup (found->options.format);
  g_set_object (&disk->session, bonsai_vm_get_session (vm));
  return true;
}

bool
cli_find_disk (const char *argument, CliDisk *disk, GError **error)
{
  const char *colon = strrchr (argument, ':');
  g_autofree char *name = NULL;

  if (colon == NULL || colon == argument || colon[1] == '\0' || strchr (argument, '/') != NULL
      || g_file_test (argument, G_FILE_TEST_EXISTS))
    {
      disk->path = g_strdup (argument);
      return true;
    }
  name = g_strndup (argument, (gsize)(colon - argument));
  return find_in_library (name, colon + 1, disk, error);
}

/* --- naming a machine --- */

bool
cli_find_machine (const char *name, CliMachine *machine, GError **error)
{
  machine->library = cli_open_library (error);
  if (machine->library == NULL)
    return false;
  machine->vm = bonsai_library_find (machine->library, name);
  if (machine->vm != NULL)
    g_set_object (&machine->session, bonsai_vm_get_session (machine->vm));
  else
    machine->session = cli_find_session (name, error);
  return machine->vm != NULL || machine->session != NULL;
}

void
cli_machine_clear (CliMachine *machine)
{
  g_clear_object (&machine->session);
  g_clear_object (&machine->library);
}

/* --- passphrases --- */

void
cli_secret_clear (CliSecret *secret)
{
  g_free (secret->file);
  disk_secret_free (secret->secret);
}

static bool
read_secret (CliSecret *secret, const char *question, DiskSecret *(*ask) (const char *, GError **),
             const ImageSecret **image, GError **error)
{
  *image = NULL;
  if (secret->file != NULL)
    secret->secret = disk_secret_read_file (secret->file, error);
  else if (secret->fd > 0)
    {
      g_autofree char *name = g_strdup_printf ("descriptor %d", secret->fd);

      secret->secret = disk_secret_read_fd (secret->fd, name, error);
    }
  else if (question != NULL)
    secret->secret = ask (question, error);
  else
    return true;
  *image = disk_secret_image (secret->secret);
  return secret->secret != NULL;
}

bool
cli_read_secret (CliSecret *secret, const char *question, const ImageSecret **image, GError **error)
{
  return read_secret (secret, question, disk_secret_ask, image, error);
}

bool
cli_read_new_secret (CliSecret *secret, const char *question, const ImageSecret **image, GError **error)
{
  return read_secret (secret, question, disk_secret_ask_new, image, error);
}

static bool
is_encrypted (const ImageSource *source)
{
  g_auto (DiskLook) look = { 0 };

  return disk_look (&look, source->path, source->format, NULL) && look.encrypted;
}

bool
cli_unlock (ImageSource *source, CliSecret *secret, GError **error)
{
  bool given = secret->file != NULL || secret->fd > 0;
  g_autofree char *prompt = g_strdup_printf ("Passphrase of %s", source->path);

  return cli_read_secret (secret, !given && is_encrypted (source) ? prompt : NULL, &source->secret, error);
}

/* --- new images --- */

const char *
cli_format_of_name (const char *path)
{
  static const struct {
    const char *suffix, *format;
  } suffixes[] = {
    { ".qcow2", "qcow2" }, { ".img", "raw" },   { ".raw", "raw" }, { ".iso", "raw" },   { ".vhd", "vhd" },
    { ".vpc", "vhd" },     { ".vmdk", "vmdk" }, { ".vdi", "vdi" }, { ".vhdx", "vhdx" },
  };
  g_autofree char *lower = g_ascii_strdown (path, -1);

  for (unsigned i = 0; i < G_N_ELEMENTS (suffixes); i++)
    if (g_str_has_suffix (lower, suffixes[i].suffix))
      return suffixes[i].format;
  return NULL;
}

guint64
cli_parse_disk_size (const char *text, const char *what, GError **error)
{
  guint64 size = vm_parse_size (text, error);

  if (size == 0)
    g_prefix_error (error, "%s: ", what);
  return size;
}

void
cli_new_image_clear (CliNewImage *new)
{
  g_free (new->format);
  g_free (new->subformat);
  g_free (new->cluster_size);
  g_free (new->compression);
  g_free (new->preallocation);
}

bool
cli_new_image (const CliNewImage *new, const char *path, ImageCreateOptions *create, GError **error)
{
  const char *named = cli_format_of_name (path);

  create->format = new->format != NULL ? new->format : named != NULL ? named : "qcow2";
  create->subformat = new->subformat;
  create->compression = new->compression;
  create->preallocation = new->preallocation;
  create->extended_l2 = new->extended_l2;
  create->lazy_refcounts = new->lazy_refcounts;
  create->version = (unsigned)MAX (new->version, 0);
  if (new->cluster_size != NULL)
    {
      guint64 size = cli_parse_disk_size (new->cluster_size, "--cluster-size", error);

      if (size == 0)
        return false;
      create->cluster_size = (unsigned)MIN (size, G_MAXUINT);
    }
  return true;
}
