/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UEFI firmware: how it is found, the file of its variables, where the PC shows it, and what firmware of
 * either kind is told about booting. */
#include "devices/platform/acpi.h"
#include "devices/platform/fw-cfg.h"
#include "devices/platform/nor-flash.h"
#include "devices/platform/pc-map.h"
#include "devices/platform/pc-private.h"
#include "devices/platform/q35-host.h"
#include "devices/platform/uefi-firmware.h"
#include "tests/bench-device/bench.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define CODE_SIZE (64 * NOR_FLASH_BLOCK_SIZE)
#define VARS_SIZE (4 * NOR_FLASH_BLOCK_SIZE)

/* A home whose configuration and whose folder "ovmf" tests fill. */
static char *home;

static char *
in_home (const char *name)
{
  return g_build_filename (home, name, NULL);
}

static void
write_file (const char *name, const void *content, size_t size)
{
  g_autofree char *path = in_home (name);
  g_autofree char *folder = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, content, (gssize)size, NULL));
}

static void
write_flash (const char *name, uint8_t fill, size_t size)
{
  g_autofree uint8_t *content = g_malloc (size);

  memset (content, fill, size);
  write_file (name, content, size);
}

static void
remove_file (const char *name)
{
  g_autofree char *path = in_home (name);

  g_unlink (path);
}

/* --- the search --- */

static void
write_descriptor (const char *name, const char *code, const char *machine, const char *features)
{
  g_autofree char *text =
    g_strdup_printf ("{ \"description\": \"test\", \"interface-types\": [ \"uefi\" ], \"features\": [ %s ],\n"
                     "  \"targets\": [ { \"architecture\": \"x86_64\", \"machines\": [ \"%s\" ] } ],\n"
                     "  \"mapping\": { \"device\": \"flash\",\n"
                     "    \"executable\": { \"filename\": \"%s/%s\", \"format\": \"raw\" },\n"
                     "    \"nvram-template\": { \"filename\": \"%s/vars.fd\", \"format\": \"raw\" } } }",
                     features, machine, home, code, home);
  g_autofree char *path = g_build_filename ("config/qemu/firmware", name, NULL);

  write_file (path, text, strlen (text));
}

static void
assert_found (bool secure_boot, const char *code)
{
  g_auto (UefiFirmware) firmware = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *path = in_home (code);

  uefi_firmware_find (secure_boot, &firmware, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (firmware.code, ==, path);
}

/* The first that fits; what is damaged, or for other machines, or whose files are missing, is passed over. */
static void
test_descriptors (void)
{
  static const char *const names[] = { "10.json", "11.json", "12.json", "13.json", "20.json", "21.json" };

  write_file ("config/qemu/firmware/10.json", "{ \"mapping\": [", 14);
  write_descriptor ("11.json", "absent.fd", "pc-q35-*", "");
  write_descriptor ("12.json", "code.fd", "virt-*", "");
  write_file ("config/qemu/firmware/13.json", "[ { \"features\": 3 } ]", 21);
  write_descriptor ("20.json", "secure.fd", "pc-q35-*", "\"requires-smm\", \"secure-boot\"");
  write_descriptor ("21.json", "plain.fd", "pc-q35-*", "\"acpi-s3\"");
  write_flash ("plain.fd", 1, CODE_SIZE);
  write_flash ("secure.fd", 2, CODE_SIZE);
  write_flash ("vars.fd", 0xff, VARS_SIZE);
  assert_found (false, "plain.fd");
  assert_found (true, "secure.fd");

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename ("config/qemu/firmware", names[i], NULL);

      remove_file (path);
    }
}

/* --- the variables' file --- */

static void
test_nvram_file (void)
{
  g_autofree char *path = in_home ("nvram.fd");
  g_autofree uint8_t *fill = g_malloc0 (VARS_SIZE);
  g_autoptr (GBytes) pristine = g_bytes_new (fill, VARS_SIZE), content = NULL;
  g_autoptr (GError) error = NULL;
  struct stat status;
  int fd;

  fd = uefi_nvram_open (path, pristine, &content, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (pristine, content));
  g_assert_cmpint (pwrite (fd, "kept", 4, 100), ==, 4);
  g_assert_cmpint (fstat (fd, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0600);
  close (fd);
  g_clear_pointer (&content, g_bytes_unref);

  fd = uefi_nvram_open (path, pristine, &content, &error);
  g_assert_no_error (error);
  g_assert_cmpmem ((const char *)g_bytes_get_data (content, NULL) + 100, 4, "kept", 4);
  g_clear_pointer (&content, g_bytes_unref);
  g_assert_cmpint (uefi_nvram_open (path, pristine, &content, &error), ==, -1);
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  g_clear_error (&error);
  close (fd);

  g_assert_cmpint (truncate (path, VARS_SIZE - 1), ==, 0);
  fd = uefi_nvram_open (path, pristine, &content, &error);
  g_assert_cmpint (fd, ==, -1);
  g_assert_null (content);
  g_assert_nonnull (strstr (error->message, "different firmware"));
  g_unlink (path);
}

/* --- the PC --- */

typedef struct {
  MachineSpec *spec;
  Pc *pc;
  EventLoop *loop;
} Fixture;

static void
hide_bank (MemoryBank *bank, void *data)
{
  memory_bank_map (bank, BANK_HIDDEN);
}

static void
free_pc (void *data)
{
  pc_free (((Fixture *)data)->pc);
}

static void
free_pc_on_loop (void *data)
{
  loop_call_sync (((Fixture *)data)->loop, free_pc, data);
  machine_spec_unref (((Fixture *)data)->spec);
}

static void
set_up_pc (Bench *bench, void *data)
{
  Fixture *f = bench_own (bench, data, free_pc_on_loop);
  g_autoptr (GError) error = NULL;

  f->pc = pc_alloc (f->spec);
  f->loop = bench_board (bench)->loop;
  guest_memory_foreach (bench_board (bench)->memory, hide_bank, NULL);
  pc_build (bench_board (bench), f->pc, &error);
  g_assert_no_error (error);
  bench_reset (bench);
}

static MachineSpec *
new_spec (FirmwareKind firmware)
{
  MachineSpec *spec = machine_spec_new ();

  spec->memory = BENCH_RAM_SIZE;
  spec->firmware = firmware;
  spec->video_memory = 0;
  g_free (((NicSpec *)spec->nics->pdata[0])->network);
  ((NicSpec *)spec->nics->pdata[0])->network = g_strdup ("none");
  return spec;
}

/* The code ends at 4 GiB, where the processor starts; the last 128 KiB show below 1 MiB as well; the
 * variables lie below the code, and what is written to them is in their file. */
static void
test_uefi_map (void)
{
  Fixture f = { .spec = new_spec (FIRMWARE_UEFI) };
  uint64_t variables = HIGH_RAM_START - CODE_SIZE - VARS_SIZE;
  g_autofree char *nvram = in_home ("machine.fd"), *content = NULL;
  g_autoptr (Bench) bench = NULL;
  uint8_t byte;

  write_flash ("ovmf/OVMF_CODE_4M.fd", 0x90, CODE_SIZE);
  write_flash ("ovmf/OVMF_VARS_4M.fd", 0xff, VARS_SIZE);
  f.spec->nvram = g_strdup (nvram);
  bench = bench_new_with (set_up_pc, &f);

  g_assert_true (guest_read (bench_board (bench)->memory, 0xfffffff0, &byte, 1) && byte == 0x90);
  g_assert_true (guest_read (bench_board (bench)->memory, HIGH_RAM_START - CODE_SIZE, &byte, 1)
                 && byte == 0x90);
  g_assert_true (guest_read (bench_board (bench)->memory, 0xe0000, &byte, 1) && byte == 0x90);
  g_assert_true (guest_read (bench_board (bench)->memory, variables, &byte, 1) && byte == 0xff);
  g_assert_false (guest_write (bench_board (bench)->memory, variables, &byte, 1));
  bench_write8 (bench, variables + 5, 0x10);
  bench_write8 (bench, variables + 5, 0x55);
  g_assert_true (g_file_get_contents (nvram, &content, NULL, NULL));
  g_assert_cmphex ((uint8_t)content[5], ==, 0x55);
  g_unlink (nvram);
  remove_file ("ovmf/OVMF_CODE_4M.fd");
}

static void
fail_to_build (Bench *bench, void *data)
{
  Fixture *f = bench_own (bench, data, free_pc_on_loop);
  g_autoptr (GError) error = NULL;

  f->pc = pc_alloc (f->spec);
  f->loop = bench_board (bench)->loop;
  guest_memory_foreach (bench_board (bench)->memory, hide_bank, NULL);
  g_assert_false (pc_build (bench_board (bench), f->pc, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "system management mode"));
}

static void
test_secure_boot_is_refused (void)
{
  Fixture f = { .spec = new_spec (FIRMWARE_UEFI_SECURE) };
  g_autoptr (Bench) bench = bench_new_with (fail_to_build, &f);
}

static const char *
boot_order (Fixture *f)
{
  return g_bytes_get_data (fw_cfg_find_file (f->pc->fw_cfg, "bootorder"), NULL);
}

static void
add_disks (MachineSpec *spec)
{
  g_autofree char *path = in_home ("disk");

  write_flash ("disk", 0, 1 << 20);
  machine_spec_add_disk (spec, DISK_KIND_DISK, DISK_BUS_VIRTIO, path, true);
  machine_spec_add_disk (spec, DISK_KIND_DISK, DISK_BUS_AHCI, path, true);
  machine_spec_add_disk (spec, DISK_KIND_CDROM, DISK_BUS_AHCI, NULL, true);
  machine_spec_add_disk (spec, DISK_KIND_DISK, DISK_BUS_SCSI, path, true);
}

#define VIRTIO "/pci@i0cf8/scsi@8/disk@0,0\n"
#define SATA   "/pci@i0cf8/pci8086,2922@1f,2/drive@1/disk@0\n"
#define CD     "/pci@i0cf8/pci8086,2922@1f,2/drive@0/disk@0\n"
#define SCSI   "/pci@i0cf8/scsi@18/channel@0/disk@2,0\n"
#define NIC    "/pci@i0cf8/ethernet@3/ethernet-phy@0\n"

/* Disks in their order, the network not at all; or what the owner names first. Paths: IEEE 1275-1994,
 * section 3.2. */
static void
test_boot_order (void)
{
  Fixture f = { .spec = new_spec (FIRMWARE_BIOS) }, g = { .spec = new_spec (FIRMWARE_BIOS) };
  g_autoptr (Bench) bench = NULL, other = NULL;
  g_autoptr (GError) error = NULL;

  add_disks (f.spec);
  bench = bench_new_with (set_up_pc, &f);
  g_assert_cmpstr (boot_order (&f), ==, VIRTIO SATA CD SCSI);
  g_assert_cmpuint (
    *(const uint16_t *)g_bytes_get_data (fw_cfg_find_file (f.pc->fw_cfg, "etc/boot-menu-wait"), NULL), ==, 0);

  add_disks (g.spec);
  g.spec->boot_order = g_strsplit ("cd0 net0 disk2", " ", -1);
  g.spec->boot_menu = true;
  machine_spec_check (g.spec, &error);
  g_assert_no_error (error);
  other = bench_new_with (set_up_pc, &g);
  g_assert_cmpstr (boot_order (&g), ==, CD NIC SCSI VIRTIO SATA);
  g_assert_cmpuint (
    load_le16 (g_bytes_get_data (fw_cfg_find_file (g.pc->fw_cfg, "etc/boot-menu-wait"), NULL)), >=, 5000);
}

static void
test_boot_order_is_checked (void)
{
  static const char *const orders[] = { "disk7", "net0 net0", "" };

  for (unsigned i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      g_autoptr (MachineSpec) spec = new_spec (FIRMWARE_BIOS);
      g_autoptr (GError) error = NULL;

      spec->boot_order = g_strsplit (orders[i], " ", -1);
      g_assert_true (machine_spec_check (spec, &error) == (*orders[i] == '\0'));
      g_assert_true (!error || strstr (error->message, "boot order"));
    }
}

/* Base address in MCFG (PCI Firmware 3.2, section 4.1.2) of the tables that firmware reads now. */
static uint64_t
ecam_in_tables (Bench *bench, Fixture *f)
{
  const uint8_t *tables, *mcfg;
  gsize size;

  bench_out16 (bench, FW_CFG_PORT, FW_CFG_FILE_DIRECTORY);
  tables = g_bytes_get_data (fw_cfg_find_file (f->pc->fw_cfg, ACPI_FILE_TABLES), &size);
  mcfg = memmem (tables, size, "MCFG", 4);
  g_assert_nonnull (mcfg);
  return load_le64 (mcfg + 44);
}

static void
place_ecam (Fixture *f, uint32_t value)
{
  pci_bus_config_write (f->pc->bus, PCI_DEVFN (0, 0), Q35_PCIEXBAR, value, 4);
}

/* The tables say where the firmware put ECAM, wherever that is; but for windows that they could not tell of.
 */
static void
test_tables_follow_ecam (void)
{
  Fixture f = { .spec = new_spec (FIRMWARE_BIOS) };
  g_autoptr (Bench) bench = bench_new_with (set_up_pc, &f);

  g_assert_cmphex (ecam_in_tables (bench, &f), ==, PC_ECAM_BASE);
  place_ecam (&f, 0xe0000001);
  g_assert_cmphex (ecam_in_tables (bench, &f), ==, 0xe0000000);
  place_ecam (&f, 0);
  g_assert_cmphex (ecam_in_tables (bench, &f), ==, 0xe0000000);
  place_ecam (&f, 0xd0000003); /* of 128 buses */
  g_assert_cmphex (ecam_in_tables (bench, &f), ==, 0xe0000000);
  place_ecam (&f, PC_ECAM_BASE | 1);
  g_assert_cmphex (ecam_in_tables (bench, &f), ==, PC_ECAM_BASE);
}

int
main (int argc, char **argv)
{
  g_autofree char *config = NULL, *folder = NULL;
  int status;

  home = g_dir_make_tmp ("bonsai-firmware-XXXXXX", NULL);
  config = in_home ("config");
  g_setenv ("XDG_CONFIG_HOME", config, TRUE);
  folder = in_home ("ovmf");
  g_setenv ("BONSAI_FIRMWARE_PATH", folder, TRUE); /* empty until a test fills it */
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/firmware/descriptors", test_descriptors);
  g_test_add_func ("/firmware/nvram-file", test_nvram_file);
  g_test_add_func ("/firmware/uefi-map", test_uefi_map);
  g_test_add_func ("/firmware/secure-boot-is-refused", test_secure_boot_is_refused);
  g_test_add_func ("/firmware/boot-order", test_boot_order);
  g_test_add_func ("/firmware/boot-order-is-checked", test_boot_order_is_checked);
  g_test_add_func ("/firmware/tables-follow-ecam", test_tables_follow_ecam);
  status = g_test_run ();
  g_spawn_sync (NULL, (char *[]){ (char *)"rm", (char *)"-r", home, NULL }, NULL, G_SPAWN_SEARCH_PATH, NULL,
                NULL, NULL, NULL, NULL, NULL);
  g_free (home);
  return status;
}
