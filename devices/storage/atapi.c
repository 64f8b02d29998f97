/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/atapi-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"

/* A SATA CD-ROM drive: PACKET commands by MMC-6 (T10/1836-D); sense by SPC-4. */

enum {
  KEY_NOT_READY = 0x02,
  KEY_MEDIUM_ERROR = 0x03,
  KEY_ILLEGAL_REQUEST = 0x05,
  KEY_UNIT_ATTENTION = 0x06,
};

enum {
  NEEDS_DISC = 1,
  IGNORES_ATTENTION = 2, /* MMC-6, unit attention: does not report a unit attention */
};

typedef struct {
  uint8_t opcode, flags;
  AtapiHandler handle;
} PacketCommand;

/* ATA8-ACS, PACKET: interrupt reason, which the count register holds. */
#define REASON_COMPLETE 3

/* --- ends --- */

void
atapi_good (AhciCommand *command)
{
  command->task.count = REASON_COMPLETE;
  ahci_finish (command, 0);
}

void
atapi_check (AhciCommand *command, uint8_t key, uint8_t asc, uint8_t ascq)
{
  TRACE (command->port->ahci, "check-condition", "port=%u cdb=0x%02x sense=%x/%02x/%02x",
         command->port->index, command->cdb[0], key, asc, ascq);
  command->port->drive.sense = (Sense){ key, asc, ascq };
  command->task.count = REASON_COMPLETE;
  ahci_finish (command, key << 4 | ATA_ERROR_ABRT);
}

void
atapi_invalid_field (AhciCommand *command)
{
  atapi_check (command, KEY_ILLEGAL_REQUEST, 0x24, 0x00);
}

void
atapi_reply (AhciCommand *command, const uint8_t *data, size_t size, size_t room)
{
  size = MIN (size, room);
  if (!ahci_map_data (command, size, true))
    return;
  command->transferred = iov_scatter (command->iov, command->n_iov, 0, data, size);
  atapi_good (command);
}

/* --- disc and tray --- */

Image *
atapi_disc (const AhciPort *port)
{
  return port->drive.tray_open ? NULL : port->image;
}

uint32_t
atapi_n_blocks (const AhciPort *port)
{
  Image *disc = atapi_disc (port);
  uint64_t n = disc != NULL ? (image_size (disc) + CD_BLOCK - 1) / CD_BLOCK : 0;

  return MIN (n, INT32_MAX);
}

static void
check_no_disc (AhciCommand *command)
{
  atapi_check (command, KEY_NOT_READY, 0x3a, command->port->drive.tray_open ? 0x02 : 0x01);
}

static void
test_unit_ready (AhciCommand *command)
{
  atapi_good (command);
}

static void
prevent_allow (AhciCommand *command)
{
  command->port->drive.locked = command->cdb[4] & 1;
  atapi_good (command);
}

/* MMC-6, START STOP UNIT: LoEj moves the tray, Start says which way. */
static void
start_stop (AhciCommand *command)
{
  AtapiDrive *drive = &command->port->drive;
  bool load_eject = command->cdb[4] & 2, start = command->cdb[4] & 1;

  if ((command->cdb[4] & 0xf0) != 0 || !load_eject)
    {
      atapi_good (command); /* power conditions and spinning up or down */
      return;
    }
  if (!start && drive->locked)
    {
      atapi_check (command, KEY_ILLEGAL_REQUEST, 0x53, 0x02);
      return;
    }
  TRACE (command->port->ahci, start ? "load" : "eject", "port=%u", command->port->index);
  if (drive->tray_open == start && command->port->image != NULL)
    {
      drive->media_event = start ? 2 : 3; /* NewMedia, MediaRemoval */
      if (start)
        drive->attention = (Sense){ KEY_UNIT_ATTENTION, 0x28, 0x00 };
    }
  drive->tray_open = !start;
  atapi_good (command);
}

static void
request_sense (AhciCommand *command)
{
  AtapiDrive *drive = &command->port->drive;
  Sense *sense = drive->sense.key != 0 ? &drive->sense : &drive->attention;
  uint8_t data[18] = { 0x70, 0, sense->key, 0, 0, 0, 0, 10 };

  data[12] = sense->asc;
  data[13] = sense->ascq;
  *sense = (Sense){ 0 };
  atapi_reply (command, data, sizeof data, command->cdb[4]);
}

/* --- reading --- */

static void
read_done (AhciCommand *command, int error)
{
  if (error == 0)
    atapi_good (command);
  else
    {
      command->transferred = 0;
      atapi_check (command, KEY_MEDIUM_ERROR, 0x11, 0x00);
    }
}

static void
read_blocks (AhciCommand *command, uint32_t lba, uint32_t n)
{
  Image *disc = atapi_disc (command->port);
  uint32_t n_blocks = atapi_n_blocks (command->port);
  uint64_t offset = (uint64_t)lba * CD_BLOCK, length = (uint64_t)n * CD_BLOCK, on_disc;

  if (lba > n_blocks || n > n_blocks - lba)
    {
      atapi_check (command, KEY_ILLEGAL_REQUEST, 0x21, 0x00);
      return;
    }
  if (!ahci_map_data (command, length, true))
    return;

  /* The host may ask for less than it names; and an image may end inside its last block. */
  length = MIN (length, command->mapped);
  on_disc = MIN (length, image_size (disc) - MIN (offset, image_size (disc)));
  iov_scatter (command->iov, command->n_iov, on_disc, NULL, length - on_disc);
  command->n_iov = iov_slice (command->iov, command->n_iov, command->iov, command->n_iov, 0, on_disc);
  command->transferred = length;
  if (on_disc > 0)
    ahci_submit (command, IMAGE_READ, offset, on_disc, read_done);
  else
    atapi_good (command);
}

static void
read_10 (AhciCommand *command)
{
  read_blocks (command, load_be32 (command->cdb + 2), load_be16 (command->cdb + 7));
}

static void
read_12 (AhciCommand *command)
{
  read_blocks (command, load_be32 (command->cdb + 2), load_be32 (command->cdb + 6));
}

/* MMC-6, READ CD: user data of data sectors; there is nothing else on these discs. */
static void
read_cd (AhciCommand *command)
{
  uint8_t type = command->cdb[1] >> 2 & 7, parts = command->cdb[9];
  uint32_t n = load_be32 (command->cdb + 5) & 0xffffff;

  if ((type != 0 && type != 2) || (parts != 0x10 && parts != 0x00) || (command->cdb[10] & 7) != 0)
    atapi_check (command, KEY_ILLEGAL_REQUEST, 0x64, 0x00);
  else
    read_blocks (command, load_be32 (command->cdb + 2), parts != 0 ? n : 0);
}

static void
read_capacity (AhciCommand *command)
{
  uint8_t data[8];

  store_be32 (data, atapi_n_blocks (command->port) - 1);
  store_be32 (data + 4, CD_BLOCK);
  atapi_reply (command, data, sizeof data, sizeof data);
}

static void
seek (AhciCommand *command)
{
  if (load_be32 (command->cdb + 2) < atapi_n_blocks (command->port))
    atapi_good (command);
  else
    atapi_check (command, KEY_ILLEGAL_REQUEST, 0x21, 0x00);
}

/* The pages that can be set have no effect here; they are taken and dropped. */
static void
mode_select (AhciCommand *command)
{
  if (!ahci_map_data (command, load_be16 (command->cdb + 7), false))
    return;
  command->transferred = command->mapped;
  atapi_good (command);
}

static void
set_speed (AhciCommand *command)
{
  atapi_good (command);
}

/* --- the command set --- */

static const PacketCommand packets[] = {
  { 0x00, NEEDS_DISC, test_unit_ready },
  { 0x03, IGNORES_ATTENTION, request_sense },
  { 0x12, IGNORES_ATTENTION, atapi_inquiry },
  { 0x1b, 0, start_stop },
  { 0x1e, 0, prevent_allow },
  { 0x25, NEEDS_DISC, read_capacity },
  { 0x28, NEEDS_DISC, read_10 },
  { 0x2b, NEEDS_DISC, seek },
  { 0x43, NEEDS_DISC, atapi_read_toc },
  { 0x46, IGNORES_ATTENTION, atapi_get_configuration },
  { 0x4a, IGNORES_ATTENTION, atapi_get_event_status },
  { 0x51, NEEDS_DISC, atapi_read_disc_information },
  { 0x55, 0, mode_select },
  { 0x5a, 0, atapi_mode_sense },
  { 0xa8, NEEDS_DISC, read_12 },
  { 0xad, NEEDS_DISC, atapi_read_disc_structure },
  { 0xbb, 0, set_speed },
  { 0xbd, 0, atapi_mechanism_status },
  { 0xbe, NEEDS_DISC, read_cd },
};

static void
execute_packet (AhciCommand *command)
{
  AtapiDrive *drive = &command->port->drive;
  const PacketCommand *packet = NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (packets); i++)
    if (packets[i].opcode == command->cdb[0])
      packet = &packets[i];

  if (command->cdb[0] != 0x03)
    drive->sense = (Sense){ 0 };
  if (drive->attention.key != 0 && (packet == NULL || !(packet->flags & IGNORES_ATTENTION)))
    {
      Sense attention = drive->attention;

      drive->attention = (Sense){ 0 };
      atapi_check (command, attention.key, attention.asc, attention.ascq);
    }
  else if (packet == NULL)
    atapi_check (command, KEY_ILLEGAL_REQUEST, 0x20, 0x00);
  else if ((packet->flags & NEEDS_DISC) && atapi_disc (command->port) == NULL)
    check_no_disc (command);
  else
    packet->handle (command);
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
  AtapiDrive *drive = &port->drive;

  drive->sense = (Sense){ 0 };
  drive->locked = false;
  if (!cold)
    return;
  drive->attention = (Sense){ 0 };
  drive->media_event = 0;
  drive->tray_open = false;
}
