/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/machine-spec.h"

#include "devices/platform/firmware.h"
#include "vmm/base/error.h"

#include <stdio.h>
#include <string.h>

static void
test_defaults (void)
{
  g_autoptr (MachineSpec) spec = machine_spec_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (machine_spec_check (spec, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (spec->memory, ==, 512u << 20);
  g_assert_cmpuint (spec->nics->len, ==, 1);
  g_assert_cmpstr (((NicSpec *)spec->nics->pdata[0])->id, ==, "net0");
}

static void
test_ids (void)
{
  g_autoptr (MachineSpec) spec = machine_spec_new ();

  machine_spec_add_disk (spec, DISK_KIND_DISK, DISK_BUS_VIRTIO, "a", false);
  machine_spec_add_disk (spec, DISK_KIND_CDROM, DISK_BUS_AHCI, NULL, true);
  g_assert_cmpstr (machine_spec_add_disk (spec, DISK_KIND_DISK, DISK_BUS_AHCI, "b", false)->id, ==, "disk1");
  g_ptr_array_remove_index (spec->disks, 0);
  g_assert_cmpstr (machine_spec_add_disk (spec, DISK_KIND_DISK, DISK_BUS_AHCI, "c", false)->id, ==, "disk0");
  g_assert_cmpstr (((DiskSpec *)spec->disks->pdata[0])->id, ==, "cd0");
}

static void
test_mac (void)
{
  g_autofree char *one = machine_spec_random_mac ();
  g_autofree char *other = machine_spec_random_mac ();

  g_assert_cmpuint (strlen (one), ==, 17);
  g_assert_true (g_str_has_prefix (one, "52:54:00:"));
  g_assert_cmpstr (one, !=, other);
}

static void
replace (char **string, const char *value)
{
  g_free (*string);
  *string = g_strdup (value);
}

static void
break_memory (MachineSpec *spec)
{
  spec->memory = 12345;
}

static void
break_cpus (MachineSpec *spec)
{
  spec->n_cpus = 256;
}

static void
break_model (MachineSpec *spec)
{
  replace (&spec->cpu_model, "6502");
}

static void
break_topology (MachineSpec *spec)
{
  spec->topology = (CpuTopology){ 2, 2, 2 };
}

static void
break_video (MachineSpec *spec)
{
  spec->video_memory = 3;
}

static void
break_heads (MachineSpec *spec)
{
  spec->heads = 2;
}

static void
break_uuid (MachineSpec *spec)
{
  replace (&spec->uuid, "x");
}

static void
break_kernel (MachineSpec *spec)
{
  spec->firmware = FIRMWARE_NONE;
}

static void
break_uefi_memory (MachineSpec *spec)
{
  spec->firmware = FIRMWARE_UEFI;
  spec->memory = 63 << 20;
}

static void
break_initrd (MachineSpec *spec)
{
  replace (&spec->initrd, "initrd");
}

static void
break_cdrom (MachineSpec *spec)
{
  machine_spec_add_disk (spec, DISK_KIND_CDROM, DISK_BUS_VIRTIO, NULL, true);
}

static void
break_disk (MachineSpec *spec)
{
  machine_spec_add_disk (spec, DISK_KIND_DISK, DISK_BUS_VIRTIO, NULL, true);
}

static void
break_scsi_host (MachineSpec *spec)
{
  machine_spec_add_disk (spec, DISK_KIND_SCSI_HOST, DISK_BUS_VIRTIO, "/dev/sg0", false);
}

static void
break_serial_number (MachineSpec *spec)
{
  DiskSpec *disk = machine_spec_add_disk (spec, DISK_KIND_DISK, DISK_BUS_VIRTIO, "a", false);

  disk->options.serial = g_strdup ("a serial number that is too long");
}

static void
break_nvme_cdrom (MachineSpec *spec)
{
  machine_spec_add_disk (spec, DISK_KIND_CDROM, DISK_BUS_NVME, NULL, true);
}

/* The two share their places. */
static void
break_cards (MachineSpec *spec)
{
  for (unsigned i = 0; i < 17; i++)
    machine_spec_add_disk (spec, DISK_KIND_DISK, i % 2 ? DISK_BUS_NVME : DISK_BUS_VIRTIO, "a", false);
}

static void
break_targets (MachineSpec *spec)
{
  for (unsigned i = 0; i < 17; i++)
    machine_spec_add_disk (spec, DISK_KIND_DISK, DISK_BUS_SCSI, "a", false);
}

static void
break_drives (MachineSpec *spec)
{
  for (unsigned i = 0; i < 7; i++)
    machine_spec_add_disk (spec, DISK_KIND_CDROM, DISK_BUS_AHCI, NULL, true);
}

static void
break_mac (MachineSpec *spec)
{
  machine_spec_add_nic (spec, "nat", "53:54:00:00:00:01");
}

static void
break_network (MachineSpec *spec)
{
  machine_spec_add_nic (spec, "bridge", NULL);
}

static void
break_serial (MachineSpec *spec)
{
  spec->serial[1].kind = SERIAL_FILE;
}

static void
test_contradictions (void)
{
  static const struct {
    void (*change) (MachineSpec *spec);
    const char *message;
  } cases[] = {
    { break_memory, "memory" },       { break_cpus, "CPUs" },
    { break_model, "6502" },          { break_topology, "make 8 processors" },
    { break_video, "video" },         { break_heads, "one screen only" },
           { break_uuid, "UUID" },
    { break_kernel, "kernel" },       { break_uefi_memory, "64 MiB" },
    { break_initrd, "kernel" },       { break_cdrom, "ahci" },
    { break_nvme_cdrom, "nvme bus" }, { break_cards, "virtio and nvme" },
    { break_scsi_host, "scsi" },      { break_serial_number, "serial" },
    { break_targets, "17 scsi" },     { break_disk, "disk0" },
    { break_drives, "6 ports" },      { break_mac, "MAC address" },
    { break_network, "nat" },         { break_serial, "port 2" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (MachineSpec) spec = machine_spec_new ();
      g_autoptr (GError) error = NULL;

      cases[i].change (spec);
      g_assert_false (machine_spec_check (spec, &error));
      g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
      if (!strstr (error->message, cases[i].message))
        g_error ("\"%s\" does not say \"%s\"", error->message, cases[i].message);
    }
}

static void
test_missing_firmware (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (firmware_find ("no-such-bios.bin", "seabios", &error));
  g_assert_nonnull (strstr (error->message, "apt install seabios"));
}

static void
test_firmware_path (void)
{
  g_autofree char *folder = g_dir_make_tmp ("bonsai-firmware-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "own.bin", NULL);
  g_autofree char *list = g_strdup_printf ("/nowhere:%s", folder);
  g_autofree char *found = NULL;

  g_assert_true (g_file_set_contents (file, "x", 1, NULL));
  g_setenv ("BONSAI_FIRMWARE_PATH", list, TRUE);
  found = firmware_find ("own.bin", "none", NULL);
  g_assert_nonnull (found);
  g_unsetenv ("BONSAI_FIRMWARE_PATH");
  g_assert_cmpint (remove (file), ==, 0);
  g_assert_cmpint (remove (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/machine-spec/defaults", test_defaults);
  g_test_add_func ("/machine-spec/ids", test_ids);
  g_test_add_func ("/machine-spec/mac", test_mac);
  g_test_add_func ("/machine-spec/contradictions", test_contradictions);
  g_test_add_func ("/firmware/missing", test_missing_firmware);
  g_test_add_func ("/firmware/path", test_firmware_path);
  return g_test_run ();
}
