/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/ahci-private.h"

#include "vmm/base/bytes.h"

/* What drives say of themselves: ATA8-ACS, IDENTIFY (PACKET) DEVICE, SMART, READ LOG EXT.
 */

#define BLOCK       512u
#define SECTOR      512u
#define FIRMWARE    "1.0"
#define MAX_LBA28   UINT32_C (0x0fffffff)
#define CHS_HEADS   16u
#define CHS_SECTORS 63u

static void
set_word (uint8_t *block, unsigned word, uint16_t value)
{
  store_le16 (block + 2 * word, value);
}

void
ata_store_string (uint8_t *block, unsigned word, unsigned n_words, const char *text)
{
  size_t length = strlen (text);

  for (unsigned i = 0; i < 2 * n_words; i++)
    block[2 * word + (i ^ 1)] = i < length ? text[i] : ' ';
}

static void
store_checksum (uint8_t *block)
{
  uint8_t sum = 0;

  for (unsigned i = 0; i < BLOCK - 1; i++)
    sum += block[i];
  block[BLOCK - 1] = -sum;
}

/* Words that disks and CD-ROMs have in common. */
static void
identify_common (const AhciPort *port, uint8_t *block, const char *model)
{
  memset (block, 0, BLOCK);
  ata_store_string (block, 10, 10, port->serial);
  ata_store_string (block, 23, 4, FIRMWARE);
  ata_store_string (block, 27, 20, model);
  set_word (block, 53, 0x0006); /* words 64-70 and 88 are valid */
  set_word (block, 63, 0x0007); /* multiword DMA 0-2 */
  set_word (block, 64, 0x0003); /* PIO 3-4 */
  for (unsigned word = 65; word <= 68; word++)
    set_word (block, word, 120); /* ns per word */
  set_word (block, 76, 0x0006);  /* SATA generations 1 and 2 */
  set_word (block, 80, 0x01f0);  /* ATA/ATAPI-4 to ATA8-ACS */
  set_word (block, 88, 0x407f);  /* Ultra DMA 0-6, 6 selected */
  set_word (block, 222, 0x1020); /* serial transport, SATA rev 2.5 */
}

static void
finish_identify (uint8_t *block)
{
  block[BLOCK - 2] = 0xa5;
  store_checksum (block);
}

static void
identify_geometry (const AhciPort *port, uint8_t *block)
{
  uint64_t n = image_size (port->image) / SECTOR;
  uint32_t lba28 = MIN (n, MAX_LBA28);
  uint32_t cylinders = MIN (n / (CHS_HEADS * CHS_SECTORS), 16383);
  unsigned exponent = g_bit_nth_lsf (image_block_size (port->image) / SECTOR, -1);

  set_word (block, 1, cylinders);
  set_word (block, 3, CHS_HEADS);
  set_word (block, 6, CHS_SECTORS);
  set_word (block, 54, cylinders);
  set_word (block, 55, CHS_HEADS);
  set_word (block, 56, CHS_SECTORS);
  store_le32 (block + 2 * 57, cylinders * CHS_HEADS * CHS_SECTORS);
  store_le32 (block + 2 * 60, lba28);
  store_le64 (block + 2 * 100, n);
  set_word (block, 106, 0x4000 | (exponent > 0 ? 0x2000 | exponent : 0));
}

void
ata_identify (const AhciPort *port, uint8_t *block)
{
  const AtaDisk *disk = &port->disk;

  identify_common (port, block, "Bonsai Disk");
  identify_geometry (port, block);
  set_word (block, 0, 0x0040);
  set_word (block, 47, 0x8010); /* 16 sectors per READ MULTIPLE */
  set_word (block, 48, 0x4000);
  set_word (block, 49, 0x2f00); /* standby timer, IORDY, LBA, DMA */
  set_word (block, 50, 0x4000);
  set_word (block, 53, 0x0007);
  set_word (block, 59, disk->multiple > 0 ? 0x0100 | disk->multiple : 0);
  set_word (block, 75, AHCI_N_SLOTS - 1);
  set_word (block, 76, 0x0106); /* and NCQ */
  set_word (block, 82, 0x4069); /* NOP, look-ahead, write cache, power management, SMART */
  set_word (block, 83, 0x7400); /* FLUSH CACHE (EXT), 48-bit */
  set_word (block, 84, 0x4060); /* FUA writes, general purpose logs */
  set_word (block, 85, 0x4048 | (disk->write_cache ? 0x20 : 0) | (disk->smart ? 1 : 0));
  set_word (block, 86, 0x3400);
  set_word (block, 87, 0x4060);
  set_word (block, 105, port->no_discard ? 0 : 8); /* blocks of ranges per TRIM */
  set_word (block, 119, 0x4000);
  set_word (block, 120, 0x4000);
  set_word (block, 169, port->no_discard ? 0 : 0x0001); /* TRIM */
  set_word (block, 217, 0x0001);                        /* does not rotate */
  finish_identify (block);
}

void
atapi_identify (const AhciPort *port, uint8_t *block)
{
  identify_common (port, block, "Bonsai CD-ROM");
  set_word (block, 0, 0x85c0);  /* CD-ROM, removable, 12-byte packets, DRQ within 50 us */
  set_word (block, 49, 0x0f00); /* IORDY, LBA, DMA */
  set_word (block, 82, 0x4218); /* NOP, DEVICE RESET, PACKET, power management */
  set_word (block, 83, 0x4000);
  set_word (block, 84, 0x4000);
  set_word (block, 85, 0x4218);
  set_word (block, 87, 0x4000);
  finish_identify (block);
}

/* --- SMART --- */

enum {
  SMART_READ_DATA = 0xd0,
  SMART_READ_THRESHOLDS = 0xd1,
  SMART_AUTOSAVE = 0xd2,
  SMART_ENABLE = 0xd8,
  SMART_DISABLE = 0xd9,
  SMART_RETURN_STATUS = 0xda,
};

#define SMART_SIGNATURE 0xc24fu

static void
reply_smart_block (AhciCommand *command, bool thresholds)
{
  uint8_t block[BLOCK] = { 0 };

  store_le16 (block, 0x0010); /* revision; no attributes: there is no wear to report */
  if (!thresholds)
    {
      block[362] = 0x00;              /* off-line collection never started */
      store_le16 (block + 368, 0x01); /* autosave */
    }
  store_checksum (block);
  ahci_reply_pio (command, block, sizeof block);
}

void
ata_smart (AhciCommand *command)
{
  AtaDisk *disk = &command->port->disk;
  uint8_t action = command->fis[3];

  if ((command->task.lba >> 8 & 0xffff) != SMART_SIGNATURE || (!disk->smart && action != SMART_ENABLE))
    {
      ahci_finish (command, ATA_ERROR_ABRT);
      return;
    }
  switch (action)
    {
    case SMART_READ_DATA:
    case SMART_READ_THRESHOLDS:
      reply_smart_block (command, action == SMART_READ_THRESHOLDS);
      return;
    case SMART_ENABLE:
    case SMART_DISABLE:
      disk->smart = action == SMART_ENABLE;
      break;
    case SMART_AUTOSAVE:
    case SMART_RETURN_STATUS: /* the signature unchanged: the disk is well */
      break;
    default:
      ahci_finish (command, ATA_ERROR_ABRT);
      return;
    }
  ahci_finish (command, 0);
}

/* --- logs --- */

#define LOG_DIRECTORY 0x00
#define LOG_NCQ_ERROR 0x10

void
ata_read_log (AhciCommand *command)
{
  uint8_t log = command->task.lba, block[BLOCK] = { 0 };
  uint16_t page = (command->task.lba >> 8 & 0xff) | (command->task.lba >> 24 & 0xff00);

  if ((log != LOG_DIRECTORY && log != LOG_NCQ_ERROR) || page != 0 || command->task.count != 1)
    {
      ahci_finish (command, ATA_ERROR_ABRT);
      return;
    }
  if (log == LOG_DIRECTORY)
    {
      store_le16 (block, 1);                     /* version */
      store_le16 (block + 2 * LOG_NCQ_ERROR, 1); /* pages */
    }
  else
    {
      memcpy (block, command->port->disk.ncq_error, sizeof command->port->disk.ncq_error);
      store_checksum (block);
    }
  ahci_reply_pio (command, block, sizeof block);
}
