/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-config.h"

#include "app/bundle/bundle.h"

static char *
resolve (const char *folder, const char *path)
{
  if (path == NULL || g_path_is_absolute (path) || vm_path_is_uri (path))
    return g_strdup (path);
  return g_build_filename (folder, path, NULL);
}

static void
set (char **member, char *value)
{
  g_free (*member);
  *member = value;
}

/* What the machine has of the wanted order; NULL: nothing. */
static GStrv
known_boot_order (const VmConfig *config)
{
  g_autoptr (GPtrArray) known = g_ptr_array_new ();

  for (unsigned i = 0; config->boot_order != NULL && config->boot_order[i] != NULL; i++)
    {
      const char *id = config->boot_order[i];
      bool found = vm_config_find_disk (config, id) != NULL;

      for (unsigned j = 0; j < config->nics->len && !found; j++)
        found = g_str_equal (((const VmNic *)g_ptr_array_index (config->nics, j))->id, id);
      if (found)
        g_ptr_array_add (known, (char *)id);
    }
  if (known->len == 0)
    return NULL;
  g_ptr_array_add (known, NULL);
  return g_strdupv ((char **)known->pdata);
}

static char *
serial_path (const VmSerial *serial, unsigned index, const char *folder)
{
  g_autofree char *name = NULL;

  if (serial->path != NULL || (serial->kind != SERIAL_PTY && serial->kind != SERIAL_SOCKET))
    return resolve (folder, serial->path);
  name = g_strdup_printf ("serial%u.%s", index + 1, serial->kind == SERIAL_PTY ? "pty" : "sock");
  return resolve (folder, name);
}

/* A machine that is to start again ends first: a reset alone would know no pauses between crashes. Who wants it to
 * stand looks at it himself. */
static BoardAction
action_in_trouble (const VmConfig *config, BoardAction action)
{
  return config->policy->restart.enabled && action != BOARD_ACTION_PAUSE ? BOARD_ACTION_POWER_OFF : action;
}

MachineSpec *
vm_config_to_spec (const VmConfig *config, const char *folder)
{
  MachineSpec *spec = machine_spec_new ();

  set (&spec->name, g_strdup (config->name));
  set (&spec->uuid, g_strdup (config->uuid));
  set (&spec->generation, g_strdup (config->generation));
  spec->memory = config->memory;
  spec->ends_at_reset = config->install.system != NULL;
  spec->n_cpus = config->cpus;
  set (&spec->cpu_model, g_strdup (config->cpu_model));
  spec->topology = config->topology;
  spec->video_memory = config->video_memory;
  spec->graphics = config->graphics;
  spec->heads = config->heads;
  spec->on_panic = action_in_trouble (config, config->on_panic);
  spec->watchdog = config->watchdog;
  spec->watchdog_action = action_in_trouble (config, config->watchdog_action);
  spec->hpet = config->hpet;
  spec->agents = config->agents;
  spec->balloon = config->balloon;
  spec->merge_memory = config->merge_memory;
  spec->usb = config->usb;
  spec->usb_keyboard = config->usb_keyboard;
  spec->virtio_input = config->virtio_input;
  spec->sound = config->sound;
  set (&spec->sound_record, resolve (folder, config->sound_record));
  set (&spec->sound_microphone, resolve (folder, config->sound_microphone));
  spec->firmware = config->kernel != NULL ? FIRMWARE_NONE : config->firmware;
  if (spec->firmware == FIRMWARE_UEFI || spec->firmware == FIRMWARE_UEFI_SECURE)
    spec->nvram = g_build_filename (folder, config->nvram != NULL ? config->nvram : BUNDLE_NVRAM, NULL);
  spec->boot_order = known_boot_order (config);
  set (&spec->kernel, resolve (folder, config->kernel));
  set (&spec->initrd, resolve (folder, config->initrd));
  set (&spec->append, g_strdup (config->append));

  for (unsigned i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *path = resolve (folder, disk->path);
      DiskSpec *added = machine_spec_add_disk (spec, disk->kind, disk->bus, path, disk->read_only);

      set (&added->id, g_strdup (disk->id));
      disk_options_copy (&added->options, &disk->options);
      set (&added->options.secret_file, resolve (folder, disk->options.secret_file));
    }

  g_ptr_array_set_size (spec->nics, 0);
  for (unsigned i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);
      NicSpec *added = machine_spec_add_nic (spec, nic->network, nic->mac);

      set (&added->id, g_strdup (nic->id));
      added->model = nic->model;
      added->link_down = nic->link_down;
      g_array_append_vals (added->forwards, nic->forwards->data, nic->forwards->len);
    }

  for (unsigned i = 0; i < config->serials->len && i < G_N_ELEMENTS (spec->serial); i++)
    {
      const VmSerial *serial = g_ptr_array_index (config->serials, i);

      spec->serial[i].kind = serial->kind;
      set (&spec->serial[i].path, serial_path (serial, i, folder));
    }
  return spec;
}
