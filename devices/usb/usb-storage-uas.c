/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-storage-private.h"
#include "vmm/base/bytes.h"

/*
 * USB Attached SCSI Protocol (T10/2095-D): information units come by the command pipe and go by the status
 * pipe; a command's tag is the stream of its data and status, so that many are under way at once.
 */
enum {
  IU_COMMAND = 0x01,
  IU_SENSE = 0x03,
  IU_RESPONSE = 0x04,
  IU_TASK_MANAGEMENT = 0x05,

  RESPONSE_COMPLETE = 0x00,
  RESPONSE_INVALID = 0x02,
  RESPONSE_NOT_SUPPORTED = 0x04,
  RESPONSE_SUCCEEDED = 0x08,
  RESPONSE_INCORRECT_LUN = 0x09,
  RESPONSE_OVERLAPPED_TAG = 0x0a,

  ABORT_TASK = 0x01,
  ABORT_TASK_SET = 0x02,
  CLEAR_TASK_SET = 0x04,
  LOGICAL_UNIT_RESET = 0x08,
  I_T_NEXUS_RESET = 0x10,
  QUERY_TASK = 0x80,
  QUERY_TASK_SET = 0x81,
};

#define COMMAND_IU_SIZE  32
#define TASK_IU_SIZE     16
#define MAX_IU_SIZE      64u
#define SENSE_IU_SIZE    16u
#define RESPONSE_IU_SIZE 8u

/* --- information units from the host --- */

static bool
is_our_unit (const uint8_t *lun)
{
  unsigned first = load_be16 (lun);

  return (first == 0 || first == 0x4000) && load_be16 (lun + 2) == 0 && load_be32 (lun + 4) == 0;
}

/* Something that ends with a response, once nothing that was aborted is under way. */
static void
respond (UsbStorage *storage, unsigned tag, uint8_t response)
{
  StorageCommand *command = storage_command_new (storage, tag);

  command->s.management = true;
  command->s.room = STORAGE_ANY_ROOM;
  command->s.response = response;
  command->s.phase = STORAGE_WAITING;
  storage_serve (storage, tag);
}

static void
begin_command (UsbStorage *storage, unsigned tag, const uint8_t *iu, int size)
{
  StorageCommand *command;

  if (size < COMMAND_IU_SIZE || iu[6] != 0) /* longer commands than 16 bytes: none is known */
    {
      respond (storage, tag, RESPONSE_INVALID);
      return;
    }
  command = storage_command_new (storage, tag);
  command->s.room = STORAGE_ANY_ROOM;
  command->s.to_host = true;
  command->s.elsewhere = !is_our_unit (iu + 8);
  memcpy (command->s.cdb, iu + 16, 16);
  storage_execute (command);
}

static void
abort_set (UsbStorage *storage, unsigned but)
{
  for (unsigned i = 1; i <= STORAGE_N_STREAMS; i++)
    if (i != but && storage->commands[i] != NULL)
      storage_command_drop (storage->commands[i]);
}

static bool
is_under_way (const UsbStorage *storage, unsigned tag)
{
  return tag >= 1 && tag <= STORAGE_N_STREAMS && storage->commands[tag] != NULL
         && !storage->commands[tag]->s.management;
}

static bool
any_under_way (const UsbStorage *storage)
{
  bool any = false;

  for (unsigned i = 1; i <= STORAGE_N_STREAMS; i++)
    any = any || is_under_way (storage, i);
  return any;
}

/* Returns the response. */
static uint8_t
manage (UsbStorage *storage, unsigned tag, const uint8_t *iu)
{
  unsigned function = iu[4], task = load_be16 (iu + 6);

  TRACE (storage, "task-management", "tag=%u function=0x%02x task=%u", tag, function, task);
  if (!is_our_unit (iu + 8) && function != I_T_NEXUS_RESET)
    return RESPONSE_INCORRECT_LUN;
  switch (function)
    {
    case ABORT_TASK:
      if (is_under_way (storage, task))
        storage_command_drop (storage->commands[task]);
      return RESPONSE_COMPLETE;
    case ABORT_TASK_SET:
    case CLEAR_TASK_SET:
      abort_set (storage, tag);
      return RESPONSE_COMPLETE;
    case LOGICAL_UNIT_RESET:
    case I_T_NEXUS_RESET:
      abort_set (storage, tag);
      scsi_unit_reset (&storage->unit, false);
      return RESPONSE_COMPLETE;
    case QUERY_TASK:
      return is_under_way (storage, task) ? RESPONSE_SUCCEEDED : RESPONSE_COMPLETE;
    case QUERY_TASK_SET:
      return any_under_way (storage) ? RESPONSE_SUCCEEDED : RESPONSE_COMPLETE;
    default:
      return RESPONSE_NOT_SUPPORTED;
    }
}

static void
take_unit (UsbStorage *storage, const uint8_t *iu, int size)
{
  unsigned tag = size >= 4 ? load_be16 (iu + 2) : 0;

  if (tag == 0 || tag > STORAGE_N_STREAMS)
    {
      GUEST_ERROR (storage, "an information unit of %d bytes with the tag %u", size, tag);
      return;
    }
  TRACE (storage, "information-unit", "id=0x%02x tag=%u", iu[0], tag);
  if (storage->commands[tag] != NULL)
    {
      storage_command_drop (storage->commands[tag]);
      respond (storage, tag, RESPONSE_OVERLAPPED_TAG);
    }
  else if (iu[0] == IU_COMMAND)
    begin_command (storage, tag, iu, size);
  else if (iu[0] == IU_TASK_MANAGEMENT && size >= TASK_IU_SIZE)
    respond (storage, tag, manage (storage, tag, iu));
  else
    respond (storage, tag, RESPONSE_INVALID);
}

static void
take_units (UsbStorage *storage)
{
  UsbTransfer *transfer;

  while ((transfer = storage_take_transfer (storage, STORAGE_PIPE_COMMAND, 0)) != NULL)
    {
      uint8_t iu[MAX_IU_SIZE] = { 0 };
      int size = storage_read_message (transfer, iu, sizeof iu);

      if (size >= 0)
        take_unit (storage, iu, size);
    }
}

/* --- to the host --- */

static size_t
build_sense (const StorageCommand *command, uint8_t *iu)
{
  const StorageCommandState *s = &command->s;
  ScsiTask task = { .unit = &command->storage->unit, .sense = s->sense };
  unsigned size = 0;

  iu[0] = IU_SENSE;
  iu[6] = s->status;
  if (s->mismatch) /* more than any command may be about */
    {
      task.sense = (ScsiSense){ 0x05, 0x24, 0x00 };
      iu[6] = SCSI_CHECK_CONDITION;
    }
  if (iu[6] == SCSI_CHECK_CONDITION)
    size = scsi_build_sense (&task, iu + SENSE_IU_SIZE);
  store_be16 (iu + 14, size);
  return SENSE_IU_SIZE + size;
}

/* Transfers that a command had no use for have their end with it. */
static void
end_transfers (UsbStorage *storage, unsigned tag)
{
  UsbTransfer *transfer;

  while ((transfer = storage_take_transfer (storage, STORAGE_PIPE_DATA_IN, tag)) != NULL
         || (transfer = storage_take_transfer (storage, STORAGE_PIPE_DATA_OUT, tag)) != NULL)
    usb_transfer_done (transfer, USB_OK, 0);
}

static void
end (StorageCommand *command, UsbTransfer *transfer)
{
  UsbStorage *storage = command->storage;
  uint8_t iu[SENSE_IU_SIZE + SCSI_SENSE_SIZE] = { 0 };
  unsigned tag = command->s.slot;
  size_t size = RESPONSE_IU_SIZE;

  if (command->s.management)
    {
      iu[0] = IU_RESPONSE;
      iu[7] = command->s.response;
    }
  else
    size = build_sense (command, iu);
  store_be16 (iu + 2, tag);
  storage_command_free (command);
  end_transfers (storage, tag);
  usb_transfer_answer (transfer, iu, size);
}

static bool
try_again (StorageCommand *command)
{
  if (command->storage->n_orphans > 0 || command->storage->blocked)
    return false;
  if (command->s.management)
    command->s.phase = STORAGE_ENDING;
  else
    storage_execute (command);
  return true;
}

void
storage_uas_serve (UsbStorage *storage, unsigned slot)
{
  StorageCommand *command = storage->commands[slot];
  UsbTransfer *transfer;

  if (slot == 0)
    {
      take_units (storage);
      return;
    }
  if (command != NULL && command->s.phase == STORAGE_WAITING && !try_again (command))
    return;
  while (command != NULL && command->s.phase == STORAGE_RECEIVING
         && (transfer = storage_take_transfer (storage, STORAGE_PIPE_DATA_OUT, slot)) != NULL)
    storage_receive (command, transfer);
  while (command != NULL && command->s.phase == STORAGE_SENDING
         && (transfer = storage_take_transfer (storage, STORAGE_PIPE_DATA_IN, slot)) != NULL)
    storage_send (command, transfer);
  if (command != NULL && command->s.phase == STORAGE_ENDING
      && (transfer = storage_take_transfer (storage, STORAGE_PIPE_STATUS, slot)) != NULL)
    end (command, transfer);
}
