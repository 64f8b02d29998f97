/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A draft becomes a machine. */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/disk/disk-task.h"
#include "app/draft/vm-draft.h"
#include "app/install/keyring.h"
#include "app/snapshot/clone.h"
#include "app/snapshot/template.h"

#define NEW_DISK "disks/disk0.qcow2"

/* --- the description --- */

static void
add_sources (const VmDraft *draft, VmConfig *config)
{
  if (draft->source == VM_SOURCE_DISK)
    {
      VmDisk *disk = vm_config_add_disk (config, draft->path, 0);

      vm_config_set (&disk->options.format, draft->look.disk.format);
      disk->bus = draft->bus;
    }
  if (draft->disk > 0 && vm_draft_can_have_disk (draft))
    {
      VmDisk *disk = vm_config_add_disk (config, NEW_DISK, draft->disk);

      vm_config_set (&disk->options.format, "qcow2");
      disk->bus = draft->bus;
    }
  if (draft->source == VM_SOURCE_CDROM)
    vm_config_add_cdrom (config, draft->path);
  if (draft->source == VM_SOURCE_KERNEL)
    {
      vm_config_set (&config->kernel, draft->path);
      vm_config_set (&config->initrd, draft->initrd && *draft->initrd ? draft->initrd : NULL);
      vm_config_set (&config->append, draft->append && *draft->append ? draft->append : NULL);
    }
}

/* From the disk once there is a system on it, till then from the network. */
static void
order_network_boot (VmConfig *config)
{
  g_autoptr (GStrvBuilder) order = g_strv_builder_new ();

  if (config->disks->len > 0)
    g_strv_builder_add (order, ((VmDisk *)config->disks->pdata[0])->id);
  if (config->nics->len > 0)
    g_strv_builder_add (order, ((VmNic *)config->nics->pdata[0])->id);
  g_strfreev (config->boot_order);
  config->boot_order = g_strv_builder_end (order);
}

static void
set_devices (const VmDraft *draft, VmConfig *config)
{
  config->graphics = draft->graphics;
  config->usb = draft->usb;
  config->sound = draft->sound;
  for (unsigned i = 0; i < config->nics->len; i++)
    {
      VmNic *nic = g_ptr_array_index (config->nics, i);

      nic->model = draft->nic;
      if (!draft->network)
        vm_config_set (&nic->network, "none");
    }
}

VmConfig *
vm_draft_to_config (const VmDraft *draft, GError **error)
{
  g_autofree char *name = g_strstrip (g_strdup (draft->name ? draft->name : ""));
  g_autoptr (VmConfig) config = NULL;

  g_return_val_if_fail (draft->source != VM_SOURCE_TEMPLATE, NULL);
  if (draft->source == VM_SOURCE_READY)
    config = ready_guest_config (draft->guest, error);
  else
    config = vm_config_new (name);
  if (!config)
    return NULL;
  vm_config_set (&config->name, name);
  config->memory = draft->memory;
  config->cpus = draft->cpus;
  if (draft->uefi && vm_draft_can_choose_firmware (draft))
    config->firmware = FIRMWARE_UEFI;
  if (draft->os != NULL)
    vm_config_set (&config->os, draft->os->id);
  if (draft->source != VM_SOURCE_READY)
    {
      set_devices (draft, config);
      add_sources (draft, config);
    }
  if (draft->source == VM_SOURCE_NETWORK)
    order_network_boot (config);
  return vm_config_check (config, error) ? g_steal_pointer (&config) : NULL;
}

/* --- making it --- */

typedef struct {
  VmDraft *draft;
  BonsaiLibrary *library; /* of the main context */
  char *folder;
  OsCatalog *catalog;
  OsAnswers *answers;
  GCancellable *cancellable;
  char *path; /* of the new bundle */
} Creation;

static void
creation_free (gpointer data)
{
  Creation *creation = data;

  vm_draft_free (creation->draft);
  g_object_unref (creation->library);
  g_free (creation->folder);
  os_catalog_unref (creation->catalog);
  g_clear_pointer (&creation->answers, os_answers_free);
  g_clear_object (&creation->cancellable);
  g_free (creation->path);
  g_free (creation);
}

static bool
fill (const char *folder, void *data, GError **error)
{
  Creation *creation = data;

  return creation->answers == NULL
         || express_write (creation->catalog, creation->draft->look.medium, creation->answers, folder,
                           creation->cancellable, error);
}

/* (transfer full) */
static char *
clone_template (const VmDraft *draft, const char *folder, const char *name, const ImageJob *job,
                GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (draft->template_path, error);
  const SnapshotNode *node = tree != NULL ? template_find_version (tree, 0, error) : NULL;

  if (node == NULL)
    return NULL;
  return clone_make (draft->template_path, folder,
                     &(CloneHow){ .name = name, .node = node->id, .linked = draft->linked, .job = job },
                     error);
}

static bool
make_from_template (Creation *creation, const ImageJob *job, GError **error)
{
  const VmDraft *draft = creation->draft;
  g_autofree char *name = g_strstrip (g_strdup (draft->name));

  creation->path = draft->published != NULL
                     ? published_clone (draft->published, creation->folder, name, job, error)
                     : clone_template (draft, creation->folder, name, job, error);
  return creation->path != NULL;
}

static bool
make (const ImageJob *job, gpointer data, GError **error)
{
  Creation *creation = data;
  const VmDraft *draft = creation->draft;
  g_autoptr (VmConfig) config = NULL;

  if (draft->source == VM_SOURCE_TEMPLATE)
    return make_from_template (creation, job, error);
  config = vm_draft_to_config (draft, error);
  if (config == NULL)
    return false;
  if (vm_draft_is_express (draft))
    {
      creation->answers = express_prepare (creation->catalog, draft->look.medium, draft->answers, config,
                                           creation->cancellable, error);
      if (creation->answers == NULL)
        return false;
    }
  creation->path = bundle_create_with (creation->folder, config, fill, creation, error);
  return creation->path != NULL;
}

static void
password_kept (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!keyring_store_finish (result, &error))
    g_info ("%s", error->message);
}

static void
made (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Creation *creation = g_task_get_task_data (task);
  const OsExpress *answers = creation->draft->answers;
  GError *error = NULL;
  BonsaiVm *vm = NULL;

  if (disk_task_run_finish (result, &error))
    {
      vm = bonsai_library_adopt (creation->library, creation->path);
      if (vm == NULL)
        g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                     "“%s” was made, but is not in the library any more", creation->path);
    }
  if (vm == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (vm_draft_is_express (creation->draft))
    keyring_store_async (bonsai_vm_get_uuid (vm), bonsai_vm_get_name (vm), answers->user, answers->password,
                         NULL, password_kept, NULL);
  g_task_return_pointer (task, g_object_ref (vm), g_object_unref);
}

void
vm_draft_create_async (const VmDraft *draft, BonsaiLibrary *library, OsCatalog *catalog,
                       DiskProgressFunc progress, gpointer progress_data, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, data);
  Creation *creation = g_new0 (Creation, 1);

  creation->draft = vm_draft_copy (draft);
  creation->library = g_object_ref (library);
  creation->folder = g_strdup (bonsai_library_get_folder (library));
  creation->catalog = os_catalog_ref (catalog);
  creation->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  g_task_set_task_data (task, creation, creation_free);
  g_task_set_check_cancellable (task, FALSE); /* what is made is there */
  disk_task_run_async (make, creation, progress, progress_data, cancellable, made, task);
}

BonsaiVm *
vm_draft_create_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
