/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/nor-flash.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Intel StrataFlash Memory (J3) data sheet, "Command Bus Operations". */
enum {
  COMMAND_PROGRAM_ALTERNATE = 0x10,
  COMMAND_ERASE = 0x20,
  COMMAND_PROGRAM = 0x40,
  COMMAND_CLEAR_STATUS = 0x50,
  COMMAND_READ_STATUS = 0x70,
  COMMAND_READ_IDENTIFIER = 0x90,
  COMMAND_SUSPEND = 0xb0,
  COMMAND_CONFIRM = 0xd0, /* or resume */
  COMMAND_READ_ARRAY = 0xff,
};

/* "Status Register Definitions". */
enum {
  STATUS_LOCKED = 1 << 1,
  STATUS_PROGRAM_ERROR = 1 << 4,
  STATUS_ERASE_ERROR = 1 << 5,
  STATUS_READY = 1 << 7,
};

/* "Read Identifier Codes": Intel, 28F128J3; no block is locked. */
enum { MANUFACTURER = 0x89, DEVICE_CODE = 0x18, BLOCK_LOCK = 0x00 };

/* What a read gives, or what the next write is. */
typedef enum { MODE_ARRAY, MODE_STATUS, MODE_IDENTIFIER, MODE_PROGRAM, MODE_ERASE, N_MODES } FlashMode;

#define SYNC_DELAY_NS (INT64_C (200) * 1000 * 1000)

typedef struct {
  Device device;
  MemoryBank *bank;
  uint8_t *array;
  size_t size;
  uint64_t address;
  uint8_t mode, status;

  int fd;
  char *path;
  LoopTimer *sync_timer;
  LoopIo sync;
  bool unsynced; /* the file was changed since the last sync began */
  bool syncing;
  bool behind; /* the file lacks changes: it could not be written */
} NorFlash;

#define NOR_FLASH(object) ((NorFlash *)(object))

/* --- the file --- */

/* The machine must not go on as if its variables were kept. */
static void
flash_fail (NorFlash *self, int saved_errno)
{
  g_autofree char *message = g_strdup_printf ("The machine's UEFI variables can't be written to %s: %s. Make "
                                              "room or mend the disk, then resume the machine.",
                                              self->path, g_strerror (saved_errno));

  TRACE (self, "file-error", "errno=%d", saved_errno);
  self->behind = true;
  board_request (self->device.board, BOARD_REQUEST_PAUSE, 0, message);
}

static void
flash_sync_now (NorFlash *self)
{
  if (self->fd < 0 || !self->unsynced)
    return;
  TRACE (self, "sync", "now");
  self->unsynced = false;
  if (fdatasync (self->fd) < 0)
    flash_fail (self, errno);
}

static void
flash_sync_soon (NorFlash *self)
{
  self->unsynced = true;
  if (!self->syncing && !loop_timer_is_armed (self->sync_timer))
    loop_timer_arm (self->sync_timer, g_get_monotonic_time () * 1000 + SYNC_DELAY_NS);
}

static void
flash_synced (LoopIo *io, int result)
{
  NorFlash *self = io->data;

  device_lock (&self->device);
  self->syncing = false;
  if (result < 0)
    flash_fail (self, -result);
  else if (self->unsynced)
    flash_sync_soon (self);
  device_unlock (&self->device);
}

static void
flash_sync_timer (Device *device)
{
  NorFlash *self = NOR_FLASH (device);

  if (self->syncing || !self->unsynced)
    return;
  TRACE (self, "sync", "later");
  self->syncing = true;
  self->unsynced = false;
  self->sync = (LoopIo){ .kind = LOOP_IO_FSYNC, .fd = self->fd, .done = flash_synced, .data = self };
  loop_io_submit (device->board->loop, &self->sync);
}

/* Brings a piece of the array into the file. */
static void
flash_write_back (NorFlash *self, size_t offset, size_t size)
{
  if (self->fd < 0 || (self->behind && size < self->size))
    return;
  while (size > 0)
    {
      ssize_t n = pwrite (self->fd, self->array + offset, size, (off_t)offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          flash_fail (self, n < 0 ? errno : ENOSPC);
          return;
        }
      offset += (size_t)n;
      size -= (size_t)n;
    }
  flash_sync_soon (self);
}

static void
flash_write_back_all (NorFlash *self)
{
  self->behind = false;
  flash_write_back (self, 0, self->size);
}

/* --- commands --- */

/* Only the array is memory; everything else is a register. */
static void
flash_set_mode (NorFlash *self, FlashMode mode)
{
  if ((mode == MODE_ARRAY) != (self->mode == MODE_ARRAY))
    memory_bank_map (self->bank, mode == MODE_ARRAY ? self->address : BANK_HIDDEN);
  self->mode = mode;
}

static void
flash_changed (NorFlash *self, size_t offset, size_t size)
{
  memory_bank_set_dirty (self->bank, offset, size);
  flash_write_back (self, offset, size);
}

/* "Program": cells go from 1 to 0 only. */
static void
flash_program (NorFlash *self, size_t offset, uint8_t value)
{
  TRACE (self, "program", "offset=0x%05zx value=0x%02x", offset, value);
  self->status |= STATUS_READY;
  if ((self->array[offset] & value) == self->array[offset])
    return;
  self->array[offset] &= value;
  flash_changed (self, offset, 1);
}

/* What is erased may be the only copy of what was written elsewhere a moment ago. */
static void
flash_erase (NorFlash *self, size_t offset)
{
  size_t block = offset - offset % NOR_FLASH_BLOCK_SIZE;

  TRACE (self, "erase", "offset=0x%05zx", block);
  self->status |= STATUS_READY;
  flash_sync_now (self);
  memset (self->array + block, 0xff, NOR_FLASH_BLOCK_SIZE);
  flash_changed (self, block, NOR_FLASH_BLOCK_SIZE);
}

static void
flash_begin_command (NorFlash *self, size_t offset, uint8_t command)
{
  switch (command)
    {
    case COMMAND_READ_ARRAY:
      flash_set_mode (self, MODE_ARRAY);
      break;
    case COMMAND_READ_STATUS:
      flash_set_mode (self, MODE_STATUS);
      break;
    case COMMAND_READ_IDENTIFIER:
      flash_set_mode (self, MODE_IDENTIFIER);
      break;
    case COMMAND_PROGRAM:
    case COMMAND_PROGRAM_ALTERNATE:
      flash_set_mode (self, MODE_PROGRAM);
      break;
    case COMMAND_ERASE:
      flash_set_mode (self, MODE_ERASE);
      break;
    case COMMAND_CLEAR_STATUS:
      /* SR.7 is back with the next operation only: OVMF takes nothing for flash whose cleared status is not
       * 0. */
      self->status = 0;
      break;
    case COMMAND_SUSPEND: /* every operation is over at once */
    case COMMAND_CONFIRM:
      flash_set_mode (self, MODE_STATUS);
      break;
    default:
      GUEST_ERROR (self, "command 0x%02x at 0x%05zx is unknown", command, offset);
      break;
    }
}

static void
flash_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  NorFlash *self = NOR_FLASH (device);

  switch (self->mode)
    {
    case MODE_PROGRAM:
      flash_program (self, offset, value);
      self->mode = MODE_STATUS;
      break;
    case MODE_ERASE:
      if (value == COMMAND_CONFIRM)
        flash_erase (self, offset);
      else
        {
          GUEST_ERROR (self, "erase of 0x%05" PRIx64 " is not confirmed", offset);
          self->status |= STATUS_READY | STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR;
        }
      self->mode = MODE_STATUS;
      break;
    default:
      flash_begin_command (self, offset, value);
      break;
    }
}

static uint64_t
flash_read (Device *device, uint64_t offset, unsigned size)
{
  static const uint8_t identifiers[] = { MANUFACTURER, DEVICE_CODE, BLOCK_LOCK };
  const NorFlash *self = NOR_FLASH (device);

  switch (self->mode)
    {
    case MODE_ARRAY:
      return self->array[offset];
    case MODE_IDENTIFIER:
      offset %= NOR_FLASH_BLOCK_SIZE;
      return offset < sizeof identifiers ? identifiers[offset] : 0;
    default:
      return self->status;
    }
}

/* The chip is a byte wide. */
static const BusOps flash_ops = { .read = flash_read, .write = flash_write, .max_size = 1 };

/* --- life --- */

static bool
flash_realize (Device *device, const void *config, GError **error)
{
  NorFlash *self = NOR_FLASH (device);
  const NorFlashConfig *cfg = config;

  g_assert (cfg->size > 0 && cfg->size % NOR_FLASH_BLOCK_SIZE == 0);
  self->fd = cfg->fd;
  self->path = g_strdup (cfg->path);
  self->size = cfg->size;
  self->address = cfg->address;
  self->sync_timer = device_host_timer_new (device, flash_sync_timer);
  self->bank = guest_memory_add_bank (device->board->memory, device->name, self->size, BANK_ROM, error);
  if (!self->bank)
    return false;
  self->array = memory_bank_data (self->bank);
  memcpy (self->array, cfg->content, self->size);
  memory_bank_map (self->bank, self->address);
  device_add_mmio (device, &flash_ops, self->address, self->size, 0);
  return true;
}

static void
flash_unrealize (Device *device)
{
  NorFlash *self = NOR_FLASH (device);

  device_timer_free (self->sync_timer);
  while (self->syncing)
    loop_wait_for_others (device->board->loop);
  if (self->behind)
    flash_write_back_all (self);
  flash_sync_now (self);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->path);
}

/* The array keeps its content. */
static void
flash_reset (Device *device)
{
  NorFlash *self = NOR_FLASH (device);

  flash_set_mode (self, MODE_ARRAY);
  self->status = STATUS_READY;
}

static void
flash_stopped (Device *device)
{
  flash_sync_now (NOR_FLASH (device));
}

static void
flash_started (Device *device)
{
  if (NOR_FLASH (device)->behind)
    flash_write_back_all (NOR_FLASH (device));
}

static bool
flash_check (const void *object, const void *incoming, GError **error)
{
  if (NOR_FLASH (incoming)->mode < N_MODES)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved flash chip is in a mode that there is none of.");
  return false;
}

static void
flash_after_load (void *object)
{
  NorFlash *self = object;

  memory_bank_map (self->bank, self->mode == MODE_ARRAY ? self->address : BANK_HIDDEN);
  memory_bank_set_dirty (self->bank, 0, self->size);
  flash_write_back_all (self);
}

static const StateField flash_fields[] = {
  STATE_U8 (NorFlash, mode, 1),
  STATE_U8 (NorFlash, status, 1),
  STATE_BUFFER (NorFlash, array, size, 1),
  STATE_END,
};

static const StateTable flash_state = {
  .name = "nor-flash",
  .version = 1,
  .fields = flash_fields,
  .object_size = sizeof (NorFlash),
  .check = flash_check,
  .after_load = flash_after_load,
};

const DeviceClass nor_flash_class = {
  .id = "nor-flash",
  .size = sizeof (NorFlash),
  .realize = flash_realize,
  .unrealize = flash_unrealize,
  .reset = flash_reset,
  .stopped = flash_stopped,
  .started = flash_started,
  .state = &flash_state,
};
