/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/ich9-lpc.h"

#include "devices/platform/ich9-pm.h"
#include "devices/platform/vm-generation.h"
#include "vmm/base/bytes.h"

#define RCBA_SIZE     0x4000u
#define RCBA_GCS      0x3410u
#define GCS_NO_REBOOT (1u << 5)

#define PORT92_RESET (1u << 0)
#define PORT92_A20   (1u << 1)

/* ISA interrupts that a PIRQ may be routed to: data sheet, section 13.1.17. */
#define PIRQ_ISA_MASK 0xdef8u

typedef struct {
  PciDevice pci;
  Ich9Pm pm;
  VmGeneration generation;

  /* PIRQ lines: their "interrupt controller" is this bridge. route_lock comes after the lines' own. */
  Hypervisor router;
  GMutex route_lock;
  IrqLine *pirq[ICH9_N_PIRQS];
  bool pirq_level[ICH9_N_PIRQS];
  uint8_t pirq_route[ICH9_N_PIRQS]; /* the routing registers, as the router sees them */
  IrqPin apic_pin[ICH9_N_PIRQS];
  IrqPin isa_pin[ICH9_N_PIRQS][16];

  BusRegion *pm_region, *rcba_region;
  uint32_t pm_base, rcba;
  uint8_t apm_control, apm_status;
  uint8_t port92;
} Ich9Lpc;

#define ICH9_LPC(object) ((Ich9Lpc *)(object))

static const PciIdentity identity = {
  .vendor = 0x8086,
  .device = 0x2918,
  .subsystem_vendor = 0x1af4,
  .subsystem = 0x1100,
  .class_code = 0x060100,
  .revision = 2,
};

Ich9Pm *
ich9_lpc_pm (Device *lpc)
{
  return &ICH9_LPC (lpc)->pm;
}

/* --- interrupt routing --- */

unsigned
ich9_lpc_slot_pirq (unsigned slot, unsigned pin)
{
  return slot < 25 ? 4 + (slot + pin) % 4 : pin % 4;
}

IrqPin
ich9_lpc_connect (Device *lpc, unsigned pirq)
{
  return irq_line_connect (ICH9_LPC (lpc)->pirq[pirq % ICH9_N_PIRQS]);
}

static void
lpc_drive_pirq_locked (Ich9Lpc *self, unsigned pirq)
{
  uint8_t route = self->pirq_route[pirq];
  unsigned isa = route & ICH9_PIRQ_DISABLED ? 16 : route & 15;

  irq_pin_set (&self->apic_pin[pirq], self->pirq_level[pirq]);
  for (unsigned i = 0; i < 16; i++)
    irq_pin_set (&self->isa_pin[pirq][i], i == isa && self->pirq_level[pirq]);
}

static void
lpc_set_pirq (Hypervisor *router, unsigned pirq, bool level)
{
  Ich9Lpc *self = (Ich9Lpc *)((char *)router - G_STRUCT_OFFSET (Ich9Lpc, router));

  g_mutex_lock (&self->route_lock);
  self->pirq_level[pirq] = level;
  lpc_drive_pirq_locked (self, pirq);
  g_mutex_unlock (&self->route_lock);
}

static const HypervisorOps router_ops = { .set_irq = lpc_set_pirq };

static unsigned
pirq_register (unsigned pirq)
{
  return pirq < 4 ? ICH9_LPC_PIRQA_ROUT + pirq : ICH9_LPC_PIRQE_ROUT + pirq - 4;
}

static void
lpc_update_routes (Ich9Lpc *self)
{
  g_mutex_lock (&self->route_lock);
  for (unsigned i = 0; i < ICH9_N_PIRQS; i++)
    {
      self->pirq_route[i] = self->pci.config[pirq_register (i)];
      lpc_drive_pirq_locked (self, i);
    }
  g_mutex_unlock (&self->route_lock);
}

static void
lpc_wire_interrupts (Ich9Lpc *self)
{
  Board *board = self->pci.device.board;

  g_mutex_init (&self->route_lock);
  self->router.ops = &router_ops;
  for (unsigned i = 0; i < ICH9_N_PIRQS; i++)
    {
      self->apic_pin[i] = irq_line_connect (board->irq[ICH9_PIRQ_GSI + i]);
      for (unsigned isa = 0; isa < 16; isa++)
        if (PIRQ_ISA_MASK & 1u << isa)
          self->isa_pin[i][isa] = irq_line_connect (board->irq[isa]);
      self->pirq[i] = irq_line_new (&self->router, i);
    }
}

/* --- power management block --- */

static uint64_t
lpc_read_pm (Device *device, uint64_t offset, unsigned size)
{
  return ich9_pm_read (ich9_lpc_pm (device), offset, size);
}

static void
lpc_write_pm (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  ich9_pm_write (ich9_lpc_pm (device), offset, value, size);
}

static const BusOps pm_ops = { .read = lpc_read_pm, .write = lpc_write_pm, .max_size = 4 };

/* --- root complex registers: all fixed, as nothing behind them can be changed --- */

static uint64_t
lpc_read_rcba (Device *device, uint64_t offset, unsigned size)
{
  uint8_t gcs[4];

  store_le32 (gcs, GCS_NO_REBOOT);
  if (offset >= RCBA_GCS && offset + size <= RCBA_GCS + 4)
    return load_le (gcs + (offset - RCBA_GCS), size);
  return 0;
}

static void
lpc_write_rcba (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
}

static const BusOps rcba_ops = { .read = lpc_read_rcba, .write = lpc_write_rcba };

/* --- APM, port 0x92 --- */

static uint64_t
lpc_read_apm (Device *device, uint64_t offset, unsigned size)
{
  return offset == 0 ? ICH9_LPC (device)->apm_control : ICH9_LPC (device)->apm_status;
}

static void
lpc_write_apm (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Ich9Lpc *self = ICH9_LPC (device);

  if (offset == 1)
    {
      self->apm_status = value;
      return;
    }
  self->apm_control = value;
  if (value == ICH9_APM_ENABLE_ACPI || value == ICH9_APM_DISABLE_ACPI)
    ich9_pm_set_acpi_mode (&self->pm, value == ICH9_APM_ENABLE_ACPI);
}

static const BusOps apm_ops = { .read = lpc_read_apm, .write = lpc_write_apm, .max_size = 1 };

static uint64_t
lpc_read_port92 (Device *device, uint64_t offset, unsigned size)
{
  return ICH9_LPC (device)->port92;
}

static void
lpc_write_port92 (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Ich9Lpc *self = ICH9_LPC (device);
  bool rise = (value & PORT92_RESET) && !(self->port92 & PORT92_RESET);

  self->port92 = value & (PORT92_RESET | PORT92_A20);
  if (rise)
    board_request (device->board, BOARD_REQUEST_RESET, 0, NULL);
}

static const BusOps port92_ops = { .read = lpc_read_port92, .write = lpc_write_port92, .max_size = 1 };

/* --- configuration --- */

/* Shows a block where its base register says, or nowhere (0). */
static void
lpc_place (Ich9Lpc *self, Bus *bus, const BusOps *ops, uint32_t base, uint32_t size, BusRegion **region,
           uint32_t *current)
{
  if (base == *current)
    return;
  if (*region)
    bus_remove (bus, *region);
  *region = base ? bus_add (bus, &self->pci.device, ops, base, size, 1) : NULL;
  *current = base;
}

static void
lpc_update_bases (Ich9Lpc *self)
{
  Board *board = self->pci.device.board;
  const uint8_t *config = self->pci.config;
  uint32_t pm_base =
    config[ICH9_LPC_ACPI_CNTL] & ICH9_ACPI_EN ? load_le32 (config + ICH9_LPC_PMBASE) & 0xff80 : 0;
  uint32_t rcba = load_le32 (config + ICH9_LPC_RCBA);

  lpc_place (self, board->ports, &pm_ops, pm_base, ICH9_PM_SIZE, &self->pm_region, &self->pm_base);
  lpc_place (self, board->mmio, &rcba_ops, rcba & 1 ? rcba & 0xffffc000 : 0, RCBA_SIZE, &self->rcba_region,
             &self->rcba);
}

static void
lpc_config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  lpc_update_routes (ICH9_LPC (pci));
  lpc_update_bases (ICH9_LPC (pci));
}

static void
lpc_declare_registers (PciDevice *pci)
{
  store_le32 (pci->config + ICH9_LPC_PMBASE, 1);
  store_le32 (pci->writable + ICH9_LPC_PMBASE, 0xff80);
  pci->writable[ICH9_LPC_ACPI_CNTL] = ICH9_ACPI_EN;
  for (unsigned i = 0; i < ICH9_N_PIRQS; i++)
    pci->writable[pirq_register (i)] = 0x8f;
  pci->writable[0x80] = 0x77; /* LPC_I/O_DEC and LPC_EN: stored only, the ISA devices always answer */
  pci->writable[0x81] = 0x13;
  pci->writable[0x82] = 0xff;
  pci->writable[0x83] = 0x3f;
  store_le32 (pci->writable + ICH9_LPC_RCBA, 0xffffc001);
}

void
ich9_lpc_press_power_button (Device *lpc)
{
  device_lock (lpc);
  ich9_pm_press_power_button (ich9_lpc_pm (lpc));
  device_unlock (lpc);
}

/* --- the machine's generation --- */

static uint64_t
generation_read (Device *device, uint64_t offset, unsigned size)
{
  return vm_generation_read (&ICH9_LPC (device)->generation, offset, size);
}

static void
generation_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  GUEST_ERROR (device, "the generation is not to be written");
}

static const BusOps generation_ops = { .read = generation_read, .write = generation_write };

/* --- life --- */

static bool
lpc_realize (Device *device, const void *config, GError **error)
{
  Ich9Lpc *self = ICH9_LPC (device);
  const Ich9LpcConfig *cfg = config;

  self->pci.config_written = lpc_config_written;
  if (!pci_realize (&self->pci, &cfg->place, &identity, error))
    return false;
  lpc_declare_registers (&self->pci);
  lpc_wire_interrupts (self);
  ich9_pm_init (&self->pm, device, irq_line_connect (device->board->irq[ICH9_SCI_GSI]));
  device_add_ports (device, &apm_ops, ICH9_APM_PORT, 2);
  device_add_ports (device, &port92_ops, 0x92, 1);
  vm_generation_init (&self->generation, cfg->generation);
  return device_add_mmio (device, &generation_ops, VM_GENERATION_BASE, VM_GENERATION_SIZE, 0) != NULL;
}

static void
lpc_unrealize (Device *device)
{
  Ich9Lpc *self = ICH9_LPC (device);
  Board *board = device->board;

  lpc_place (self, board->ports, &pm_ops, 0, ICH9_PM_SIZE, &self->pm_region, &self->pm_base);
  lpc_place (self, board->mmio, &rcba_ops, 0, RCBA_SIZE, &self->rcba_region, &self->rcba);
  ich9_pm_clear (&self->pm);
  for (unsigned i = 0; i < ICH9_N_PIRQS; i++)
    g_clear_pointer (&self->pirq[i], irq_line_free);
  pci_unrealize (&self->pci);
}

static void
lpc_reset (Device *device)
{
  Ich9Lpc *self = ICH9_LPC (device);

  pci_reset (&self->pci);
  for (unsigned i = 0; i < ICH9_N_PIRQS; i++)
    self->pci.config[pirq_register (i)] = ICH9_PIRQ_DISABLED;
  self->apm_control = 0;
  self->apm_status = 0;
  self->port92 = PORT92_A20;
  ich9_pm_reset (&self->pm);
  lpc_update_routes (self);
  lpc_update_bases (self);
}

static void
lpc_after_load (void *object)
{
  lpc_update_routes (object);
  lpc_update_bases (object);
}

/* Now interrupt controllers have their state, too. */
static void
lpc_started (Device *device)
{
  Ich9Lpc *self = ICH9_LPC (device);

  if (vm_generation_is_news (&self->generation))
    ich9_pm_raise_event (&self->pm, VM_GENERATION_GPE);
}

static const StateField lpc_fields[] = {
  STATE_STRUCT (Ich9Lpc, pci, &pci_device_state, 1),
  STATE_STRUCT (Ich9Lpc, pm, &ich9_pm_state, 1),
  STATE_U8 (Ich9Lpc, apm_control, 1),
  STATE_U8 (Ich9Lpc, apm_status, 1),
  STATE_U8 (Ich9Lpc, port92, 1),
  STATE_STRUCT (Ich9Lpc, generation, &vm_generation_state, 2),
  STATE_END,
};

static const StateTable lpc_state = {
  .name = "ich9-lpc",
  .version = 2,
  .fields = lpc_fields,
  .object_size = sizeof (Ich9Lpc),
  .after_load = lpc_after_load,
};

const DeviceClass ich9_lpc_class = {
  .id = "ich9-lpc",
  .size = sizeof (Ich9Lpc),
  .realize = lpc_realize,
  .unrealize = lpc_unrealize,
  .reset = lpc_reset,
  .started = lpc_started,
  .state = &lpc_state,
};
