/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"

/* Admin commands: section 5. */

enum {
  OP_DELETE_SQ = 0x00,
  OP_CREATE_SQ = 0x01,
  OP_GET_LOG_PAGE = 0x02,
  OP_DELETE_CQ = 0x04,
  OP_CREATE_CQ = 0x05,
  OP_IDENTIFY = 0x06,
  OP_ABORT = 0x08,
  OP_SET_FEATURES = 0x09,
  OP_GET_FEATURES = 0x0a,
  OP_EVENT_REQUEST = 0x0c,
  OP_DOORBELL_BUFFERS = 0x7c,
};

enum {
  DW11_CONTIGUOUS = 1 << 0,
  DW11_INTERRUPTS = 1 << 1, /* of a completion queue */
};

static void
route_doorbells (Nvme *nvme)
{
  const PciBar *bar = &nvme->pci.bars[0];

  nvme_route_doorbells (nvme, bar->mapped ? bar->address : BANK_HIDDEN);
}

/* --- queues: sections 5.3 to 5.6 --- */

/* What both kinds have in common. CAP.CQR: a queue lies in one piece. */
static uint16_t
check_queue (Nvme *nvme, const NvmeCommand *command, bool exists)
{
  unsigned index = command->dw10 & 0xffff, size = (command->dw10 >> 16) + 1;

  if (index == 0 || index > nvme->n_queues || exists)
    return NVME_QUEUE_ID_INVALID | NVME_DNR;
  if (size < 2 || size > NVME_MAX_ENTRIES)
    return NVME_QUEUE_SIZE_INVALID | NVME_DNR;
  if (!(command->dw11 & DW11_CONTIGUOUS))
    return NVME_INVALID_FIELD | NVME_DNR;
  if (command->prp1 % NVME_PAGE != 0)
    return NVME_PRP_OFFSET_INVALID | NVME_DNR;
  return NVME_OK;
}

static uint16_t
create_cq (Nvme *nvme, const NvmeCommand *command)
{
  unsigned index = command->dw10 & 0xffff, size = (command->dw10 >> 16) + 1, vector = command->dw11 >> 16;
  uint16_t status = check_queue (nvme, command, index < NVME_N_QUEUES && nvme->cq[index].live);

  if (status != NVME_OK)
    return status;
  if ((command->dw11 & DW11_INTERRUPTS)
      && vector >= (pci_msix_enabled (&nvme->pci) ? pci_msix_vectors (&nvme->pci) : 1))
    return NVME_VECTOR_INVALID | NVME_DNR;
  if ((nvme->cc >> NVME_CC_IOCQES_SHIFT & 0xf) != 4)
    return NVME_QUEUE_SIZE_INVALID | NVME_DNR;
  if (!nvme_cq_open (nvme, index, command->prp1, size, command->dw11 & DW11_INTERRUPTS, vector))
    return NVME_INVALID_FIELD | NVME_DNR;
  return NVME_OK;
}

static uint16_t
create_sq (Nvme *nvme, const NvmeCommand *command)
{
  unsigned index = command->dw10 & 0xffff, size = (command->dw10 >> 16) + 1, cq = command->dw11 >> 16;
  uint16_t status = check_queue (nvme, command, index < NVME_N_QUEUES && nvme->sq[index].live);

  if (status != NVME_OK)
    return status;
  if (cq == 0 || cq >= NVME_N_QUEUES || !nvme->cq[cq].live)
    return NVME_CQ_INVALID | NVME_DNR;
  if ((nvme->cc >> NVME_CC_IOSQES_SHIFT & 0xf) != 6)
    return NVME_QUEUE_SIZE_INVALID | NVME_DNR;
  if (!nvme_sq_open (nvme, index, cq, command->prp1, size))
    return NVME_INVALID_FIELD | NVME_DNR;
  route_doorbells (nvme);
  return NVME_OK;
}

static uint16_t
delete_sq (Nvme *nvme, const NvmeCommand *command)
{
  unsigned index = command->dw10 & 0xffff;
  NvmeSq *sq = &nvme->sq[MIN (index, NVME_N_QUEUES - 1)];

  if (index == 0 || index >= NVME_N_QUEUES || !sq->live || sq->deleting)
    return NVME_QUEUE_ID_INVALID | NVME_DNR;
  for (unsigned i = 0; i < sq->n_parked; i++)
    nvme_complete (sq, load_le16 (sq->parked + i * NVME_COMMAND_SIZE + 2), NVME_ABORTED_SQ_DELETED, 0);
  sq->n_parked = 0;
  if (sq->in_flight > 0)
    {
      sq->deleting = true;
      sq->delete_id = command->id;
      return NVME_PENDING;
    }
  nvme_sq_close (sq);
  route_doorbells (nvme);
  return NVME_OK;
}

static uint16_t
delete_cq (Nvme *nvme, const NvmeCommand *command)
{
  unsigned index = command->dw10 & 0xffff;

  if (index == 0 || index >= NVME_N_QUEUES || !nvme->cq[index].live)
    return NVME_QUEUE_ID_INVALID | NVME_DNR;
  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    if (nvme->sq[i].live && nvme->sq[i].cq == index)
      return NVME_QUEUE_DELETION_INVALID | NVME_DNR;
  nvme->cq[index] = (NvmeCq){ 0 };
  nvme_update_intx (nvme);
  return NVME_OK;
}

/* Section 5.7: a page for the doorbells, and one that says when their registers matter. */
static uint16_t
set_doorbell_buffers (Nvme *nvme, const NvmeCommand *command)
{
  if (command->prp1 == 0 || command->prp1 % NVME_PAGE != 0 || command->prp2 == 0
      || command->prp2 % NVME_PAGE != 0 || command->prp1 == command->prp2)
    return NVME_INVALID_FIELD | NVME_DNR;
  nvme->shadow = command->prp1;
  nvme->event_index = command->prp2;
  if (!nvme_shadow_map (nvme))
    {
      nvme->shadow = nvme->event_index = 0;
      return NVME_INVALID_FIELD | NVME_DNR;
    }
  nvme_shadow_begin (nvme);
  route_doorbells (nvme);
  return NVME_OK;
}

/* --- events: section 5.2 --- */

static const struct {
  uint8_t event, type, info, log;
} events[] = {
  { NVME_EVENT_DOORBELL_REGISTER, 0, 0, NVME_LOG_ERROR },
  { NVME_EVENT_DOORBELL_VALUE, 0, 1, NVME_LOG_ERROR },
  { NVME_EVENT_NAMESPACE_CHANGED, 2, 0, NVME_LOG_NAMESPACES },
};

void
nvme_tell_events (Nvme *nvme)
{
  NvmeSq *sq = &nvme->sq[0];

  for (unsigned i = 0; i < G_N_ELEMENTS (events); i++)
    {
      if (!(nvme->events & ~nvme->masked_events & events[i].event))
        continue;
      if (nvme->n_event_ids == 0 || !sq->live || !nvme_cq_has_room (nvme, &nvme->cq[0]))
        return;
      nvme->events &= ~events[i].event;
      nvme->masked_events |= events[i].event;
      nvme->cq[0].reserved++;
      nvme_complete (sq, nvme->event_ids[--nvme->n_event_ids], NVME_OK,
                     events[i].type | events[i].info << 8 | (uint32_t)events[i].log << 16);
    }
}

void
nvme_raise_events (Nvme *nvme, unsigned raised)
{
  nvme->events |= raised;
  nvme_tell_events (nvme);
  nvme_notify (nvme);
}

/* It holds no place in the completion queue: it may wait for ever. */
static uint16_t
keep_event_request (Nvme *nvme, const NvmeCommand *command)
{
  if (nvme->n_event_ids == NVME_MAX_EVENTS)
    return NVME_TOO_MANY_EVENT_REQUESTS | NVME_DNR;
  nvme->event_ids[nvme->n_event_ids++] = command->id;
  nvme->cq[0].reserved--;
  nvme_tell_events (nvme);
  return NVME_PENDING;
}

/* Section 5.1: what is at the host's disk can't be called back. */
static uint16_t
abort_command (Nvme *nvme, const NvmeCommand *command, uint32_t *result)
{
  unsigned index = command->dw10 & 0xffff, id = command->dw10 >> 16;

  *result = 1; /* not aborted */
  if (index >= NVME_N_QUEUES || !nvme->sq[index].live)
    return NVME_INVALID_FIELD | NVME_DNR;
  for (unsigned i = 0; index == 0 && i < nvme->n_event_ids; i++)
    if (nvme->event_ids[i] == id && nvme_cq_has_room (nvme, &nvme->cq[0]))
      {
        nvme->event_ids[i] = nvme->event_ids[--nvme->n_event_ids];
        nvme->cq[0].reserved++;
        nvme_complete (&nvme->sq[0], id, NVME_ABORTED_BY_REQUEST, 0);
        *result = 0;
        break;
      }
  return NVME_OK;
}

uint16_t
nvme_admin_command (Nvme *nvme, const NvmeCommand *command, uint32_t *result)
{
  switch (command->opcode)
    {
    case OP_DELETE_SQ:
      return delete_sq (nvme, command);
    case OP_CREATE_SQ:
      return create_sq (nvme, command);
    case OP_GET_LOG_PAGE:
      return nvme_get_log_page (nvme, command);
    case OP_DELETE_CQ:
      return delete_cq (nvme, command);
    case OP_CREATE_CQ:
      return create_cq (nvme, command);
    case OP_IDENTIFY:
      return nvme_identify (nvme, command);
    case OP_ABORT:
      return abort_command (nvme, command, result);
    case OP_SET_FEATURES:
      return nvme_set_features (nvme, command, result);
    case OP_GET_FEATURES:
      return nvme_get_features (nvme, command, result);
    case OP_EVENT_REQUEST:
      return keep_event_request (nvme, command);
    case OP_DOORBELL_BUFFERS:
      return set_doorbell_buffers (nvme, command);
    default:
      return NVME_INVALID_OPCODE | NVME_DNR;
    }
}
