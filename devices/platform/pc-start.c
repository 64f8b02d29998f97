/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/graphics/svga.h"
#include "devices/pci/pci-registers.h"
#include "devices/platform/acpi.h"
#include "devices/platform/boot.h"
#include "devices/platform/fw-cfg.h"
#include "devices/platform/ich9-lpc.h"
#include "devices/platform/pc-map.h"
#include "devices/platform/q35-host.h"
#include "devices/platform/smbios.h"
#include "devices/platform/table-loader.h"
#include "vmm/base/bytes.h"

#include <string.h>

/*
 * What firmware does between reset and the boot loader, for a kernel that is booted without one.
 * vCPUs are parked throughout.
 */

/* The F segment: where an OS searches for RSDP and SMBIOS. */
#define RSDP_AREA     0xf0000u
#define RSDP_AREA_END 0xf0100u
#define SMBIOS_ANCHOR 0xf0100u
#define SMBIOS_TABLES 0xf0200u
#define F_SEGMENT_END 0x100000u

/* As SeaBIOS routes them, for an OS that uses the PIC. */
static const uint8_t pirq_isa[4] = { 10, 10, 11, 11 };

/* --- chip set --- */

static void
config_write (Pc *pc, unsigned slot, unsigned function, unsigned offset, uint32_t value, unsigned size)
{
  pci_bus_config_write (pc->bus, PCI_DEVFN (slot, function), offset, value, size);
}

/* All of RAM from 0xc0000 answers; the F segment as @f_segment says. Two wide writes, so that the memory map
 * changes but little. */
static void
open_pam (Pc *pc, uint8_t f_segment)
{
  config_write (pc, PC_SLOT_HOST, 0, Q35_PAM0 + 4, 0x00333333, 4);
  config_write (pc, PC_SLOT_HOST, 0, Q35_PAM0, 0x33333300 | f_segment << 4, 4);
}

static void
set_up_chips (Pc *pc)
{
  open_pam (pc, Q35_PAM_READ | Q35_PAM_WRITE);
  config_write (pc, PC_SLOT_HOST, 0, Q35_PCIEXBAR + 4, 0, 4);
  config_write (pc, PC_SLOT_HOST, 0, Q35_PCIEXBAR, PC_ECAM_BASE | 1, 4);

  for (unsigned i = 0; i < 4; i++)
    {
      config_write (pc, PC_SLOT_CHIPS, PC_FUNCTION_LPC, ICH9_LPC_PIRQA_ROUT + i, pirq_isa[i], 1);
      config_write (pc, PC_SLOT_CHIPS, PC_FUNCTION_LPC, ICH9_LPC_PIRQE_ROUT + i, pirq_isa[i], 1);
    }
  config_write (pc, PC_SLOT_CHIPS, PC_FUNCTION_LPC, ICH9_LPC_PMBASE, ICH9_PM_BASE | 1, 4);
  config_write (pc, PC_SLOT_CHIPS, PC_FUNCTION_LPC, ICH9_LPC_ACPI_CNTL, ICH9_ACPI_EN, 1);
  config_write (pc, PC_SLOT_CHIPS, PC_FUNCTION_LPC, ICH9_LPC_RCBA, ICH9_RCBA | 1, 4);
}

/* --- BARs --- */

typedef struct {
  PciDevice *pci;
  unsigned offset; /* of the register */
  bool io, wide;
  uint64_t size;
} Resource;

static void
collect_resources (PciDevice *pci, void *data)
{
  GArray *resources = data;

  for (unsigned i = 0; i < PCI_N_BARS; i++)
    {
      const PciBar *bar = &pci->bars[i];
      Resource resource = { pci, PCI_BAR0 + 4 * i, bar->kind == PCI_BAR_IO, bar->kind == PCI_BAR_MEM64,
                            bar->size };

      if (bar->kind != PCI_BAR_NONE)
        g_array_append_val (resources, resource);
    }
  if (pci->rom)
    {
      Resource rom = { pci, PCI_ROM_BASE, false, false, memory_bank_size (pci->rom) };

      g_array_append_val (resources, rom);
    }
}

static int
compare_resources (gconstpointer a, gconstpointer b)
{
  const Resource *x = a, *y = b;

  if (x->size != y->size)
    return x->size > y->size ? -1 : 1;
  if (x->pci->devfn != y->pci->devfn)
    return x->pci->devfn - y->pci->devfn;
  return (int)x->offset - (int)y->offset;
}

/* Largest first, so that each is aligned as it comes. */
static void
place_resources (Pc *pc)
{
  g_autoptr (GArray) resources = g_array_new (FALSE, FALSE, sizeof (Resource));
  uint64_t memory = PC_WINDOW_START, port = PC_IO_WINDOW_START;

  pci_bus_foreach (pc->bus, collect_resources, resources);
  g_array_sort (resources, compare_resources);
  for (unsigned i = 0; i < resources->len; i++)
    {
      const Resource *resource = &g_array_index (resources, Resource, i);
      uint64_t *next = resource->io ? &port : &memory;
      uint64_t limit = resource->io ? 0x10000 : PC_WINDOW_END;

      if (resource->size > limit - *next)
        continue; /* the OS finds it a place */
      pci_bus_config_write (pc->bus, resource->pci->devfn, resource->offset, *next, 4);
      if (resource->wide)
        pci_bus_config_write (pc->bus, resource->pci->devfn, resource->offset + 4, 0, 4);
      *next += resource->size;
    }
}

static void
enable_function (PciDevice *pci, void *data)
{
  unsigned pin = pci->config[PCI_INTERRUPT_PIN];
  uint16_t command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_SERR;

  if (pin)
    pci_bus_config_write (pci->bus, pci->devfn, PCI_INTERRUPT_LINE,
                          pirq_isa[ich9_lpc_slot_pirq (pci->devfn >> 3, pin - 1) % 4], 1);
  pci_bus_config_write (pci->bus, pci->devfn, PCI_COMMAND, command, 2);
}

void
pc_set_up_pci (Pc *pc)
{
  set_up_chips (pc);
  place_resources (pc);
  pci_bus_foreach (pc->bus, enable_function, NULL);
}

/* --- tables --- */

typedef struct {
  Pc *pc;
  uint64_t rsdp;
} Tables;

static GBytes *
find_file (const char *file, void *data)
{
  return fw_cfg_find_file (((Tables *)data)->pc->fw_cfg, file);
}

static void
note_place (const char *file, uint64_t address, void *data)
{
  if (g_str_equal (file, ACPI_FILE_RSDP))
    ((Tables *)data)->rsdp = address;
}

static bool
place_acpi (Pc *pc, const BootMachine *machine, uint64_t *rsdp, GError **error)
{
  Tables tables = { pc, 0 };
  TableLoaderAreas areas = { machine->tables, machine->ram_low, RSDP_AREA, RSDP_AREA_END };

  if (!table_loader_run (fw_cfg_find_file (pc->fw_cfg, ACPI_FILE_LOADER), find_file, note_place, &tables,
                         pc->board->memory, &areas, error))
    return false;
  *rsdp = tables.rsdp;
  return true;
}

static void
place_smbios (Pc *pc)
{
  GBytes *tables = fw_cfg_find_file (pc->fw_cfg, SMBIOS_FILE_TABLES);
  g_autoptr (GBytes) anchor = smbios_build_anchor (tables, SMBIOS_TABLES);
  GuestMemory *memory = pc->board->memory;

  if (g_bytes_get_size (tables) > F_SEGMENT_END - SMBIOS_TABLES)
    return;
  guest_write (memory, SMBIOS_ANCHOR, g_bytes_get_data (anchor, NULL), g_bytes_get_size (anchor));
  guest_write (memory, SMBIOS_TABLES, g_bytes_get_data (tables, NULL), g_bytes_get_size (tables));
}

/* The BIOS data area, as far as kernels look at it: System BIOS for IBM PCs, section 3. */
static void
place_bios_data (Pc *pc)
{
  uint8_t bda[256] = { 0 };
  uint8_t ebda[1024] = { 1 }; /* its size in KiB */

  store_le16 (bda + 0x00, 0x3f8);
  store_le16 (bda + 0x02, 0x2f8);
  store_le16 (bda + 0x0e, BOOT_LOW_MEMORY_END >> 4);
  store_le16 (bda + 0x10,
              1 << 1 | 1 << 2 | 2 << 9 | (pc->svga ? 2 << 4 : 0)); /* FPU, mouse, two ports, 80x25 */
  store_le16 (bda + 0x13, BOOT_LOW_MEMORY_END / 1024);
  if (pc->svga)
    {
      bda[0x49] = 3;
      store_le16 (bda + 0x4a, 80);
      store_le16 (bda + 0x4c, 4096);
      store_le16 (bda + 0x60, 0x0607);
      store_le16 (bda + 0x63, 0x3d4);
      bda[0x84] = 24;
      store_le16 (bda + 0x85, 16);
    }
  guest_write (pc->board->memory, 0x400, bda, sizeof bda);
  guest_write (pc->board->memory, BOOT_LOW_MEMORY_END, ebda, sizeof ebda);
}

/* --- all of it --- */

static bool
start_kernel (Pc *pc, CpuStart *start, GError **error)
{
  uint64_t ram_low = memory_bank_size (pc->ram_low);
  BootMachine machine = {
    .ram_low = ram_low,
    .ram_high = pc->ram_high ? memory_bank_size (pc->ram_high) : 0,
    .tables = ram_low - BOOT_TABLES_SIZE,
    .display = pc->svga != NULL,
  };

  pc_set_up_pci (pc);
  place_bios_data (pc);
  place_smbios (pc);
  if (!place_acpi (pc, &machine, &machine.rsdp, error))
    return false;
  open_pam (pc, Q35_PAM_READ);
  if (pc->svga)
    svga_set_text_mode (pc->svga);
  return boot_kernel_place (pc->kernel, pc->board->memory, &machine, start, error);
}

void
pc_prepare (Board *board, CpuStart *start, void *data)
{
  Pc *pc = data;
  g_autoptr (GError) error = NULL;

  *start = (CpuStart){ .mode = CPU_START_RESET_VECTOR };
  if (pc->kernel && !start_kernel (pc, start, &error))
    board_request (board, BOARD_REQUEST_CRASH, 0, error->message);
}
