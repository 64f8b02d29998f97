/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-scsi-private.h"
#include "vmm/base/bytes.h"

/* virtio 1.2, sections 5.6.6.2 (task management, asynchronous notification) and 5.6.6.3 (events). */

enum {
  CONTROL_TMF = 0,
  CONTROL_AN_QUERY = 1,
  CONTROL_AN_SUBSCRIBE = 2,
};

enum {
  TMF_ABORT_TASK = 0,
  TMF_ABORT_TASK_SET = 1,
  TMF_CLEAR_ACA = 2,
  TMF_CLEAR_TASK_SET = 3,
  TMF_I_T_NEXUS_RESET = 4,
  TMF_LOGICAL_UNIT_RESET = 5,
  TMF_QUERY_TASK = 6,
  TMF_QUERY_TASK_SET = 7,
};

#define TMF_SIZE      24u
#define AN_SIZE       16u
#define EVENT_SIZE    16u
#define EVENTS_MISSED 0x80000000u

/* --- task management --- */

static bool
concerns (const ScsiTmf *tmf, const ScsiRequest *request)
{
  return request->target == tmf->target && (!tmf->one || request->tag == tmf->tag);
}

static bool
is_under_way (const VirtioScsi *scsi, const ScsiTmf *tmf, bool aborted_only)
{
  for (const ScsiRequest *request = scsi->active; request != NULL; request = request->next)
    if (concerns (tmf, request) && (!aborted_only || request->task.aborted))
      return true;
  return false;
}

static void
answer (VirtioScsi *scsi, const VirtqChain *chain, uint8_t response)
{
  Virtq *vq = &scsi->virtio.queues[SCSI_QUEUE_CONTROL];

  if (chain->generation == vq->generation)
    virtq_chain_write (chain, 0, &response, 1);
  virtq_push (vq, chain, 1);
  virtq_notify (vq);
}

void
virtio_scsi_finish_tmfs (VirtioScsi *scsi)
{
  ScsiTmf **link = &scsi->tmfs;

  while (*link != NULL)
    {
      ScsiTmf *tmf = *link;

      if (is_under_way (scsi, tmf, true))
        {
          link = &tmf->next;
          continue;
        }
      *link = tmf->next;
      answer (scsi, &tmf->chain, SCSI_S_OK);
      g_free (tmf);
    }
}

/* Aborted commands still own their memory: the answer waits for them. */
static void
abort_tasks (VirtioScsi *scsi, const ScsiTmf *wanted, uint8_t response)
{
  ScsiTmf *tmf;

  for (ScsiRequest *request = scsi->active; request != NULL; request = request->next)
    if (concerns (wanted, request))
      virtio_scsi_abort (request, response);
  if (!is_under_way (scsi, wanted, true))
    {
      answer (scsi, &wanted->chain, SCSI_S_OK);
      return;
    }
  tmf = g_memdup2 (wanted, sizeof *wanted);
  tmf->next = scsi->tmfs;
  scsi->tmfs = tmf;
}

static void
manage (VirtioScsi *scsi, ScsiTmf *tmf, uint32_t subtype)
{
  switch (subtype)
    {
    case TMF_ABORT_TASK:
    case TMF_ABORT_TASK_SET:
    case TMF_CLEAR_TASK_SET:
      tmf->one = subtype == TMF_ABORT_TASK;
      abort_tasks (scsi, tmf, SCSI_S_ABORTED);
      break;
    case TMF_I_T_NEXUS_RESET:
    case TMF_LOGICAL_UNIT_RESET:
      scsi_unit_reset (&scsi->units[tmf->target], false);
      abort_tasks (scsi, tmf, SCSI_S_RESET);
      break;
    case TMF_QUERY_TASK:
    case TMF_QUERY_TASK_SET:
      tmf->one = subtype == TMF_QUERY_TASK;
      answer (scsi, &tmf->chain, is_under_way (scsi, tmf, false) ? SCSI_S_FUNCTION_SUCCEEDED : SCSI_S_OK);
      break;
    default: /* CLEAR ACA among them: no unit enters that state */
      answer (scsi, &tmf->chain, SCSI_S_FUNCTION_REJECTED);
    }
}

/* False: no such thing. */
static bool
task_management (VirtioScsi *scsi, const VirtqChain *chain)
{
  uint8_t request[TMF_SIZE];
  uint32_t subtype;
  ScsiTmf tmf;
  int target;
  bool unit_is_there;

  if (virtq_chain_read (chain, 0, request, sizeof request) < sizeof request || chain->in_size < 1)
    return false;
  subtype = load_le32 (request + 4);
  unit_is_there = virtio_scsi_find (scsi, request + 8, &target);
  TRACE (scsi, "tmf", "subtype=%u target=%d tag=0x%" G_GINT64_MODIFIER "x", subtype, target,
         load_le64 (request + 16));
  if (target < 0 || !unit_is_there)
    {
      answer (scsi, chain, target < 0 ? SCSI_S_BAD_TARGET : SCSI_S_INCORRECT_LUN);
      return true;
    }
  tmf.next = NULL;
  tmf.one = false;
  tmf.target = (uint8_t)target;
  tmf.tag = load_le64 (request + 16);
  tmf.chain = *chain;
  manage (scsi, &tmf, subtype);
  return true;
}

/* --- asynchronous notification --- */

static bool
notification (VirtioScsi *scsi, const VirtqChain *chain, bool subscribe)
{
  Virtq *vq = &scsi->virtio.queues[SCSI_QUEUE_CONTROL];
  uint8_t request[AN_SIZE], response[5] = { 0 };
  int target;

  if (virtq_chain_read (chain, 0, request, sizeof request) < sizeof request
      || chain->in_size < sizeof response)
    return false;
  if (!virtio_scsi_find (scsi, request + 4, &target) || target < 0)
    response[4] = target < 0 ? SCSI_S_BAD_TARGET : SCSI_S_INCORRECT_LUN;
  else if (scsi->units[target].kind == SCSI_CDROM)
    {
      uint8_t events = load_le32 (request + 12) & SCSI_ASYNC_MEDIA_CHANGE;

      if (subscribe)
        scsi->subscribed[target] = events;
      store_le32 (response, events);
    }
  virtq_push (vq, chain, virtq_chain_write (chain, 0, response, sizeof response));
  return true;
}

static bool
serve (VirtioScsi *scsi, const VirtqChain *chain)
{
  uint8_t type[4];

  if (virtq_chain_read (chain, 0, type, sizeof type) < sizeof type)
    return false;
  switch (load_le32 (type))
    {
    case CONTROL_TMF:
      return task_management (scsi, chain);
    case CONTROL_AN_QUERY:
      return notification (scsi, chain, false);
    case CONTROL_AN_SUBSCRIBE:
      return notification (scsi, chain, true);
    default:
      return false;
    }
}

void
virtio_scsi_control (VirtioScsi *scsi, Virtq *vq)
{
  VirtqChain chain;

  while (virtq_pop (vq, &chain))
    if (!serve (scsi, &chain))
      {
        virtio_fail (&scsi->virtio, "a control request of %" G_GUINT64_FORMAT " bytes that makes no sense",
                     chain.out_size);
        virtq_push (vq, &chain, 0);
      }
  virtq_notify (vq);
}

/* --- events --- */

static void
store_event (uint8_t *data, uint32_t event, unsigned target, uint32_t reason)
{
  store_le32 (data, event);
  data[4] = 1; /* section 5.6.6.1: the address of a unit; drivers compare it with what REPORT LUNS says */
  data[5] = target;
  store_le32 (data + 12, reason);
}

void
virtio_scsi_send_events (VirtioScsi *scsi)
{
  Virtq *vq = &scsi->virtio.queues[SCSI_QUEUE_EVENT];
  VirtqChain chain;

  while ((scsi->n_events > 0 || scsi->events_missed) && virtq_pop (vq, &chain))
    {
      uint8_t data[EVENT_SIZE] = { 0 };

      if (scsi->n_events > 0)
        store_event (data, scsi->events[0], scsi->event_targets[0], scsi->event_reasons[0]);
      if (scsi->events_missed)
        store_le32 (data, load_le32 (data) | EVENTS_MISSED);
      scsi->events_missed = false;
      if (scsi->n_events > 0)
        {
          size_t rest = --scsi->n_events * sizeof scsi->events[0];

          memmove (scsi->events, scsi->events + 1, rest);
          memmove (scsi->event_targets, scsi->event_targets + 1, rest);
          memmove (scsi->event_reasons, scsi->event_reasons + 1, rest);
        }
      virtq_push (vq, &chain, virtq_chain_write (&chain, 0, data, sizeof data));
    }
  virtq_notify (vq);
}

void
virtio_scsi_event (VirtioScsi *scsi, uint32_t event, unsigned target, uint32_t reason)
{
  unsigned feature = event == SCSI_T_TRANSPORT_RESET ? SCSI_F_HOTPLUG : SCSI_F_CHANGE;

  TRACE (scsi, "event", "event=%u target=%u reason=0x%x", event, target, reason);
  if (!virtio_is_live (&scsi->virtio)
      || (event != SCSI_T_ASYNC_NOTIFY && !virtio_has_feature (&scsi->virtio, feature)))
    return;
  if (scsi->n_events == SCSI_MAX_EVENTS)
    scsi->events_missed = true;
  else
    {
      scsi->events[scsi->n_events] = event;
      scsi->event_targets[scsi->n_events] = target;
      scsi->event_reasons[scsi->n_events++] = reason;
    }
  virtio_scsi_send_events (scsi);
}
