/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/scsi.h"

#include "devices/storage/no-room.h"
#include "devices/storage/scsi-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/base/iov.h"

/* A task from its command to its end, by SAM-5 and SPC-4. */

#define REQUEST_SENSE 0x03
#define UNMAP         0x42

/* --- ends --- */

void
scsi_finish (ScsiTask *task, uint8_t status)
{
  task->status = status;
  g_clear_pointer (&task->buffer, g_free);
  task->transport->done (task);
}

void
scsi_good (ScsiTask *task)
{
  scsi_finish (task, SCSI_GOOD);
}

void
scsi_check (ScsiTask *task, uint8_t key, uint8_t asc, uint8_t ascq)
{
  ScsiUnit *unit = task->unit;

  TRACE (unit->device, "check-condition", "unit=%s cdb=0x%02x sense=%x/%02x/%02x", unit->serial, task->cdb[0],
         key, asc, ascq);
  task->sense = (ScsiSense){ key, asc, ascq };
  if (unit->atapi)
    unit->sense = task->sense;
  scsi_finish (task, SCSI_CHECK_CONDITION);
}

void
scsi_invalid_field (ScsiTask *task)
{
  scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x24, 0x00);
}

void
scsi_overrun (ScsiTask *task)
{
  task->overrun = true;
  scsi_finish (task, SCSI_GOOD);
}

void
scsi_failed (ScsiTask *task, int error, bool write)
{
  TRACE (task->unit->device, "io-error", "unit=%s cdb=0x%02x error=%d", task->unit->serial, task->cdb[0],
         error);
  task->transferred = 0;
  if (write)
    scsi_check (task, SENSE_MEDIUM_ERROR, 0x0c, 0x00);
  else
    scsi_check (task, SENSE_MEDIUM_ERROR, 0x11, 0x00);
}

void
scsi_reply (ScsiTask *task, const uint8_t *data, size_t size, size_t room)
{
  size = MIN (size, room);
  if (!scsi_map (task, size, true))
    return;
  task->transferred = iov_scatter (task->iov, task->n_iov, 0, data, size);
  scsi_good (task);
}

/* --- work --- */

void
scsi_submit (ScsiTask *task, ImageRequestKind kind, bool may_unmap, uint64_t offset, uint64_t length,
             void (*then) (ScsiTask *task, int error))
{
  task->then = then;
  task->transport->submit (task, kind, may_unmap, offset, length);
}

void
scsi_image_done (ScsiTask *task, ImageRequestKind kind, int error)
{
  if (task->aborted)
    scsi_finish (task, SCSI_TASK_ABORTED);
  else if (is_no_room (kind, error))
    {
      g_clear_pointer (&task->buffer, g_free);
      task->transport->wait_for_room (task, error);
    }
  else
    task->then (task, error);
}

void
scsi_use_buffer (ScsiTask *task, size_t size)
{
  task->own_iov = (struct iovec){ task->buffer, size };
  task->iov = &task->own_iov;
  task->n_iov = 1;
}

size_t
scsi_take_parameters (ScsiTask *task, size_t size, size_t max)
{
  size = MIN (size, max);
  if (!scsi_map (task, size, false))
    return 0;
  task->buffer = g_malloc (MAX (size, 1));
  task->transferred = iov_gather (task->iov, task->n_iov, 0, task->buffer, size);
  return task->transferred;
}

/* --- sense --- */

unsigned
scsi_build_sense (const ScsiTask *task, uint8_t data[SCSI_SENSE_SIZE])
{
  const ScsiSense *sense = &task->sense;

  memset (data, 0, SCSI_SENSE_SIZE);
  if (task->unit->descriptor_sense)
    {
      data[0] = 0x72;
      data[1] = sense->key;
      data[2] = sense->asc;
      data[3] = sense->ascq;
      return 8;
    }
  data[0] = 0x70;
  data[2] = sense->key;
  data[7] = SCSI_SENSE_SIZE - 8;
  data[12] = sense->asc;
  data[13] = sense->ascq;
  return SCSI_SENSE_SIZE;
}

void
scsi_unit_attention (ScsiUnit *unit, uint8_t asc, uint8_t ascq)
{
  for (unsigned i = 0; i < unit->n_attentions; i++)
    if (unit->attentions[i].asc == asc && unit->attentions[i].ascq == ascq)
      return;
  if (unit->n_attentions < SCSI_MAX_ATTENTIONS)
    unit->attentions[unit->n_attentions++] = (ScsiSense){ SENSE_UNIT_ATTENTION, asc, ascq };
}

static ScsiSense
take_attention (ScsiUnit *unit)
{
  ScsiSense sense = unit->attentions[0];

  memmove (unit->attentions, unit->attentions + 1, --unit->n_attentions * sizeof sense);
  unit->attentions[unit->n_attentions] = (ScsiSense){ 0 };
  return sense;
}

/* Sense as the command's data, in the format that it asks for. */
static void
reply_sense (ScsiTask *task, ScsiSense sense)
{
  ScsiUnit *unit = task->unit;
  bool descriptor = unit->descriptor_sense;
  uint8_t data[SCSI_SENSE_SIZE];
  unsigned size;

  task->sense = sense;
  unit->descriptor_sense = task->cdb[1] & 1; /* DESC */
  size = scsi_build_sense (task, data);
  unit->descriptor_sense = descriptor;
  task->sense = (ScsiSense){ 0 };
  scsi_reply (task, data, size, task->cdb[4]);
}

/* The sense that waits, or an attention, or that there is none. */
void
scsi_request_sense (ScsiTask *task)
{
  ScsiUnit *unit = task->unit;
  ScsiSense sense = unit->sense;

  if (sense.key == 0 && unit->n_attentions > 0)
    sense = take_attention (unit);
  unit->sense = (ScsiSense){ 0 };
  reply_sense (task, sense);
}

/* --- execution --- */

static const ScsiCommand *
find_command (const ScsiUnit *unit, uint8_t opcode)
{
  const ScsiCommand *commands = unit->kind == SCSI_DISK ? scsi_disk_commands : scsi_cdrom_commands;
  unsigned n = unit->kind == SCSI_DISK ? scsi_n_disk_commands : scsi_n_cdrom_commands;

  if (opcode == UNMAP && unit->no_discard)
    return NULL;
  for (unsigned i = 0; i < n; i++)
    if (commands[i].opcode == opcode)
      return &commands[i];
  return NULL;
}

static void
no_medium (ScsiTask *task)
{
  scsi_check (task, SENSE_NOT_READY, 0x3a, task->unit->tray_open ? 0x02 : 0x01);
}

void
scsi_execute (ScsiTask *task)
{
  ScsiUnit *unit = task->unit;
  const ScsiCommand *command;

  TRACE (unit->device, "execute", "unit=%s cdb=0x%02x", unit->serial, task->cdb[0]);
  if (unit->kind == SCSI_HOST)
    {
      scsi_host_execute (task);
      return;
    }
  command = find_command (unit, task->cdb[0]);
  if (task->cdb[0] != REQUEST_SENSE)
    unit->sense = (ScsiSense){ 0 };
  if (unit->n_attentions > 0 && (command == NULL || !(command->flags & SCSI_IGNORES_ATTENTION)))
    {
      ScsiSense attention = take_attention (unit);

      scsi_check (task, attention.key, attention.asc, attention.ascq);
    }
  else if (command == NULL)
    scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x20, 0x00);
  else if ((command->flags & SCSI_NEEDS_MEDIUM) && scsi_medium (unit) == NULL)
    no_medium (task);
  else
    command->handle (task);
}

/* SPC-4, incorrect logical unit number. */
void
scsi_execute_elsewhere (ScsiTask *task)
{
  uint8_t data[36] = { 0x7f, 0, 0x06, 0x12, sizeof data - 5 };

  if (task->cdb[0] == 0x12)
    scsi_reply (task, data, sizeof data, load_be16 (task->cdb + 3));
  else if (task->cdb[0] == 0xa0)
    scsi_report_luns (task);
  else if (task->cdb[0] == REQUEST_SENSE)
    reply_sense (task, (ScsiSense){ SENSE_ILLEGAL_REQUEST, 0x25, 0x00 });
  else
    scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x25, 0x00);
}

/* The one service action that is known of @opcode; -1: it has none. */
static int
service_action (uint8_t opcode)
{
  return opcode == 0x9e ? 0x10 : opcode == 0xa3 ? 0x0c : -1;
}

/* SPC-4, REPORT SUPPORTED OPERATION CODES: about one command. A list of all is not kept. */
void
scsi_report_opcodes (ScsiTask *task)
{
  static const uint8_t sizes[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };
  uint8_t action = task->cdb[1] & 0x1f, options = task->cdb[2] & 7, opcode = task->cdb[3];
  uint8_t size = sizes[opcode >> 5], data[4 + 16] = { 0 };

  int known_action = service_action (opcode);

  /* 1 asks about commands without service actions, 2 about those with them, 3 about either. */
  if (action != 0x0c || options < 1 || options > 3 || (options == 1 && known_action >= 0)
      || (options == 2 && known_action < 0))
    {
      scsi_invalid_field (task);
      return;
    }
  data[1] = 1; /* not supported */
  if (size > 0 && find_command (task->unit, opcode) != NULL
      && (known_action < 0 || known_action == load_be16 (task->cdb + 4)))
    {
      data[1] = 3; /* as the standard has it */
      data[3] = size;
      data[4] = opcode;
      memset (data + 5, 0xff, size - 1);
    }
  scsi_reply (task, data, 4u + data[3], load_be32 (task->cdb + 6));
}

/* --- life --- */

void
scsi_unit_init (ScsiUnit *unit, Device *device, const ScsiUnitConfig *config)
{
  *unit = (ScsiUnit){
    .kind = config->kind,
    .device = device,
    .image = config->image,
    .host = config->host,
    .read_only = config->read_only || (config->image != NULL && image_is_read_only (config->image)),
    .no_discard = config->no_discard,
    .write_through = config->write_through,
  };
  g_strlcpy (unit->serial, config->serial != NULL ? config->serial : "", sizeof unit->serial);
  scsi_unit_reset (unit, true);
}

Image *
scsi_medium (const ScsiUnit *unit)
{
  return unit->tray_open ? NULL : unit->image;
}

void
scsi_unit_reset (ScsiUnit *unit, bool cold)
{
  unit->sense = (ScsiSense){ 0 };
  unit->locked = false;
  unit->write_cache = !unit->write_through;
  unit->descriptor_sense = false;
  if (cold)
    {
      memset (unit->attentions, 0, sizeof unit->attentions);
      unit->n_attentions = 0;
      unit->media_event = 0;
      unit->tray_open = false;
    }
  if (!unit->atapi && unit->kind != SCSI_HOST)
    scsi_unit_attention (unit, 0x29, cold ? 0x01 : 0x03);
}

bool
scsi_change_disc (ScsiUnit *unit, Image *image, bool force, Image **old, GError **error)
{
  if (unit->locked && unit->image != NULL && !unit->tray_open && !force)
    {
      unit->media_event = 1; /* EjectRequest: the guest may release the tray */
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_BUSY,
        "The guest has locked the tray of drive “%s”; eject the disc in the guest, or force the change",
        unit->serial);
      return false;
    }
  TRACE (unit->device, "medium", "unit=%s %s", unit->serial, image != NULL ? image_path (image) : "none");
  *old = unit->image;
  unit->image = image;
  unit->tray_open = false;
  unit->locked = unit->locked && !force;
  unit->media_event = image != NULL ? 2 : 3; /* NewMedia, MediaRemoval */
  if (image != NULL)
    scsi_unit_attention (unit, 0x28, 0x00);
  return true;
}

/* --- state --- */

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const ScsiUnit *unit = object, *other = incoming;

  if (other->kind == unit->kind && other->n_attentions <= SCSI_MAX_ATTENTIONS)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
               "The saved state has a unit of kind %u with %u attentions for “%s”, which is of kind %u",
               other->kind, other->n_attentions, unit->serial, unit->kind);
  return false;
}

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

static const StateField unit_fields[] = {
  STATE_U8 (ScsiUnit, kind, 1),
  STATE_STRUCT (ScsiUnit, sense, &sense_state, 1),
  STATE_STRUCTS (ScsiUnit, attentions, &sense_state, 1),
  STATE_U8 (ScsiUnit, n_attentions, 1),
  STATE_BOOL (ScsiUnit, write_cache, 1),
  STATE_BOOL (ScsiUnit, descriptor_sense, 1),
  STATE_BOOL (ScsiUnit, locked, 1),
  STATE_BOOL (ScsiUnit, tray_open, 1),
  STATE_U8 (ScsiUnit, media_event, 1),
  STATE_END,
};

const StateTable scsi_unit_state = {
  .name = "scsi-unit",
  .version = 1,
  .fields = unit_fields,
  .object_size = sizeof (ScsiUnit),
  .check = check_state,
};
