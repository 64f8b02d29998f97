/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/ahci-private.h"

/* A SATA CD-ROM drive: SCSI commands in packets, and the few ATA commands that such a drive knows. */

/* ATA8-ACS, PACKET: interrupt reason, which the count register holds. */
#define REASON_COMPLETE 3

/* --- packets --- */

static AhciCommand *
command_of (ScsiTask *task)
{
  return (AhciCommand *)((char *)task - offsetof (AhciCommand, scsi));
}

static bool
map (ScsiTask *task, uint64_t wanted, bool to_initiator)
{
  AhciCommand *command = command_of (task);

  if (!ahci_map_data (command, wanted, to_initiator))
    return false;
  task->iov = command->iov;
  task->n_iov = command->n_iov;
  task->mapped = command->mapped;
  return true;
}

static void
image_done (AhciCommand *command, int error)
{
  scsi_image_done (&command->scsi, command->io.kind, error);
}

static void
submit (ScsiTask *task, ImageRequestKind kind, bool may_unmap, uint64_t offset, uint64_t length)
{
  AhciCommand *command = command_of (task);

  command->n_iov = task->n_iov;
  ahci_submit (command, kind, offset, length, image_done);
}

static void
wait_for_room (ScsiTask *task, int error)
{
  ahci_wait_for_room (command_of (task), error);
}

static void
done (ScsiTask *task)
{
  AhciCommand *command = command_of (task);
  bool good = task->status == SCSI_GOOD;

  command->transferred = task->transferred;
  command->task.count = REASON_COMPLETE;
  ahci_finish (command, good ? 0 : task->sense.key << 4 | ATA_ERROR_ABRT);
}

static const ScsiTransport transport = {
  .map = map,
  .submit = submit,
  .wait_for_room = wait_for_room,
  .done = done,
};

static void
execute_packet (AhciCommand *command)
{
  command->scsi = (ScsiTask){ .unit = &command->port->drive, .transport = &transport };
  memcpy (command->scsi.cdb, command->cdb, sizeof command->cdb);
  scsi_execute (&command->scsi);
}

/* ATA8-ACS, device signatures: a packet device refuses IDENTIFY DEVICE and shows its signature. */
static void
refuse_with_signature (AhciCommand *command)
{
  command->task.lba = 0xeb1401;
  command->task.count = 1;
  ahci_finish (command, ATA_ERROR_ABRT);
}

static void
identify_packet (AhciCommand *command)
{
  uint8_t block[512];

  atapi_identify (command->port, block);
  ahci_reply_pio (command, block, sizeof block);
}

void
atapi_execute (AhciCommand *command)
{
  switch (command->fis[2])
    {
    case 0xa0:
      if (command->packet)
        execute_packet (command);
      else
        ahci_finish (command, ATA_ERROR_ABRT);
      break;
    case 0xa1:
      identify_packet (command);
      break;
    case 0x08: /* DEVICE RESET */
      atapi_reset (command->port, false);
      command->task.lba = 0xeb1401;
      command->task.count = 1;
      ahci_finish (command, 0);
      break;
    case 0xec:
      refuse_with_signature (command);
      break;
    case 0xe5: /* CHECK POWER MODE */
      command->task.count = 0xff;
      ahci_finish (command, 0);
      break;
    case 0xe0: /* STANDBY IMMEDIATE */
    case 0xe1: /* IDLE IMMEDIATE */
    case 0xe6: /* SLEEP */
      ahci_finish (command, 0);
      break;
    case 0xef: /* SET FEATURES: transfer mode */
      ahci_finish (command, command->fis[3] == 0x03 ? 0 : ATA_ERROR_ABRT);
      break;
    default:
      ahci_finish (command, ATA_ERROR_ABRT);
    }
}

void
atapi_reset (AhciPort *port, bool cold)
{
  scsi_unit_reset (&port->drive, cold);
}
