/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-config.h"

#include "app/base/error.h"
#include "app/bundle/vm-config-private.h"
#include "app/bundle/vm-labels.h"
#include "vmm/kvm/cpu-model.h"

#include <glib/gi18n.h>
#include <stdarg.h>
#include <string.h>

#define MIB                  (1024ull * 1024)
#define DEFAULT_MEMORY       (512 * MIB)
#define MAX_HEADS            4
#define DEFAULT_VIDEO_MEMORY 16
#define MAX_MEMORY           (16ull << 40)
#define MAX_CPUS             255
#define MAX_DISKS            32
#define MAX_NICS             8
#define MAX_SERIALS          4
#define MAX_NAME             200
#define MAX_AUTOSTART_ORDER  1000

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

/* --- checks --- */

/* Collects where and what. Returns: always false. */
static bool G_GNUC_PRINTF (3, 4) complain (VmComplaint *complaint, char *pointer, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  complaint->pointer = pointer;
  complaint->message = g_strdup_vprintf (format, args);
  va_end (args);
  return false;
}

void
vm_complaint_clear (VmComplaint *complaint)
{
  g_clear_pointer (&complaint->pointer, g_free);
  g_clear_pointer (&complaint->message, g_free);
}

static bool
check_cpus (const VmConfig *config, VmComplaint *complaint)
{
  g_autoptr (GError) error = NULL;

  if (config->cpus < 1 || config->cpus > MAX_CPUS)
    return complain (complaint, g_strdup ("/cpus"), _ ("must be 1 to %d"), MAX_CPUS);
  if (!cpu_model_exists (config->cpu_model))
    return complain (complaint, g_strdup ("/cpu/model"),
                     _ ("there is no “%s”; “bonsai host --cpus” lists models"), config->cpu_model);
  if (config->topology.sockets != 0 && !cpu_topology_check (&config->topology, config->cpus, &error))
    return complain (complaint, g_strdup ("/cpu"), "%s", error->message);
  return true;
}

static bool
check_name (const char *name, VmComplaint *complaint)
{
  if (name == NULL || name[0] == '\0')
    return complain (complaint, g_strdup ("/name"), _ ("a machine needs a name"));
  if (strlen (name) > MAX_NAME)
    return complain (complaint, g_strdup ("/name"), _ ("longer than %d bytes"), MAX_NAME);
  if (!g_utf8_validate (name, -1, NULL))
    return complain (complaint, g_strdup ("/name"), _ ("not text in UTF-8"));
  for (const char *at = name; *at != '\0'; at = g_utf8_next_char (at))
    if (g_unichar_iscntrl (g_utf8_get_char (at)))
      return complain (complaint, g_strdup ("/name"), _ ("contains a control character"));
  return true;
}

static bool
check_size (const VmConfig *config, VmComplaint *complaint)
{
  if (config->memory < MIB || config->memory > MAX_MEMORY || config->memory % MIB != 0)
    return complain (complaint, g_strdup ("/memory"), _ ("must be whole MiB, from 1M to 16T"));
  if (!check_cpus (config, complaint))
    return false;
  if (config->video_memory < 1 || config->video_memory > 256
      || (config->video_memory & (config->video_memory - 1)) != 0)
    return complain (complaint, g_strdup ("/display/video-memory"), _ ("must be 1, 2, 4, … or 256 (MiB)"));
  if (config->heads < 1 || config->heads > (config->graphics == GRAPHICS_VIRTIO ? MAX_HEADS : 1))
    return complain (complaint, g_strdup ("/display/heads"),
                     _ ("must be 1, or up to %d where display.graphics is \"virtio\""), MAX_HEADS);
  return true;
}

bool
vm_path_is_uri (const char *path)
{
  return g_str_has_prefix (path, "nbd://") || g_str_has_prefix (path, "nbd+unix://");
}

/* A relative path stays in the bundle. */
static bool
check_path (const char *path, const char *pointer, VmComplaint *complaint)
{
  g_auto (GStrv) parts = NULL;

  if (path == NULL || g_path_is_absolute (path) || vm_path_is_uri (path))
    return true;
  if (path[0] == '\0')
    return complain (complaint, g_strdup (pointer), "empty");
  parts = g_strsplit (path, "/", -1);
  if (g_strv_contains ((const char *const *)parts, ".."))
    return complain (complaint, g_strdup (pointer),
                     _ ("“%s” leaves the machine's folder; give the absolute path instead"), path);
  return true;
}

static bool
check_id (const char *id, const char *kind, unsigned index, VmComplaint *complaint)
{
  if (id == NULL || id[0] == '\0' || strlen (id) > 32
      || strspn (id, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen (id))
    return complain (complaint, g_strdup_printf ("/%s/%u/id", kind, index),
                     _ ("must be 1 to 32 of a-z, 0-9 and “-”"));
  return true;
}

/* What does not go together; the engine knows the rest. */
static bool
check_disk_use (const VmDisk *disk, unsigned index, VmComplaint *complaint)
{
  static const char *const formats[] = { "raw", "qcow2", "vhd", "vhdx", "vmdk", "vdi", NULL };
  const DiskOptions *options = &disk->options;

  if (disk->kind == DISK_KIND_CDROM && (disk->bus == DISK_BUS_VIRTIO || disk->bus == DISK_BUS_NVME))
    return complain (complaint, g_strdup_printf ("/disks/%u/bus", index),
                     _ ("a CD-ROM drive needs “ahci” or “scsi”"));
  if (disk->kind == DISK_KIND_SCSI_HOST && disk->bus != DISK_BUS_SCSI)
    return complain (complaint, g_strdup_printf ("/disks/%u/bus", index),
                     _ ("the host's SCSI device needs “scsi”"));
  if (disk->kind == DISK_KIND_SCSI_HOST && (disk->path == NULL || !g_path_is_absolute (disk->path)))
    return complain (complaint, g_strdup_printf ("/disks/%u/path", index),
                     _ ("must be a device such as /dev/sg0"));
  if (disk->kind == DISK_KIND_SCSI_HOST && disk->read_only)
    return complain (complaint, g_strdup_printf ("/disks/%u/read-only", index),
                     _ ("the host's SCSI device is passed through as it is"));
  if (options->format != NULL && !g_strv_contains (formats, options->format))
    return complain (complaint, g_strdup_printf ("/disks/%u/format", index), _ ("“%s” is unknown"),
                     options->format);
  if (options->serial != NULL
      && (options->serial[0] == '\0' || strlen (options->serial) > 20 || !g_str_is_ascii (options->serial)))
    return complain (complaint, g_strdup_printf ("/disks/%u/serial", index),
                     _ ("must be 1 to 20 ASCII characters"));
  return true;
}

static bool
check_disks (const VmConfig *config, VmComplaint *complaint)
{
  if (config->disks->len > MAX_DISKS)
    return complain (complaint, g_strdup ("/disks"), _ ("more than %d"), MAX_DISKS);
  for (unsigned i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *pointer = g_strdup_printf ("/disks/%u/path", i);
      g_autofree char *secret = g_strdup_printf ("/disks/%u/secret-file", i);

      if (!check_id (disk->id, "disks", i, complaint) || !check_path (disk->path, pointer, complaint)
          || !check_path (disk->options.secret_file, secret, complaint))
        return false;
      if (vm_config_find_disk (config, disk->id) != disk)
        return complain (complaint, g_strdup_printf ("/disks/%u/id", i), _ ("“%s” is there twice"), disk->id);
      if (disk->kind != DISK_KIND_CDROM && disk->path == NULL)
        return complain (complaint, g_steal_pointer (&pointer),
                         _ ("missing; only a CD-ROM drive can be empty"));
      if (!check_disk_use (disk, i, complaint))
        return false;
    }
  return true;
}

static bool
mac_is_valid (const char *mac)
{
  for (unsigned i = 0; i < 17; i++)
    if (i % 3 == 2 ? mac[i] != ':' : !g_ascii_isxdigit (mac[i]))
      return false;
  /* IEEE 802-2014, section 8.2: bit 0 of the first octet marks a group address. */
  return mac[17] == '\0' && g_ascii_xdigit_value (mac[1]) % 2 == 0;
}

static bool
check_forwards (const VmNic *nic, unsigned place, VmComplaint *complaint)
{
  g_autoptr (GError) error = NULL;
  unsigned at = 0;

  if (nic->forwards->len > 0 && g_strcmp0 (nic->network, "nat") != 0)
    return complain (complaint, g_strdup_printf ("/networks/%u/forwards", place),
                     _ ("ports are forwarded to a card on the network “nat” only"));
  return net_forwards_check (nic->forwards, &at, &error)
         || complain (complaint, g_strdup_printf ("/networks/%u/forwards/%u", place, at), "%s",
                      error->message);
}

/* Two cards can't have the same port of the host either. */
static bool
check_all_forwards (const VmConfig *config, VmComplaint *complaint)
{
  g_autoptr (GArray) all = net_forwards_new ();

  for (unsigned i = 0; i < config->nics->len; i++)
    {
      const GArray *forwards = ((const VmNic *)g_ptr_array_index (config->nics, i))->forwards;

      for (unsigned j = 0; j < forwards->len; j++)
        {
          const NetForward *forward = &g_array_index (forwards, NetForward, j);

          for (unsigned k = 0; k < all->len; k++)
            if (net_forward_collides (forward, &g_array_index (all, NetForward, k)))
              return complain (complaint, g_strdup_printf ("/networks/%u/forwards/%u", i, j),
                               _ ("port %u (%s) is another card's already"), forward->host_port,
                               net_protocol_names[forward->protocol]);
        }
      g_array_append_vals (all, forwards->data, forwards->len);
    }
  return true;
}

static bool
check_nics (const VmConfig *config, VmComplaint *complaint)
{
  if (config->nics->len > MAX_NICS)
    return complain (complaint, g_strdup ("/networks"), _ ("more than %d"), MAX_NICS);
  for (unsigned i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);

      if (!check_id (nic->id, "networks", i, complaint))
        return false;
      for (unsigned j = 0; j < i; j++)
        if (strcmp (((VmNic *)g_ptr_array_index (config->nics, j))->id, nic->id) == 0)
          return complain (complaint, g_strdup_printf ("/networks/%u/id", i), _ ("“%s” is there twice"),
                           nic->id);
      if (g_strcmp0 (nic->network, "nat") != 0 && g_strcmp0 (nic->network, "none") != 0)
        return complain (complaint, g_strdup_printf ("/networks/%u/network", i),
                         _ ("must be “nat” or “none”"));
      if (nic->mac == NULL || !mac_is_valid (nic->mac))
        return complain (complaint, g_strdup_printf ("/networks/%u/mac", i),
                         _ ("must be the address of one card, such as 52:54:00:12:34:56"));
      if (nic->guest_mac != NULL && !mac_is_valid (nic->guest_mac))
        return complain (complaint, g_strdup_printf ("/networks/%u/guest-mac", i),
                         _ ("must be the address of one card, such as 52:54:00:12:34:56"));
      if (!check_forwards (nic, i, complaint))
        return false;
    }
  return check_all_forwards (config, complaint);
}

static bool
check_serials (const VmConfig *config, VmComplaint *complaint)
{
  if (config->serials->len > MAX_SERIALS)
    return complain (complaint, g_strdup ("/serial"), _ ("more than %d"), MAX_SERIALS);
  for (unsigned i = 0; i < config->serials->len; i++)
    {
      const VmSerial *serial = g_ptr_array_index (config->serials, i);
      g_autofree char *pointer = g_strdup_printf ("/serial/%u/path", i);

      if (!check_path (serial->path, pointer, complaint))
        return false;
      if (serial->kind == SERIAL_FILE && serial->path == NULL)
        return complain (complaint, g_steal_pointer (&pointer), _ ("missing; it names the file"));
      if ((serial->kind == SERIAL_NONE || serial->kind == SERIAL_CONSOLE) && serial->path != NULL)
        return complain (complaint, g_steal_pointer (&pointer), _ ("a port of kind “%s” has no path"),
                         serial_kind_names[serial->kind]);
    }
  return true;
}

bool
vm_snapshot_id_is_valid (const char *id)
{
  return strlen (id) == 10 && strspn (id, "abcdefghijklmnopqrstuvwxyz234567") == 10;
}

/* "snapshots/ID", or that in another machine's folder. */
static bool
is_snapshot_folder (const char *path)
{
  g_autofree char *id = g_path_get_basename (path), *folder = g_path_get_dirname (path);

  return vm_snapshot_id_is_valid (id)
         && (g_str_equal (folder, "snapshots")
             || (g_path_is_absolute (path) && g_str_has_suffix (folder, "/snapshots")));
}

static bool
check_snapshot_members (const VmConfig *config, VmComplaint *complaint)
{
  const char *resume = config->resume;

  if (config->generation != NULL && !g_uuid_string_is_valid (config->generation))
    return complain (complaint, g_strdup ("/generation"), _ ("must be a UUID"));
  if (config->snapshot != NULL && !vm_snapshot_id_is_valid (config->snapshot))
    return complain (complaint, g_strdup ("/snapshot"), _ ("“%s” is no snapshot's id"), config->snapshot);
  if (config->disposable != NULL && !vm_snapshot_id_is_valid (config->disposable))
    return complain (complaint, g_strdup ("/disposable"), _ ("“%s” is no snapshot's id"), config->disposable);
  if (resume != NULL && !g_str_equal (resume, "suspended") && !is_snapshot_folder (resume))
    return complain (complaint, g_strdup ("/resume"),
                     _ ("must be “suspended”, “snapshots/ID”, or a path that ends so"));
  if (config->completes != NULL && !vm_snapshot_id_is_valid (config->completes))
    return complain (complaint, g_strdup ("/completes"), _ ("“%s” is no snapshot's id"), config->completes);
  if (config->clone_of != NULL && !g_uuid_string_is_valid (config->clone_of))
    return complain (complaint, g_strdup ("/clone-of"), _ ("must be a machine's UUID"));
  if (config->clone_snapshot != NULL && !vm_snapshot_id_is_valid (config->clone_snapshot))
    return complain (complaint, g_strdup ("/clone-snapshot"), _ ("“%s” is no snapshot's id"),
                     config->clone_snapshot);
  if (config->nvram != NULL && (g_path_is_absolute (config->nvram) || vm_path_is_uri (config->nvram)))
    return complain (complaint, g_strdup ("/nvram"), _ ("must lie in the machine's folder"));
  return check_path (config->nvram, "/nvram", complaint);
}

static bool
check_labels (const VmConfig *config, VmComplaint *complaint)
{
  g_autofree char *why = NULL;

  if (config->group != NULL && !vm_group_is_valid (config->group, &why))
    return complain (complaint, g_strdup ("/group"), "%s", why);
  return vm_tags_are_valid ((const char *const *)config->tags, &why)
         || complain (complaint, g_strdup ("/tags"), "%s", why);
}

bool
vm_config_check_at (const VmConfig *config, VmComplaint *complaint)
{
  if (config->uuid == NULL || !g_uuid_string_is_valid (config->uuid))
    return complain (complaint, g_strdup ("/uuid"), _ ("must be a UUID, such as the command uuidgen prints"));
  if (!check_name (config->name, complaint) || !check_labels (config, complaint)
      || !check_size (config, complaint) || !check_path (config->kernel, "/boot/kernel", complaint)
      || !check_path (config->initrd, "/boot/initrd", complaint) || !check_disks (config, complaint)
      || !check_nics (config, complaint))
    return false;
  if (config->kernel == NULL && (config->initrd != NULL || config->append != NULL))
    return complain (complaint, g_strdup ("/boot/kernel"),
                     _ ("missing; “initrd” and “append” go with a kernel"));
  if (config->autostart_order > MAX_AUTOSTART_ORDER)
    return complain (complaint, g_strdup ("/autostart-order"), _ ("must be 0 to %d"), MAX_AUTOSTART_ORDER);
  return check_serials (config, complaint) && check_snapshot_members (config, complaint);
}

bool
vm_config_check (const VmConfig *config, GError **error)
{
  g_auto (VmComplaint) complaint = { 0 };
  g_autofree char *member = NULL;

  if (vm_config_check_at (config, &complaint))
    return true;
  member = json_pointer_for_people (complaint.pointer);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s: %s", member, complaint.message);
  return false;
}
