/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/ahci-fixture.h"

static void
furnish (Bench *bench, void *data)
{
  AhciFixture *f = data;
  Image *disk = bench_open_image (bench, f->disk_path, NULL, f->read_only);
  const AhciConfig config = {
    .place = { pci_bench_bus_new (bench), PCI_DEVFN (31, 2) },
    .ports = {
      [DISK] = { .kind = AHCI_PORT_DISK, .image = disk, .id = "disk0", .read_only = f->read_only },
      [CD] = { .kind = AHCI_PORT_CDROM, .image = bench_open_image (bench, f->cd_path, NULL, true), .id = "cd0" },
    },
  };

  f->disk = disk;
  bench_add (bench, &ahci_class, NULL, &config);
  pci_bench_map (bench);
}

void
ahci_setup (AhciFixture *f, gconstpointer data)
{
  f->folder = scratch_new ();
  f->disk_path = pattern_file_new (f->folder, "disk.img", DISK_SIZE);
  f->cd_path = pattern_file_new (f->folder, "cd.iso", CD_SIZE);
  f->bench = bench_new_with (furnish, f);
  ahci_guest_start (f->bench, DISK);
  ahci_guest_start (f->bench, CD);
}

void
ahci_setup_read_only (AhciFixture *f, gconstpointer data)
{
  f->read_only = true;
  ahci_setup (f, data);
}

void
ahci_rebuild (AhciFixture *f)
{
  bench_free (f->bench);
  f->bench = bench_new_with (furnish, f);
}

void
ahci_teardown (AhciFixture *f, gconstpointer data)
{
  bench_free (f->bench);
  g_free (f->disk_path);
  g_free (f->cd_path);
  scratch_free (f->folder);
}

void
assert_all (AhciFixture *f, uint64_t address, uint8_t value, size_t size)
{
  const uint8_t *p = bench_memory (f->bench, address, size);

  for (size_t i = 0; i < size; i++)
    g_assert_cmphex (p[i], ==, value);
}

uint32_t
port_read (AhciFixture *f, unsigned port, unsigned reg)
{
  return bench_read32 (f->bench, AHCI_PORT (port, reg));
}

const uint8_t *
answer (AhciFixture *f, size_t size)
{
  return bench_memory (f->bench, GUEST_DATA, size);
}

uint32_t
ata_run (AhciFixture *f, uint8_t opcode, uint64_t lba, uint16_t count, uint32_t length)
{
  const GuestCommand command = {
    .command = opcode,
    .lba = lba,
    .count = count,
    .device = 0x40,
    .data = GUEST_DATA,
    .length = length,
    .write = opcode == 0x35 || opcode == 0xca || opcode == 0x06,
  };

  return ahci_guest_run (f->bench, DISK, &command);
}

void
ata_put_queued (AhciFixture *f, unsigned slot, uint64_t lba, uint16_t n)
{
  const GuestCommand command = {
    .command = 0x60,
    .features = n,
    .count = slot << 3,
    .device = 0x40,
    .lba = lba,
    .data = GUEST_DATA + 0x1000 * slot,
    .length = n * 512,
  };

  ahci_guest_put (f->bench, DISK, slot, &command);
}
