/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/ahci-private.h"

#include "devices/storage/no-room.h"
#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"

/* A SATA disk: the commands of ATA8-ACS (T13/1699-D). */

#define SECTOR      512u
#define DEVICE_LBA  0x40
#define DEVICE_FUA  0x80 /* of queued commands */
#define TRIM_ENTRY  8u
#define TRIM_MAX    8u /* blocks of 64 entries, IDENTIFY word 105 */
#define CHS_HEADS   16u
#define CHS_SECTORS 63u
#define MAX_LBA28   UINT32_C (0x0fffffff)

enum {
  FLAG_EXT = 1,   /* 48-bit address and 16-bit count */
  FLAG_WRITE = 2, /* data goes to the drive */
  FLAG_PIO = 4,
  FLAG_FUA = 8,       /* stable before it ends */
  FLAG_MULTIPLE = 16, /* in blocks as SET MULTIPLE MODE says */
};

typedef struct {
  uint8_t opcode, flags;
  void (*handle) (AhciCommand *command, unsigned flags);
} AtaCommand;

/* --- ends --- */

static void
end (AhciCommand *command, int error)
{
  bool write = command->io.kind != IMAGE_READ;

  if (is_no_room (command->io.kind, error))
    ahci_wait_for_room (command, error);
  else if (error < 0)
    ahci_finish (command, write ? ATA_ERROR_ABRT : ATA_ERROR_UNC);
  else
    ahci_finish (command, 0);
}

static void
flush (AhciCommand *command, unsigned flags)
{
  command->n_iov = 0;
  ahci_submit (command, IMAGE_FLUSH, 0, 0, end);
}

static void
abort_command (AhciCommand *command, unsigned flags)
{
  ahci_finish (command, ATA_ERROR_ABRT);
}

static void
succeed (AhciCommand *command, unsigned flags)
{
  ahci_finish (command, 0);
}

static void
written (AhciCommand *command, int error)
{
  if (error == 0 && (command->sync || !command->port->disk.write_cache) && !command->port->write_through)
    flush (command, 0);
  else
    end (command, error);
}

static void
pio_read (AhciCommand *command, int error)
{
  if (error == 0)
    ahci_finish_pio_in (command);
  else
    end (command, error);
}

/* --- addresses --- */

/* All ones: there is no such sector. */
static uint64_t
chs_to_lba (const uint8_t *fis)
{
  uint32_t cylinder = fis[5] | fis[6] << 8, head = fis[7] & 0xf, sector = fis[4];

  if (sector == 0 || sector > CHS_SECTORS)
    return UINT64_MAX;
  return ((uint64_t)cylinder * CHS_HEADS + head) * CHS_SECTORS + sector - 1;
}

/* ATA8-ACS, LBA and count: 28-bit, 48-bit or cylinders. A count of 0 is the largest. */
static void
decode_address (AhciCommand *command, unsigned flags)
{
  const uint8_t *fis = command->fis;

  if (flags & FLAG_EXT)
    {
      command->lba = command->task.lba;
      command->n_sectors = command->task.count > 0 ? command->task.count : 65536;
      return;
    }
  command->lba = fis[7] & DEVICE_LBA ? (load_le32 (fis + 4) & 0xffffff) | (uint32_t)(fis[7] & 0xf) << 24
                                     : chs_to_lba (fis);
  command->n_sectors = fis[12] > 0 ? fis[12] : 256;
}

static bool
in_range (const AhciCommand *command)
{
  uint64_t n = image_size (command->port->image) / SECTOR;

  return command->lba <= n && command->n_sectors <= n - command->lba;
}

/* --- reads and writes --- */

/* Section 6.1.4 of AHCI 1.3.1: a PRD table for less than the command's data is an overflow. False: the
 * command is over. */
static bool
map_all (AhciCommand *command, uint64_t length, bool to_host)
{
  if (!ahci_map_data (command, length, to_host))
    return false;
  if (command->mapped == length)
    return true;
  GUEST_ERROR (command->port->ahci, "port %u: a PRD table for less than the command's data",
               command->port->index);
  ahci_finish_fatal (command, PORT_IS_OFS);
  return false;
}

static void
start_transfer (AhciCommand *command, unsigned flags)
{
  bool write = flags & FLAG_WRITE;
  uint64_t length = (uint64_t)command->n_sectors * SECTOR;

  if (!in_range (command))
    {
      GUEST_ERROR (command->port->ahci, "port %u: %u sectors at %" G_GUINT64_FORMAT, command->port->index,
                   command->n_sectors, command->lba);
      ahci_finish (command, ATA_ERROR_IDNF);
      return;
    }
  if (write && command->port->read_only)
    {
      ahci_finish (command, ATA_ERROR_ABRT);
      return;
    }
  if (!map_all (command, length, !write))
    return;
  command->sync = flags & FLAG_FUA;
  command->transferred = length;
  ahci_submit (command, write ? IMAGE_WRITE : IMAGE_READ, command->lba * SECTOR, length,
               write                ? written
               : (flags & FLAG_PIO) ? pio_read
                                    : end);
}

static void
transfer (AhciCommand *command, unsigned flags)
{
  if ((flags & FLAG_MULTIPLE) && command->port->disk.multiple == 0)
    {
      ahci_finish (command, ATA_ERROR_ABRT);
      return;
    }
  decode_address (command, flags);
  start_transfer (command, flags);
}

/* READ/WRITE FPDMA QUEUED: the count is in the features, the tag in the count. */
static void
transfer_queued (AhciCommand *command, unsigned flags)
{
  const uint8_t *fis = command->fis;

  if (fis[12] >> 3 != command->slot || !(fis[7] & DEVICE_LBA))
    {
      GUEST_ERROR (command->port->ahci, "port %u: tag %u in slot %u", command->port->index, fis[12] >> 3,
                   command->slot);
      ahci_finish (command, ATA_ERROR_ABRT);
      return;
    }
  command->lba = command->task.lba;
  command->n_sectors = fis[3] | fis[11] << 8;
  if (command->n_sectors == 0)
    command->n_sectors = 65536;
  start_transfer (command, flags | (fis[7] & DEVICE_FUA ? FLAG_FUA : 0));
}

static void
verify (AhciCommand *command, unsigned flags)
{
  decode_address (command, flags);
  ahci_finish (command, in_range (command) ? 0 : ATA_ERROR_IDNF);
}

/* --- DATA SET MANAGEMENT --- */

static void
trim_next (AhciCommand *command, int error)
{
  uint64_t n_sectors = image_size (command->port->image) / SECTOR;

  while (error == 0 && command->range < command->n_ranges)
    {
      uint64_t entry = load_le64 (command->ranges + TRIM_ENTRY * command->range++);
      uint64_t lba = entry & UINT64_C (0xffffffffffff), count = entry >> 48;

      if (count == 0)
        continue;
      if (lba > n_sectors || count > n_sectors - lba)
        {
          ahci_finish (command, ATA_ERROR_IDNF);
          return;
        }
      command->n_iov = 0;
      ahci_submit (command, IMAGE_DISCARD, lba * SECTOR, count * SECTOR, trim_next);
      return;
    }
  end (command, error);
}

static void
trim (AhciCommand *command, unsigned flags)
{
  unsigned n_blocks = command->task.count, size = n_blocks * SECTOR;

  if (!(command->fis[3] & 1) || n_blocks == 0 || n_blocks > TRIM_MAX || command->port->read_only
      || command->port->no_discard)
    {
      ahci_finish (command, ATA_ERROR_ABRT);
      return;
    }
  if (!map_all (command, size, false))
    return;
  g_free (command->ranges);
  command->ranges = g_malloc (size);
  size = iov_gather (command->iov, command->n_iov, 0, command->ranges, size);
  command->transferred = size;
  command->n_ranges = size / TRIM_ENTRY;
  command->io.kind = IMAGE_DISCARD;
  trim_next (command, 0);
}

/* --- settings --- */

static void
identify (AhciCommand *command, unsigned flags)
{
  uint8_t block[SECTOR];

  ata_identify (command->port, block);
  ahci_reply_pio (command, block, sizeof block);
}

static void
smart (AhciCommand *command, unsigned flags)
{
  ata_smart (command);
}

static void
read_log (AhciCommand *command, unsigned flags)
{
  ata_read_log (command);
}

static void
set_multiple (AhciCommand *command, unsigned flags)
{
  uint8_t n = command->fis[12];

  if (n > 16 || (n & (n - 1)) != 0)
    {
      ahci_finish (command, ATA_ERROR_ABRT);
      return;
    }
  command->port->disk.multiple = n;
  ahci_finish (command, 0);
}

/* SET FEATURES: the subcommands that IDENTIFY claims. */
static void
set_features (AhciCommand *command, unsigned flags)
{
  AtaDisk *disk = &command->port->disk;

  switch (command->fis[3])
    {
    case 0x02:
      disk->write_cache = true;
      ahci_finish (command, 0);
      break;
    case 0x82:
      disk->write_cache = false;
      flush (command, 0);
      break;
    case 0x03: /* transfer mode: any, it is SATA */
    case 0x55: /* look-ahead off */
    case 0xaa: /* and on */
    case 0x66: /* keep settings over a soft reset */
    case 0xcc: /* or not */
      ahci_finish (command, 0);
      break;
    default:
      ahci_finish (command, ATA_ERROR_ABRT);
    }
}

static void
check_power (AhciCommand *command, unsigned flags)
{
  command->task.count = (command->task.count & 0xff00) | 0xff; /* active or idle */
  ahci_finish (command, 0);
}

static void
read_native_max (AhciCommand *command, unsigned flags)
{
  uint64_t last = image_size (command->port->image) / SECTOR - 1;

  last = MIN (last, MAX_LBA28);
  command->task.lba = last & 0xffffff;
  command->task.device = (command->task.device & 0xf0) | last >> 24;
  ahci_finish (command, 0);
}

/* --- the command set --- */

static const AtaCommand commands[] = {
  { 0x06, FLAG_EXT, trim },
  { 0x10, 0, succeed }, /* RECALIBRATE */
  { 0x20, FLAG_PIO, transfer },
  { 0x24, FLAG_PIO | FLAG_EXT, transfer },
  { 0x25, FLAG_EXT, transfer },
  { 0x29, FLAG_PIO | FLAG_EXT | FLAG_MULTIPLE, transfer },
  { 0x2f, FLAG_EXT, read_log },
  { 0x30, FLAG_PIO | FLAG_WRITE, transfer },
  { 0x34, FLAG_PIO | FLAG_WRITE | FLAG_EXT, transfer },
  { 0x35, FLAG_WRITE | FLAG_EXT, transfer },
  { 0x39, FLAG_PIO | FLAG_WRITE | FLAG_EXT | FLAG_MULTIPLE, transfer },
  { 0x3d, FLAG_WRITE | FLAG_EXT | FLAG_FUA, transfer },
  { 0x40, 0, verify },
  { 0x42, FLAG_EXT, verify },
  { 0x60, FLAG_EXT, transfer_queued },
  { 0x61, FLAG_EXT | FLAG_WRITE, transfer_queued },
  { 0x70, 0, succeed }, /* SEEK */
  { 0x91, 0, succeed }, /* INITIALIZE DEVICE PARAMETERS */
  { 0xb0, 0, smart },
  { 0xc4, FLAG_PIO | FLAG_MULTIPLE, transfer },
  { 0xc5, FLAG_PIO | FLAG_WRITE | FLAG_MULTIPLE, transfer },
  { 0xc6, 0, set_multiple },
  { 0xc8, 0, transfer },
  { 0xca, FLAG_WRITE, transfer },
  { 0xe0, 0, flush },   /* STANDBY IMMEDIATE */
  { 0xe1, 0, succeed }, /* IDLE IMMEDIATE */
  { 0xe2, 0, flush },   /* STANDBY */
  { 0xe3, 0, succeed }, /* IDLE */
  { 0xe5, 0, check_power },
  { 0xe6, 0, flush }, /* SLEEP */
  { 0xe7, 0, flush },
  { 0xea, FLAG_EXT, flush },
  { 0xec, 0, identify },
  { 0xef, 0, set_features },
  { 0xf8, 0, read_native_max },
};

void
ata_execute (AhciCommand *command)
{
  command->io.kind = IMAGE_READ;
  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    if (commands[i].opcode == command->fis[2])
      {
        commands[i].handle (command, commands[i].flags);
        return;
      }
  GUEST_ERROR (command->port->ahci, "port %u: unknown command 0x%02x", command->port->index, command->fis[2]);
  abort_command (command, 0);
}

void
ata_reset (AhciPort *port, bool cold)
{
  port->disk.write_cache = !port->write_through;
  port->disk.smart = true;
  port->disk.multiple = 16;
  if (cold)
    memset (port->disk.ncq_error, 0, sizeof port->disk.ncq_error);
}
