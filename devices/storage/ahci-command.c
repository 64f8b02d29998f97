/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/ahci-private.h"

#include "devices/storage/no-room.h"
#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"

#include <inttypes.h>

/* AHCI 1.3.1, sections 4.2 and 5: the command list, and a command from its fetch to its end. */

/* Section 4.2.2: command header. */
enum {
  HEADER_SIZE = 32,
  HEADER_ATAPI = 1 << 5,
  HEADER_PRDBC = 4,
};

/* Section 4.2.3: command table. */
enum {
  TABLE_CDB = 0x40,
  TABLE_PRDT = 0x80,
  PRD_SIZE = 16,
};

#define FIS_H2D         0x27
#define FIS_H2D_COMMAND 0x80
#define CONTROL_SRST    0x04

enum {
  ATA_READ_FPDMA_QUEUED = 0x60,
  ATA_WRITE_FPDMA_QUEUED = 0x61,
};

static GuestMemory *
memory_of (AhciPort *port)
{
  return port->ahci->pci.device.board->memory;
}

/* --- fetch --- */

static bool
fetch (AhciCommand *command)
{
  AhciPort *port = command->port;
  uint8_t header[HEADER_SIZE];
  uint64_t table;

  if (!guest_read (memory_of (port), port->clb + command->slot * HEADER_SIZE, header, sizeof header))
    return false;
  table = load_le64 (header + 8) & ~UINT64_C (0x7f);
  command->packet = load_le32 (header) & HEADER_ATAPI;
  command->n_prdt = load_le16 (header + 2);
  command->prdt = table + TABLE_PRDT;
  memset (command->cdb, 0, sizeof command->cdb);
  if (!guest_read (memory_of (port), table, command->fis, sizeof command->fis))
    return false;
  if (command->packet && !guest_read (memory_of (port), table + TABLE_CDB, command->cdb, sizeof command->cdb))
    return false;

  command->ncq = command->fis[2] == ATA_READ_FPDMA_QUEUED || command->fis[2] == ATA_WRITE_FPDMA_QUEUED;
  command->generation = port->generation;
  command->n_iov = 0;
  command->mapped = 0;
  command->transferred = 0;
  command->sync = false;
  command->lba = 0;
  command->n_sectors = 0;
  command->n_ranges = command->range = 0;
  command->task = (AtaTask){
    .status = ATA_GOOD,
    .device = command->fis[7],
    .count = load_le16 (command->fis + 12),
    .lba =
      (load_le32 (command->fis + 4) & 0xffffff) | (uint64_t)(load_le32 (command->fis + 8) & 0xffffff) << 24,
  };
  return true;
}

/* --- data --- */

bool
ahci_map_data (AhciCommand *command, uint64_t wanted, bool to_host)
{
  AhciPort *port = command->port;

  command->n_iov = 0;
  command->mapped = 0;
  if (command->iov == NULL && wanted > 0)
    command->iov = g_new (struct iovec, AHCI_MAX_IOV);
  for (unsigned i = 0; i < command->n_prdt && command->mapped < wanted; i++)
    {
      uint8_t entry[PRD_SIZE];
      unsigned n = AHCI_MAX_IOV - command->n_iov;
      uint64_t length;

      if (!guest_read (memory_of (port), command->prdt + (uint64_t)i * PRD_SIZE, entry, sizeof entry))
        goto fail;
      length = (load_le32 (entry + 12) & 0x3fffff) + 1;
      length = MIN (length + (length & 1), wanted - command->mapped);
      if (n == 0
          || !guest_map_iov (memory_of (port), load_le64 (entry) & ~UINT64_C (1), length, to_host,
                             command->iov + command->n_iov, &n))
        goto fail;
      command->n_iov += n;
      command->mapped += length;
    }
  return true;

fail:
  GUEST_ERROR (port->ahci, "port %u slot %u: the PRD table, or what it names, is no RAM", port->index,
               command->slot);
  ahci_finish_fatal (command, PORT_IS_HBFS);
  return false;
}

/* On the loop's thread, without locks. */
static void
image_done (ImageRequest *request, int error)
{
  AhciCommand *command = request->data;
  AhciPort *port = command->port;
  Device *device = &port->ahci->pci.device;

  device_lock (device);
  port->in_flight--;
  if (command->generation == port->generation)
    command->then (command, error);
  if (port->in_flight == 0)
    ahci_port_drained (port);
  ahci_port_run (port);
  device_unlock (device);
  board_io_end (device->board);
}

void
ahci_submit (AhciCommand *command, ImageRequestKind kind, uint64_t offset, uint64_t length,
             void (*then) (AhciCommand *command, int error))
{
  AhciPort *port = command->port;

  command->then = then;
  command->io = (ImageRequest){
    .kind = kind,
    .offset = offset,
    .length = length,
    .iov = command->iov,
    .n_iov = command->n_iov,
    .done = image_done,
    .data = command,
  };
  port->in_flight++;
  board_io_begin (port->ahci->pci.device.board);
  image_submit (port->kind == AHCI_PORT_CDROM ? port->drive.image : port->image, &command->io);
}

/* --- ends --- */

static void
store_prdbc (AhciCommand *command)
{
  AhciPort *port = command->port;
  uint8_t count[4];

  store_le32 (count, command->transferred);
  guest_write (memory_of (port), port->clb + command->slot * HEADER_SIZE + HEADER_PRDBC, count, sizeof count);
}

static void
finish_ncq (AhciCommand *command, uint8_t error)
{
  AhciPort *port = command->port;
  uint32_t bit = 1u << command->slot;

  if (error == 0)
    {
      port->active &= ~bit;
      ahci_post_set_device_bits (port, ATA_GOOD, 0, bit);
      return;
    }

  /* ATA8-ACS, NCQ errors: the drive gives up all its queued commands and remembers which one it was. */
  memset (port->disk.ncq_error, 0, sizeof port->disk.ncq_error);
  port->disk.ncq_error[0] = command->slot;
  port->disk.ncq_error[2] = ATA_GOOD | ATA_ERR;
  port->disk.ncq_error[3] = error;
  memcpy (port->disk.ncq_error + 4, command->fis + 4, 7);
  memcpy (port->disk.ncq_error + 12, command->fis + 12, 2);
  port->active = port->waiting = 0;
  port->generation++;
  ahci_post_set_device_bits (port, ATA_GOOD | ATA_ERR, error, 0);
}

void
ahci_finish (AhciCommand *command, uint8_t error)
{
  AhciPort *port = command->port;
  uint32_t bit = 1u << command->slot;

  TRACE (port->ahci, "done", "port=%u slot=%u command=0x%02x error=0x%02x bytes=%u", port->index,
         command->slot, command->fis[2], error, command->transferred);
  if (command->ncq)
    {
      finish_ncq (command, error);
      return;
    }
  store_prdbc (command);
  port->active &= ~bit;
  if (error == 0)
    port->ci &= ~bit;
  command->task.error = error;
  command->task.status = (command->task.status & ~(ATA_BSY | ATA_DRQ)) | (error != 0 ? ATA_ERR : 0);
  ahci_post_d2h (port, &command->task, true);
}

void
ahci_finish_pio_in (AhciCommand *command)
{
  AhciPort *port = command->port;
  uint32_t bit = 1u << command->slot;

  TRACE (port->ahci, "done", "port=%u slot=%u command=0x%02x bytes=%u", port->index, command->slot,
         command->fis[2], command->transferred);
  store_prdbc (command);
  port->active &= ~bit;
  port->ci &= ~bit;
  command->task.status = ATA_GOOD | ATA_DRQ;
  ahci_post_pio_setup (port, &command->task, ATA_GOOD, command->transferred, true);
}

void
ahci_reply_pio (AhciCommand *command, const void *data, size_t size)
{
  if (!ahci_map_data (command, size, true))
    return;
  command->transferred = iov_scatter (command->iov, command->n_iov, 0, data, size);
  ahci_finish_pio_in (command);
}

void
ahci_finish_fatal (AhciCommand *command, uint32_t is)
{
  AhciPort *port = command->port;

  /* Section 6.2.2: nothing goes on; what else the drive has queued is given up. */
  port->active = port->waiting = 0;
  port->generation++;
  port->stopped = true;
  port->status = ATA_GOOD | ATA_ERR;
  port->error = ATA_ERROR_ABRT;
  ahci_port_raise (port, is);
}

void
ahci_wait_for_room (AhciCommand *command, int error)
{
  AhciPort *port = command->port;
  Device *device = &port->ahci->pci.device;

  TRACE (device, "no-room", "port=%u slot=%u error=%d", port->index, command->slot, error);
  if (port->waiting == 0)
    pause_for_room (device, port->serial, port->image, error);
  port->waiting |= 1u << command->slot;
}

/* --- issue --- */

/* Serial ATA 2.6, software reset: a control FIS that sets SRST, then one that clears it. */
static void
control (AhciCommand *command)
{
  AhciPort *port = command->port;
  bool srst = command->fis[15] & CONTROL_SRST;

  port->ci &= ~(1u << command->slot);
  if (port->soft_reset && !srst)
    {
      if (port->kind == AHCI_PORT_DISK)
        ata_reset (port, false);
      else
        atapi_reset (port, false);
      ahci_post_signature (port);
    }
  port->soft_reset = srst;
}

static void
execute (AhciCommand *command)
{
  AhciPort *port = command->port;

  if (port->kind == AHCI_PORT_DISK)
    ata_execute (command);
  else
    atapi_execute (command);
}

/* False: the slot must wait for others. */
static bool
issue (AhciPort *port, unsigned slot)
{
  AhciCommand *command = &port->commands[slot];
  uint32_t bit = 1u << slot;

  if (!fetch (command))
    {
      GUEST_ERROR (port->ahci, "port %u slot %u: the command list is no RAM", port->index, slot);
      ahci_finish_fatal (command, PORT_IS_HBFS);
      return true;
    }
  if (port->active != 0 && (!command->ncq || !port->commands[g_bit_nth_lsf (port->active, -1)].ncq))
    return false;

  port->last_slot = slot;
  TRACE (port->ahci, "issue", "port=%u slot=%u command=0x%02x cdb=0x%02x prds=%u", port->index, slot,
         command->fis[2], command->cdb[0], command->n_prdt);
  if (command->fis[0] != FIS_H2D)
    {
      GUEST_ERROR (port->ahci, "port %u slot %u: a FIS of type 0x%02x", port->index, slot, command->fis[0]);
      ahci_finish_fatal (command, PORT_IS_IFS);
      return true;
    }
  if (!(command->fis[1] & FIS_H2D_COMMAND))
    {
      control (command);
      return true;
    }

  port->active |= bit;
  if (command->ncq && port->kind == AHCI_PORT_DISK)
    port->ci &= ~bit; /* section 5.6.4: the drive accepted it */
  else
    {
      command->ncq = false;
      port->status = ATA_BSY | ATA_DRDY | ATA_SEEK_COMPLETE;
    }
  execute (command);
  return true;
}

static bool
may_issue (const AhciPort *port)
{
  /* Dropped commands still own their memory: wait for them. */
  bool draining = port->in_flight > 0 && port->active == 0;

  return (port->cmd & PORT_CMD_ST) && ahci_port_has_device (port) && port->ssts != 0
         && (port->sctl & 0xf) == 0 && !port->stopped && port->waiting == 0 && !draining && !port->reset_due
         && !port->ahci->hba_reset_due && !port->ahci->halted && pci_may_dma ((PciDevice *)&port->ahci->pci);
}

void
ahci_port_run (AhciPort *port)
{
  for (unsigned n = 0; n < AHCI_N_SLOTS && may_issue (port); n++)
    {
      uint32_t ready = port->ci & ~port->active;
      unsigned slot = (port->last_slot + 1) % AHCI_N_SLOTS;

      if (ready == 0)
        return;
      while (!(ready & (1u << slot)))
        slot = (slot + 1) % AHCI_N_SLOTS;
      if (!issue (port, slot))
        return;
    }
}

void
ahci_port_retry (AhciPort *port)
{
  uint32_t waiting = port->waiting;

  port->waiting = 0;
  for (unsigned slot = 0; slot < AHCI_N_SLOTS && port->commands != NULL && !port->stopped; slot++)
    if (waiting & (1u << slot))
      {
        AhciCommand *command = &port->commands[slot];

        if (!fetch (command))
          {
            ahci_finish_fatal (command, PORT_IS_HBFS);
            continue;
          }
        port->active |= 1u << slot;
        execute (command);
      }
  ahci_port_run (port);
}
