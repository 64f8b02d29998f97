/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-storage-private.h"

#include "vmm/base/error.h"

/*
 * What is saved: commands, as far as they are known from their blocks, and little data. What a unit has read
 * is asked of it again; what a host sent in part can't be: it hears that the command was aborted, and sends
 * it again.
 */
#define SENSE_ABORTED_COMMAND 0x0b

static const StateField sense_fields[] = {
  STATE_U8 (ScsiSense, key, 1),
  STATE_U8 (ScsiSense, asc, 1),
  STATE_U8 (ScsiSense, ascq, 1),
  STATE_END,
};

static const StateTable sense_state = {
  .name = "sense",
  .version = 1,
  .fields = sense_fields,
  .object_size = sizeof (ScsiSense),
};

static const StateField command_fields[] = {
  STATE_BOOL (StorageCommandState, there, 1),
  STATE_U8 (StorageCommandState, phase, 1),
  STATE_U8 (StorageCommandState, slot, 1),
  STATE_U32 (StorageCommandState, tag, 1),
  STATE_U32 (StorageCommandState, room, 1),
  STATE_BOOL (StorageCommandState, to_host, 1),
  STATE_BOOL (StorageCommandState, elsewhere, 1),
  STATE_BYTES (StorageCommandState, cdb, 1),
  STATE_BOOL (StorageCommandState, ended, 1),
  STATE_BOOL (StorageCommandState, mismatch, 1),
  STATE_U8 (StorageCommandState, status, 1),
  STATE_STRUCT (StorageCommandState, sense, &sense_state, 1),
  STATE_U32 (StorageCommandState, size, 1),
  STATE_U32 (StorageCommandState, moved, 1),
  STATE_U32 (StorageCommandState, used, 1),
  STATE_BOOL (StorageCommandState, management, 1),
  STATE_U8 (StorageCommandState, response, 1),
  STATE_BYTES (StorageCommandState, data, 1),
  STATE_END,
};

static const StateTable command_state = {
  .name = "usb-storage-command",
  .version = 1,
  .fields = command_fields,
  .object_size = sizeof (StorageCommandState),
};

/* --- saving --- */

static void
abort_command (StorageCommandState *s)
{
  s->ended = true;
  s->status = SCSI_CHECK_CONDITION;
  s->sense = (ScsiSense){ SENSE_ABORTED_COMMAND, 0x00, 0x00 };
  s->used = s->size = 0;
  s->phase = s->room != STORAGE_ANY_ROOM && s->moved < s->room ? STORAGE_RECEIVING : STORAGE_ENDING;
}

static void
save_command (const StorageCommand *command, StorageCommandState *s)
{
  *s = command->s;
  if (s->management || s->phase == STORAGE_ENDING)
    return;
  if (s->phase == STORAGE_SENDING && s->size <= STORAGE_SAVED_DATA)
    {
      if (s->size > 0)
        memcpy (s->data, command->data, s->size);
      return;
    }
  if (!s->to_host && s->moved > 0)
    {
      if (!s->ended)
        abort_command (s);
      return;
    }
  s->phase = STORAGE_WAITING;
  s->ended = s->mismatch = false;
  s->size = 0;
}

static void
before_save (void *object)
{
  UsbStorage *storage = object;

  memset (storage->saved, 0, sizeof storage->saved);
  for (unsigned i = 0; i <= STORAGE_N_STREAMS; i++)
    if (storage->commands[i] != NULL)
      save_command (storage->commands[i], &storage->saved[i]);
}

/* --- loading --- */

static bool
is_sound (const StorageCommandState *s, unsigned slot)
{
  bool bulk = slot == 0;

  if (!s->there)
    return true;
  if (s->slot != slot || bulk == (s->room == STORAGE_ANY_ROOM) || (bulk && s->management)
      || s->used > s->room)
    return false;
  switch (s->phase)
    {
    case STORAGE_WAITING:
      return !s->ended && s->size == 0;
    case STORAGE_RECEIVING:
      return s->ended && bulk && !s->to_host;
    case STORAGE_SENDING:
      return s->ended && s->to_host && s->size <= STORAGE_SAVED_DATA;
    default:
      return s->phase == STORAGE_ENDING;
    }
}

static bool
check (const void *object, const void *incoming, GError **error)
{
  const UsbStorage *live = object, *storage = incoming;

  for (unsigned i = 0; i <= STORAGE_N_STREAMS; i++)
    if (!is_sound (&storage->saved[i], i))
      {
        g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                     "The saved state of %s has a command in slot %u that can't be", live->usb.device.name,
                     i);
        return false;
      }
  return storage->usb.alternate <= STORAGE_UAS
         || (g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                          "The saved state of %s has an interface that it hasn't", live->usb.device.name),
             false);
}

static void
after_load (void *object)
{
  UsbStorage *storage = object;

  storage_drop_all (storage);
  storage->blocked = false;
  for (unsigned i = 0; i <= STORAGE_N_STREAMS; i++)
    if (storage->saved[i].there)
      storage_command_load (storage, &storage->saved[i]);
}

static const StateField fields[] = {
  STATE_STRUCT (UsbStorage, usb, &usb_device_state, 1),
  STATE_STRUCT (UsbStorage, unit, &scsi_unit_state, 1),
  STATE_BOOL (UsbStorage, wedged, 1),
  STATE_STRUCTS (UsbStorage, saved, &command_state, 1),
  STATE_END,
};

const StateTable usb_storage_state = {
  .name = "usb-storage",
  .version = 1,
  .fields = fields,
  .object_size = sizeof (UsbStorage),
  .before_save = before_save,
  .check = check,
  .after_load = after_load,
};
