/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ACPI and SMBIOS tables as an OS finds them: placed by the table loader, checked by ACPICA's compiler. */
#include "devices/platform/acpi.h"
#include "devices/platform/pc-map.h"
#include "devices/platform/smbios.h"
#include "devices/platform/table-loader.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <glib/gstdio.h>
#include <string.h>

#define RAM_SIZE  (UINT64_C (4) << 20)
#define HIGH_AREA (RAM_SIZE - 0x20000)

typedef struct {
  GuestMemory *memory;
  uint8_t *ram;
  AcpiFiles *files;
  uint64_t rsdp;
} Guest;

static GBytes *
find_file (const char *name, void *data)
{
  const Guest *guest = data;

  if (g_str_equal (name, ACPI_FILE_TABLES))
    return guest->files->tables;
  return g_str_equal (name, ACPI_FILE_RSDP) ? guest->files->rsdp : NULL;
}

static void
note_place (const char *name, uint64_t address, void *data)
{
  if (g_str_equal (name, ACPI_FILE_RSDP))
    ((Guest *)data)->rsdp = address;
}

static void
guest_init (Guest *guest, const AcpiConfig *config)
{
  TableLoaderAreas areas = { HIGH_AREA, RAM_SIZE, 0xf0000, 0xf0100 };
  g_autoptr (GError) error = NULL;
  MemoryBank *bank;

  *guest = (Guest){ .memory = guest_memory_new (NULL), .files = acpi_files_new (config) };
  bank = guest_memory_add_bank (guest->memory, "ram", RAM_SIZE, BANK_RAM, &error);
  g_assert_no_error (error);
  memory_bank_map (bank, 0);
  guest->ram = memory_bank_data (bank);
  g_assert_true (
    table_loader_run (guest->files->loader, find_file, note_place, guest, guest->memory, &areas, &error));
  g_assert_no_error (error);
}

static void
guest_clear (Guest *guest)
{
  acpi_files_free (guest->files);
  guest_memory_free (guest->memory);
}

static uint8_t
sum (const uint8_t *bytes, size_t size)
{
  uint8_t total = 0;

  for (size_t i = 0; i < size; i++)
    total += bytes[i];
  return total;
}

/* A table at a guest address, checked: inside RAM, the checksum right. */
static const uint8_t *
table_at (const Guest *guest, uint64_t address, uint32_t *length)
{
  const uint8_t *table = guest->ram + address;

  g_assert_cmpuint (address, >=, HIGH_AREA);
  g_assert_cmpuint (address, <=, RAM_SIZE - 64);
  *length = load_le32 (table + 4);
  g_assert_cmpuint (*length, <=, RAM_SIZE - address);
  if (memcmp (table, "FACS", 4) != 0)
    g_assert_cmphex (sum (table, *length), ==, 0);
  return table;
}

static char *
run_iasl (const char *folder, const char *const *args)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;
  int status;

  g_ptr_array_add (argv, (gpointer) "iasl");
  for (unsigned i = 0; args[i]; i++)
    g_ptr_array_add (argv, (gpointer)args[i]);
  g_ptr_array_add (argv, NULL);
  g_spawn_sync (folder, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status,
                &error);
  g_assert_no_error (error);
  if (!g_spawn_check_wait_status (status, &error))
    g_error ("iasl %s: %s\n%s\n%s", args[0], error->message, out, err);
  return g_strconcat (out, err, NULL);
}

/* Disassembles and compiles again: no complaint. */
static void
check_by_iasl (const char *folder, const uint8_t *table, uint32_t length)
{
  g_autofree char *name = g_strdup_printf ("%.4s.dat", (const char *)table);
  g_autofree char *source = g_strdup_printf ("%.4s.dsl", (const char *)table);
  g_autofree char *prefix = g_strdup_printf ("again-%.4s", (const char *)table);
  g_autofree char *aml = g_strdup_printf ("%s/%s.aml", folder, prefix);
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *again = NULL;
  g_autoptr (GError) error = NULL;
  gsize again_length;

  g_file_set_contents (path, (const char *)table, length, &error);
  g_assert_no_error (error);
  {
    g_autofree char *messages = run_iasl (folder, (const char *const[]){ "-d", name, NULL });

    if (strstr (messages, "Warning") || strstr (messages, "Error") || strstr (messages, "Invalid"))
      g_error ("%s: %s", name, messages);
  }
  {
    g_autofree char *messages = run_iasl (folder, (const char *const[]){ "-we", "-p", prefix, source, NULL });

    if (!strstr (messages, "0 Errors, 0 Warnings, 0 Remarks"))
      g_error ("%s: %s", name, messages);
  }
  g_file_get_contents (aml, &again, &again_length, &error);
  g_assert_no_error (error);
  /* The SSDT comes back with declarations of external names and shorter numbers. */
  if (memcmp (table, "SSDT", 4) != 0)
    g_assert_cmpuint (again_length, ==, length);
  if (memcmp (table, "DSDT", 4) == 0)
    g_assert_cmpmem (again + 36, length - 36, table + 36, length - 36);
}

static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)))
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

/* Section 5.2.12.2: a local APIC for each CPU, with the id that CPUID gives it. */
static void
check_apic_ids (const uint8_t *madt, uint32_t length, const CpuTopology *topology)
{
  unsigned n = 0;

  for (uint32_t at = 44; at + 2 <= length; at += madt[at + 1])
    {
      g_assert_cmpuint (madt[at + 1], >=, 2);
      if (madt[at] != 0)
        continue;
      g_assert_cmpuint (madt[at + 2], ==, n);
      g_assert_cmpuint (madt[at + 3], ==, cpu_topology_apic_id (topology, n));
      g_assert_cmpuint (load_le32 (madt + at + 4), ==, 1);
      n++;
    }
  g_assert_cmpuint (n, ==, cpu_topology_count (topology));
}

/* All tables of one machine: found by the RSDP, well-formed, and the same after ACPICA's tools. */
static void
check_tables (gconstpointer data)
{
  const AcpiConfig *config = data;
  static const char *const with_hpet[] = { "FACP", "APIC", "MCFG", "HPET", "SSDT" };
  static const char *const without[] = { "FACP", "APIC", "MCFG", "SSDT" };
  const char *const *expected = config->hpet ? with_hpet : without;
  const unsigned n_expected = config->hpet ? G_N_ELEMENTS (with_hpet) : G_N_ELEMENTS (without);
  g_autofree char *folder = g_dir_make_tmp ("bonsai-acpi-XXXXXX", NULL);
  Guest guest;
  const uint8_t *rsdp, *rsdt, *xsdt, *dsdt, *fadt = NULL;
  uint32_t length, rsdt_length, xsdt_length;

  guest_init (&guest, config);
  rsdp = guest.ram + guest.rsdp;
  g_assert_cmphex (guest.rsdp % 16, ==, 0);
  g_assert_cmpmem (rsdp, 8, "RSD PTR ", 8);
  g_assert_cmphex (sum (rsdp, 20), ==, 0);
  g_assert_cmphex (sum (rsdp, 36), ==, 0);
  rsdt = table_at (&guest, load_le32 (rsdp + 16), &rsdt_length);
  xsdt = table_at (&guest, load_le64 (rsdp + 24), &xsdt_length);
  g_assert_cmpuint (rsdt_length, ==, 36 + 4 * n_expected);
  g_assert_cmpuint (xsdt_length, ==, 36 + 8 * n_expected);

  for (unsigned i = 0; i < n_expected; i++)
    {
      uint64_t address = load_le64 (xsdt + 36 + 8 * i);
      const uint8_t *table = table_at (&guest, address, &length);

      g_assert_cmpuint (load_le32 (rsdt + 36 + 4 * i), ==, address);
      g_assert_cmpmem (table, 4, expected[i], 4);
      check_by_iasl (folder, table, length);
      if (i == 0)
        fadt = table;
      else if (i == 1)
        check_apic_ids (table, length, &config->topology);
      else if (i == 2)
        g_assert_cmphex (load_le64 (table + 44), ==, config->ecam);
    }
  g_assert_cmpuint (load_le32 (fadt + 40), ==, load_le64 (fadt + 140));
  dsdt = table_at (&guest, load_le32 (fadt + 40), &length);
  check_by_iasl (folder, dsdt, length);
  g_assert_cmpmem (table_at (&guest, load_le32 (fadt + 36), &length), 4, "FACS", 4);
  g_assert_cmpuint (load_le32 (fadt + 36) % 64, ==, 0);
  check_by_iasl (folder, rsdt, rsdt_length);
  check_by_iasl (folder, xsdt, xsdt_length);
  remove_folder (folder);
  guest_clear (&guest);
}

/* UEFI firmware puts the window of configuration space at the begin of the hole as a rule, 0xe0000000 when it
 * is told to; directly booted kernels and SeaBIOS have it at PC_ECAM_BASE. */
#define GIB UINT64_C (0x40000000)

static const struct {
  const char *path;
  AcpiConfig config;
} machines[] = {
  { "/acpi/bios", { { 1, 1, 1 }, GIB / 4, RAM_SIZE, PC_ECAM_BASE, true, true } },
  { "/acpi/bios-4-cpus", { { 2, 1, 2 }, GIB / 4, RAM_SIZE, PC_ECAM_BASE, true, true } },
  { "/acpi/bios-6-cpus-no-hpet", { { 2, 3, 1 }, HIGH_RAM_START + GIB, RAM_SIZE, PC_ECAM_BASE, true, false } },
  { "/acpi/uefi-4-cpus", { { 1, 4, 1 }, 2 * GIB, RAM_SIZE, UINT64_C (0xe0000000), true, true } },
  { "/acpi/uefi-6-cpus-no-hpet", { { 1, 3, 2 }, 2 * GIB, RAM_SIZE, UINT64_C (0x80000000), true, false } },
  { "/acpi/direct-no-display", { { 1, 1, 1 }, GIB / 4, RAM_SIZE, PC_ECAM_BASE, false, true } },
  { "/acpi/large-machine",
    { { 1, 255, 1 }, HIGH_RAM_START + 12 * GIB, RAM_SIZE, UINT64_C (0xe0000000), false, false } },
  /* No place for a window of 64-bit BARs. */
  { "/acpi/huge-machine", { { 4, 2, 2 }, 256 * GIB, RAM_SIZE, PC_ECAM_BASE, true, true } },
};

/* --- the table loader with scripts that are wrong --- */

static void
test_bad_scripts (void)
{
  Guest guest;
  gsize size;
  const uint8_t *good;
  GRand *rand = g_rand_new_with_seed (0xac91);

  guest_init (&guest, &machines[1].config);
  good = g_bytes_get_data (guest.files->loader, &size);
  for (unsigned i = 0; i < 3000; i++)
    {
      g_autofree uint8_t *bad = g_memdup2 (good, size);
      gsize bad_size = g_rand_boolean (rand) ? size : (gsize)g_rand_int_range (rand, 0, size);
      TableLoaderAreas areas = { HIGH_AREA, RAM_SIZE, 0xf0000, 0xf0100 };
      g_autoptr (GBytes) script = NULL;
      g_autoptr (GError) error = NULL;

      for (int n = g_rand_int_range (rand, 1, 8); n > 0; n--)
        bad[g_rand_int_range (rand, 0, size)] = g_rand_int (rand);
      script = g_bytes_new (bad, bad_size);
      if (!table_loader_run (script, find_file, NULL, &guest, guest.memory, &areas, &error))
        g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
    }
  g_rand_free (rand);
  guest_clear (&guest);
}

/* --- SMBIOS: DSP0134, 5.2.1 and 6.1 --- */

static void
test_smbios (void)
{
  const SmbiosConfig config = {
    .name = "a machine",
    .uuid = "00112233-4455-6677-8899-aabbccddeeff",
    .version = "1",
    .topology = { 3, 3, 2 },
    .memory = UINT64_C (40) << 30,
  };
  static const uint8_t uuid[16] = { 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
  g_autoptr (GBytes) tables = smbios_build_tables (&config);
  g_autoptr (GBytes) anchor = smbios_build_anchor (tables, 0xf1000);
  gsize size, at = 0;
  const uint8_t *data = g_bytes_get_data (tables, &size);
  const uint8_t *entry = g_bytes_get_data (anchor, NULL);
  unsigned seen[128] = { 0 }, n = 0;

  g_assert_cmpuint (g_bytes_get_size (anchor), ==, 31);
  g_assert_cmphex (sum (entry, 31), ==, 0);
  g_assert_cmphex (sum (entry + 16, 15), ==, 0);
  g_assert_cmphex (load_le32 (entry + 24), ==, 0xf1000);
  g_assert_cmpuint (load_le16 (entry + 22), ==, size);
  while (at < size)
    {
      unsigned type = data[at];

      g_assert_cmpuint (type, <, 128);
      if (type == 1)
        g_assert_cmpmem (data + at + 8, 16, uuid, 16);
      if (type == 4)
        {
          /* Section 7.5: core and thread counts, and what they are called. */
          g_assert_cmpuint (data[at + 0x23], ==, 3);
          g_assert_cmpuint (data[at + 0x24], ==, 3);
          g_assert_cmpuint (data[at + 0x25], ==, 6);
          g_assert_cmphex (load_le16 (data + at + 0x26), ==, 0x3c);
        }
      seen[type]++;
      n++;
      at += data[at + 1];
      while (data[at] || data[at + 1])
        at++;
      at += 2;
    }
  g_assert_cmpuint (at, ==, size);
  g_assert_cmpuint (load_le16 (entry + 28), ==, n);
  g_assert_cmpuint (seen[4], ==, 3);
  g_assert_cmpuint (seen[17], ==, 3); /* 16 GiB each */
  g_assert_cmpuint (seen[127], ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (machines); i++)
    g_test_add_data_func (machines[i].path, &machines[i].config, check_tables);
  g_test_add_func ("/acpi/bad-loader-scripts", test_bad_scripts);
  g_test_add_func ("/smbios/structures", test_smbios);
  return g_test_run ();
}
