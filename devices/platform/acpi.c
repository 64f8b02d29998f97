/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/acpi.h"

#include "devices/legacy/hpet.h"
#include "devices/platform/ich9-lpc.h"
#include "devices/platform/pc-map.h"
#include "devices/platform/table-loader.h"
#include "vmm/base/bytes.h"

#include <string.h>

/* The compiled DSDT: iasl writes it as a variable. */
#define dsdt_aml_code const dsdt_aml_code
#include "devices/platform/dsdt.hex"
#undef dsdt_aml_code

#define HEADER_SIZE     36u
#define HEADER_LENGTH   4u
#define HEADER_CHECKSUM 9u

/* --- pieces --- */

void
acpi_append (GByteArray *table, uint64_t value, unsigned size)
{
  uint8_t bytes[8];

  store_le (bytes, size, low_bytes (value, size));
  g_byte_array_append (table, bytes, size);
}

/* Section 5.2.6. */
GByteArray *
acpi_table_new (const char *signature, uint8_t revision)
{
  GByteArray *table = g_byte_array_new ();

  g_byte_array_append (table, (const uint8_t *)signature, 4);
  acpi_append (table, 0, 4);
  acpi_append (table, revision, 1);
  acpi_append (table, 0, 1);
  g_byte_array_append (table, (const uint8_t *)"BONSAIBNSI", 10);
  g_byte_array_append (table, (const uint8_t *)signature, 4);
  acpi_append (table, 1, 4);
  g_byte_array_append (table, (const uint8_t *)"BNSI", 4);
  acpi_append (table, 1, 4);
  return table;
}

void
acpi_table_finish (GByteArray *table)
{
  store_le32 (table->data + HEADER_LENGTH, table->len);
}

/* --- the tables file --- */

typedef struct {
  GByteArray *tables;
  GByteArray *loader;
  uint32_t facs, dsdt;
  uint32_t listed[8]; /* what RSDT and XSDT point to */
  unsigned n_listed;
} Build;

static uint32_t
place (Build *build, const uint8_t *data, size_t size, unsigned align)
{
  static const uint8_t zeroes[64];
  uint32_t offset;

  g_byte_array_append (build->tables, zeroes, -build->tables->len & (align - 1));
  offset = build->tables->len;
  g_byte_array_append (build->tables, data, size);
  return offset;
}

/* Adds a finished table, which is freed. */
static uint32_t
place_table (Build *build, GByteArray *table)
{
  uint32_t offset;

  acpi_table_finish (table);
  offset = place (build, table->data, table->len, 16);
  table_loader_add_checksum (build->loader, ACPI_FILE_TABLES, offset + HEADER_CHECKSUM, offset, table->len);
  g_byte_array_unref (table);
  return offset;
}

static void
list_table (Build *build, GByteArray *table)
{
  build->listed[build->n_listed++] = place_table (build, table);
}

static void
add_pointer (Build *build, uint32_t offset, unsigned size)
{
  table_loader_add_pointer (build->loader, ACPI_FILE_TABLES, ACPI_FILE_TABLES, offset, size);
}

/* --- FACS: section 5.2.10 --- */

static void
build_facs (Build *build)
{
  uint8_t facs[64] = "FACS";

  store_le32 (facs + 4, sizeof facs);
  facs[32] = 2; /* version */
  build->facs = place (build, facs, sizeof facs, 64);
}

static void
build_dsdt (Build *build)
{
  build->dsdt = place (build, dsdt_aml_code, sizeof dsdt_aml_code, 16);
}

/* --- FADT: section 5.2.9 --- */

enum {
  FADT_FACS = 36,
  FADT_DSDT = 40,
  FADT_PROFILE = 45,
  FADT_SCI = 46,
  FADT_SMI_COMMAND = 48,
  FADT_ACPI_ENABLE = 52,
  FADT_ACPI_DISABLE = 53,
  FADT_PM1A_EVENT = 56,
  FADT_PM1A_CONTROL = 64,
  FADT_PM_TIMER = 76,
  FADT_GPE0 = 80,
  FADT_PM1_EVENT_LENGTH = 88,
  FADT_PM1_CONTROL_LENGTH = 89,
  FADT_PM_TIMER_LENGTH = 91,
  FADT_GPE0_LENGTH = 92,
  FADT_C2_LATENCY = 96,
  FADT_C3_LATENCY = 98,
  FADT_CENTURY = 108,
  FADT_BOOT_ARCH = 109,
  FADT_FLAGS = 112,
  FADT_RESET = 116,
  FADT_RESET_VALUE = 128,
  FADT_MINOR_REVISION = 131,
  FADT_X_DSDT = 140,
  FADT_X_PM1A_EVENT = 148,
  FADT_X_PM1A_CONTROL = 172,
  FADT_X_PM_TIMER = 208,
  FADT_X_GPE0 = 220,
  FADT_SIZE = 276,

  FADT_DESKTOP = 1,
  BOOT_LEGACY_DEVICES = 1 << 0,
  BOOT_8042 = 1 << 1,
  BOOT_NO_VGA = 1 << 2,
  FLAG_WBINVD = 1 << 0,
  FLAG_C1 = 1 << 2,
  FLAG_NO_SLEEP_BUTTON = 1 << 5,
  FLAG_RESET = 1 << 10,
};

/* A Generic Address of I/O ports, section 5.2.3.2. */
static void
store_port (uint8_t *fadt, unsigned offset, unsigned bits, unsigned access, uint32_t port)
{
  fadt[offset] = 1;
  fadt[offset + 1] = bits;
  fadt[offset + 3] = access;
  store_le64 (fadt + offset + 4, port);
}

static void
fill_fadt_ports (uint8_t *fadt)
{
  store_le32 (fadt + FADT_PM1A_EVENT, ICH9_PM_BASE + ICH9_PM1_STATUS);
  store_le32 (fadt + FADT_PM1A_CONTROL, ICH9_PM_BASE + ICH9_PM1_CONTROL);
  store_le32 (fadt + FADT_PM_TIMER, ICH9_PM_BASE + ICH9_PM_TIMER);
  store_le32 (fadt + FADT_GPE0, ICH9_PM_BASE + ICH9_GPE0_STATUS);
  fadt[FADT_PM1_EVENT_LENGTH] = 4;
  fadt[FADT_PM1_CONTROL_LENGTH] = 2;
  fadt[FADT_PM_TIMER_LENGTH] = 4;
  fadt[FADT_GPE0_LENGTH] = 16;
  store_port (fadt, FADT_X_PM1A_EVENT, 32, 2, ICH9_PM_BASE + ICH9_PM1_STATUS);
  store_port (fadt, FADT_X_PM1A_CONTROL, 16, 2, ICH9_PM_BASE + ICH9_PM1_CONTROL);
  store_port (fadt, FADT_X_PM_TIMER, 32, 3, ICH9_PM_BASE + ICH9_PM_TIMER);
  store_port (fadt, FADT_X_GPE0, 128, 1, ICH9_PM_BASE + ICH9_GPE0_STATUS);
  store_port (fadt, FADT_RESET, 8, 1, 0xcf9);
  fadt[FADT_RESET_VALUE] = 0x06;
}

static void
build_fadt (Build *build, const AcpiConfig *config)
{
  GByteArray *table = acpi_table_new ("FACP", 6);
  uint8_t *fadt;
  uint32_t offset;

  g_byte_array_set_size (table, FADT_SIZE);
  fadt = table->data;
  memset (fadt + HEADER_SIZE, 0, FADT_SIZE - HEADER_SIZE);
  store_le32 (fadt + FADT_FACS, build->facs);
  store_le32 (fadt + FADT_DSDT, build->dsdt);
  store_le64 (fadt + FADT_X_DSDT, build->dsdt);
  fadt[FADT_PROFILE] = FADT_DESKTOP;
  store_le16 (fadt + FADT_SCI, ICH9_SCI_GSI);
  store_le32 (fadt + FADT_SMI_COMMAND, ICH9_APM_PORT);
  fadt[FADT_ACPI_ENABLE] = ICH9_APM_ENABLE_ACPI;
  fadt[FADT_ACPI_DISABLE] = ICH9_APM_DISABLE_ACPI;
  store_le16 (fadt + FADT_C2_LATENCY, 0xfff); /* there is neither C2 nor C3 */
  store_le16 (fadt + FADT_C3_LATENCY, 0xfff);
  fadt[FADT_CENTURY] = 0x32;
  store_le16 (fadt + FADT_BOOT_ARCH, BOOT_LEGACY_DEVICES | BOOT_8042 | (config->display ? 0 : BOOT_NO_VGA));
  store_le32 (fadt + FADT_FLAGS, FLAG_WBINVD | FLAG_C1 | FLAG_NO_SLEEP_BUTTON | FLAG_RESET);
  fadt[FADT_MINOR_REVISION] = 3;
  fill_fadt_ports (fadt);

  /* The pointers must be right before the checksum is made. */
  offset = (build->tables->len + 15) & ~15u;
  add_pointer (build, offset + FADT_FACS, 4);
  add_pointer (build, offset + FADT_DSDT, 4);
  add_pointer (build, offset + FADT_X_DSDT, 8);
  list_table (build, table);
}

/* --- MADT: section 5.2.12 --- */

static void
append_override (GByteArray *madt, unsigned isa, unsigned gsi, unsigned flags)
{
  acpi_append (madt, 2, 1);
  acpi_append (madt, 10, 1);
  acpi_append (madt, 0, 1);
  acpi_append (madt, isa, 1);
  acpi_append (madt, gsi, 4);
  acpi_append (madt, flags, 2);
}

static void
build_madt (Build *build, const AcpiConfig *config)
{
  GByteArray *madt = acpi_table_new ("APIC", 5);

  acpi_append (madt, PC_LAPIC_BASE, 4);
  acpi_append (madt, 1, 4); /* there is a PIC as well */
  for (unsigned i = 0; i < cpu_topology_count (&config->topology); i++)
    {
      acpi_append (madt, 0, 1);
      acpi_append (madt, 8, 1);
      acpi_append (madt, i, 1); /* the CPU's _UID */
      acpi_append (madt, cpu_topology_apic_id (&config->topology, i), 1);
      acpi_append (madt, 1, 4);
    }
  acpi_append (madt, 1, 1);
  acpi_append (madt, 12, 1);
  acpi_append (madt, 0, 2); /* IOAPIC ID 0 */
  acpi_append (madt, PC_IOAPIC_BASE, 4);
  acpi_append (madt, 0, 4);
  append_override (madt, 0, 2, 0);                         /* the PIT is at pin 2 */
  append_override (madt, ICH9_SCI_GSI, ICH9_SCI_GSI, 0xd); /* active high, level */
  acpi_append (madt, 4, 1);                                /* LINT1 of all CPUs is NMI */
  acpi_append (madt, 6, 1);
  acpi_append (madt, 0xff, 1);
  acpi_append (madt, 0, 2);
  acpi_append (madt, 1, 1);
  list_table (build, madt);
}

/* --- MCFG: PCI Firmware 3.2, section 4.1.2 --- */

static void
build_mcfg (Build *build, const AcpiConfig *config)
{
  GByteArray *mcfg = acpi_table_new ("MCFG", 1);

  acpi_append (mcfg, 0, 8);
  acpi_append (mcfg, config->ecam, 8);
  acpi_append (mcfg, 0, 2);
  acpi_append (mcfg, 0, 1);
  acpi_append (mcfg, PC_ECAM_SIZE / (1 << 20) - 1, 1);
  acpi_append (mcfg, 0, 4);
  list_table (build, mcfg);
}

/* --- HPET: IA-PC HPET specification 1.0a, section 3.2.4 --- */

static void
build_hpet (Build *build)
{
  GByteArray *hpet = acpi_table_new ("HPET", 1);

  acpi_append (hpet, HPET_BLOCK_ID, 4);
  acpi_append (hpet, 0, 1); /* address space: memory */
  acpi_append (hpet, 64, 1);
  acpi_append (hpet, 0, 2);
  acpi_append (hpet, HPET_BASE, 8);
  acpi_append (hpet, 0, 1); /* sequence number */
  acpi_append (hpet, HPET_LEAST_PERIOD, 2);
  acpi_append (hpet, 0, 1); /* no page protection */
  list_table (build, hpet);
}

/* --- RSDT, XSDT, RSDP: sections 5.2.7, 5.2.8, 5.2.5 --- */

static uint32_t
build_root (Build *build, const char *signature, unsigned pointer_size)
{
  GByteArray *table = acpi_table_new (signature, 1);
  uint32_t offset = (build->tables->len + 15) & ~15u;

  for (unsigned i = 0; i < build->n_listed; i++)
    {
      acpi_append (table, build->listed[i], pointer_size);
      add_pointer (build, offset + HEADER_SIZE + i * pointer_size, pointer_size);
    }
  return place_table (build, table);
}

static GBytes *
build_rsdp (Build *build, uint32_t rsdt, uint32_t xsdt)
{
  uint8_t rsdp[36] = "RSD PTR ";

  memcpy (rsdp + 9, "BONSAI", 6);
  rsdp[15] = 2;
  store_le32 (rsdp + 16, rsdt);
  store_le32 (rsdp + 20, sizeof rsdp);
  store_le64 (rsdp + 24, xsdt);
  table_loader_add_pointer (build->loader, ACPI_FILE_RSDP, ACPI_FILE_TABLES, 16, 4);
  table_loader_add_pointer (build->loader, ACPI_FILE_RSDP, ACPI_FILE_TABLES, 24, 8);
  table_loader_add_checksum (build->loader, ACPI_FILE_RSDP, 8, 0, 20);
  table_loader_add_checksum (build->loader, ACPI_FILE_RSDP, 32, 0, sizeof rsdp);
  return g_bytes_new (rsdp, sizeof rsdp);
}

AcpiFiles *
acpi_files_new (const AcpiConfig *config)
{
  AcpiFiles *files = g_new0 (AcpiFiles, 1);
  Build build = { .tables = g_byte_array_new (), .loader = g_byte_array_new () };
  uint32_t rsdt, xsdt;

  table_loader_allocate (build.loader, ACPI_FILE_TABLES, 64, TABLE_ZONE_HIGH);
  table_loader_allocate (build.loader, ACPI_FILE_RSDP, 16, TABLE_ZONE_F_SEGMENT);
  build_facs (&build);
  build_dsdt (&build);
  build_fadt (&build, config);
  build_madt (&build, config);
  build_mcfg (&build, config);
  if (config->hpet)
    build_hpet (&build);
  list_table (&build, acpi_build_ssdt (config));
  rsdt = build_root (&build, "RSDT", 4);
  xsdt = build_root (&build, "XSDT", 8);
  files->rsdp = build_rsdp (&build, rsdt, xsdt);
  files->tables = g_byte_array_free_to_bytes (build.tables);
  files->loader = g_byte_array_free_to_bytes (build.loader);
  return files;
}

void
acpi_files_free (AcpiFiles *files)
{
  if (!files)
    return;
  g_bytes_unref (files->tables);
  g_bytes_unref (files->rsdp);
  g_bytes_unref (files->loader);
  g_free (files);
}
