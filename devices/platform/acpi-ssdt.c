/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/acpi.h"

#include "devices/platform/pc-map.h"

#include <string.h>

/* AML, as far as this table needs it: ACPI 6.3, section 20.2. */
enum {
  AML_NAME = 0x08,
  AML_STRING = 0x0d,
  AML_ONE = 0x01,
  AML_BYTE = 0x0a,
  AML_WORD = 0x0b,
  AML_DWORD = 0x0c,
  AML_SCOPE = 0x10,
  AML_BUFFER = 0x11,
  AML_DUAL_NAME = 0x2e,
  AML_EXTENDED = 0x5b,
  AML_ROOT = 0x5c,
  AML_DEVICE = 0x82,
};

static void
append_bytes (GByteArray *aml, const char *bytes, unsigned size)
{
  g_byte_array_append (aml, (const uint8_t *)bytes, size);
}

/* A package's length counts its own bytes: section 20.2.4. */
static void
append_package (GByteArray *aml, GByteArray *content)
{
  unsigned length = content->len;

  if (length + 1 < 0x40)
    acpi_append (aml, length + 1, 1);
  else
    {
      unsigned extra = length + 2 < 0x1000 ? 1 : 2;

      length += 1 + extra;
      acpi_append (aml, extra << 6 | (length & 0xf), 1);
      acpi_append (aml, length >> 4, extra);
    }
  g_byte_array_append (aml, content->data, content->len);
  g_byte_array_unref (content);
}

/* --- CPUs: section 8.4 --- */

static void
append_cpu (GByteArray *aml, unsigned index)
{
  GByteArray *device = g_byte_array_new ();
  char name[5];

  g_snprintf (name, sizeof name, "C%03X", index & 0xfff);
  append_bytes (device, name, 4);
  acpi_append (device, AML_NAME, 1);
  append_bytes (device, "_HID", 4);
  acpi_append (device, AML_STRING, 1);
  append_bytes (device, "ACPI0007", 9);
  acpi_append (device, AML_NAME, 1);
  append_bytes (device, "_UID", 4);
  if (index > 1)
    acpi_append (device, AML_BYTE, 1);
  acpi_append (device, index, 1);

  acpi_append (aml, AML_EXTENDED, 1);
  acpi_append (aml, AML_DEVICE, 1);
  append_package (aml, device);
}

static void
append_cpus (GByteArray *aml, unsigned n_cpus)
{
  GByteArray *scope = g_byte_array_new ();

  acpi_append (scope, AML_ROOT, 1);
  append_bytes (scope, "_SB_", 4);
  for (unsigned i = 0; i < n_cpus; i++)
    append_cpu (scope, i);
  acpi_append (aml, AML_SCOPE, 1);
  append_package (aml, scope);
}

/* --- windows of the PCI root bus: section 6.4.3.5 --- */

enum { RANGE_MEMORY = 0, RANGE_IO = 1, RANGE_BUS = 2 };

/* An address range that the bridge passes on. @size: bytes of each field, 2, 4 or 8. */
static void
append_range (GByteArray *crs, unsigned kind, unsigned size, uint64_t start, uint64_t end)
{
  static const uint8_t tags[] = { [2] = 0x88, [4] = 0x87, [8] = 0x8a };
  static const uint8_t kind_flags[] = { [RANGE_MEMORY] = 0x01, [RANGE_IO] = 0x03, [RANGE_BUS] = 0x00 };

  acpi_append (crs, tags[size], 1);
  acpi_append (crs, 3 + 5 * size, 2);
  acpi_append (crs, kind, 1);
  acpi_append (crs, 0x0c, 1); /* produced; both ends are fixed */
  acpi_append (crs, kind_flags[kind], 1);
  acpi_append (crs, 0, size); /* granularity */
  acpi_append (crs, start, size);
  acpi_append (crs, end - 1, size);
  acpi_append (crs, 0, size); /* translation */
  acpi_append (crs, end - start, size);
}

/* Firmware that puts ECAM at the hole's begin uses what lies above it; any other what is free on both sides.
 */
static void
append_low_windows (GByteArray *crs, const AcpiConfig *config)
{
  uint64_t ecam_end = config->ecam + PC_ECAM_SIZE;

  if (config->ecam == PC_ECAM_BASE)
    {
      append_range (crs, RANGE_MEMORY, 4, PC_WINDOW_START, PC_WINDOW_END);
      return;
    }
  if (config->ecam > config->ram_low)
    append_range (crs, RANGE_MEMORY, 4, config->ram_low, MIN (config->ecam, PC_WINDOW_END));
  if (ecam_end < PC_WINDOW_END)
    append_range (crs, RANGE_MEMORY, 4, MAX (ecam_end, config->ram_low), PC_WINDOW_END);
}

static void
append_windows (GByteArray *crs, const AcpiConfig *config)
{
  uint64_t high_start, high_size = pc_high_window (config->ram_end, &high_start);

  append_range (crs, RANGE_BUS, 2, 0, 0x100);
  append_bytes (crs, "\x47\x01\xf8\x0c\xf8\x0c\x01\x08", 8); /* ports 0xcf8..0xcff are the bridge's own */
  append_range (crs, RANGE_IO, 2, 0, 0xcf8);
  append_range (crs, RANGE_IO, 2, 0xd00, 0x10000);
  append_range (crs, RANGE_MEMORY, 4, 0xa0000, 0xc0000);
  append_low_windows (crs, config);
  if (high_size)
    append_range (crs, RANGE_MEMORY, 8, high_start, high_start + high_size);
  append_bytes (crs, "\x79\x00", 2);
}

static void
append_crs (GByteArray *aml, GByteArray *crs)
{
  GByteArray *buffer = g_byte_array_new ();

  acpi_append (aml, AML_NAME, 1);
  append_bytes (aml, "_CRS", 4);
  acpi_append (aml, AML_BUFFER, 1);
  acpi_append (buffer, AML_WORD, 1);
  acpi_append (buffer, crs->len, 2);
  g_byte_array_append (buffer, crs->data, crs->len);
  g_byte_array_unref (crs);
  append_package (aml, buffer);
}

/* PCI Firmware 3.2, section 4.1.2: the window is a resource of a motherboard device. */
static void
append_ecam (GByteArray *aml, uint64_t ecam)
{
  GByteArray *device = g_byte_array_new ();
  GByteArray *crs = g_byte_array_new ();

  append_bytes (crs, "\x86\x09\x00\x01", 4); /* 32-bit fixed memory, writable: section 6.4.3.4 */
  acpi_append (crs, ecam, 4);
  acpi_append (crs, PC_ECAM_SIZE, 4);
  append_bytes (crs, "\x79\x00", 2);

  append_bytes (device, "ECAM", 4);
  acpi_append (device, AML_NAME, 1);
  append_bytes (device, "_HID", 4);
  acpi_append (device, AML_DWORD, 1);
  append_bytes (device, "\x41\xd0\x0c\x02", 4); /* PNP0C02 */
  acpi_append (device, AML_NAME, 1);
  append_bytes (device, "_UID", 4);
  acpi_append (device, AML_ONE, 1);
  append_crs (device, crs);

  acpi_append (aml, AML_EXTENDED, 1);
  acpi_append (aml, AML_DEVICE, 1);
  append_package (aml, device);
}

static void
append_root_bus (GByteArray *aml, const AcpiConfig *config)
{
  GByteArray *scope = g_byte_array_new ();
  GByteArray *crs = g_byte_array_new ();

  append_windows (crs, config);
  acpi_append (scope, AML_ROOT, 1);
  acpi_append (scope, AML_DUAL_NAME, 1);
  append_bytes (scope, "_SB_PCI0", 8);
  append_crs (scope, crs);
  append_ecam (scope, config->ecam);

  acpi_append (aml, AML_SCOPE, 1);
  append_package (aml, scope);
}

GByteArray *
acpi_build_ssdt (const AcpiConfig *config)
{
  GByteArray *ssdt = acpi_table_new ("SSDT", 2);

  append_cpus (ssdt, cpu_topology_count (&config->topology));
  append_root_bus (ssdt, config);
  acpi_table_finish (ssdt);
  return ssdt;
}
