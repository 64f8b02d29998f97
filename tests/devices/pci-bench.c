/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/pci-bench.h"

#include "vmm/base/bytes.h"

#define CONFIG_COMMAND      0x04
#define CONFIG_BAR0         0x10
#define CONFIG_CAPABILITIES 0x34
#define COMMAND_ALL         0x07 /* ports, memory, bus master */
#define CAP_MSIX            0x11

static PciDevice *
function_of (Bench *bench)
{
  return (PciDevice *)bench_device (bench);
}

static IrqPin
route (void *data, unsigned slot, unsigned pin)
{
  return irq_line_connect (bench_board (data)->irq[PCI_BENCH_GSI]);
}

PciBus *
pci_bench_bus_new (Bench *bench)
{
  return bench_own (bench, pci_bus_new (bench_board (bench), route, bench), (GDestroyNotify)pci_bus_free);
}

uint32_t
pci_bench_read_config (Bench *bench, unsigned offset, unsigned size)
{
  PciDevice *pci = function_of (bench);

  return pci_bus_config_read (pci->bus, pci->devfn, offset, size);
}

void
pci_bench_write_config (Bench *bench, unsigned offset, uint32_t value, unsigned size)
{
  PciDevice *pci = function_of (bench);

  pci_bus_config_write (pci->bus, pci->devfn, offset, value, size);
}

unsigned
pci_bench_capability (Bench *bench, uint8_t id, unsigned nth)
{
  unsigned offset = pci_bench_read_config (bench, CONFIG_CAPABILITIES, 1);

  while (offset != 0)
    {
      if (pci_bench_read_config (bench, offset, 1) == id && nth-- == 0)
        return offset;
      offset = pci_bench_read_config (bench, offset + 1, 1);
    }
  return 0;
}

void
pci_bench_map (Bench *bench)
{
  for (unsigned bar = 0; bar < PCI_N_BARS; bar++)
    if (function_of (bench)->bars[bar].kind != PCI_BAR_NONE)
      pci_bench_write_config (bench, CONFIG_BAR0 + 4 * bar, PCI_BENCH_BAR (bar), 4);
  pci_bench_write_config (bench, CONFIG_COMMAND, COMMAND_ALL, 2);
}

void
pci_bench_enable_msix (Bench *bench, unsigned bar, unsigned n)
{
  unsigned capability = pci_bench_capability (bench, CAP_MSIX, 0);

  g_assert_cmpuint (capability, !=, 0);
  for (unsigned i = 0; i < n; i++)
    {
      uint64_t entry = PCI_BENCH_BAR (bar) + 16 * i;

      bench_write32 (bench, entry, PCI_BENCH_MSI_ADDRESS);
      bench_write32 (bench, entry + 4, 0);
      bench_write32 (bench, entry + 8, PCI_BENCH_MSI_DATA (i));
      bench_write32 (bench, entry + 12, 0);
    }
  pci_bench_write_config (bench, capability + 2, 0x8000, 2);
}

unsigned
pci_bench_messages (Bench *bench, unsigned vector)
{
  return bench_msi_count_of (bench, PCI_BENCH_MSI_ADDRESS, PCI_BENCH_MSI_DATA (vector));
}

static uint32_t
fuzz_value (GRand *rand)
{
  switch (g_rand_int_range (rand, 0, 5))
    {
    case 0:
      return 1u << g_rand_int_range (rand, 0, 32);
    case 1:
      return (uint32_t)g_rand_int_range (rand, 0, 32);
    case 2:
      return (uint32_t)g_rand_int_range (rand, 0, BENCH_RAM_SIZE) & ~UINT32_C (0xfff);
    case 3:
      return UINT32_MAX;
    default:
      return g_rand_int (rand);
    }
}

static void
fuzz_bar (Bench *bench, GRand *rand)
{
  PciDevice *pci = function_of (bench);
  unsigned bar = (unsigned)g_rand_int_range (rand, 0, PCI_N_BARS);
  unsigned size = 1u << g_rand_int_range (rand, 0, 4);
  uint64_t offset, within;

  if (!pci->bars[bar].mapped)
    return;
  within = g_rand_boolean (rand) ? MIN (pci->bars[bar].size, 0x200) : pci->bars[bar].size;
  offset = g_rand_int (rand) % within;
  if (g_rand_int_range (rand, 0, 8) != 0)
    offset &= ~(uint64_t)(size - 1);
  if (g_rand_int_range (rand, 0, 3) == 0)
    bus_read (bench_board (bench)->mmio, pci->bars[bar].address + offset, size);
  else
    bus_write (bench_board (bench)->mmio, pci->bars[bar].address + offset,
               (uint64_t)fuzz_value (rand) << (g_rand_boolean (rand) ? 0 : 16), size);
}

static void
fuzz_config (Bench *bench, GRand *rand)
{
  unsigned size = 1u << g_rand_int_range (rand, 0, 3);
  unsigned offset = (unsigned)g_rand_int_range (rand, 0, 256) & ~(size - 1);

  if (g_rand_boolean (rand))
    pci_bench_read_config (bench, offset, size);
  else
    pci_bench_write_config (bench, offset, fuzz_value (rand), size);
}

void
pci_bench_fuzz_step (Bench *bench, GRand *rand, void *data)
{
  for (unsigned i = 0; i < 16; i++)
    fuzz_bar (bench, rand);
  if (g_rand_int_range (rand, 0, 8) == 0)
    fuzz_config (bench, rand);
  if (g_rand_int_range (rand, 0, 8) == 0)
    pci_bench_map (bench);
}
