/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/ahci-guest.h"

#include "vmm/base/bytes.h"

#define CMD_ST  0x0001
#define CMD_FRE 0x0010
#define TFES    (1u << 30)

uint64_t
ahci_guest_list (unsigned port)
{
  return GUEST_LISTS + 0x10000 * port;
}

uint64_t
ahci_guest_fis (unsigned port)
{
  return ahci_guest_list (port) + 0x1000;
}

uint64_t
ahci_guest_table (unsigned port, unsigned slot)
{
  return ahci_guest_list (port) + 0x2000 + 0x100 * slot;
}

void
ahci_guest_start (Bench *bench, unsigned port)
{
  bench_write32 (bench, AHCI_REG (HBA_GHC), 0x80000002);
  bench_write32 (bench, AHCI_PORT (port, PORT_CLB), ahci_guest_list (port));
  bench_write32 (bench, AHCI_PORT (port, PORT_FB), ahci_guest_fis (port));
  bench_write32 (bench, AHCI_PORT (port, PORT_CMD), CMD_FRE);
  bench_write32 (bench, AHCI_PORT (port, PORT_SERR), UINT32_MAX);
  bench_write32 (bench, AHCI_PORT (port, PORT_IS), UINT32_MAX);
  bench_write32 (bench, AHCI_REG (HBA_IS), UINT32_MAX);
  bench_write32 (bench, AHCI_PORT (port, PORT_IE), UINT32_MAX);
  bench_write32 (bench, AHCI_PORT (port, PORT_CMD), CMD_FRE | CMD_ST);
}

void
ahci_guest_put (Bench *bench, unsigned port, unsigned slot, const GuestCommand *command)
{
  uint8_t *header = bench_memory (bench, ahci_guest_list (port) + 32 * slot, 32);
  uint8_t *table = bench_memory (bench, ahci_guest_table (port, slot), 0x100);
  bool packet = command->command == 0xa0;

  memset (header, 0, 32);
  store_le32 (header, 5 | (packet ? 1 << 5 : 0) | (command->write ? 1 << 6 : 0)
                        | (command->length > 0 ? 1 << 16 : 0));
  store_le64 (header + 8, ahci_guest_table (port, slot));

  memset (table, 0, 0x100);
  table[0] = 0x27;
  table[1] = 0x80;
  table[2] = command->command;
  table[3] = command->features;
  for (unsigned i = 0; i < 3; i++)
    {
      table[4 + i] = command->lba >> (8 * i);
      table[8 + i] = command->lba >> (8 * (i + 3));
    }
  table[7] = command->device;
  store_le16 (table + 12, command->count);
  memcpy (table + 0x40, command->cdb, sizeof command->cdb);
  store_le64 (table + 0x80, command->data);
  store_le32 (table + 0x8c, command->length > 0 ? command->length - 1 : 0);
}

typedef struct {
  unsigned port, slot;
} Awaited;

static bool
has_ended (Bench *bench, void *data)
{
  const Awaited *awaited = data;

  return !(bench_read32 (bench, AHCI_PORT (awaited->port, PORT_CI)) & (1u << awaited->slot))
         || (bench_read32 (bench, AHCI_PORT (awaited->port, PORT_IS))
             & (TFES | 1u << 29 | 1u << 27 | 1u << 24));
}

uint32_t
ahci_guest_run (Bench *bench, unsigned port, const GuestCommand *command)
{
  Awaited awaited = { port, 0 };

  ahci_guest_put (bench, port, 0, command);
  bench_write32 (bench, AHCI_PORT (port, PORT_CI), 1);
  g_assert_true (bench_run_until (bench, has_ended, &awaited));
  return bench_read32 (bench, AHCI_PORT (port, PORT_TFD));
}

void
ahci_guest_recover (Bench *bench, unsigned port)
{
  bench_write32 (bench, AHCI_PORT (port, PORT_CMD), CMD_FRE);
  while (bench_read32 (bench, AHCI_PORT (port, PORT_CMD)) & 0x8000)
    bench_settle (bench);
  ahci_guest_start (bench, port);
}

uint32_t
ahci_guest_packet (Bench *bench, unsigned port, const uint8_t *cdb, uint32_t length)
{
  GuestCommand command = { .command = 0xa0, .features = 1, .data = GUEST_DATA, .length = length };
  GuestCommand sense = {
    .command = 0xa0, .features = 1, .cdb = { 0x03, 0, 0, 0, 18 }, .data = GUEST_DATA + 0x80000, .length = 18
  };
  const uint8_t *data;

  memcpy (command.cdb, cdb, sizeof command.cdb);
  if (!(ahci_guest_run (bench, port, &command) & 1))
    return 0;
  ahci_guest_recover (bench, port);
  g_assert_cmphex (ahci_guest_run (bench, port, &sense) & 1, ==, 0);
  data = bench_memory (bench, GUEST_DATA + 0x80000, 18);
  return (data[2] & 0xf) << 16 | data[12] << 8 | data[13];
}

/* --- the lying driver --- */

static uint64_t
fuzz_address (GRand *rand)
{
  switch (g_rand_int_range (rand, 0, 10))
    {
    case 0:
      return (uint64_t)g_rand_int (rand) << 32 | g_rand_int (rand);
    case 1:
      return BENCH_RAM_SIZE - (uint64_t)g_rand_int_range (rand, 0, 4096);
    case 2:
      return GUEST_LISTS + (uint64_t)g_rand_int_range (rand, 0, 0x10000);
    default:
      return GUEST_DATA + (uint64_t)g_rand_int_range (rand, 0, 0x10000);
    }
}

static void
fuzz_command (Bench *bench, GRand *rand, unsigned port, unsigned slot)
{
  static const uint8_t opcodes[] = { 0x06, 0x20, 0x24, 0x25, 0x2f, 0x34, 0x35, 0x3d, 0x42, 0x60, 0x60, 0x61,
                                     0x61, 0xa0, 0xa0, 0xa0, 0xa1, 0xb0, 0xc8, 0xca, 0xe7, 0xea, 0xec, 0xef };
  static const uint8_t cdbs[] = { 0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x43, 0x46,
                                  0x4a, 0x51, 0x55, 0x5a, 0xa8, 0xad, 0xbd, 0xbe };
  GuestCommand command = {
    .command = opcodes[g_rand_int_range (rand, 0, G_N_ELEMENTS (opcodes))],
    .features = g_rand_int_range (rand, 0, 9),
    .device = g_rand_boolean (rand) ? 0x40 : g_rand_int (rand),
    .lba = g_rand_int_range (rand, 0, 4) == 0 ? g_rand_int (rand) : (uint64_t)g_rand_int_range (rand, 0, 64),
    .count = g_rand_boolean (rand) ? (uint16_t)(slot << 3) : (uint16_t)g_rand_int_range (rand, 0, 64),
    .data = fuzz_address (rand),
    .length = g_rand_int_range (rand, 0, 4) == 0 ? 0 : 1u << g_rand_int_range (rand, 0, 23),
  };
  uint8_t *p;

  for (unsigned i = 0; i < sizeof command.cdb; i++)
    command.cdb[i] = g_rand_boolean (rand) ? 0 : g_rand_int (rand);
  command.cdb[0] = cdbs[g_rand_int_range (rand, 0, G_N_ELEMENTS (cdbs))];
  ahci_guest_put (bench, port, slot, &command);

  /* And now and then a bit that is wrong anywhere in it. */
  p = bench_memory (
    bench, g_rand_boolean (rand) ? ahci_guest_list (port) + 32 * slot : ahci_guest_table (port, slot), 32);
  if (g_rand_int_range (rand, 0, 4) == 0)
    p[g_rand_int_range (rand, 0, 32)] = g_rand_int (rand);
}

void
ahci_guest_fuzz_step (Bench *bench, GRand *rand, void *data)
{
  unsigned port = (unsigned)g_rand_int_range (rand, 0, 3);

  pci_bench_map (bench);
  if (g_rand_int_range (rand, 0, 4) != 0)
    ahci_guest_recover (bench, port);
  for (unsigned slot = 0; slot < 32; slot++)
    fuzz_command (bench, rand, port, slot);
  bench_write32 (bench, AHCI_PORT (port, PORT_SACT), g_rand_int (rand));
  bench_write32 (bench, AHCI_PORT (port, PORT_CI), g_rand_int (rand));
  if (g_rand_int_range (rand, 0, 4) == 0)
    bench_write32 (bench, AHCI_PORT (port, PORT_SCTL), g_rand_int_range (rand, 0, 5));
  if (g_rand_int_range (rand, 0, 16) == 0)
    bench_write32 (bench, AHCI_REG (HBA_GHC), 1);
  bench_write32 (bench, AHCI_PORT (port, PORT_SCTL), 0);
  pci_bench_fuzz_step (bench, rand, data);
}
