/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/no-room.h"
#include "devices/usb/usb-storage-private.h"
#include "vmm/base/iov.h"

/*
 * A SCSI command and its data, whatever transport brings it. A command that wants data of the host is
 * executed twice: the first time says how much, the second has it. One that can't begin now is tried again
 * later.
 */
#define BUFFER_ALIGNMENT 4096u

/* --- memory --- */

static void
give_buffer (StorageCommand *command)
{
  UsbStorage *storage = command->storage;

  if (command->data == NULL)
    return;
  if (command->held == STORAGE_BUFFER && storage->n_spare < STORAGE_N_SPARE)
    storage->spare[storage->n_spare++] = command->data;
  else
    g_aligned_free (command->data);
  storage->held -= command->held;
  command->data = NULL;
  command->held = 0;
}

/* False: too much is under way. */
static bool
take_buffer (StorageCommand *command, size_t size)
{
  UsbStorage *storage = command->storage;
  size_t held = MAX (size, STORAGE_BUFFER);

  if (command->data != NULL && command->held >= size)
    return true;
  if (command->data != NULL) /* a unit that changed meanwhile wants more for the same command */
    {
      give_buffer (command);
      command->s.moved = 0;
    }
  if (storage->held + held > STORAGE_MAX_HELD)
    return false;
  if (held == STORAGE_BUFFER && storage->n_spare > 0)
    command->data = storage->spare[--storage->n_spare];
  else
    command->data = g_aligned_alloc (1, held, BUFFER_ALIGNMENT);
  command->held = held;
  storage->held += held;
  return true;
}

void
storage_free_spare (UsbStorage *storage)
{
  while (storage->n_spare > 0)
    g_aligned_free (storage->spare[--storage->n_spare]);
}

StorageCommand *
storage_command_new (UsbStorage *storage, unsigned slot)
{
  StorageCommand *command = g_new0 (StorageCommand, 1);

  g_assert (storage->commands[slot] == NULL);
  command->storage = storage;
  command->s.there = true;
  command->s.slot = (uint8_t)slot;
  storage->commands[slot] = command;
  return command;
}

void
storage_command_load (UsbStorage *storage, const StorageCommandState *saved)
{
  StorageCommand *command = storage_command_new (storage, saved->slot);

  command->s = *saved;
  if (saved->phase != STORAGE_SENDING || saved->size == 0)
    return;
  if (take_buffer (command, saved->size))
    memcpy (command->data, saved->data, saved->size);
  else
    command->s.phase = STORAGE_WAITING;
}

static void
forget (StorageCommand *command)
{
  give_buffer (command);
  g_free (command);
}

void
storage_command_free (StorageCommand *command)
{
  UsbStorage *storage = command->storage;

  storage->commands[command->s.slot] = NULL;
  forget (command);
  storage_wake (storage);
}

void
storage_command_drop (StorageCommand *command)
{
  UsbStorage *storage = command->storage;

  if (command->s.phase != STORAGE_RUNNING)
    {
      storage_command_free (command);
      return;
    }
  TRACE (storage, "drop", "slot=%u cdb=0x%02x", command->s.slot, command->s.cdb[0]);
  storage->commands[command->s.slot] = NULL;
  storage->n_orphans++;
  command->orphan = true;
  command->task.aborted = true;
}

void
storage_drop_all (UsbStorage *storage)
{
  bool serving = storage->serving;

  storage->serving = true; /* none takes another's place meanwhile */
  for (unsigned i = 0; i <= STORAGE_N_STREAMS; i++)
    if (storage->commands[i] != NULL)
      storage_command_drop (storage->commands[i]);
  storage->ready = 0;
  storage->serving = serving;
}

void
storage_wake (UsbStorage *storage)
{
  for (unsigned i = 0; i <= STORAGE_N_STREAMS; i++)
    if (storage->commands[i] != NULL && storage->commands[i]->s.phase == STORAGE_WAITING)
      storage_serve (storage, i);
}

/* --- the transport of tasks --- */

static StorageCommand *
command_of (ScsiTask *task)
{
  return (StorageCommand *)((char *)task - offsetof (StorageCommand, task));
}

/* Data that the host has not sent is waited for. */
static bool
wait_for_data (StorageCommand *command, uint32_t size)
{
  if (command->data == NULL)
    command->s.moved = 0;
  command->s.phase = take_buffer (command, size) ? STORAGE_RECEIVING : STORAGE_WAITING;
  if (command->s.phase == STORAGE_RECEIVING)
    {
      command->s.size = size;
      storage_serve (command->storage, command->s.slot);
    }
  return false;
}

static bool
task_map (ScsiTask *task, uint64_t wanted, bool to_host)
{
  StorageCommand *command = command_of (task);
  StorageCommandState *s = &command->s;

  if (s->room != STORAGE_ANY_ROOM && wanted > 0 && (s->room == 0 || to_host != s->to_host))
    {
      s->mismatch = true;
      wanted = 0;
    }
  if (s->room == STORAGE_ANY_ROOM)
    s->to_host = to_host;
  wanted = MIN (wanted, s->room);
  if (wanted > STORAGE_MAX_DATA)
    wanted = 0; /* no command is that long */
  task->iov = &command->iov;
  task->n_iov = wanted > 0;
  task->mapped = wanted;
  if (wanted == 0)
    return true;
  if (!to_host && (command->data == NULL || s->moved < wanted))
    return wait_for_data (command, (uint32_t)wanted);
  if (to_host && !take_buffer (command, wanted))
    {
      s->phase = STORAGE_WAITING;
      return false;
    }
  command->iov = (struct iovec){ command->data, wanted };
  return true;
}

/* On the loop's thread, without locks. */
static void
image_done (ImageRequest *io, int error)
{
  StorageCommand *command = io->data;
  Device *device = &command->storage->usb.device;

  device_lock (device);
  scsi_image_done (&command->task, io->kind, error);
  device_unlock (device);
  board_io_end (device->board);
}

static void
task_submit (ScsiTask *task, ImageRequestKind kind, bool may_unmap, uint64_t offset, uint64_t length)
{
  StorageCommand *command = command_of (task);

  command->io = (ImageRequest){
    .kind = kind,
    .may_unmap = may_unmap,
    .offset = offset,
    .length = length,
    .iov = task->iov,
    .n_iov = task->n_iov,
    .done = image_done,
    .data = command,
  };
  board_io_begin (command->storage->usb.device.board);
  image_submit (task->unit->image, &command->io);
}

/* The host's disk is full: the guest must not hear of an error that its owner can mend. */
static void
task_wait_for_room (ScsiTask *task, int error)
{
  StorageCommand *command = command_of (task);
  UsbStorage *storage = command->storage;

  TRACE (storage, "no-room", "slot=%u error=%d", command->s.slot, error);
  if (!storage->blocked)
    pause_for_room (&storage->usb.device, storage->unit.serial, storage->unit.image, error);
  storage->blocked = true;
  command->s.phase = STORAGE_WAITING;
}

/* --- its end --- */

static void
end_orphan (StorageCommand *command)
{
  UsbStorage *storage = command->storage;

  forget (command);
  storage->n_orphans--;
  storage_wake (storage);
}

/* What is left to do with the host: Bulk-Only Transport moves as much as the host said, come what may. */
static StoragePhase
phase_after (const StorageCommandState *s)
{
  if (s->room == STORAGE_ANY_ROOM)
    return s->size > s->moved ? STORAGE_SENDING : STORAGE_ENDING;
  if (s->moved >= s->room)
    return STORAGE_ENDING;
  return s->to_host ? STORAGE_SENDING : STORAGE_RECEIVING;
}

static void
task_done (ScsiTask *task)
{
  StorageCommand *command = command_of (task);
  UsbStorage *storage = command->storage;
  StorageCommandState *s = &command->s;

  if (command->orphan)
    {
      end_orphan (command);
      return;
    }
  TRACE (storage, "done", "slot=%u cdb=0x%02x status=0x%02x bytes=%" G_GUINT64_FORMAT, s->slot, s->cdb[0],
         task->status, task->transferred);
  s->ended = true;
  s->status = task->status;
  s->sense = task->sense;
  s->mismatch = s->mismatch || task->overrun;
  s->used = (uint32_t)MIN (task->transferred, s->room);
  s->size = s->to_host ? s->used : s->moved;
  s->phase = phase_after (s);
  storage_serve (storage, s->slot);
}

static const ScsiTransport transport = {
  .map = task_map,
  .submit = task_submit,
  .wait_for_room = task_wait_for_room,
  .done = task_done,
};

void
storage_execute (StorageCommand *command)
{
  UsbStorage *storage = command->storage;

  if (storage->n_orphans > 0 || storage->blocked)
    {
      command->s.phase = STORAGE_WAITING;
      return;
    }
  command->s.phase = STORAGE_RUNNING;
  command->task = (ScsiTask){ .unit = &storage->unit, .transport = &transport };
  memcpy (command->task.cdb, command->s.cdb, sizeof command->task.cdb);
  TRACE (storage, "execute", "slot=%u cdb=0x%02x", command->s.slot, command->s.cdb[0]);
  if (command->s.elsewhere)
    scsi_execute_elsewhere (&command->task);
  else
    scsi_execute (&command->task);
}

/* --- data --- */

static uint32_t
data_left (const StorageCommandState *s)
{
  uint32_t all = s->room == STORAGE_ANY_ROOM ? s->size : s->room;

  return all > s->moved ? all - s->moved : 0;
}

void
storage_send (StorageCommand *command, UsbTransfer *transfer)
{
  StorageCommandState *s = &command->s;
  uint32_t n = (uint32_t)MIN (transfer->length, data_left (s)),
           real = s->size > s->moved ? s->size - s->moved : 0;

  if (!usb_transfer_map (transfer))
    {
      usb_transfer_done (transfer, USB_NO_MEMORY, 0);
      return;
    }
  real = MIN (real, n);
  if (real > 0)
    iov_scatter (transfer->iov, transfer->n_iov, 0, command->data + s->moved, real);
  iov_scatter (transfer->iov, transfer->n_iov, real, NULL, n - real);
  s->moved += n;
  if (data_left (s) == 0)
    s->phase = STORAGE_ENDING;
  usb_transfer_done (transfer, USB_OK, n);
}

void
storage_receive (StorageCommand *command, UsbTransfer *transfer)
{
  StorageCommandState *s = &command->s;
  uint32_t n = (uint32_t)MIN (transfer->length, data_left (s)),
           wanted = s->size > s->moved ? s->size - s->moved : 0;

  if (!usb_transfer_map (transfer))
    {
      usb_transfer_done (transfer, USB_NO_MEMORY, 0);
      return;
    }
  if (!s->ended)
    iov_gather (transfer->iov, transfer->n_iov, 0, command->data + s->moved, MIN (n, wanted));
  s->moved += n;
  usb_transfer_done (transfer, USB_OK, transfer->length);
  if (s->ended && data_left (s) == 0)
    s->phase = STORAGE_ENDING;
  else if (!s->ended && s->moved >= s->size)
    storage_execute (command);
}
