/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/machine-spec.h"

#include "devices/virtio/virtio-gpu.h"
#include "vmm/base/error.h"
#include "vmm/kvm/cpu-model.h"

#include <string.h>
#include <sys/random.h>

#define MIB              UINT64_C (1048576)
#define UEFI_MIN_MEMORY  (64 * MIB)
#define MAX_CPUS         255u
#define MAX_VIRTIO_DISKS 16u
#define MAX_AHCI_DRIVES  6u
#define MAX_SCSI_DRIVES  16u
#define MAX_USB_DRIVES   7u
#define MAX_SERIAL       20u
#define MAX_NICS         4u

const char *const firmware_names[] = {
  [FIRMWARE_BIOS] = "bios", [FIRMWARE_UEFI] = "uefi", [FIRMWARE_UEFI_SECURE] = "uefi-secure", NULL
};
const char *const disk_bus_names[] = {
  [DISK_BUS_VIRTIO] = "virtio", [DISK_BUS_AHCI] = "ahci", [DISK_BUS_SCSI] = "scsi",
  [DISK_BUS_NVME] = "nvme",     [DISK_BUS_USB] = "usb",   NULL
};
const char *const disk_kind_names[] = {
  [DISK_KIND_DISK] = "disk", [DISK_KIND_CDROM] = "cdrom", [DISK_KIND_SCSI_HOST] = "scsi-host", NULL
};
const char *const disk_cache_names[] = { [DISK_CACHE_WRITEBACK] = "writeback",
                                         [DISK_CACHE_WRITETHROUGH] = "writethrough",
                                         [DISK_CACHE_DIRECT] = "direct",
                                         [DISK_CACHE_UNSAFE] = "unsafe",
                                         NULL };
const char *const disk_discard_names[] = {
  [DISK_DISCARD_UNMAP] = "unmap", [DISK_DISCARD_IGNORE] = "ignore", NULL
};
const char *const graphics_names[] = { [GRAPHICS_VGA] = "vga", [GRAPHICS_VIRTIO] = "virtio", NULL };

const char *const serial_kind_names[] = {
  [SERIAL_NONE] = "none", [SERIAL_CONSOLE] = "console", [SERIAL_FILE] = "file",
  [SERIAL_PTY] = "pty",   [SERIAL_SOCKET] = "socket",   NULL
};
const char *const board_action_names[] = { [BOARD_ACTION_NOTIFY] = "notify",
                                           [BOARD_ACTION_PAUSE] = "pause",
                                           [BOARD_ACTION_RESET] = "reset",
                                           [BOARD_ACTION_POWER_OFF] = "power-off",
                                           NULL };

const char *const clipboard_policy_names[] = { [CLIPBOARD_BOTH] = "both",
                                               [CLIPBOARD_TO_GUEST] = "to-guest",
                                               [CLIPBOARD_TO_HOST] = "to-host",
                                               [CLIPBOARD_OFF] = "off",
                                               NULL };

void
disk_options_clear (DiskOptions *options)
{
  g_free (options->format);
  g_free (options->serial);
  g_free (options->secret_file);
  g_clear_pointer (&options->secret, g_bytes_unref);
  g_clear_pointer (&options->keys, image_keys_free);
  *options = (DiskOptions){ 0 };
}

void
disk_options_copy (DiskOptions *to, const DiskOptions *from)
{
  DiskOptions copy = *from;

  copy.format = g_strdup (from->format);
  copy.serial = g_strdup (from->serial);
  copy.secret_file = g_strdup (from->secret_file);
  copy.secret = from->secret != NULL ? g_bytes_ref (from->secret) : NULL;
  copy.keys = from->keys != NULL ? image_keys_ref (from->keys) : NULL;
  disk_options_clear (to);
  *to = copy;
}

DiskSpec *
disk_spec_copy (const DiskSpec *disk)
{
  DiskSpec *copy = g_memdup2 (disk, sizeof *disk);

  copy->id = g_strdup (disk->id);
  copy->path = g_strdup (disk->path);
  copy->options = (DiskOptions){ 0 };
  disk_options_copy (&copy->options, &disk->options);
  return copy;
}

void
disk_spec_free (DiskSpec *disk)
{
  if (disk == NULL)
    return;
  disk_options_clear (&disk->options);
  g_free (disk->id);
  g_free (disk->path);
  g_free (disk);
}

const char *const nic_model_names[] = { "virtio", "e1000e", NULL };

static void
nic_spec_free (gpointer data)
{
  NicSpec *nic = data;

  g_free (nic->id);
  g_free (nic->mac);
  g_free (nic->network);
  g_array_unref (nic->forwards);
  g_free (nic);
}

MachineSpec *
machine_spec_new (void)
{
  MachineSpec *spec = g_new0 (MachineSpec, 1);

  g_atomic_ref_count_init (&spec->refs);
  spec->name = g_strdup ("bonsai");
  spec->uuid = g_uuid_string_random ();
  spec->memory = 512 * MIB;
  spec->n_cpus = 1;
  spec->firmware = FIRMWARE_BIOS;
  spec->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)disk_spec_free);
  spec->nics = g_ptr_array_new_with_free_func (nic_spec_free);
  spec->video_memory = 16;
  spec->heads = 1;
  spec->hpet = true;
  spec->agents = (AgentsSpec){ .guest = true, .set_time = true, .desktop = true };
  spec->balloon = true;
  spec->virtio_input = true;
  spec->sound = true;
  for (unsigned i = 0; i < G_N_ELEMENTS (spec->serial); i++)
    spec->serial[i].kind = SERIAL_CONSOLE;
  machine_spec_add_nic (spec, "nat", NULL);
  return spec;
}

MachineSpec *
machine_spec_ref (MachineSpec *spec)
{
  g_atomic_ref_count_inc (&spec->refs);
  return spec;
}

void
machine_spec_unref (MachineSpec *spec)
{
  if (!spec || !g_atomic_ref_count_dec (&spec->refs))
    return;
  g_free (spec->name);
  g_free (spec->uuid);
  g_free (spec->generation);
  g_free (spec->cpu_model);
  g_free (spec->nvram);
  g_free (spec->sound_record);
  g_free (spec->sound_microphone);
  g_strfreev (spec->boot_order);
  g_free (spec->kernel);
  g_free (spec->initrd);
  g_free (spec->append);
  for (unsigned i = 0; i < G_N_ELEMENTS (spec->serial); i++)
    g_free (spec->serial[i].path);
  g_free (spec->debugcon);
  g_free (spec->trace);
  g_free (spec->trace_path);
  g_ptr_array_unref (spec->disks);
  g_ptr_array_unref (spec->nics);
  g_free (spec);
}

/* The lowest "<prefix><number>" that no member of @array, whose structs begin with their id, has. */
static char *
free_id (GPtrArray *array, const char *prefix)
{
  for (unsigned number = 0;; number++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", prefix, number);
      bool taken = false;

      for (unsigned i = 0; i < array->len; i++)
        taken |= g_strcmp0 (*(char **)g_ptr_array_index (array, i), id) == 0;
      if (!taken)
        return g_steal_pointer (&id);
    }
}

DiskSpec *
machine_spec_add_disk (MachineSpec *spec, DiskKind kind, DiskBus bus, const char *path, bool read_only)
{
  DiskSpec *disk = g_new0 (DiskSpec, 1);

  G_STATIC_ASSERT (G_STRUCT_OFFSET (DiskSpec, id) == 0);
  disk->id = free_id (spec->disks, kind == DISK_KIND_CDROM ? "cd" : "disk");
  disk->kind = kind;
  disk->bus = bus;
  disk->path = g_strdup (path);
  disk->read_only = read_only;
  g_ptr_array_add (spec->disks, disk);
  return disk;
}

NicSpec *
machine_spec_add_nic (MachineSpec *spec, const char *network, const char *mac)
{
  NicSpec *nic = g_new0 (NicSpec, 1);

  G_STATIC_ASSERT (G_STRUCT_OFFSET (NicSpec, id) == 0);
  nic->id = free_id (spec->nics, "net");
  nic->mac = mac ? g_strdup (mac) : machine_spec_random_mac ();
  nic->network = g_strdup (network);
  nic->forwards = net_forwards_new ();
  g_ptr_array_add (spec->nics, nic);
  return nic;
}

bool
machine_spec_has_bus (const MachineSpec *spec, DiskBus bus)
{
  for (unsigned i = 0; i < spec->disks->len; i++)
    if (((const DiskSpec *)g_ptr_array_index (spec->disks, i))->bus == bus)
      return true;
  return false;
}

char *
machine_spec_random_mac (void)
{
  uint8_t bytes[3];

  if (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    for (unsigned i = 0; i < sizeof bytes; i++)
      bytes[i] = g_random_int_range (0, 256);
  return g_strdup_printf ("52:54:00:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2]);
}

/* --- checks --- */

static bool G_GNUC_PRINTF (2, 3) refuse (GError **error, const char *format, ...)
{
  va_list args;
  g_autofree char *message = NULL;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, VMM_ERROR, VMM_ERROR_INVALID, message);
  return false;
}

static bool
mac_is_valid (const char *mac)
{
  if (!mac || strlen (mac) != 17)
    return false;
  for (unsigned i = 0; i < 17; i++)
    if (i % 3 == 2 ? mac[i] != ':' : !g_ascii_isxdigit (mac[i]))
      return false;
  return !(g_ascii_xdigit_value (mac[1]) & 1); /* no group address */
}

static bool
ids_are_unique (GPtrArray *array, const char *what, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (unsigned i = 0; i < array->len; i++)
    {
      char *id = *(char **)g_ptr_array_index (array, i);

      if (!id || !*id)
        return refuse (error, "%s %u has no id. Give it one, such as \"%s%u\".", what, i, what, i);
      if (!g_hash_table_add (seen, id))
        return refuse (error, "The id \"%s\" is used twice. Give each %s an id of its own.", id, what);
    }
  return true;
}

bool
disk_spec_check (const DiskSpec *disk, GError **error)
{
  const DiskOptions *options = &disk->options;

  if (disk->kind == DISK_KIND_CDROM && (disk->bus == DISK_BUS_VIRTIO || disk->bus == DISK_BUS_NVME))
    return refuse (error,
                   "The CD-ROM drive %s can't be on the %s bus: change its bus to \"ahci\", \"scsi\" or \"usb\".",
                   disk->id, disk_bus_names[disk->bus]);
  if (disk->kind == DISK_KIND_SCSI_HOST && (disk->bus != DISK_BUS_SCSI || disk->read_only))
    return refuse (
      error,
      "The host's SCSI device %s is passed through as it is: put it on the bus \"scsi\", and leave "
      "out read-only.",
      disk->id);
  if (disk->kind != DISK_KIND_CDROM && (!disk->path || !*disk->path))
    return refuse (error, "The disk %s has no path: name its image file, or remove the disk.", disk->id);
  if (options->serial != NULL && (strlen (options->serial) > MAX_SERIAL || !g_str_is_ascii (options->serial)))
    return refuse (error, "The serial number of %s is too long or no ASCII: give it at most %u characters.",
                   disk->id, MAX_SERIAL);
  if (options->limits.iops > UINT32_MAX || options->limits.iops_burst > UINT32_MAX)
    return refuse (error, "The limits of %s are beyond what any disk does: lower them, or leave them out.",
                   disk->id);
  return true;
}

static bool
check_disks (const MachineSpec *spec, GError **error)
{
  static const unsigned most[] = {
    [DISK_BUS_VIRTIO] = MAX_VIRTIO_DISKS,
    [DISK_BUS_AHCI] = MAX_AHCI_DRIVES,
    [DISK_BUS_SCSI] = MAX_SCSI_DRIVES,
    [DISK_BUS_NVME] = MAX_VIRTIO_DISKS,
    [DISK_BUS_USB] = MAX_USB_DRIVES,
  };
  unsigned n[G_N_ELEMENTS (most)] = { 0 };

  if (!ids_are_unique (spec->disks, "disk", error))
    return false;
  for (unsigned i = 0; i < spec->disks->len; i++)
    {
      const DiskSpec *disk = g_ptr_array_index (spec->disks, i);

      if (!disk_spec_check (disk, error))
        return false;
      n[disk->bus]++;
    }
  if (n[DISK_BUS_AHCI] > most[DISK_BUS_AHCI])
    return refuse (error,
                   "%u drives are too many for the AHCI controller, which has %u ports. Put disks on virtio.",
                   n[DISK_BUS_AHCI], MAX_AHCI_DRIVES);
  for (unsigned bus = 0; bus < G_N_ELEMENTS (most); bus++)
    if (n[bus] > most[bus])
      return refuse (error, "%u %s disks are too many: remove some, at most %u fit.", n[bus],
                     disk_bus_names[bus], most[bus]);
  if (n[DISK_BUS_VIRTIO] + n[DISK_BUS_NVME] > MAX_VIRTIO_DISKS)
    return refuse (error, "%u disks on virtio and nvme are too many: remove some, at most %u fit.",
                   n[DISK_BUS_VIRTIO] + n[DISK_BUS_NVME], MAX_VIRTIO_DISKS);
  return true;
}

static bool
check_forwards (const NicSpec *nic, GError **error)
{
  if (nic->forwards->len > 0 && g_strcmp0 (nic->network, "nat") != 0)
    return refuse (error, "The network card %s is to have ports forwarded: use the network \"nat\".", nic->id);
  if (net_forwards_check (nic->forwards, NULL, error))
    return true;
  g_prefix_error (error, "Forwarded ports of the network card %s: ", nic->id);
  return false;
}

static bool
check_nics (const MachineSpec *spec, GError **error)
{
  if (!ids_are_unique (spec->nics, "net", error))
    return false;
  if (spec->nics->len > MAX_NICS)
    return refuse (error, "%u network cards are too many: remove some, at most %u fit.", spec->nics->len,
                   MAX_NICS);
  for (unsigned i = 0; i < spec->nics->len; i++)
    {
      const NicSpec *nic = g_ptr_array_index (spec->nics, i);

      if (!mac_is_valid (nic->mac))
        return refuse (error,
                       "The network card %s has the MAC address \"%s\": write it as 52:54:00:xx:xx:xx.",
                       nic->id, nic->mac ? nic->mac : "");
      if (g_strcmp0 (nic->network, "nat") != 0 && g_strcmp0 (nic->network, "none") != 0)
        return refuse (error, "The network card %s wants the network \"%s\": use \"nat\" or \"none\".",
                       nic->id, nic->network ? nic->network : "");
      if (!check_forwards (nic, error))
        return false;
    }
  return true;
}

/* Whether one of @array, whose structs begin with their id, has @id. */
static bool
has_id (GPtrArray *array, const char *id)
{
  for (unsigned i = 0; i < array->len; i++)
    if (g_strcmp0 (*(char **)g_ptr_array_index (array, i), id) == 0)
      return true;
  return false;
}

static bool
check_boot_order (const MachineSpec *spec, GError **error)
{
  for (unsigned i = 0; spec->boot_order && spec->boot_order[i]; i++)
    {
      const char *id = spec->boot_order[i];

      if (!has_id (spec->disks, id) && !has_id (spec->nics, id))
        return refuse (error,
                       "The boot order names \"%s\", which the machine does not have: name its disks and "
                       "network cards by their ids.",
                       id);
      for (unsigned j = 0; j < i; j++)
        if (g_str_equal (spec->boot_order[j], id))
          return refuse (error, "The boot order names \"%s\" twice: name it once.", id);
    }
  return true;
}

static bool
check_boot (const MachineSpec *spec, GError **error)
{
  bool uefi = spec->firmware == FIRMWARE_UEFI || spec->firmware == FIRMWARE_UEFI_SECURE;

  if (uefi && spec->memory < UEFI_MIN_MEMORY)
    return refuse (error,
                   "UEFI firmware does not start in %u MiB of memory: give the machine %u MiB or more.",
                   (unsigned)(spec->memory / MIB), (unsigned)(UEFI_MIN_MEMORY / MIB));
  if (spec->firmware == FIRMWARE_NONE && !spec->kernel)
    return refuse (error, "Without firmware the machine needs a kernel: name one, or boot with the BIOS.");
  if (!spec->kernel && (spec->initrd || spec->append))
    return refuse (error, "An initrd or a kernel command line needs a kernel: name one with --kernel.");
  return true;
}

static bool
check_serial (const MachineSpec *spec, GError **error)
{
  unsigned n_stdio = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (spec->serial); i++)
    {
      const SerialSpec *serial = &spec->serial[i];
      bool needs_path =
        serial->kind == SERIAL_FILE || serial->kind == SERIAL_PTY || serial->kind == SERIAL_SOCKET;

      if (needs_path && !serial->path)
        return refuse (error, "Serial port %u goes to a %s without a name: give its path.", i + 1,
                       serial_kind_names[serial->kind]);
      n_stdio += serial->kind == SERIAL_STDIO;
    }
  if (n_stdio > 1)
    return refuse (error, "%u serial ports want standard input: send all but one elsewhere.", n_stdio);
  return true;
}

CpuTopology
machine_spec_topology (const MachineSpec *spec)
{
  return spec->topology.sockets ? spec->topology : cpu_topology_flat (spec->n_cpus);
}

static bool
check_cpus (const MachineSpec *spec, GError **error)
{
  CpuTopology topology = machine_spec_topology (spec);

  if (spec->n_cpus < 1 || spec->n_cpus > MAX_CPUS)
    return refuse (error, "%u CPUs can't be: choose 1 to %u.", spec->n_cpus, MAX_CPUS);
  if (!cpu_model_exists (spec->cpu_model))
    return refuse (error, "There is no processor model \"%s\": \"bonsai host --cpus\" lists them.",
                   spec->cpu_model);
  return cpu_topology_check (&topology, spec->n_cpus, error);
}

static bool
check_display (const MachineSpec *spec, GError **error)
{
  unsigned video = spec->video_memory, most = spec->graphics == GRAPHICS_VIRTIO ? VIRTIO_GPU_MAX_HEADS : 1;

  if (video > 256 || (video & (video - 1)))
    return refuse (error, "A video memory of %u MiB can't be: choose 1, 2, 4 ... 256, or 0 for no display.", video);
  if (spec->heads < 1 || spec->heads > VIRTIO_GPU_MAX_HEADS)
    return refuse (error, "%u screens can't be: choose 1 to %u.", spec->heads, VIRTIO_GPU_MAX_HEADS);
  if (spec->heads > most)
    return refuse (error, "The graphics \"%s\" have one screen only: choose \"%s\" for %u.",
                   graphics_names[spec->graphics], graphics_names[GRAPHICS_VIRTIO], spec->heads);
  return true;
}

bool
machine_spec_check (const MachineSpec *spec, GError **error)
{
  if (!spec->name || !*spec->name || !g_utf8_validate (spec->name, -1, NULL))
    return refuse (error, "The machine has no name that can be shown: give it one.");
  if (!spec->uuid || !g_uuid_string_is_valid (spec->uuid))
    return refuse (error,
                   "The machine's UUID \"%s\" is none: write it as xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.",
                   spec->uuid ? spec->uuid : "");
  if (spec->generation && !g_uuid_string_is_valid (spec->generation))
    return refuse (error,
                   "The machine's generation \"%s\" is no UUID: write it as xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.",
                   spec->generation);
  if (spec->memory < 2 * MIB || spec->memory % MIB || spec->memory > (UINT64_C (1) << 40))
    return refuse (error,
                   "A memory of %" G_GUINT64_FORMAT " bytes can't be: choose 2 MiB to 1 TiB in whole MiB.",
                   spec->memory);
  if (!check_cpus (spec, error))
    return false;
  return check_display (spec, error) && check_boot (spec, error) && check_serial (spec, error) && check_boot_order (spec, error)
         && check_disks (spec, error) && check_nics (spec, error);
}

void
machine_spec_forget_secrets (MachineSpec *spec)
{
  for (unsigned i = 0; i < spec->disks->len; i++)
    {
      DiskSpec *disk = g_ptr_array_index (spec->disks, i);

      g_clear_pointer (&disk->options.secret, g_bytes_unref);
      g_clear_pointer (&disk->options.keys, image_keys_free);
    }
}
