/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-config.h"

#include "app/base/error.h"
#include "app/bundle/vm-config-private.h"
#include "app/bundle/vm-labels.h"

#include <string.h>

#define DEFAULT_MEMORY       (UINT64_C (512) << 20)
#define DEFAULT_VIDEO_MEMORY 16

const char *const vm_template_names[] = { "none", "open", "sealed", NULL };
const char *const vm_at_shutdown_names[] = { "suspend", "shutdown", "power-off", NULL };
const char *const vm_watchdog_names[] = { "none", "notify", "pause", "reset", "power-off", NULL };

G_DEFINE_BOXED_TYPE (VmConfig, vm_config, vm_config_copy, vm_config_free)

static JsonObject *
ref_extra (JsonObject *extra)
{
  return extra != NULL ? json_object_ref (extra) : NULL;
}

static void
vm_disk_free (VmDisk *disk)
{
  g_clear_pointer (&disk->extra, json_object_unref);
  disk_options_clear (&disk->options);
  g_free (disk->id);
  g_free (disk->path);
  g_free (disk);
}

static void
vm_nic_free (VmNic *nic)
{
  g_clear_pointer (&nic->extra, json_object_unref);
  g_free (nic->id);
  g_free (nic->network);
  g_free (nic->mac);
  g_free (nic->guest_mac);
  g_array_unref (nic->forwards);
  g_free (nic);
}

static void
vm_serial_free (VmSerial *serial)
{
  g_clear_pointer (&serial->extra, json_object_unref);
  g_free (serial->path);
  g_free (serial);
}

VmConfig *
vm_config_new_empty (void)
{
  VmConfig *config = g_new0 (VmConfig, 1);

  config->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)vm_disk_free);
  config->nics = g_ptr_array_new_with_free_func ((GDestroyNotify)vm_nic_free);
  config->serials = g_ptr_array_new_with_free_func ((GDestroyNotify)vm_serial_free);
  config->usb_rules = vm_usb_rules_new ();
  config->video_memory = DEFAULT_VIDEO_MEMORY;
  config->heads = 1;
  config->hpet = true;
  config->agents = (AgentsSpec){ .guest = true, .set_time = true, .desktop = true };
  config->balloon = true;
  config->virtio_input = true;
  config->sound = true;
  config->launcher = true;
  config->policy = vm_policy_new ();
  config->sharing = vm_sharing_new ();
  return config;
}

VmConfig *
vm_config_new (const char *name)
{
  VmConfig *config = vm_config_new_empty ();

  config->uuid = g_uuid_string_random ();
  config->name = g_strdup (name);
  config->memory = DEFAULT_MEMORY;
  config->cpus = 1;
  config->usb = true;
  vm_config_add_nic (config, "nat");
  return config;
}

static void
copy_devices (VmConfig *copy, const VmConfig *config)
{
  for (unsigned i = 0; i < config->disks->len; i++)
    {
      const VmDisk *from = g_ptr_array_index (config->disks, i);
      VmDisk *to = g_memdup2 (from, sizeof *from);

      to->id = g_strdup (from->id);
      to->path = g_strdup (from->path);
      to->options = (DiskOptions){ 0 };
      disk_options_copy (&to->options, &from->options);
      to->extra = ref_extra (from->extra);
      g_ptr_array_add (copy->disks, to);
    }
  for (unsigned i = 0; i < config->nics->len; i++)
    {
      const VmNic *from = g_ptr_array_index (config->nics, i);
      VmNic *to = g_new0 (VmNic, 1);

      to->id = g_strdup (from->id);
      to->network = g_strdup (from->network);
      to->mac = g_strdup (from->mac);
      to->guest_mac = g_strdup (from->guest_mac);
      to->model = from->model;
      to->link_down = from->link_down;
      to->forwards = net_forwards_copy (from->forwards);
      to->extra = ref_extra (from->extra);
      g_ptr_array_add (copy->nics, to);
    }
  for (unsigned i = 0; i < config->serials->len; i++)
    {
      const VmSerial *from = g_ptr_array_index (config->serials, i);
      VmSerial *to = g_new0 (VmSerial, 1);

      to->kind = from->kind;
      to->path = g_strdup (from->path);
      to->extra = ref_extra (from->extra);
      g_ptr_array_add (copy->serials, to);
    }
}

void
vm_config_copy_labels (VmConfig *config, const VmConfig *from)
{
  GStrv tags = from != NULL ? g_strdupv (from->tags) : NULL;

  vm_config_set (&config->notes, from != NULL ? from->notes : NULL);
  vm_config_set (&config->group, from != NULL ? from->group : NULL);
  g_strfreev (config->tags);
  config->tags = tags;
}

void
vm_config_set_policy (VmConfig *config, VmPolicy *policy)
{
  VmPolicy *before = config->policy;

  config->policy = vm_policy_ref (policy);
  vm_policy_unref (before);
}

void
vm_config_set_sharing (VmConfig *config, VmSharing *sharing)
{
  VmSharing *before = config->sharing;

  config->sharing = vm_sharing_ref (sharing);
  vm_sharing_unref (before);
}

VmConfig *
vm_config_copy (const VmConfig *config)
{
  VmConfig *copy = vm_config_new_empty ();

  copy->uuid = g_strdup (config->uuid);
  copy->name = g_strdup (config->name);
  vm_config_copy_labels (copy, config);
  copy->memory = config->memory;
  copy->cpus = config->cpus;
  copy->cpu_model = g_strdup (config->cpu_model);
  copy->topology = config->topology;
  copy->firmware = config->firmware;
  copy->boot_order = g_strdupv (config->boot_order);
  copy->kernel = g_strdup (config->kernel);
  copy->initrd = g_strdup (config->initrd);
  copy->append = g_strdup (config->append);
  copy->video_memory = config->video_memory;
  copy->graphics = config->graphics;
  copy->heads = config->heads;
  copy->on_panic = config->on_panic;
  copy->watchdog = config->watchdog;
  copy->watchdog_action = config->watchdog_action;
  copy->hpet = config->hpet;
  copy->agents = config->agents;
  copy->agents_extra = ref_extra (config->agents_extra);
  copy->balloon = config->balloon;
  copy->merge_memory = config->merge_memory;
  copy->usb = config->usb;
  copy->usb_keyboard = config->usb_keyboard;
  copy->virtio_input = config->virtio_input;
  copy->sound = config->sound;
  copy->sound_record = g_strdup (config->sound_record);
  copy->sound_microphone = g_strdup (config->sound_microphone);
  copy->nvram = g_strdup (config->nvram);
  copy->snapshot = g_strdup (config->snapshot);
  copy->generation = g_strdup (config->generation);
  copy->resume = g_strdup (config->resume);
  copy->clone_hook = g_strdup (config->clone_hook);
  copy->disposable = g_strdup (config->disposable);
  copy->clone_of = g_strdup (config->clone_of);
  copy->clone_snapshot = g_strdup (config->clone_snapshot);
  copy->completes = g_strdup (config->completes);
  copy->template_state = config->template_state;
  copy->schedule = config->schedule;
  vm_config_set_policy (copy, config->policy);
  vm_config_set_sharing (copy, config->sharing);
  copy->os = g_strdup (config->os);
  vm_install_copy (&copy->install, &config->install);
  copy->at_host_shutdown = config->at_host_shutdown;
  copy->launcher = config->launcher;
  copy->autostart = config->autostart;
  copy->autostart_order = config->autostart_order;
  copy->sound_extra = ref_extra (config->sound_extra);
  copy->extra = ref_extra (config->extra);
  copy->cpu_extra = ref_extra (config->cpu_extra);
  copy->boot_extra = ref_extra (config->boot_extra);
  copy->display_extra = ref_extra (config->display_extra);
  g_ptr_array_unref (copy->usb_rules);
  copy->usb_rules = vm_usb_rules_copy (config->usb_rules);
  copy_devices (copy, config);
  return copy;
}

void
vm_config_free (VmConfig *config)
{
  if (config == NULL)
    return;
  g_free (config->uuid);
  g_free (config->name);
  g_free (config->notes);
  g_free (config->group);
  vm_policy_unref (config->policy);
  vm_sharing_unref (config->sharing);
  g_strfreev (config->tags);
  g_free (config->cpu_model);
  g_free (config->sound_record);
  g_free (config->sound_microphone);
  g_free (config->nvram);
  g_free (config->snapshot);
  g_free (config->generation);
  g_free (config->resume);
  g_free (config->clone_hook);
  g_free (config->disposable);
  g_free (config->os);
  vm_install_clear (&config->install);
  g_free (config->completes);
  g_free (config->clone_of);
  g_free (config->clone_snapshot);
  g_clear_pointer (&config->sound_extra, json_object_unref);
  g_strfreev (config->boot_order);
  g_free (config->kernel);
  g_free (config->initrd);
  g_free (config->append);
  g_ptr_array_unref (config->disks);
  g_ptr_array_unref (config->nics);
  g_ptr_array_unref (config->serials);
  g_ptr_array_unref (config->usb_rules);
  g_clear_pointer (&config->extra, json_object_unref);
  g_clear_pointer (&config->boot_extra, json_object_unref);
  g_clear_pointer (&config->agents_extra, json_object_unref);
  g_clear_pointer (&config->cpu_extra, json_object_unref);
  g_clear_pointer (&config->display_extra, json_object_unref);
  g_free (config);
}

void
vm_config_set (char **member, const char *value)
{
  char *copy = g_strdup (value);

  g_free (*member);
  *member = copy;
}

VmNic *
vm_config_find_nic (const VmConfig *config, const char *id)
{
  for (unsigned i = 0; i < config->nics->len; i++)
    {
      VmNic *nic = g_ptr_array_index (config->nics, i);

      if (g_strcmp0 (nic->id, id) == 0)
        return nic;
    }
  return NULL;
}

VmDisk *
vm_config_find_disk (const VmConfig *config, const char *id)
{
  for (unsigned i = 0; i < config->disks->len; i++)
    {
      VmDisk *disk = g_ptr_array_index (config->disks, i);

      if (g_strcmp0 (disk->id, id) == 0)
        return disk;
    }
  return NULL;
}

/* The first of "disk0", "disk1", … that is free. */
static char *
unused_disk_id (const VmConfig *config, const char *prefix)
{
  for (unsigned n = 0;; n++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", prefix, n);

      if (vm_config_find_disk (config, id) == NULL)
        return g_steal_pointer (&id);
    }
}

static VmDisk *
add_disk (VmConfig *config, DiskKind kind, const char *path)
{
  VmDisk *disk = g_new0 (VmDisk, 1);

  disk->id = unused_disk_id (config, kind == DISK_KIND_CDROM ? "cd" : "disk");
  disk->kind = kind;
  disk->bus = kind == DISK_KIND_CDROM       ? DISK_BUS_AHCI
              : kind == DISK_KIND_SCSI_HOST ? DISK_BUS_SCSI
                                            : DISK_BUS_VIRTIO;
  disk->read_only = kind == DISK_KIND_CDROM;
  disk->path = g_strdup (path);
  g_ptr_array_add (config->disks, disk);
  return disk;
}

VmDisk *
vm_config_add_disk (VmConfig *config, const char *path, uint64_t create)
{
  VmDisk *disk = add_disk (config, DISK_KIND_DISK, path);

  disk->create = create;
  if (create > 0)
    disk->options.format = g_strdup ("raw");
  return disk;
}

VmDisk *
vm_config_add_cdrom (VmConfig *config, const char *path)
{
  return add_disk (config, DISK_KIND_CDROM, path);
}

VmDisk *
vm_config_add_scsi_host (VmConfig *config, const char *path)
{
  return add_disk (config, DISK_KIND_SCSI_HOST, path);
}

/* Locally administered, unicast (IEEE 802-2014, section 8.2.2); 52:54:00 is what guests' tools expect of a
 * virtual card. */
static char *
random_mac (void)
{
  guint32 random = g_random_int ();

  return g_strdup_printf ("52:54:00:%02x:%02x:%02x", random & 0xff, random >> 8 & 0xff, random >> 16 & 0xff);
}

VmNic *
vm_config_add_nic (VmConfig *config, const char *network)
{
  VmNic *nic = g_new0 (VmNic, 1);

  nic->id = g_strdup_printf ("net%u", config->nics->len);
  nic->network = g_strdup (network);
  nic->mac = random_mac ();
  nic->forwards = net_forwards_new ();
  g_ptr_array_add (config->nics, nic);
  return nic;
}

VmSerial *
vm_config_add_serial (VmConfig *config, const char *path)
{
  VmSerial *serial = g_new0 (VmSerial, 1);

  serial->kind = path != NULL ? SERIAL_FILE : SERIAL_CONSOLE;
  serial->path = g_strdup (path);
  g_ptr_array_add (config->serials, serial);
  return serial;
}
