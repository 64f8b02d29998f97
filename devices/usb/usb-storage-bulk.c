/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-storage-private.h"
#include "vmm/base/bytes.h"

/*
 * Bulk-Only Transport: one command at a time, as three transfers: its block (CBW), its data, its status
 * (CSW). Data that the unit has less of than the host said is padded (section 6.7.2): firmware takes a short
 * or a stalled transfer for a broken stick.
 */
#define CBW_SIZE      31u
#define CBW_SIGNATURE 0x43425355u
#define CSW_SIZE      13u
#define CSW_SIGNATURE 0x53425355u

enum { CSW_PASSED = 0, CSW_FAILED = 1, CSW_PHASE_ERROR = 2 };

/* Section 6.6.1: nothing goes until the host resets it. */
static void
wedge (UsbStorage *storage, int size)
{
  GUEST_ERROR (storage, "a command block of %d bytes that is none", size);
  storage->wedged = true;
}

static bool
is_command_block (const uint8_t *block, int size)
{
  return size == (int)CBW_SIZE && load_le32 (block) == CBW_SIGNATURE && (block[12] & 0x7f) == 0
         && block[13] < 16 && block[14] >= 1 && block[14] <= 16;
}

static void
begin (UsbStorage *storage, UsbTransfer *transfer)
{
  uint8_t block[CBW_SIZE];
  StorageCommand *command;
  int size = storage_read_message (transfer, block, sizeof block);

  if (size < 0)
    return;
  if (!is_command_block (block, size))
    {
      wedge (storage, size);
      return;
    }
  command = storage_command_new (storage, 0);
  command->s.tag = load_le32 (block + 4);
  command->s.room = MIN (load_le32 (block + 8), STORAGE_ANY_ROOM - 1);
  command->s.to_host = block[12] & USB_IN;
  command->s.elsewhere = block[13] != 0;
  memcpy (command->s.cdb, block + 15, block[14]);
  storage_execute (command);
}

/* Section 5.2. The unit's sense waits for who asks. */
static void
end (StorageCommand *command, UsbTransfer *transfer)
{
  UsbStorage *storage = command->storage;
  const StorageCommandState *s = &command->s;
  uint8_t status[CSW_SIZE];

  store_le32 (status, CSW_SIGNATURE);
  store_le32 (status + 4, s->tag);
  store_le32 (status + 8, s->room - s->used);
  status[12] = s->mismatch ? CSW_PHASE_ERROR : s->status == SCSI_GOOD ? CSW_PASSED : CSW_FAILED;
  if (s->status == SCSI_CHECK_CONDITION)
    storage->unit.sense = s->sense;
  storage_command_free (command);
  usb_transfer_answer (transfer, status, sizeof status);
}

static void
stall_all (UsbStorage *storage)
{
  UsbTransfer *transfer;

  while ((transfer = storage_take_transfer (storage, STORAGE_PIPE_BULK_OUT, 0)) != NULL
         || (transfer = storage_take_transfer (storage, STORAGE_PIPE_BULK_IN, 0)) != NULL)
    usb_transfer_done (transfer, USB_STALL, 0);
}

/* The pipe that the present phase waits for; -1: it doesn't wait for the host. */
static int
awaited_pipe (const StorageCommand *command)
{
  if (command == NULL || command->s.phase == STORAGE_RECEIVING)
    return STORAGE_PIPE_BULK_OUT;
  return command->s.phase == STORAGE_SENDING || command->s.phase == STORAGE_ENDING ? STORAGE_PIPE_BULK_IN
                                                                                   : -1;
}

static void
advance (UsbStorage *storage, StorageCommand *command, UsbTransfer *transfer)
{
  if (command == NULL)
    begin (storage, transfer);
  else if (command->s.phase == STORAGE_RECEIVING)
    storage_receive (command, transfer);
  else if (command->s.phase == STORAGE_SENDING)
    storage_send (command, transfer);
  else
    end (command, transfer);
}

void
storage_bulk_serve (UsbStorage *storage)
{
  while (!storage->wedged)
    {
      StorageCommand *command = storage->commands[0];
      UsbTransfer *transfer = NULL;
      int pipe;

      if (command != NULL && command->s.phase == STORAGE_WAITING && storage->n_orphans == 0
          && !storage->blocked)
        storage_execute (command);
      pipe = awaited_pipe (command);
      if (pipe >= 0)
        transfer = storage_take_transfer (storage, (StoragePipe)pipe, 0);
      if (transfer == NULL)
        return;
      advance (storage, command, transfer);
    }
  stall_all (storage);
}

/* Section 3.1. */
void
storage_bulk_reset (UsbStorage *storage)
{
  TRACE (storage, "bulk-reset", "wedged=%d", storage->wedged);
  storage_drop_all (storage);
  storage->wedged = false;
}
