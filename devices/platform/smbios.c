/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/smbios.h"

#include "vmm/base/bytes.h"

#include <stdbool.h>
#include <string.h>

#define MIB UINT64_C (1048576)

/* Structure types, section 7, and the handles given here. */
enum {
  TYPE_BIOS = 0,
  TYPE_SYSTEM = 1,
  TYPE_CHASSIS = 3,
  TYPE_PROCESSOR = 4,
  TYPE_MEMORY_ARRAY = 16,
  TYPE_MEMORY_DEVICE = 17,
  TYPE_MEMORY_ARRAY_ADDRESS = 19,
  TYPE_BOOT_STATUS = 32,
  TYPE_END = 127,
};
#define HANDLE(type, n)       ((uint16_t)((type) << 8 | (n)))
#define MEMORY_DEVICE_SIZE    (UINT64_C (16) << 30)
#define MEMORY_DEVICE_MAXIMUM 64u

typedef struct {
  GByteArray *tables;
  /* the structure being made */
  GByteArray *body;
  GByteArray *strings;
  unsigned n_strings;
} Build;

static void
put (Build *build, uint64_t value, unsigned size)
{
  uint8_t bytes[8];

  store_le (bytes, size, value);
  g_byte_array_append (build->body, bytes, size);
}

static void
begin (Build *build, uint8_t type, uint16_t handle)
{
  build->body = g_byte_array_new ();
  build->strings = g_byte_array_new ();
  build->n_strings = 0;
  put (build, type, 1);
  put (build, 0, 1);
  put (build, handle, 2);
}

static void
put_string (Build *build, const char *string)
{
  if (!string || !*string)
    {
      put (build, 0, 1);
      return;
    }
  g_byte_array_append (build->strings, (const uint8_t *)string, MIN (strlen (string), 64));
  g_byte_array_append (build->strings, (const uint8_t *)"", 1);
  put (build, ++build->n_strings, 1);
}

/* Section 6.1.3: strings follow, a further zero ends them; without any there are two. */
static void
end (Build *build)
{
  build->body->data[1] = build->body->len;
  g_byte_array_append (build->tables, build->body->data, build->body->len);
  if (build->n_strings)
    g_byte_array_append (build->tables, build->strings->data, build->strings->len);
  else
    g_byte_array_append (build->tables, (const uint8_t *)"", 1);
  g_byte_array_append (build->tables, (const uint8_t *)"", 1);
  g_byte_array_unref (build->body);
  g_byte_array_unref (build->strings);
}

/* --- the structures --- */

static void
add_bios (Build *build, const SmbiosConfig *config)
{
  begin (build, TYPE_BIOS, HANDLE (TYPE_BIOS, 0));
  put_string (build, "Bonsai");
  put_string (build, config->version);
  put (build, 0xe800, 2);
  put_string (build, "11/20/2026");
  put (build, 3, 1);      /* 256 KiB */
  put (build, 1 << 3, 8); /* characteristics: not supported */
  put (build, 0x01, 1);   /* ACPI */
  put (build, 0x1c, 1);   /* this is a virtual machine; UEFI is not there */
  put (build, 0, 1);
  put (build, 1, 1);
  put (build, 0xffff, 2);
  end (build);
}

static int
hex_byte (const char *text)
{
  return g_ascii_xdigit_value (text[0]) << 4 | g_ascii_xdigit_value (text[1]);
}

/* Section 7.2.1: the first three fields are little-endian. */
static void
put_uuid (Build *build, const char *uuid)
{
  static const uint8_t places[16] = { 6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34 };
  bool valid = uuid && g_uuid_string_is_valid (uuid);

  for (unsigned i = 0; i < 16; i++)
    put (build, valid ? hex_byte (uuid + places[i]) : 0, 1);
}

static void
add_system (Build *build, const SmbiosConfig *config)
{
  begin (build, TYPE_SYSTEM, HANDLE (TYPE_SYSTEM, 0));
  put_string (build, "Bonsai");
  put_string (build, "Bonsai PC (Q35 class)");
  put_string (build, config->version);
  put_string (build, config->uuid);
  put_uuid (build, config->uuid);
  put (build, 6, 1); /* woken by the power switch */
  put_string (build, NULL);
  put_string (build, config->name);
  end (build);
}

static void
add_chassis (Build *build)
{
  begin (build, TYPE_CHASSIS, HANDLE (TYPE_CHASSIS, 0));
  put_string (build, "Bonsai");
  put (build, 1, 1); /* other */
  put_string (build, NULL);
  put_string (build, NULL);
  put_string (build, NULL);
  put (build, 0x03030303, 4); /* all states are safe; security: none */
  put (build, 0, 4);
  put (build, 0, 2);
  put (build, 0, 2);
  put_string (build, NULL);
  end (build);
}

/* Section 7.5.9: 64-bit capable, execute protection. */
#define CHARACTERISTICS  (1u << 2 | 1u << 5)
#define MULTI_CORE       (1u << 3)
#define HARDWARE_THREADS (1u << 4)

/* Section 7.5: one for each socket. No number of CPUs reaches 256, where the 2-byte counts of version 3.0
 * begin. */
static void
add_processor (Build *build, unsigned index, const CpuTopology *topology)
{
  unsigned n_threads = topology->cores * topology->threads;
  char socket[16];

  g_snprintf (socket, sizeof socket, "CPU %u", index);
  begin (build, TYPE_PROCESSOR, HANDLE (TYPE_PROCESSOR, index));
  put_string (build, socket);
  put (build, 3, 1); /* central processor */
  put (build, 1, 1); /* family: other */
  put_string (build, "Bonsai");
  put (build, 0, 8); /* ID */
  put_string (build, "virtual");
  put (build, 0, 1);
  put (build, 0, 2);
  put (build, 2000, 2); /* MHz, as no one knows */
  put (build, 2000, 2);
  put (build, 0x41, 1); /* populated, enabled */
  put (build, 1, 1);
  put (build, 0xffff, 2); /* no caches described */
  put (build, 0xffff, 2);
  put (build, 0xffff, 2);
  put_string (build, NULL);
  put_string (build, NULL);
  put_string (build, NULL);
  put (build, topology->cores, 1);
  put (build, topology->cores, 1); /* enabled */
  put (build, n_threads, 1);
  put (build,
       CHARACTERISTICS | (topology->cores > 1 ? MULTI_CORE : 0)
         | (topology->threads > 1 ? HARDWARE_THREADS : 0),
       2);
  put (build, 1, 2); /* processor family 2 */
  end (build);
}

static void
add_memory (Build *build, uint64_t memory)
{
  unsigned n = (memory + MEMORY_DEVICE_SIZE - 1) / MEMORY_DEVICE_SIZE;
  uint64_t device_size = MEMORY_DEVICE_SIZE;

  while (n > MEMORY_DEVICE_MAXIMUM)
    {
      n = (n + 1) / 2;
      device_size *= 2;
    }
  begin (build, TYPE_MEMORY_ARRAY, HANDLE (TYPE_MEMORY_ARRAY, 0));
  put (build, 1, 1); /* elsewhere; system memory; multi-bit correction */
  put (build, 3, 1);
  put (build, 6, 1);
  put (build, memory / 1024 < 0x80000000 ? memory / 1024 : 0x80000000, 4);
  put (build, 0xfffe, 2);
  put (build, n, 2);
  put (build, memory / 1024 < 0x80000000 ? 0 : memory, 8);
  end (build);

  for (unsigned i = 0; i < n; i++)
    {
      uint64_t mib = MIN (device_size, memory - i * device_size) / MIB;
      char locator[16];

      g_snprintf (locator, sizeof locator, "DIMM %u", i);
      begin (build, TYPE_MEMORY_DEVICE, HANDLE (TYPE_MEMORY_DEVICE, i));
      put (build, HANDLE (TYPE_MEMORY_ARRAY, 0), 2);
      put (build, 0xfffe, 2);
      put (build, 0xffff, 2);
      put (build, 0xffff, 2);
      put (build, mib < 0x7fff ? mib : 0x7fff, 2);
      put (build, 9, 1); /* DIMM */
      put (build, 0, 1);
      put_string (build, locator);
      put_string (build, NULL);
      put (build, 7, 1); /* RAM */
      put (build, 1 << 1, 2);
      put (build, 0, 2);
      put_string (build, "Bonsai");
      put_string (build, NULL);
      put_string (build, NULL);
      put_string (build, NULL);
      put (build, 0, 1);
      put (build, mib < 0x7fff ? 0 : mib, 4);
      put (build, 0, 2);
      put (build, 0, 2);
      put (build, 0, 2);
      put (build, 0, 2);
      end (build);
    }

  begin (build, TYPE_MEMORY_ARRAY_ADDRESS, HANDLE (TYPE_MEMORY_ARRAY_ADDRESS, 0));
  put (build, memory / 1024 < UINT32_MAX ? 0 : UINT32_MAX, 4);
  put (build, memory / 1024 < UINT32_MAX ? memory / 1024 - 1 : UINT32_MAX, 4);
  put (build, HANDLE (TYPE_MEMORY_ARRAY, 0), 2);
  put (build, 1, 1);
  put (build, 0, 8);
  put (build, memory / 1024 < UINT32_MAX ? 0 : memory - 1, 8);
  end (build);
}

static void
add_end (Build *build)
{
  begin (build, TYPE_BOOT_STATUS, HANDLE (TYPE_BOOT_STATUS, 0));
  put (build, 0, 6);
  put (build, 0, 1);
  end (build);
  begin (build, TYPE_END, HANDLE (TYPE_END, 0));
  end (build);
}

GBytes *
smbios_build_tables (const SmbiosConfig *config)
{
  Build build = { .tables = g_byte_array_new () };

  add_bios (&build, config);
  add_system (&build, config);
  add_chassis (&build);
  for (unsigned i = 0; i < config->topology.sockets; i++)
    add_processor (&build, i, &config->topology);
  add_memory (&build, config->memory);
  add_end (&build);
  return g_byte_array_free_to_bytes (build.tables);
}

/* --- the entry point: section 5.2.1 --- */

static void
count_structures (const uint8_t *tables, size_t size, unsigned *count, unsigned *longest)
{
  size_t at = 0;

  *count = *longest = 0;
  while (at + 4 <= size)
    {
      size_t next = at + tables[at + 1];

      while (next + 2 <= size && (tables[next] || tables[next + 1]))
        next++;
      next += 2;
      *longest = MAX (*longest, next - at);
      ++*count;
      at = next;
    }
}

static uint8_t
negated_sum (const uint8_t *bytes, unsigned n)
{
  uint8_t sum = 0;

  for (unsigned i = 0; i < n; i++)
    sum += bytes[i];
  return -sum;
}

GBytes *
smbios_build_anchor (GBytes *tables, uint32_t table_address)
{
  uint8_t anchor[31] = "_SM_";
  size_t size;
  const uint8_t *data = g_bytes_get_data (tables, &size);
  unsigned count, longest;

  count_structures (data, size, &count, &longest);
  anchor[5] = sizeof anchor;
  anchor[6] = 2;
  anchor[7] = 8;
  store_le16 (anchor + 8, longest);
  memcpy (anchor + 16, "_DMI_", 5);
  store_le16 (anchor + 22, size);
  store_le32 (anchor + 24, table_address);
  store_le16 (anchor + 28, count);
  anchor[30] = 0x28;
  anchor[21] = negated_sum (anchor + 16, 15);
  anchor[4] = negated_sum (anchor, sizeof anchor);
  return g_bytes_new (anchor, sizeof anchor);
}
