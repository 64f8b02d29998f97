/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"
#include "vmm/base/error.h"

/* What is saved. Nothing is at the disk then: commands are done, or wait for room on the host as the guest
 * gave them.
 */

static const StateField sq_fields[] = {
  STATE_BOOL (NvmeSq, live, 1),
  STATE_U16 (NvmeSq, cq, 1),
  STATE_U16 (NvmeSq, size, 1),
  STATE_U16 (NvmeSq, head, 1),
  STATE_U16 (NvmeSq, tail, 1),
  STATE_U64 (NvmeSq, base, 1),
  STATE_U16 (NvmeSq, n_parked, 1),
  STATE_BUFFER (NvmeSq, parked, parked_size, 1),
  STATE_END,
};

static const StateTable sq_state = {
  .name = "nvme-sq",
  .version = 1,
  .fields = sq_fields,
  .object_size = sizeof (NvmeSq),
};

static const StateField cq_fields[] = {
  STATE_BOOL (NvmeCq, live, 1),  STATE_BOOL (NvmeCq, interrupts, 1), STATE_BOOL (NvmeCq, phase, 1),
  STATE_U16 (NvmeCq, vector, 1), STATE_U16 (NvmeCq, size, 1),        STATE_U16 (NvmeCq, head, 1),
  STATE_U16 (NvmeCq, tail, 1),   STATE_U64 (NvmeCq, base, 1),        STATE_END,
};

static const StateTable cq_state = {
  .name = "nvme-cq",
  .version = 1,
  .fields = cq_fields,
  .object_size = sizeof (NvmeCq),
};

static bool
sq_is_sound (const Nvme *live, const Nvme *nvme, unsigned index)
{
  const NvmeSq *sq = &nvme->sq[index];

  if (!sq->live)
    return sq->n_parked == 0;
  return index <= live->n_queues && sq->size >= 2 && sq->size <= 4096
         && (index == 0 || sq->size <= NVME_MAX_ENTRIES) && sq->head < sq->size && sq->tail < sq->size
         && sq->base % NVME_PAGE == 0 && sq->cq < NVME_N_QUEUES && nvme->cq[sq->cq].live
         && (sq->cq == 0) == (index == 0) && sq->n_parked <= NVME_MAX_IN_FLIGHT
         && (index != 0 || sq->n_parked == 0);
}

static bool
cq_is_sound (const Nvme *nvme, unsigned index)
{
  const NvmeCq *cq = &nvme->cq[index];

  return !cq->live
         || (cq->size >= 2 && cq->size <= 4096 && cq->head < cq->size && cq->tail < cq->size
             && cq->base % NVME_PAGE == 0);
}

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const Nvme *live = object, *nvme = incoming;
  bool sound = nvme->n_event_ids <= NVME_MAX_EVENTS && !(nvme->events & ~NVME_EVENTS)
               && !(nvme->masked_events & ~NVME_EVENTS) && !(nvme->cc & ~(uint32_t)NVME_CC_WRITABLE)
               && nvme->shadow % NVME_PAGE == 0 && nvme->event_index % NVME_PAGE == 0
               && (nvme->shadow == 0) == (nvme->event_index == 0) && nvme->asq % NVME_PAGE == 0
               && nvme->acq % NVME_PAGE == 0;

  for (unsigned i = 0; i < NVME_N_QUEUES && sound; i++)
    sound = cq_is_sound (nvme, i) && sq_is_sound (live, nvme, i);
  for (unsigned i = 0; i < NVME_N_FEATURES && sound; i++)
    sound = nvme_feature_is_valid (live, i, nvme->features[i]);
  if (!sound)
    g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state of %s has queues that can't be",
                 live->pci.device.name);
  return sound;
}

static void
before_save (void *object)
{
  Nvme *nvme = object;

  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    memset (nvme->sq[i].parked + nvme->sq[i].n_parked * NVME_COMMAND_SIZE, 0,
            nvme->sq[i].parked_size - nvme->sq[i].n_parked * NVME_COMMAND_SIZE);
}

static void
after_load (void *object)
{
  Nvme *nvme = object;

  nvme->blocked = nvme->reset_pending = nvme->shutdown_pending = false;
  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    {
      nvme->cq[i].reserved = 0;
      nvme->cq[i].news = false;
      nvme->sq[i].in_flight = 0;
      nvme->sq[i].deleting = nvme->sq[i].unasked = nvme->sq[i].starved = false;
      nvme->sq[i].generation++;
    }
  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    {
      NvmeSq *sq = &nvme->sq[i];

      if (!sq->live)
        continue;
      nvme->cq[sq->cq].reserved += sq->n_parked;
      if (!nvme_sq_map (sq))
        {
          sq->live = false;
          nvme->csts |= NVME_CSTS_CFS;
        }
    }
  if (nvme->shadow != 0 && !nvme_shadow_map (nvme))
    {
      nvme->shadow = nvme->event_index = 0;
      nvme->csts |= NVME_CSTS_CFS;
    }
  nvme_route_doorbells (nvme, nvme->pci.bars[0].mapped ? nvme->pci.bars[0].address : BANK_HIDDEN);
  nvme_update_intx (nvme);
}

static const StateField nvme_fields[] = {
  STATE_STRUCT (Nvme, pci, &pci_device_state, 1),
  STATE_U32 (Nvme, cc, 1),
  STATE_U32 (Nvme, csts, 1),
  STATE_U32 (Nvme, aqa, 1),
  STATE_U32 (Nvme, interrupt_mask, 1),
  STATE_U64 (Nvme, asq, 1),
  STATE_U64 (Nvme, acq, 1),
  STATE_STRUCTS (Nvme, sq, &sq_state, 1),
  STATE_STRUCTS (Nvme, cq, &cq_state, 1),
  STATE_U64 (Nvme, shadow, 1),
  STATE_U64 (Nvme, event_index, 1),
  STATE_U32 (Nvme, features, 1),
  STATE_U16 (Nvme, event_ids, 1),
  STATE_U8 (Nvme, n_event_ids, 1),
  STATE_U8 (Nvme, events, 1),
  STATE_U8 (Nvme, masked_events, 1),
  STATE_BOOL (Nvme, namespace_changed, 1),
  STATE_U64 (Nvme, n_errors, 1),
  STATE_U64 (Nvme, sectors_read, 1),
  STATE_U64 (Nvme, sectors_written, 1),
  STATE_U64 (Nvme, reads, 1),
  STATE_U64 (Nvme, writes, 1),
  STATE_END,
};

const StateTable nvme_state = {
  .name = "nvme",
  .version = 1,
  .fields = nvme_fields,
  .object_size = sizeof (Nvme),
  .before_save = before_save,
  .check = check_state,
  .after_load = after_load,
};
