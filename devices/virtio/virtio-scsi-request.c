/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/no-room.h"
#include "devices/virtio/virtio-scsi-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"

/* Commands, from the request queues to their responses: virtio 1.2, section 5.6.6.1. Data goes between the
 * image and the guest's memory without a copy. */

#define HEADER_SIZE   19u /* of a request, before the CDB */
#define RESPONSE_SIZE 12u /* before the sense data */

/* Requests kept for reuse; a burst makes more and gives them back. */
#define MAX_SPARE 32u

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

void
virtio_scsi_free_spare (VirtioScsi *scsi)
{
  while (scsi->spare != NULL)
    {
      ScsiRequest *next = scsi->spare->next;

      g_free (scsi->spare);
      scsi->spare = next;
    }
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
  uint8_t data[RESPONSE_SIZE + SCSI_SENSE_MAX] = { 0 };
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
  scsi->waiting_targets |= 1u << request->target;
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
  virtq_push (request->vq, &request->chain, sizeof data);
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

void
virtio_scsi_serve (VirtioScsi *scsi, Virtq *vq)
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
