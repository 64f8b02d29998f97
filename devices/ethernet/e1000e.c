/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/ethernet/e1000e.h"

#include "devices/ethernet/e1000e-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* The card's registers, life and state. */

#define REGISTER_BAR  0u
#define FLASH_BAR     1u
#define IO_BAR        2u
#define MSIX_BAR      3u
#define REGISTER_SIZE 0x20000u
#define FLASH_SIZE    0x20000u
#define IO_SIZE       32u

/* Section 10.2.1.2: a window for firmware that can't map the registers. */
enum { IO_ADDRESS = 0, IO_DATA = 4 };

static const PciIdentity identity = {
  .vendor = 0x8086,
  .device = 0x10d3,
  .subsystem_vendor = 0x8086,
  .subsystem = 0x0000,
  .class_code = 0x020000,
  .intx = true,
};

/* Registers that hold what is written to them, and the bits that do. */
static const struct {
  uint16_t from, to;
  uint32_t mask;
} plain_registers[] = {
  { 0x001c, 0x001c, 0xffffffff }, /* FLA */
  { 0x0028, 0x0030, 0xffffffff }, /* flow control */
  { REG_VET, REG_VET, 0x0000ffff },
  { REG_ITR, REG_ITR, 0x0000ffff },
  { REG_EIAC, REG_EIAC, 0x01f00000 },
  { REG_IAM, REG_IAM, 0xffffffff },
  { REG_IVAR, REG_IVAR, 0x800fffff },
  { REG_EITR, REG_EITR + 16, 0x0000ffff },
  { 0x0170, 0x0170, 0x0000ffff }, /* FCTTV */
  { REG_TCTL, REG_TCTL, 0xffffffff },
  { 0x0410, 0x0410, 0x3fffffff }, /* TIPG */
  { 0x0458, 0x0458, 0x0000ffff }, /* AIT */
  { 0x0e00, 0x0e00, 0xffffffff }, /* LEDCTL */
  { REG_EXTCNF_CTRL, 0x0f08, 0xffffffff },
  { REG_PBA, REG_PBA, 0xffffffff },
  { 0x1008, 0x1008, 0xffffffff }, /* PBS */
  { 0x1034, 0x1040, 0xffffffff }, /* flash */
  { 0x2008, 0x2008, 0x0000ffff }, /* ERT */
  { 0x2160, 0x2168, 0xffffffff }, /* flow control thresholds */
  { REG_PSRCTL, REG_PSRCTL, 0x3f3f3f7f },
  { 0x2820, 0x282c, 0xffffffff }, /* RDTR, RXDCTL, RADV */
  { 0x2920, 0x292c, 0xffffffff },
  { 0x2c00, 0x2c10, 0xffffffff },
  { 0x3820, 0x3844, 0xffffffff }, /* TIDV, TXDCTL, TADV, TARC */
  { 0x3920, 0x3944, 0xffffffff },
  { REG_RXCSUM, REG_RXCSUM, 0x00003fff },
  { REG_RFCTL, REG_RFCTL, 0xffffffff },
  { REG_MTA, REG_MTA + 127 * 4, 0xffffffff },
  { REG_RAL, REG_RAH + 15 * 8, 0xffffffff },
  { REG_VFTA, REG_VFTA + 127 * 4, 0xffffffff },
  { 0x5800, 0x5808, 0xffffffff }, /* WUC, WUFC */
  { REG_MRQC, REG_MRQC, 0xffffffff },
  { 0x5820, 0x5820, 0xffffffff }, /* MANC */
  { 0x5838, 0x585c, 0xffffffff }, /* IPAV, addresses */
  { 0x5860, 0x5860, 0xffffffff }, /* MANC2H */
  { 0x5880, 0x588c, 0xffffffff },
  { 0x5b00, 0x5b1c, 0xffffffff }, /* GCR, GSC */
  { REG_SWSM, REG_SWSM, 0xffffffff },
  { 0x5b64, 0x5b64, 0xffffffff }, /* GCR2 */
  { 0x5b68, 0x5b68, 0xffffffff }, /* PBACL */
  { REG_RETA, REG_RETA + 31 * 4, 0xffffffff },
  { REG_RSSRK, REG_RSSRK + 9 * 4, 0xffffffff },
};

/* --- small things --- */

bool
e1000e_has_link (const E1000e *self)
{
  return self->backend != NULL && self->link_up;
}

static bool
is_wide (unsigned offset)
{
  return offset == STAT_GORC || offset == STAT_GOTC || offset == STAT_TOR || offset == STAT_TOT;
}

void
e1000e_count (E1000e *self, unsigned offset, uint64_t n)
{
  uint32_t *low = e1000e_reg (self, offset), *high = low + 1;
  uint64_t value;

  if (!is_wide (offset))
    {
      *low = *low > UINT32_MAX - n ? UINT32_MAX : *low + (uint32_t)n;
      return;
    }
  value = ((uint64_t)*high << 32 | *low) + n;
  *low = (uint32_t)value;
  *high = (uint32_t)(value >> 32);
}

/* Section 10.2.7: with the check sequence, which is nowhere. */
void
e1000e_count_frame (E1000e *self, bool sent, const uint8_t *frame, size_t size)
{
  static const unsigned limits[] = { 64, 127, 255, 511, 1023 };
  bool broadcast = load_le32 (frame) == UINT32_MAX && load_le16 (frame + 4) == UINT16_MAX;
  unsigned bin = 0;

  size += 4;
  while (bin < G_N_ELEMENTS (limits) && size > limits[bin])
    bin++;
  e1000e_count (self, (sent ? STAT_PTC64 : STAT_PRC64) + 4 * bin, 1);
  e1000e_count (self, sent ? STAT_TPT : STAT_TPR, 1);
  e1000e_count (self, sent ? STAT_GPTC : STAT_GPRC, 1);
  e1000e_count (self, sent ? STAT_TOT : STAT_TOR, size);
  e1000e_count (self, sent ? STAT_GOTC : STAT_GORC, size);
  if (broadcast)
    e1000e_count (self, sent ? STAT_BPTC : STAT_BPRC, 1);
  else if (frame[0] & 1)
    e1000e_count (self, sent ? STAT_MPTC : STAT_MPRC, 1);
}

/* --- rings --- */

/* Sections 10.2.5.5 and 10.2.6.4: lengths are multiples of 128 bytes. */
bool
e1000e_ring_read (E1000e *self, unsigned queue, unsigned descriptor_size, Ring *ring)
{
  *ring = (Ring){
    .queue = queue,
    .base = (uint64_t)*e1000e_reg (self, queue + QUEUE_BAH) << 32 | *e1000e_reg (self, queue + QUEUE_BAL),
    .n = *e1000e_reg (self, queue + QUEUE_LEN) / descriptor_size,
    .head = *e1000e_reg (self, queue + QUEUE_HEAD),
    .tail = *e1000e_reg (self, queue + QUEUE_TAIL),
  };
  if (descriptor_size > 16)
    {
      /* Head and tail count units of 16 bytes. */
      ring->head /= descriptor_size / 16;
      ring->tail /= descriptor_size / 16;
    }
  return ring->n > 0 && ring->head < ring->n && ring->tail < ring->n && pci_may_dma (&self->pci)
         && !self->halted;
}

void
e1000e_ring_set_head (E1000e *self, Ring *ring, uint32_t head)
{
  unsigned unit = *e1000e_reg (self, ring->queue + QUEUE_LEN) / 16 / ring->n;

  ring->head = head;
  *e1000e_reg (self, ring->queue + QUEUE_HEAD) = head * MAX (unit, 1);
}

static void
write_queue (E1000e *self, bool transmit, unsigned index, unsigned reg, uint32_t value)
{
  uint32_t *stored = e1000e_reg (self, (transmit ? REG_TX_QUEUE : REG_RX_QUEUE) + index * QUEUE_STRIDE + reg);

  switch (reg)
    {
    case QUEUE_BAL:
      *stored = value & ~UINT32_C (0xf);
      break;
    case QUEUE_BAH:
      *stored = value;
      break;
    case QUEUE_LEN:
      *stored = value & 0xfff80;
      break;
    case QUEUE_HEAD:
      *stored = value & 0xffff;
      break;
    case QUEUE_TAIL:
      *stored = value & 0xffff;
      if (transmit)
        e1000e_transmit (self, index);
      else
        e1000e_offer_again (self);
      break;
    }
}

/* --- reset --- */

static void
load_address (E1000e *self)
{
  *e1000e_reg (self, REG_RAL) = (uint32_t)self->nvm[1] << 16 | self->nvm[0];
  *e1000e_reg (self, REG_RAH) = RAH_AV | self->nvm[2];
}

/* Section 4.6.1: what CTRL.RST does. */
static void
reset_mac (E1000e *self)
{
  memset (self->mac, 0, sizeof self->mac);
  memset (self->contexts, 0, sizeof self->contexts);
  e1000e_throttles_reset (self);
  *e1000e_reg (self, REG_CTRL) = CTRL_FD | 2u << 8;
  *e1000e_reg (self, REG_EEC) = EEC_PRESENT | EEC_AUTO_RD | 4u << 11; /* 1024 words: 64 << 4 */
  *e1000e_reg (self, REG_VET) = 0x8100;
  *e1000e_reg (self, REG_EERD) = EERD_DONE;
  *e1000e_reg (self, REG_MDIC) = MDIC_READY;
  *e1000e_reg (self, REG_PBA) = 0x00140014;
  *e1000e_reg (self, REG_EEMNGCTL) = BIT (18); /* configuration done */
  *e1000e_reg (self, 0x0e00) = 0x07068302;     /* LEDCTL */
  *e1000e_reg (self, 0x0410) = 0x00602006;     /* TIPG */
  load_address (self);
  pci_set_intx (&self->pci, false);
  e1000e_offer_again (self);
}

static uint32_t
read_status (E1000e *self)
{
  return STATUS_FD | STATUS_SPEED_1000
         | STATUS_MASTER_ENABLE * !(*e1000e_reg (self, REG_CTRL) & CTRL_MASTER_DISABLE)
         | (e1000e_has_link (self) ? STATUS_LU : 0) | (*e1000e_reg (self, REG_STATUS) & STATUS_PHYRA);
}

static void
write_ctrl (E1000e *self, uint32_t value)
{
  if (value & CTRL_RST)
    {
      reset_mac (self);
      return;
    }
  if (value & CTRL_PHY_RST)
    {
      e1000e_phy_reset (self);
      *e1000e_reg (self, REG_STATUS) |= STATUS_PHYRA;
    }
  *e1000e_reg (self, REG_CTRL) = value & ~(CTRL_RST | CTRL_PHY_RST);
}

/* --- registers --- */

static uint32_t
read_register (E1000e *self, unsigned offset)
{
  uint32_t value;

  if (offset >= REG_END)
    return 0;
  value = *e1000e_reg (self, offset);
  switch (offset)
    {
    case REG_STATUS:
      return read_status (self);
    case REG_ICR:
      return e1000e_icr_read (self);
    case REG_ICS:
    case REG_IMC:
      return 0;
    case REG_STATISTICS ... REG_STATISTICS_END - 4:
      *e1000e_reg (self, offset) = 0;
      return value;
    default:
      return value;
    }
}

static void
write_plain (E1000e *self, unsigned offset, uint32_t value)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (plain_registers); i++)
    if (offset >= plain_registers[i].from && offset <= plain_registers[i].to)
      {
        *e1000e_reg (self, offset) = value & plain_registers[i].mask;
        return;
      }
  TRACE (self, "ignored", "register=0x%05x value=0x%08x", offset, value);
}

static void
write_register (E1000e *self, unsigned offset, uint32_t value)
{
  for (unsigned i = 0; i < E1000E_N_QUEUES; i++)
    {
      unsigned rx = offset - REG_RX_QUEUE - i * QUEUE_STRIDE, tx = offset - REG_TX_QUEUE - i * QUEUE_STRIDE;

      if (rx <= QUEUE_TAIL || tx <= QUEUE_TAIL)
        {
          write_queue (self, tx <= QUEUE_TAIL, i, MIN (rx, tx), value);
          return;
        }
    }
  switch (offset)
    {
    case REG_CTRL:
    case REG_CTRL + 4: /* a copy of it, section 10.2.2.1 */
      write_ctrl (self, value);
      break;
    case REG_STATUS:
      *e1000e_reg (self, REG_STATUS) &= value | ~STATUS_PHYRA;
      break;
    case REG_EEC:
      *e1000e_reg (self, REG_EEC) =
        (*e1000e_reg (self, REG_EEC) & ~(EEC_REQ | EEC_GNT)) | (value & EEC_REQ ? EEC_REQ | EEC_GNT : 0);
      break;
    case REG_EERD:
      e1000e_nvm_read (self, value);
      break;
    case REG_CTRL_EXT:
      if (value & CTRL_EXT_EE_RST)
        load_address (self);
      *e1000e_reg (self, REG_CTRL_EXT) = value & ~CTRL_EXT_EE_RST;
      break;
    case REG_MDIC:
      e1000e_mdic_write (self, value);
      break;
    case REG_ICR:
      e1000e_icr_write (self, value);
      break;
    case REG_ICS:
      e1000e_raise (self, value);
      break;
    case REG_IMS:
      e1000e_unmask (self, value);
      break;
    case REG_IMC:
      e1000e_mask (self, value);
      break;
    case REG_RCTL:
      *e1000e_reg (self, REG_RCTL) = value;
      e1000e_offer_again (self);
      break;
    case REG_EEWR:
      *e1000e_reg (self, REG_EEWR) =
        (value & ~BIT (0)) | EERD_DONE; /* nothing is written: the EEPROM is protected */
      break;
    default:
      write_plain (self, offset, value);
    }
}

static uint64_t
registers_read (Device *device, uint64_t offset, unsigned size)
{
  uint32_t value = read_register (E1000E (device), (unsigned)offset & ~3u);

  TRACE (device, "read", "register=0x%05x value=0x%08x", (unsigned)offset, value);
  return low_bytes (value >> (offset & 3) * 8, size);
}

/* Section 10.1.1.1: all but whole registers is ignored. */
static void
registers_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  TRACE (device, "write", "register=0x%05x value=0x%08x", (unsigned)offset, (unsigned)value);
  if (size == 4 && offset % 4 == 0)
    write_register (E1000E (device), (unsigned)offset, (uint32_t)value);
  else
    GUEST_ERROR (device, "%u bytes written at 0x%05x", size, (unsigned)offset);
}

static const BusOps registers_ops = { .read = registers_read, .write = registers_write, .max_size = 4 };

static uint64_t
flash_read (Device *device, uint64_t offset, unsigned size)
{
  return low_bytes (UINT64_MAX, size); /* erased */
}

static void
flash_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
}

static const BusOps flash_ops = { .read = flash_read, .write = flash_write, .max_size = 4 };

static uint64_t
io_read (Device *device, uint64_t offset, unsigned size)
{
  E1000e *self = E1000E (device);

  if (size != 4)
    return 0;
  if (offset == IO_DATA)
    return registers_read (device, self->io_address % REGISTER_SIZE & ~3u, 4);
  return offset == IO_ADDRESS ? self->io_address : 0;
}

static void
io_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  E1000e *self = E1000E (device);

  if (offset == IO_ADDRESS && size == 4)
    self->io_address = (uint32_t)value;
  else if (offset == IO_DATA)
    registers_write (device, self->io_address % REGISTER_SIZE & ~3u, value, size);
}

static const BusOps io_ops = { .read = io_read, .write = io_write, .max_size = 4 };

/* --- life --- */

NetBackend *
e1000e_get_backend (Device *device)
{
  return E1000E (device)->backend;
}

void
e1000e_get_counters (Device *device, NetCounters *counters)
{
  net_get_counters (E1000E (device)->backend, counters);
}

void
e1000e_set_link (Device *device, bool up)
{
  E1000e *self = E1000E (device);

  device_lock (device);
  if (self->link_up != up)
    {
      TRACE (device, "link", "%s", up ? "up" : "down");
      self->link_up = up;
      e1000e_phy_set_link (self);
      e1000e_raise (self, CAUSE_LSC);
      e1000e_offer_again (self);
    }
  device_unlock (device);
}

/* The guest lets the card reach its memory again. */
static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  E1000e *self = E1000E (pci);

  if (offset < 6 && offset + size > 4 && pci_may_dma (pci))
    {
      for (unsigned i = 0; i < E1000E_N_QUEUES; i++)
        e1000e_transmit (self, i);
      e1000e_offer_again (self);
    }
}

static bool
e1000e_realize (Device *device, const void *config, GError **error)
{
  const E1000eConfig *cfg = config;
  E1000e *self = E1000E (device);

  self->link_up = !cfg->link_down;
  self->tx_frame = g_malloc (NET_PACKET_MAX);
  self->rx_frame = g_malloc (NET_FRAME_MAX + 4);
  if (!net_card_connect (device->board->loop, cfg->id, cfg->mac, cfg->network, self->mac_address,
                         &self->backend, error)
      || !pci_realize (&self->pci, &cfg->place, &identity, error))
    return false;
  self->pci.config_written = config_written;
  pci_add_bar (&self->pci, REGISTER_BAR, PCI_BAR_MEM32, REGISTER_SIZE, &registers_ops);
  pci_add_bar (&self->pci, FLASH_BAR, PCI_BAR_MEM32, FLASH_SIZE, &flash_ops);
  pci_add_bar (&self->pci, IO_BAR, PCI_BAR_IO, IO_SIZE, &io_ops);
  pci_add_power_management (&self->pci);
  pci_add_msi (&self->pci);
  pci_add_express (&self->pci, 9);
  pci_add_msix (&self->pci, MSIX_BAR, E1000E_N_VECTORS);
  e1000e_throttles_new (self);
  e1000e_nvm_fill (self);
  if (self->backend != NULL)
    net_attach (self->backend, &e1000e_card_ops, self);
  return true;
}

static void
e1000e_unrealize (Device *device)
{
  E1000e *self = E1000E (device);

  g_clear_pointer (&self->backend, net_free);
  e1000e_throttles_free (self);
  pci_unrealize (&self->pci);
  g_clear_pointer (&self->tx_frame, g_free);
  g_clear_pointer (&self->rx_frame, g_free);
}

static void
e1000e_reset (Device *device)
{
  E1000e *self = E1000E (device);

  pci_reset (&self->pci);
  self->io_address = 0;
  reset_mac (self);
  e1000e_phy_reset (self);
}

static void
e1000e_stopped (Device *device)
{
  E1000E (device)->halted = true;
}

static void
e1000e_started (Device *device)
{
  E1000e *self = E1000E (device);

  self->halted = false;
  for (unsigned i = 0; i < E1000E_N_QUEUES; i++)
    e1000e_transmit (self, i);
  e1000e_offer_again (self);
}

/* --- state --- */

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const E1000e *other = incoming;

  for (unsigned i = 0; i < G_N_ELEMENTS (other->throttles); i++)
    if (other->throttles[i].deadline > INT64_MAX)
      {
        g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                     "The saved state of the network card %s has a time that can't be",
                     ((const E1000e *)object)->pci.device.name);
        return false;
      }
  return true;
}

/* The cable is as it is here; the driver hears of a change. */
static void
after_load (void *object)
{
  E1000e *self = object;

  self->rx_waiting = true;
  e1000e_phy_set_link (self);
  e1000e_interrupts_loaded (self);
}

static const StateField e1000e_fields[] = {
  STATE_STRUCT (E1000e, pci, &pci_device_state, 1),
  STATE_U32 (E1000e, mac, 1),
  STATE_U16 (E1000e, phy, 1),
  STATE_U16 (E1000e, nvm, 1),
  STATE_STRUCTS (E1000e, contexts[0], &e1000e_context_state, 1),
  STATE_STRUCTS (E1000e, contexts[1], &e1000e_context_state, 1),
  STATE_STRUCTS (E1000e, throttles, &e1000e_throttle_state, 1),
  STATE_U32 (E1000e, io_address, 1),
  STATE_END,
};

static const StateTable e1000e_state = {
  .name = "e1000e",
  .version = 1,
  .fields = e1000e_fields,
  .object_size = sizeof (E1000e),
  .check = check_state,
  .after_load = after_load,
};

const DeviceClass e1000e_class = {
  .id = "e1000e",
  .size = sizeof (E1000e),
  .realize = e1000e_realize,
  .unrealize = e1000e_unrealize,
  .reset = e1000e_reset,
  .stopped = e1000e_stopped,
  .started = e1000e_started,
  .state = &e1000e_state,
};
