/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/install/install-end.h"

#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"

/* Whether it is one of the installation's own files. */
static bool
is_ours (const char *path)
{
  return path != NULL && g_str_has_prefix (path, VM_INSTALL_FOLDER "/");
}

static void
remove_boot_files (VmConfig *config)
{
  if (!is_ours (config->kernel))
    return;
  vm_config_set (&config->kernel, NULL);
  vm_config_set (&config->initrd, NULL);
  vm_config_set (&config->append, NULL);
}

/* The drive with the answers goes; the others are emptied. */
static void
remove_media (VmConfig *config)
{
  for (unsigned i = config->disks->len; i-- > 0;)
    {
      VmDisk *disk = g_ptr_array_index (config->disks, i);

      if (is_ours (disk->path))
        g_ptr_array_remove_index (config->disks, i);
      else if (disk->kind == DISK_KIND_CDROM)
        vm_config_set (&disk->path, NULL);
    }
}

bool
install_advance (VmConfig *config, bool restarted)
{
  if (restarted && config->install.restarts > 1)
    {
      config->install.restarts--;
      return false;
    }
  remove_boot_files (config);
  remove_media (config);
  vm_install_clear (&config->install);
  return true;
}

/* vm.json first: a machine whose kernel is gone could not start. */
bool
install_conclude (const char *bundle, bool restarted, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (bundle);
  g_autoptr (VmConfig) config = bundle_load (bundle, error);
  g_autofree char *folder = g_build_filename (bundle, VM_INSTALL_FOLDER, NULL);
  bool is_over = true;

  if (config == NULL)
    return false;
  if (config->install.system != NULL)
    {
      is_over = install_advance (config, restarted);
      if (!bundle_save (bundle, config, error))
        return false;
    }
  if (is_over && g_file_test (folder, G_FILE_TEST_IS_DIR))
    bundle_remove_tree (folder);
  return true;
}

bool
install_mend (const char *bundle, GError **error)
{
  g_autofree char *folder = g_build_filename (bundle, VM_INSTALL_FOLDER, NULL);
  g_autoptr (BundleEdit) edit = NULL;
  g_autoptr (VmConfig) config = NULL;

  if (g_file_test (folder, G_FILE_TEST_IS_DIR))
    return true;
  edit = bundle_edit_begin (bundle);
  config = bundle_load (bundle, error);
  if (config == NULL || config->install.system == NULL)
    return config != NULL;
  install_advance (config, false);
  return bundle_save (bundle, config, error);
}
