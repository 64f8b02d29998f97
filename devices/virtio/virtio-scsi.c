/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-scsi.h"

#include "devices/storage/no-room.h"
#include "devices/virtio/virtio-scsi-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/base/iov.h"

/* virtio 1.2, section 5.6. Data goes between the image and the guest's memory without a copy. */

#define MAX_QUEUES         8u
#define QUEUE_SIZE         256u
#define CONTROL_QUEUE_SIZE 64u
#define SENSE_DEFAULT      96u
#define SENSE_MAX          252u
#define CDB_DEFAULT        32u
#define CDB_MAX            255u
#define HEADER_SIZE        19u /* of a request, before the CDB */
#define RESPONSE_SIZE      12u /* before the sense data */
#define MAX_SECTORS        0xffffu
#define COMMANDS_PER_LUN   128u

/* Requests kept for reuse; a burst makes more and gives them back. */
#define MAX_SPARE 32u

/* Section 5.6.4, struct virtio_scsi_config. */
enum {
  CONFIG_NUM_QUEUES = 0,
  CONFIG_SEG_MAX = 4,
  CONFIG_MAX_SECTORS = 8,
  CONFIG_CMD_PER_LUN = 12,
  CONFIG_EVENT_INFO_SIZE = 16,
  CONFIG_SENSE_SIZE = 20,
  CONFIG_CDB_SIZE = 24,
  CONFIG_MAX_CHANNEL = 28,
  CONFIG_MAX_TARGET = 30,
  CONFIG_MAX_LUN = 32,
  CONFIG_SIZE = 36,
};

/* --- requests' memory --- */

static ScsiRequest *
request_new (VirtioScsi *scsi, Virtq *vq)
{
  ScsiRequest *request = scsi->spare;

  if (request != NULL)
    {
      scsi->spare = request->next;
      scsi->n_spare--;
    }
  else
    request = g_new (ScsiRequest, 1);
  request->scsi = scsi;
  request->vq = vq;
  return request;
}

static void
request_free (ScsiRequest *request)
{
  VirtioScsi *scsi = request->scsi;

  if (scsi->n_spare >= MAX_SPARE)
    {
      g_free (request);
      return;
    }
  request->next = scsi->spare;
  scsi->spare = request;
  scsi->n_spare++;
}

static void
link_request (ScsiRequest *request)
{
  VirtioScsi *scsi = request->scsi;

  request->previous = NULL;
  request->next = scsi->active;
  if (scsi->active != NULL)
    scsi->active->previous = request;
  scsi->active = request;
}

static void
unlink_request (ScsiRequest *request)
{
  VirtioScsi *scsi = request->scsi;

  if (request->previous != NULL)
    request->previous->next = request->next;
  else
    scsi->active = request->next;
  if (request->next != NULL)
    request->next->previous = request->previous;
}

/* --- completion --- */

static uint64_t
data_size (const ScsiRequest *request, bool to_initiator)
{
  return to_initiator ? request->chain.in_size - request->response_size
                      : request->chain.out_size - request->head_size;
}

static unsigned
store_sense (const ScsiTask *task, uint8_t *data, unsigned room)
{
  uint8_t built[SCSI_SENSE_SIZE];
  unsigned size;

  if (task->raw_sense != NULL)
    {
      size = MIN (task->raw_sense_size, room);
      memcpy (data, task->raw_sense, size);
      return size;
    }
  if (task->status != SCSI_CHECK_CONDITION)
    return 0;
  size = MIN (scsi_build_sense (task, built), room);
  memcpy (data, built, size);
  return size;
}

static uint8_t
response_of (const ScsiRequest *request)
{
  const ScsiTask *task = &request->task;

  if (task->aborted)
    return request->abort_response;
  if (task->lost)
    return SCSI_S_TRANSPORT_FAILURE;
  return task->overrun ? SCSI_S_OVERRUN : SCSI_S_OK;
}

/* Section 5.6.6.1: what the guest gets. Returns the bytes written, with the data. */
static uint32_t
respond (ScsiRequest *request)
{
  const ScsiTask *task = &request->task;
  uint8_t data[RESPONSE_SIZE + SENSE_MAX] = { 0 };
  unsigned sense_room = request->response_size - RESPONSE_SIZE;
  uint64_t in = data_size (request, true), all = in > 0 ? in : data_size (request, false);
  uint64_t transferred = MIN (task->transferred, all);

  store_le32 (data, store_sense (task, data + RESPONSE_SIZE, sense_room));
  store_le32 (data + 4, all - transferred);
  data[10] = task->aborted ? 0 : task->status;
  data[11] = response_of (request);
  virtq_chain_write (&request->chain, 0, data, request->response_size);
  return request->response_size + (in > 0 ? transferred : 0);
}

static void
task_done (ScsiTask *task)
{
  ScsiRequest *request = (ScsiRequest *)((char *)task - offsetof (ScsiRequest, task));
  VirtioScsi *scsi = request->scsi;
  Virtq *vq = request->vq;
  uint32_t written = 0;

  TRACE (scsi, "done", "target=%u cdb=0x%02x status=0x%02x response=%u bytes=%" G_GUINT64_FORMAT,
         request->target, task->cdb[0], task->status, response_of (request), task->transferred);
  if (request->chain.generation == vq->generation)
    written = respond (request);
  virtq_push (vq, &request->chain, written);
  unlink_request (request);
  request_free (request);
  virtio_scsi_finish_tmfs (scsi);
  virtq_notify_soon (vq);
}

/* --- the transport of tasks --- */

static ScsiRequest *
request_of (ScsiTask *task)
{
  return (ScsiRequest *)((char *)task - offsetof (ScsiRequest, task));
}

static void
slice_data (ScsiRequest *request, bool to_initiator, uint64_t wanted)
{
  const VirtqChain *chain = &request->chain;
  ScsiTask *task = &request->task;

  task->iov = request->data;
  task->mapped = MIN (wanted, data_size (request, to_initiator));
  if (to_initiator)
    task->n_iov = iov_slice (request->data, VIRTQ_CHAIN_MAX, chain->iov + chain->n_out, chain->n_in,
                             request->response_size, task->mapped);
  else
    task->n_iov =
      iov_slice (request->data, VIRTQ_CHAIN_MAX, chain->iov, chain->n_out, request->head_size, task->mapped);
}

static bool
task_map (ScsiTask *task, uint64_t wanted, bool to_initiator)
{
  slice_data (request_of (task), to_initiator, wanted);
  return true;
}

static void
task_data (ScsiTask *task, ScsiData *data)
{
  ScsiRequest *request = request_of (task);
  uint64_t in = data_size (request, true), out = data_size (request, false);

  slice_data (request, in > 0, in > 0 ? in : out);
  *data = (ScsiData){ task->iov, task->n_iov, task->mapped, in > 0, in > 0 && out > 0 };
}

/* On the loop's thread, without locks. */
static void
image_done (ImageRequest *io, int error)
{
  ScsiRequest *request = io->data;
  Device *device = &request->scsi->virtio.pci.device;

  device_lock (device);
  if (request->chain.generation != request->vq->generation)
    virtio_scsi_abort (request, SCSI_S_RESET); /* the guest reset the controller meanwhile */
  scsi_image_done (&request->task, io->kind, error);
  device_unlock (device);
  board_io_end (device->board);
}

static void
task_submit (ScsiTask *task, ImageRequestKind kind, bool may_unmap, uint64_t offset, uint64_t length)
{
  ScsiRequest *request = request_of (task);

  request->io = (ImageRequest){
    .kind = kind,
    .may_unmap = may_unmap,
    .offset = offset,
    .length = length,
    .iov = task->iov,
    .n_iov = task->n_iov,
    .done = image_done,
    .data = request,
  };
  board_io_begin (task->unit->device->board);
  image_submit (task->unit->image, &request->io);
}

/* The host's disk is full: the guest must not hear of an error that its owner can mend. */
static void
task_wait_for_room (ScsiTask *task, int error)
{
  ScsiRequest *request = request_of (task);
  VirtioScsi *scsi = request->scsi;

  TRACE (scsi, "no-room", "target=%u error=%d", request->target, error);
  if (!scsi->blocked)
    pause_for_room (task->unit->device, task->unit->serial, task->unit->image, error);
  scsi->blocked = true;
  virtq_park (request->vq, &request->chain);
  unlink_request (request);
  request_free (request);
}

static const ScsiTransport transport = {
  .map = task_map,
  .submit = task_submit,
  .wait_for_room = task_wait_for_room,
  .done = task_done,
  .data = task_data,
};

void
virtio_scsi_abort (ScsiRequest *request, uint8_t response)
{
  if (request->task.aborted)
    return;
  request->task.aborted = true;
  request->abort_response = response;
}

/* --- requests --- */

/* Section 5.6.6.1: byte 0 is 1, byte 1 the target, then a unit in flat or peripheral format. */
bool
virtio_scsi_find (const VirtioScsi *scsi, const uint8_t *lun, int *target)
{
  unsigned unit = load_be16 (lun + 2);

  *target = -1;
  if (lun[0] == 1 && lun[1] < VIRTIO_SCSI_N_TARGETS && scsi->units[lun[1]].kind != SCSI_NO_UNIT)
    *target = lun[1];
  return (unit == 0 || unit == 0x4000) && load_be32 (lun + 4) == 0;
}

/* False: no request can be this short. */
static bool
take_apart (ScsiRequest *request, uint8_t *header)
{
  const VirtioScsi *scsi = request->scsi;

  request->head_size = HEADER_SIZE + scsi->cdb_size;
  request->response_size = RESPONSE_SIZE + scsi->sense_size;
  if (request->chain.out_size < request->head_size || request->chain.in_size < request->response_size)
    return false;
  virtq_chain_read (&request->chain, 0, header, HEADER_SIZE);
  request->task = (ScsiTask){ .transport = &transport };
  virtq_chain_read (&request->chain, HEADER_SIZE, request->task.cdb, MIN (scsi->cdb_size, SCSI_CDB_SIZE));
  return true;
}

static void
no_target (ScsiRequest *request)
{
  uint8_t data[RESPONSE_SIZE] = { 0 };

  data[11] = SCSI_S_BAD_TARGET;
  virtq_chain_write (&request->chain, 0, data, sizeof data);
  virtq_push (request->vq, &request->chain, request->response_size);
  request_free (request);
}

static void
start (ScsiRequest *request, const uint8_t *header)
{
  VirtioScsi *scsi = request->scsi;
  int target;
  bool unit_is_there = virtio_scsi_find (scsi, header, &target);

  TRACE (scsi, "start", "queue=%u target=%d cdb=0x%02x", request->vq->index, target, request->task.cdb[0]);
  if (target < 0)
    {
      no_target (request);
      return;
    }
  request->tag = load_le64 (header + 8);
  request->target = (uint8_t)target;
  request->task.unit = &scsi->units[target];
  link_request (request);
  if (unit_is_there)
    scsi_execute (&request->task);
  else
    scsi_execute_elsewhere (&request->task);
}

static void
serve_requests (VirtioScsi *scsi, Virtq *vq)
{
  uint8_t header[HEADER_SIZE];

  while (!scsi->blocked)
    {
      ScsiRequest *request = request_new (scsi, vq);

      if (!virtq_pop (vq, &request->chain))
        {
          request_free (request);
          break;
        }
      if (take_apart (request, header))
        {
          start (request, header);
          continue;
        }
      virtio_fail (&scsi->virtio, "queue %u: a request without header or response", vq->index);
      virtq_push (vq, &request->chain, 0);
      request_free (request);
    }
  virtq_notify (vq);
}

static void
scsi_kick (VirtioDevice *vdev, Virtq *vq)
{
  VirtioScsi *scsi = (VirtioScsi *)vdev;

  if (vq->index == SCSI_QUEUE_CONTROL)
    virtio_scsi_control (scsi, vq);
  else if (vq->index == SCSI_QUEUE_EVENT)
    virtio_scsi_send_events (scsi);
  else
    serve_requests (scsi, vq);
}

/* --- configuration --- */

static void
show_sizes (VirtioScsi *scsi)
{
  store_le32 (scsi->virtio.config + CONFIG_SENSE_SIZE, scsi->sense_size);
  store_le32 (scsi->virtio.config + CONFIG_CDB_SIZE, scsi->cdb_size);
}

static void
scsi_config_write (VirtioDevice *vdev, unsigned offset, uint64_t value, unsigned size)
{
  VirtioScsi *scsi = (VirtioScsi *)vdev;

  if (offset == CONFIG_SENSE_SIZE && size == 4 && value <= SENSE_MAX)
    scsi->sense_size = value;
  else if (offset == CONFIG_CDB_SIZE && size == 4 && value >= 6 && value <= CDB_MAX)
    scsi->cdb_size = value;
  else
    GUEST_ERROR (vdev, "configuration at 0x%x can't be 0x%" G_GINT64_MODIFIER "x", offset, value);
  show_sizes (scsi);
}

static void
scsi_virtio_reset (VirtioDevice *vdev)
{
  VirtioScsi *scsi = (VirtioScsi *)vdev;

  scsi->blocked = false;
  scsi->sense_size = SENSE_DEFAULT;
  scsi->cdb_size = CDB_DEFAULT;
  scsi->n_events = 0;
  scsi->events_missed = false;
  memset (scsi->subscribed, 0, sizeof scsi->subscribed);
  show_sizes (scsi);
}

/* Section 5.6.4; the host's units may take less in one command. */
static void
fill_config (VirtioScsi *scsi, unsigned n_queues)
{
  uint8_t *config = scsi->virtio.config;
  uint32_t max_sectors = MAX_SECTORS;

  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    if (scsi->units[i].kind == SCSI_HOST)
      max_sectors = MIN (max_sectors, scsi_host_max_transfer (scsi->units[i].host) / 512);
  scsi->virtio.config_size = CONFIG_SIZE;
  store_le32 (config + CONFIG_NUM_QUEUES, n_queues);
  store_le32 (config + CONFIG_SEG_MAX, QUEUE_SIZE - 2);
  store_le32 (config + CONFIG_MAX_SECTORS, max_sectors);
  store_le32 (config + CONFIG_CMD_PER_LUN, COMMANDS_PER_LUN);
  store_le32 (config + CONFIG_EVENT_INFO_SIZE, 16);
  store_le16 (config + CONFIG_MAX_CHANNEL, 0);
  store_le16 (config + CONFIG_MAX_TARGET, VIRTIO_SCSI_N_TARGETS - 1);
  store_le32 (config + CONFIG_MAX_LUN, 0);
}

static const VirtioClass scsi_virtio = {
  .id = VIRTIO_ID_SCSI,
  .class_code = 0x010000,
  .kick = scsi_kick,
  .config_write = scsi_config_write,
  .reset = scsi_virtio_reset,
};

/* --- units --- */

/* On the loop's thread, without locks. */
static void
image_resized (Image *image, void *data)
{
  ScsiUnit *unit = data;
  VirtioScsi *scsi = (VirtioScsi *)unit->device;

  device_lock (unit->device);
  if (unit->image == image)
    {
      TRACE (unit->device, "resized", "unit=%s bytes=%" G_GUINT64_FORMAT, unit->serial, image_size (image));
      scsi_unit_attention (unit, 0x2a, 0x09); /* SBC-3: capacity data has changed */
      virtio_scsi_event (scsi, SCSI_T_PARAM_CHANGE, unit - scsi->units, 0x2a | 0x09 << 8);
    }
  device_unlock (unit->device);
}

static void
fill_unit (VirtioScsi *scsi, unsigned target, const ScsiUnitConfig *config)
{
  scsi_unit_init (&scsi->units[target], &scsi->virtio.pci.device, config);
  if (config->kind == SCSI_DISK)
    image_on_resize (config->image, image_resized, &scsi->units[target]);
}

/* Takes what is behind a unit; to be closed without the lock. */
static void
close_backend (Image *image, ScsiHost *host)
{
  if (image != NULL)
    image_on_resize (image, NULL, NULL);
  image_close (image);
  scsi_host_close (host);
}

static VirtioScsi *
check_target (Device *device, unsigned target, bool wanted, GError **error)
{
  VirtioScsi *scsi = (VirtioScsi *)device;
  bool there = target < VIRTIO_SCSI_N_TARGETS && scsi->units[target].kind != SCSI_NO_UNIT;

  if (target < VIRTIO_SCSI_N_TARGETS && there == wanted)
    return scsi;
  g_set_error (error, VMM_ERROR, wanted ? VMM_ERROR_INVALID : VMM_ERROR_BUSY,
               wanted ? "There is nothing at target %u of %s; choose another one"
                      : "Target %u of %s is taken, or there is no such target; choose another one",
               target, device->name);
  return NULL;
}

bool
virtio_scsi_plug (Device *device, unsigned target, const ScsiUnitConfig *config, GError **error)
{
  VirtioScsi *scsi;

  device_lock (device);
  scsi = check_target (device, target, false, error);
  if (scsi != NULL)
    {
      TRACE (device, "plug", "target=%u", target);
      fill_unit (scsi, target, config);
      virtio_scsi_event (scsi, SCSI_T_TRANSPORT_RESET, target, SCSI_RESET_RESCAN);
    }
  device_unlock (device);
  return scsi != NULL;
}

bool
virtio_scsi_unplug (Device *device, unsigned target, GError **error)
{
  VirtioScsi *scsi;
  Image *image = NULL;
  ScsiHost *host = NULL;

  device_lock (device);
  scsi = check_target (device, target, true, error);
  if (scsi != NULL)
    {
      ScsiUnit *unit = &scsi->units[target];

      TRACE (device, "unplug", "target=%u", target);
      for (ScsiRequest *request = scsi->active; request != NULL; request = request->next)
        if (request->target == target)
          virtio_scsi_abort (request, SCSI_S_BAD_TARGET);
      image = g_steal_pointer (&unit->image);
      host = g_steal_pointer (&unit->host);
      unit->kind = SCSI_NO_UNIT;
      virtio_scsi_event (scsi, SCSI_T_TRANSPORT_RESET, target, SCSI_RESET_REMOVED);
    }
  device_unlock (device);
  close_backend (image, host);
  return scsi != NULL;
}

bool
virtio_scsi_change_medium (Device *device, unsigned target, Image *image, bool force, GError **error)
{
  VirtioScsi *scsi;
  Image *old = NULL;
  bool fine = false;

  device_lock (device);
  scsi = check_target (device, target, true, error);
  if (scsi != NULL && scsi->units[target].kind != SCSI_CDROM)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "There is no CD-ROM drive at target %u of %s; choose another drive", target, device->name);
  else if (scsi != NULL)
    fine = scsi_change_disc (&scsi->units[target], image, force, &old, error);

  /* Section 5.6.6.3.3: drives report by notification, never as changed parameters. */
  if (fine && scsi->subscribed[target])
    virtio_scsi_event (scsi, SCSI_T_ASYNC_NOTIFY, target, SCSI_ASYNC_MEDIA_CHANGE);
  device_unlock (device);
  image_close (old);
  return fine;
}

bool
virtio_scsi_has_medium (Device *device, unsigned target)
{
  VirtioScsi *scsi = (VirtioScsi *)device;
  bool has;

  device_lock (device);
  has = target < VIRTIO_SCSI_N_TARGETS && scsi->units[target].kind == SCSI_CDROM
        && scsi_medium (&scsi->units[target]) != NULL;
  device_unlock (device);
  return has;
}

/* --- the device --- */

static bool
scsi_realize (Device *device, const void *config, GError **error)
{
  const VirtioScsiConfig *scsi_config = config;
  VirtioScsi *scsi = (VirtioScsi *)device;
  unsigned n_queues = MAX (scsi_config->n_queues, 1);
  uint64_t features = VIRTIO_FEATURE (SCSI_F_HOTPLUG) | VIRTIO_FEATURE (SCSI_F_CHANGE);

  g_return_val_if_fail (n_queues <= MAX_QUEUES, false);
  if (!virtio_realize (&scsi->virtio, &scsi_virtio, &scsi_config->place, features, error))
    return false;
  virtio_add_queue (&scsi->virtio, CONTROL_QUEUE_SIZE);
  virtio_add_queue (&scsi->virtio, CONTROL_QUEUE_SIZE);
  for (unsigned i = 0; i < n_queues; i++)
    virtio_add_queue (&scsi->virtio, QUEUE_SIZE);
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    {
      scsi->units[i].kind = scsi_config->units[i].kind;
      scsi->units[i].host = scsi_config->units[i].host;
    }
  fill_config (scsi, n_queues);
  if (virtio_realized (&scsi->virtio, error))
    {
      for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
        if (scsi_config->units[i].kind != SCSI_NO_UNIT)
          fill_unit (scsi, i, &scsi_config->units[i]);
      return true;
    }
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    scsi->units[i].host = NULL; /* the caller keeps it */
  return false;
}

static void
scsi_unrealize (Device *device)
{
  VirtioScsi *scsi = (VirtioScsi *)device;

  device_lock (device);
  virtio_abandon (&scsi->virtio);
  device_unlock (device);
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    close_backend (g_steal_pointer (&scsi->units[i].image), g_steal_pointer (&scsi->units[i].host));
  virtio_unrealize (device);

  while (scsi->spare != NULL)
    {
      ScsiRequest *next = scsi->spare->next;

      g_free (scsi->spare);
      scsi->spare = next;
    }
}

static void
scsi_reset (Device *device)
{
  VirtioScsi *scsi = (VirtioScsi *)device;

  virtio_reset (device);
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    if (scsi->units[i].kind != SCSI_NO_UNIT)
      scsi_unit_reset (&scsi->units[i], true);
}

static void
scsi_stopped (Device *device)
{
  VirtioScsi *scsi = (VirtioScsi *)device;

  virtio_stopped (device);
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    if (scsi->units[i].image != NULL)
      image_let_through (scsi->units[i].image);
}

/* The user made room: what was parked comes out of the queues again. */
static void
scsi_started (Device *device)
{
  ((VirtioScsi *)device)->blocked = false;
  virtio_started (device);
}

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const VirtioScsi *other = incoming;

  if (other->sense_size <= SENSE_MAX && other->cdb_size >= 6 && other->cdb_size <= CDB_MAX
      && other->n_events <= SCSI_MAX_EVENTS)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
               "The saved state of %s has sense data of %u bytes, commands of %u bytes and %u events",
               ((const Device *)object)->name, other->sense_size, other->cdb_size, other->n_events);
  return false;
}

static void
after_load (void *object)
{
  VirtioScsi *scsi = object;

  scsi->blocked = false;
  show_sizes (scsi);
}

static const StateField scsi_fields[] = {
  STATE_STRUCT (VirtioScsi, virtio, &virtio_device_state, 1),
  STATE_STRUCTS (VirtioScsi, units, &scsi_unit_state, 1),
  STATE_U32 (VirtioScsi, sense_size, 1),
  STATE_U32 (VirtioScsi, cdb_size, 1),
  STATE_BYTES (VirtioScsi, subscribed, 1),
  STATE_U8 (VirtioScsi, n_events, 1),
  STATE_BOOL (VirtioScsi, events_missed, 1),
  STATE_U32 (VirtioScsi, events, 1),
  STATE_U32 (VirtioScsi, event_targets, 1),
  STATE_U32 (VirtioScsi, event_reasons, 1),
  STATE_END,
};

static const StateTable scsi_state = {
  .name = "virtio-scsi",
  .version = 1,
  .fields = scsi_fields,
  .object_size = sizeof (VirtioScsi),
  .check = check_state,
  .after_load = after_load,
};

const DeviceClass virtio_scsi_class = {
  .id = "virtio-scsi",
  .size = sizeof (VirtioScsi),
  .realize = scsi_realize,
  .unrealize = scsi_unrealize,
  .reset = scsi_reset,
  .stopped = scsi_stopped,
  .started = scsi_started,
  .state = &scsi_state,
};
