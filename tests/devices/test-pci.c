/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PCI functions (PCI Local Bus 3.0), by a device that has one of everything. */
#include "devices/pci/pci.h"

#include "devices/pci/pci-registers.h"
#include "tests/devices/pci-bench.h"
#include "vmm/base/bytes.h"

#include <unistd.h>

enum { BAR_MEMORY = 0, BAR_BANK = 2, BAR_PORTS = 4, BAR_MSIX = 5 };
#define BANK_SIZE 0x10000u
#define N_VECTORS 3u

typedef struct {
  PciDevice pci;
  uint32_t registers[4];
  unsigned maps, unmaps;
} Toy;

typedef struct {
  PciPlace place;
  bool msi, express;
  const char *rom;
} ToyConfig;

static uint64_t
toy_read (Device *device, uint64_t offset, unsigned size)
{
  return load_le ((uint8_t *)((Toy *)device)->registers + offset % 16, MIN (size, 4));
}

static void
toy_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Toy *toy = (Toy *)device;

  if (offset % 4 == 0 && size == 4)
    toy->registers[offset / 4 % 4] = value;
}

static const BusOps toy_ops = { .read = toy_read, .write = toy_write, .max_size = 4 };

static void
toy_bar_mapped (PciDevice *pci, unsigned bar, bool mapped)
{
  if (mapped)
    ((Toy *)pci)->maps++;
  else
    ((Toy *)pci)->unmaps++;
}

static bool
toy_realize (Device *device, const void *config, GError **error)
{
  static const PciIdentity identity = {
    .vendor = 0x1234,
    .device = 0x5678,
    .subsystem_vendor = 0x9abc,
    .subsystem = 0xdef0,
    .class_code = 0x0c0330,
    .revision = 7,
    .intx = true,
  };
  Toy *toy = (Toy *)device;
  const ToyConfig *cfg = config;
  MemoryBank *bank;

  toy->pci.bar_mapped = toy_bar_mapped;
  if (!pci_realize (&toy->pci, &cfg->place, &identity, error))
    return false;
  bank = guest_memory_add_bank (device->board->memory, device->name, BANK_SIZE, BANK_RAM, error);
  if (!bank)
    return false;
  pci_add_bar (&toy->pci, BAR_MEMORY, PCI_BAR_MEM32, 0x1000, &toy_ops);
  pci_add_memory_bar (&toy->pci, BAR_BANK, PCI_BAR_MEM64, true, bank);
  pci_add_bar (&toy->pci, BAR_PORTS, PCI_BAR_IO, 32, &toy_ops);
  pci_add_power_management (&toy->pci);
  if (cfg->express)
    pci_add_express (&toy->pci, 9);
  if (cfg->msi)
    pci_add_msi (&toy->pci);
  else
    pci_add_msix (&toy->pci, BAR_MSIX, N_VECTORS);
  return !cfg->rom || pci_add_rom (&toy->pci, cfg->rom, error);
}

static void
toy_unrealize (Device *device)
{
  pci_unrealize (&((Toy *)device)->pci);
}

static void
toy_reset (Device *device)
{
  pci_reset (&((Toy *)device)->pci);
}

static const StateField toy_fields[] = {
  STATE_STRUCT (Toy, pci, &pci_device_state, 1),
  STATE_END,
};

static const StateTable toy_state = {
  .name = "toy",
  .version = 1,
  .fields = toy_fields,
  .object_size = sizeof (Toy),
};

static const DeviceClass toy_class = {
  .id = "toy",
  .size = sizeof (Toy),
  .realize = toy_realize,
  .unrealize = toy_unrealize,
  .reset = toy_reset,
  .state = &toy_state,
};

static void
setup (Bench *bench, void *data)
{
  const ToyConfig *given = data;
  ToyConfig config = given ? *given : (ToyConfig){ 0 };

  config.place = (PciPlace){ pci_bench_bus_new (bench), PCI_DEVFN (3, 0) };
  bench_add (bench, &toy_class, NULL, &config);
}

static Toy *
toy_of (Bench *bench)
{
  return (Toy *)bench_find (bench, "toy");
}

/* 6.1, 6.2 */
static void
test_header (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  g_assert_cmphex (pci_bench_read_config (bench, PCI_VENDOR_ID, 4), ==, 0x56781234);
  g_assert_cmphex (pci_bench_read_config (bench, PCI_REVISION, 4), ==, 0x0c033007);
  g_assert_cmphex (pci_bench_read_config (bench, PCI_SUBSYSTEM_VENDOR, 4), ==, 0xdef09abc);
  g_assert_cmphex (pci_bench_read_config (bench, PCI_INTERRUPT_PIN, 1), ==, 1);
  pci_bench_write_config (bench, PCI_VENDOR_ID, 0xffffffff, 4);
  g_assert_cmphex (pci_bench_read_config (bench, PCI_VENDOR_ID, 4), ==, 0x56781234);
  pci_bench_write_config (bench, PCI_INTERRUPT_LINE, 0xffff, 2);
  g_assert_cmphex (pci_bench_read_config (bench, PCI_INTERRUPT_LINE, 2), ==, 0x01ff);
}

/* 6.2.5.1: a BAR tells its size when all ones are written to it. */
static void
test_bar_sizes (void)
{
  static const struct {
    unsigned bar;
    uint32_t expected;
  } sizes[] = {
    { BAR_MEMORY, 0xfffff000 }, { BAR_BANK, 0xffff000c }, { BAR_BANK + 1, 0xffffffff },
    { BAR_PORTS, 0xffffffe1 },  { BAR_MSIX, 0xfffff000 }, { 1, 0 },
  };
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      unsigned offset = PCI_BAR0 + 4 * sizes[i].bar;

      pci_bench_write_config (bench, offset, 0xffffffff, 4);
      g_assert_cmphex (pci_bench_read_config (bench, offset, 4), ==, sizes[i].expected);
    }
}

static void
test_bars_move (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  Toy *toy = toy_of (bench);

  pci_bench_map (bench);
  pci_bench_write_config (bench, PCI_BAR0 + 4 * BAR_PORTS, 0xc000, 4);
  bench_write32 (bench, PCI_BENCH_BAR (BAR_MEMORY) + 4, 0x12345678);
  g_assert_cmphex (bench_in32 (bench, 0xc004), ==, 0x12345678);

  /* Elsewhere, and gone from where it was. */
  pci_bench_write_config (bench, PCI_BAR0, 0xd0000000, 4);
  g_assert_cmphex (bench_read32 (bench, 0xd0000004), ==, 0x12345678);
  g_assert_cmphex (bench_read32 (bench, PCI_BENCH_BAR (BAR_MEMORY) + 4), ==, 0xffffffff);

  /* Decoding off, then on again: each mapping is told. */
  pci_bench_write_config (bench, PCI_COMMAND, PCI_COMMAND_IO, 2);
  g_assert_cmphex (bench_read32 (bench, 0xd0000004), ==, 0xffffffff);
  g_assert_cmphex (bench_in32 (bench, 0xc004), ==, 0x12345678);
  g_assert_false (toy->pci.bars[BAR_MEMORY].mapped);
  g_assert_cmpuint (toy->maps - toy->unmaps, ==, 1);
  pci_bench_write_config (bench, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
  g_assert_cmphex (bench_read32 (bench, 0xd0000004), ==, 0x12345678);
  g_assert_cmpuint (toy->maps - toy->unmaps, ==, 4);
}

static void
test_memory_bar (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  MemoryBank *bank = toy_of (bench)->pci.bars[BAR_BANK].bank;
  GuestMemory *memory = bench_board (bench)->memory;
  uint32_t value = 0xcafe;

  g_assert_cmphex (memory_bank_address (bank), ==, BANK_HIDDEN);
  pci_bench_map (bench);
  pci_bench_write_config (bench, PCI_BAR0 + 4 * (BAR_BANK + 1), 2, 4);
  g_assert_cmphex (memory_bank_address (bank), ==, PCI_BENCH_BAR (BAR_BANK) | UINT64_C (0x200000000));
  g_assert_true (guest_write (memory, memory_bank_address (bank) + 8, &value, 4));
  g_assert_cmphex (((uint32_t *)memory_bank_data (bank))[2], ==, 0xcafe);

  /* On top of RAM it can't be: it is nowhere, and the guest may try again. */
  pci_bench_write_config (bench, PCI_BAR0 + 4 * (BAR_BANK + 1), 0, 4);
  pci_bench_write_config (bench, PCI_BAR0 + 4 * BAR_BANK, 0x10000, 4);
  g_assert_cmphex (memory_bank_address (bank), ==, BANK_HIDDEN);
  pci_bench_write_config (bench, PCI_BAR0 + 4 * BAR_BANK, 0xd0000000, 4);
  g_assert_cmphex (memory_bank_address (bank), ==, 0xd0000000);
  bench_reset (bench);
  g_assert_cmphex (memory_bank_address (bank), ==, BANK_HIDDEN);
}

static void
test_intx (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  Toy *toy = toy_of (bench);

  pci_set_intx (&toy->pci, true);
  g_assert_true (bench_irq (bench, PCI_BENCH_GSI));
  g_assert_cmphex (pci_bench_read_config (bench, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
  pci_bench_write_config (bench, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));
  pci_bench_write_config (bench, PCI_COMMAND, 0, 2);
  g_assert_true (bench_irq (bench, PCI_BENCH_GSI));
  bench_reset (bench);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));
}

/* 6.8.1 */
static void
test_msi (void)
{
  ToyConfig config = { .msi = true };
  g_autoptr (Bench) bench = bench_new_with (setup, &config);
  Toy *toy = toy_of (bench);
  unsigned cap = pci_bench_capability (bench, PCI_CAP_MSI, 0);

  g_assert_cmphex (pci_bench_read_config (bench, cap + PCI_MSI_CONTROL, 2), ==, PCI_MSI_64BIT);
  pci_set_intx (&toy->pci, true);
  g_assert_false (pci_send_vector (&toy->pci, 0));
  pci_bench_write_config (bench, cap + PCI_MSI_ADDRESS, PCI_BENCH_MSI_ADDRESS, 4);
  pci_bench_write_config (bench, cap + PCI_MSI_DATA, 0x41, 2);
  pci_bench_write_config (bench, cap + PCI_MSI_CONTROL, PCI_MSI_ENABLE, 2);
  g_assert_false (bench_irq (bench, PCI_BENCH_GSI));
  g_assert_true (pci_send_vector (&toy->pci, 0));
  g_assert_cmpuint (bench_msi_count_of (bench, PCI_BENCH_MSI_ADDRESS, 0x41), ==, 1);
}

/* 6.8.2 */
static void
test_msix (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  Toy *toy = toy_of (bench);
  unsigned cap = pci_bench_capability (bench, PCI_CAP_MSIX, 0);
  uint64_t table = PCI_BENCH_BAR (BAR_MSIX);
  uint64_t pending = table + (pci_bench_read_config (bench, cap + PCI_MSIX_PBA, 4) & ~7u);

  pci_bench_map (bench);
  g_assert_cmphex (pci_bench_read_config (bench, cap + PCI_MSIX_CONTROL, 2), ==, N_VECTORS - 1);
  g_assert_cmphex (bench_read32 (bench, table + PCI_MSIX_ENTRY_CONTROL), ==, PCI_MSIX_ENTRY_MASKED);
  g_assert_false (pci_send_vector (&toy->pci, 0));
  pci_bench_enable_msix (bench, BAR_MSIX, N_VECTORS);
  g_assert_true (pci_send_vector (&toy->pci, 1));
  g_assert_cmpuint (pci_bench_messages (bench, 1), ==, 1);

  /* Masked: it waits in the pending bits, which can't be written, and comes once. */
  bench_write32 (bench, table + 16 + PCI_MSIX_ENTRY_CONTROL, PCI_MSIX_ENTRY_MASKED);
  g_assert_true (pci_send_vector (&toy->pci, 1));
  g_assert_true (pci_send_vector (&toy->pci, 1));
  g_assert_cmpuint (pci_bench_messages (bench, 1), ==, 1);
  g_assert_cmphex (bench_read64 (bench, pending), ==, 2);
  bench_write64 (bench, pending, 0);
  g_assert_cmphex (bench_read64 (bench, pending), ==, 2);
  bench_write32 (bench, table + 16 + PCI_MSIX_ENTRY_CONTROL, 0xfffffffe);
  g_assert_cmphex (bench_read32 (bench, table + 16 + PCI_MSIX_ENTRY_CONTROL), ==, 0);
  g_assert_cmpuint (pci_bench_messages (bench, 1), ==, 2);
  g_assert_cmphex (bench_read64 (bench, pending), ==, 0);

  /* The same by the function's mask. */
  pci_bench_write_config (bench, cap + PCI_MSIX_CONTROL, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK, 2);
  g_assert_true (pci_send_vector (&toy->pci, 2));
  g_assert_cmpuint (pci_bench_messages (bench, 2), ==, 0);
  pci_bench_write_config (bench, cap + PCI_MSIX_CONTROL, PCI_MSIX_ENABLE, 2);
  g_assert_cmpuint (pci_bench_messages (bench, 2), ==, 1);

  g_assert_true (pci_send_vector (&toy->pci, 4000)); /* beyond the table: lost */
  g_assert_cmpuint (bench_msi_count (bench), ==, 3);
}

static void
test_state_keeps_messages (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  Toy *toy = toy_of (bench);

  pci_bench_map (bench);
  pci_bench_enable_msix (bench, BAR_MSIX, N_VECTORS);
  bench_write32 (bench, PCI_BENCH_BAR (BAR_MSIX) + PCI_MSIX_ENTRY_CONTROL, PCI_MSIX_ENTRY_MASKED);
  pci_send_vector (&toy->pci, 0);
  bench_round_trip_state (bench);
}

static void
test_places (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  PciBus *bus = toy_of (bench)->pci.bus;
  ToyConfig config = { .place = { bus, PCI_DEVFN (3, 0) } };
  g_autoptr (GError) error = NULL;

  g_assert_null (board_add (bench_board (bench), &toy_class, "second", &config, &error));
  g_assert_nonnull (strstr (error->message, "03.0"));
  g_assert_cmphex (pci_bus_config_read (bus, PCI_DEVFN (3, 0), PCI_HEADER_TYPE, 1), ==, 0);
  config.place.devfn = PCI_DEVFN (3, 5);
  bench_add (bench, &toy_class, "third", &config);
  g_assert_cmphex (pci_bus_config_read (bus, PCI_DEVFN (3, 0), PCI_HEADER_TYPE, 1), ==,
                   PCI_HEADER_MULTI_FUNCTION);
  g_assert_cmphex (pci_bus_config_read (bus, PCI_DEVFN (3, 4), PCI_VENDOR_ID, 4), ==, 0xffffffff);
  g_assert_cmphex (pci_bus_config_read (bus, PCI_DEVFN (3, 4), PCI_VENDOR_ID, 2), ==, 0xffff);
}

/* Only PCI Express functions have more than 256 bytes. */
static void
test_extended_space (void)
{
  ToyConfig config = { .express = true };
  g_autoptr (Bench) plain = bench_new_with (setup, NULL);
  g_autoptr (Bench) express = bench_new_with (setup, &config);

  g_assert_cmphex (pci_bench_read_config (plain, 0x100, 4), ==, 0xffffffff);
  g_assert_cmphex (pci_bench_read_config (express, 0x100, 4), ==, 0);
  g_assert_cmphex (pci_bench_read_config (express, 0xffe, 4), ==, 0xffffffff);
  g_assert_cmpuint (pci_bench_capability (express, PCI_CAP_EXPRESS, 0), !=, 0);
}

static void
test_rom (void)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  int fd = g_file_open_tmp ("bonsai-rom-XXXXXX", &path, &error);
  static const uint8_t content[] = { 0x55, 0xaa, 0x01, 0x02 };
  ToyConfig config = { .rom = path };
  uint32_t value;

  g_assert_no_error (error);
  g_assert_cmpint (write (fd, content, sizeof content), ==, sizeof content);
  close (fd);
  {
    g_autoptr (Bench) bench = bench_new_with (setup, &config);
    GuestMemory *memory = bench_board (bench)->memory;

    pci_bench_write_config (bench, PCI_ROM_BASE, 0xffffffff, 4);
    g_assert_cmphex (pci_bench_read_config (bench, PCI_ROM_BASE, 4), ==, 0xfffff001);
    pci_bench_write_config (bench, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    pci_bench_write_config (bench, PCI_ROM_BASE, 0xd1000001, 4);
    g_assert_true (guest_read (memory, 0xd1000000, &value, 4));
    g_assert_cmphex (value, ==, 0x0201aa55);
    g_assert_false (guest_write (memory, 0xd1000000, &value, 4));
    pci_bench_write_config (bench, PCI_ROM_BASE, 0xd1000000, 4);
    g_assert_false (guest_read (memory, 0xd1000000, &value, 4));
  }
  unlink (path);
}

static void
test_fuzz (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  pci_bench_map (bench);
  bench_fuzz_with (bench, 0x70c1, 50000, pci_bench_fuzz_step, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pci/header", test_header);
  g_test_add_func ("/pci/bar-sizes", test_bar_sizes);
  g_test_add_func ("/pci/bars-move", test_bars_move);
  g_test_add_func ("/pci/memory-bar", test_memory_bar);
  g_test_add_func ("/pci/intx", test_intx);
  g_test_add_func ("/pci/msi", test_msi);
  g_test_add_func ("/pci/msix", test_msix);
  g_test_add_func ("/pci/state", test_state_keeps_messages);
  g_test_add_func ("/pci/places", test_places);
  g_test_add_func ("/pci/extended-space", test_extended_space);
  g_test_add_func ("/pci/rom", test_rom);
  g_test_add_func ("/pci/fuzz", test_fuzz);
  return g_test_run ();
}
