/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/ahci-private.h"

#include "vmm/base/bytes.h"

/* AHCI 1.3.1, section 3.3: port registers, link, and what the drive sends to the host. */

enum {
  PORT_CLB = 0x00,
  PORT_CLBU = 0x04,
  PORT_FB = 0x08,
  PORT_FBU = 0x0c,
  PORT_IS = 0x10,
  PORT_IE = 0x14,
  PORT_CMD = 0x18,
  PORT_TFD = 0x20,
  PORT_SIG = 0x24,
  PORT_SSTS = 0x28,
  PORT_SCTL = 0x2c,
  PORT_SERR = 0x30,
  PORT_SACT = 0x34,
  PORT_CI = 0x38,
};

#define PORT_IS_CLEARABLE                                                                                    \
  (0x7dc000bfu & ~(uint32_t)PORT_IS_PCS) /* all that is defined and no mirror of PxSERR */
#define PORT_IE_WRITABLE 0x7dc000ffu

enum {
  SERR_N = 1 << 16,
  SERR_X = 1 << 26,
};

/* Section 3.3.10: device present and communicating, generation 2, active. */
#define SSTS_UP      0x123u
#define SSTS_OFFLINE 0x004u

/* ATA8-ACS, device signatures. */
#define SIG_NONE  0xffffffffu
#define SIG_ATA   0x00000101u
#define SIG_ATAPI 0xeb140101u

/* Section 4.2.1: received FIS structure. */
enum {
  RFIS_PIO_SETUP = 0x20,
  RFIS_D2H = 0x40,
  RFIS_SET_DEVICE_BITS = 0x58,
};

/* Serial ATA 2.6, FIS types. */
enum {
  FIS_D2H = 0x34,
  FIS_PIO_SETUP = 0x5f,
  FIS_SET_DEVICE_BITS = 0xa1,
  FIS_INTERRUPT = 0x40,
  FIS_TO_HOST = 0x20,
};

/* --- received FISes --- */

void
ahci_port_raise (AhciPort *port, uint32_t is)
{
  port->is |= is;
  ahci_update_irq (port->ahci);
}

static void
receive (AhciPort *port, unsigned where, const uint8_t *fis, size_t size)
{
  if (!(port->cmd & PORT_CMD_FR) || !pci_may_dma (&port->ahci->pci))
    return;
  if (!guest_write (port->ahci->pci.device.board->memory, port->fb + where, fis, size))
    {
      GUEST_ERROR (port->ahci, "port %u: the received FIS area is no RAM", port->index);
      port->is |= PORT_IS_HBFS;
      port->stopped = true;
    }
}

static void
store_task (uint8_t *fis, const AtaTask *task)
{
  fis[2] = task->status;
  fis[3] = task->error;
  for (unsigned i = 0; i < 3; i++)
    {
      fis[4 + i] = task->lba >> (8 * i);
      fis[8 + i] = task->lba >> (8 * (i + 3));
    }
  fis[7] = task->device;
  store_le16 (fis + 12, task->count);
}

void
ahci_post_d2h (AhciPort *port, const AtaTask *task, bool interrupt)
{
  uint8_t fis[20] = { FIS_D2H, interrupt ? FIS_INTERRUPT : 0 };

  store_task (fis, task);
  port->status = task->status;
  port->error = task->error;
  receive (port, RFIS_D2H, fis, sizeof fis);
  if (task->status & ATA_ERR)
    {
      port->stopped = true;
      port->is |= PORT_IS_TFES;
    }
  if (interrupt)
    port->is |= PORT_IS_DHRS;
  ahci_update_irq (port->ahci);
}

void
ahci_post_pio_setup (AhciPort *port, const AtaTask *task, uint8_t end_status, uint16_t count, bool to_host)
{
  uint8_t fis[20] = { FIS_PIO_SETUP, FIS_INTERRUPT | (to_host ? FIS_TO_HOST : 0) };

  store_task (fis, task);
  fis[15] = end_status;
  store_le16 (fis + 16, count);
  port->status = end_status;
  port->error = task->error;
  receive (port, RFIS_PIO_SETUP, fis, sizeof fis);
  ahci_port_raise (port, PORT_IS_PSS);
}

void
ahci_post_set_device_bits (AhciPort *port, uint8_t status, uint8_t error, uint32_t finished)
{
  uint8_t fis[8] = { FIS_SET_DEVICE_BITS, FIS_INTERRUPT, status & 0x77, error };

  store_le32 (fis + 4, finished);
  port->status = (port->status & 0x88) | (status & 0x77);
  port->error = error;
  receive (port, RFIS_SET_DEVICE_BITS, fis, sizeof fis);
  port->sact &= ~finished;
  if (status & ATA_ERR)
    {
      port->stopped = true;
      port->is |= PORT_IS_TFES;
    }
  ahci_port_raise (port, PORT_IS_SDBS);
}

/* ATA8-ACS, device signatures: what a drive shows of itself after a reset. */
void
ahci_post_signature (AhciPort *port)
{
  bool packet = port->kind == AHCI_PORT_CDROM;
  const AtaTask task = {
    .status = packet ? 0 : ATA_GOOD,
    .error = 0x01,
    .count = 1,
    .lba = packet ? 0xeb1401 : 0x000001,
  };

  port->signature_due = !(port->cmd & PORT_CMD_FR);
  port->sig = packet ? SIG_ATAPI : SIG_ATA;
  ahci_post_d2h (port, &task, false);
}

/* --- resets --- */

void
ahci_port_drop_commands (AhciPort *port)
{
  port->ci = port->sact = 0;
  port->active = port->waiting = 0;
  port->stopped = false;
  port->generation++;
}

static void
reset_drive (AhciPort *port, bool cold)
{
  if (port->kind == AHCI_PORT_DISK)
    ata_reset (port, cold);
  else if (port->kind == AHCI_PORT_CDROM)
    atapi_reset (port, cold);
}

/* Section 10.4.2: the drive answers COMRESET with COMINIT, then sends its signature. */
static void
link_up (AhciPort *port)
{
  port->reset_due = false;
  port->soft_reset = false;
  port->sig = SIG_NONE;
  port->status = 0x7f;
  port->error = 0;
  port->ssts = 0;
  if (!ahci_port_has_device (port))
    return;
  port->ssts = SSTS_UP;
  port->serr |= SERR_X | SERR_N;
  reset_drive (port, false);
  ahci_post_signature (port);
}

void
ahci_port_reset (AhciPort *port, bool cold)
{
  if (cold)
    port->clb = port->fb = 0;
  ahci_port_drop_commands (port);
  port->is = port->ie = 0;
  port->cmd = 0;
  port->sctl = 0;
  port->serr = 0;
  port->last_slot = AHCI_N_SLOTS - 1;
  if (cold)
    reset_drive (port, true);
  link_up (port);
}

/* Section 7.3.1: the drive's COMINIT sets PxSERR.DIAG.X, the PHY coming up DIAG.N. */
void
ahci_port_plugged (AhciPort *port)
{
  reset_drive (port, true);
  if ((port->sctl & 0xf) != 0)
    port->reset_due = true; /* software holds the link */
  else
    link_up (port);
  ahci_update_irq (port->ahci);
}

/* Section 7.3.2: what is gone shows itself by the PHY's change only. */
void
ahci_port_unplugged (AhciPort *port)
{
  port->ssts = 0;
  port->sig = SIG_NONE;
  port->status = 0x7f;
  port->error = 0;
  port->signature_due = port->reset_due = false;
  port->serr |= SERR_N;
  ahci_update_irq (port->ahci);
}

void
ahci_port_drained (AhciPort *port)
{
  if (!(port->cmd & PORT_CMD_ST))
    port->cmd &= ~PORT_CMD_CR;
  if (!(port->cmd & (PORT_CMD_FRE | PORT_CMD_CR)))
    port->cmd &= ~PORT_CMD_FR;
  if (port->reset_due && (port->sctl & 0xf) == 0)
    link_up (port);
  ahci_try_hba_reset (port->ahci);
  ahci_update_irq (port->ahci);
}

/* Section 3.3.11: DET 1 holds the link in COMRESET, 0 lets it come up, 4 switches it off. */
static void
write_sctl (AhciPort *port, uint32_t value)
{
  unsigned before = port->sctl & 0xf, after = value & 0xf;

  port->sctl = value & 0xfff;
  if (before == after)
    return;
  if (after == 1 || after == 4)
    {
      TRACE (port->ahci, after == 1 ? "comreset" : "offline", "port=%u", port->index);
      ahci_port_drop_commands (port);
      port->ssts = after == 4 && ahci_port_has_device (port) ? SSTS_OFFLINE : 0;
      port->status = 0x7f;
      port->reset_due = true;
    }
  else if (after == 0 && port->reset_due && port->in_flight == 0)
    link_up (port);
}

/* --- registers --- */

static void
write_cmd (AhciPort *port, uint32_t value)
{
  uint32_t before = port->cmd;

  port->cmd = (before & (PORT_CMD_FR | PORT_CMD_CR)) | (value & PORT_CMD_WRITABLE);
  if ((value & PORT_CMD_CLO) && !(before & PORT_CMD_ST))
    port->status &= ~(ATA_BSY | ATA_DRQ);

  if (port->cmd & PORT_CMD_FRE)
    port->cmd |= PORT_CMD_FR;
  if ((port->cmd & PORT_CMD_ST) && !(port->cmd & PORT_CMD_FRE))
    {
      GUEST_ERROR (port->ahci, "port %u: started without a place for received FISes", port->index);
      port->cmd &= ~PORT_CMD_ST;
    }
  if (port->cmd & PORT_CMD_ST)
    port->cmd |= PORT_CMD_CR;
  else if (before & PORT_CMD_ST)
    ahci_port_drop_commands (port);
  if (port->in_flight == 0)
    ahci_port_drained (port);
  if (port->signature_due && (port->cmd & PORT_CMD_FR))
    ahci_post_signature (port);
}

uint32_t
ahci_port_read (AhciPort *port, unsigned offset)
{
  switch (offset)
    {
    case PORT_CLB:
      return port->clb;
    case PORT_CLBU:
      return port->clb >> 32;
    case PORT_FB:
      return port->fb;
    case PORT_FBU:
      return port->fb >> 32;
    case PORT_IS:
      return port->is | (port->serr & SERR_X ? PORT_IS_PCS : 0) | (port->serr & SERR_N ? PORT_IS_PRCS : 0);
    case PORT_IE:
      return port->ie;
    case PORT_CMD:
      return port->cmd | PORT_CMD_SUD | PORT_CMD_POD
             | (port->cmd & PORT_CMD_ST ? (uint32_t)port->last_slot << PORT_CMD_CCS_SHIFT : 0);
    case PORT_TFD:
      return port->error << 8 | port->status;
    case PORT_SIG:
      return port->sig;
    case PORT_SSTS:
      return port->ssts;
    case PORT_SCTL:
      return port->sctl;
    case PORT_SERR:
      return port->serr;
    case PORT_SACT:
      return port->sact;
    case PORT_CI:
      return port->ci;
    default:
      return 0;
    }
}

static void
write_half (uint64_t *address, bool high, uint32_t value)
{
  if (high)
    *address = (*address & UINT32_MAX) | (uint64_t)value << 32;
  else
    *address = (*address & ~(uint64_t)UINT32_MAX) | value;
}

void
ahci_port_write (AhciPort *port, unsigned offset, uint32_t value)
{
  switch (offset)
    {
    case PORT_CLB:
    case PORT_CLBU:
      write_half (&port->clb, offset == PORT_CLBU, offset == PORT_CLB ? value & ~0x3ffu : value);
      break;
    case PORT_FB:
    case PORT_FBU:
      write_half (&port->fb, offset == PORT_FBU, offset == PORT_FB ? value & ~0xffu : value);
      break;
    case PORT_IS:
      port->is &= ~(value & PORT_IS_CLEARABLE);
      ahci_update_irq (port->ahci);
      break;
    case PORT_IE:
      port->ie = value & PORT_IE_WRITABLE;
      ahci_update_irq (port->ahci);
      break;
    case PORT_CMD:
      write_cmd (port, value);
      ahci_port_run (port);
      break;
    case PORT_SCTL:
      write_sctl (port, value);
      break;
    case PORT_SERR:
      port->serr &= ~value;
      ahci_update_irq (port->ahci);
      break;
    case PORT_SACT:
      if (port->cmd & PORT_CMD_ST)
        port->sact |= value;
      break;
    case PORT_CI:
      if (port->cmd & PORT_CMD_ST)
        port->ci |= value;
      ahci_port_run (port);
      break;
    }
}
