/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong with a description. */
#include "app/bundle/vm-config.h"

#include "app/base/error.h"
#include "app/bundle/vm-config-private.h"
#include "app/bundle/vm-labels.h"
#include "vmm/kvm/cpu-model.h"

#include <glib/gi18n.h>
#include <stdarg.h>
#include <string.h>

#define MIB                 (1024ull * 1024)
#define MAX_HEADS           4
#define MAX_MEMORY          (16ull << 40)
#define MAX_CPUS            255
#define MAX_DISKS           32
#define MAX_NICS            8
#define MAX_SERIALS         4
#define MAX_NAME            200
#define MAX_AUTOSTART_ORDER 1000

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
                     _ ("a CD-ROM drive needs “ahci”, “scsi” or “usb”"));
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

static bool
check_usb (const VmConfig *config, VmComplaint *complaint)
{
  if (!vm_usb_rules_check (config->usb_rules, &complaint->pointer, &complaint->message))
    return false;
  return config->usb || config->usb_rules->len == 0
         || complain (complaint, g_strdup ("/usb"), _ ("must be true: “usb-rules” need a USB controller"));
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
  return check_serials (config, complaint) && check_usb (config, complaint)
         && check_snapshot_members (config, complaint);
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
