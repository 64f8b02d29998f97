/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"

#include <sys/eventfd.h>

/*
 * Doorbells: section 3.1.24 and 3.1.25. They are registers; a guest that keeps shadow doorbells
 * (section 7.13) writes the registers rarely, and then as eventfd signals, for which no vCPU waits.
 */

#define DOORBELLS 0x1000u

static GuestMemory *
memory_of (Nvme *nvme)
{
  return nvme->pci.device.board->memory;
}

/* --- shadow doorbells --- */

/* Entries of 32 bits in the order of the registers. */
static unsigned
shadow_place (unsigned index, bool completion)
{
  return (2 * index + (completion ? 1 : 0)) * 4;
}

bool
nvme_has_shadow (const Nvme *nvme, unsigned index)
{
  return nvme->shadow != 0 && index != 0;
}

uint32_t
nvme_read_shadow (Nvme *nvme, unsigned index, bool completion)
{
  const uint32_t *p = (const uint32_t *)(nvme->shadow_host + shadow_place (index, completion));

  return GUINT32_FROM_LE (__atomic_load_n (p, __ATOMIC_ACQUIRE));
}

static void
write_word (Nvme *nvme, uint64_t address, uint32_t value)
{
  uint32_t *p = guest_map (memory_of (nvme), address, 4, true);

  if (p != NULL)
    __atomic_store_n (p, GUINT32_TO_LE (value), __ATOMIC_SEQ_CST);
}

void
nvme_ask_for_doorbell (Nvme *nvme, unsigned index, bool completion, uint32_t value)
{
  write_word (nvme, nvme->event_index + shadow_place (index, completion), value);
}

bool
nvme_shadow_map (Nvme *nvme)
{
  GuestMemory *memory = memory_of (nvme);

  nvme->shadow_host = guest_map (memory, nvme->shadow, NVME_PAGE, false);
  return nvme->shadow_host != NULL && guest_map (memory, nvme->event_index, NVME_PAGE, true) != NULL;
}

void
nvme_begin_sq_shadow (NvmeSq *sq)
{
  write_word (sq->nvme, sq->nvme->shadow + shadow_place (sq->index, false), sq->tail);
  nvme_ask_for_doorbell (sq->nvme, sq->index, false, sq->tail);
}

void
nvme_begin_cq_shadow (Nvme *nvme, unsigned index)
{
  write_word (nvme, nvme->shadow + shadow_place (index, true), nvme->cq[index].head);
  nvme_ask_for_doorbell (nvme, index, true, nvme->cq[index].head);
}

void
nvme_shadow_begin (Nvme *nvme)
{
  for (unsigned i = 1; i < NVME_N_QUEUES; i++)
    {
      if (nvme->sq[i].live)
        nvme_begin_sq_shadow (&nvme->sq[i]);
      if (nvme->cq[i].live)
        nvme_begin_cq_shadow (nvme, i);
    }
}

void
nvme_refresh_tail (NvmeSq *sq)
{
  uint32_t tail;

  if (!nvme_has_shadow (sq->nvme, sq->index))
    return;
  tail = nvme_read_shadow (sq->nvme, sq->index, false);
  if (tail < sq->size)
    sq->tail = tail;
  else
    GUEST_ERROR (sq->nvme, "shadow doorbell of queue %u: tail %u of %u", sq->index, tail, sq->size);
}

/* --- doorbells --- */

void
nvme_route_doorbells (Nvme *nvme, uint64_t address)
{
  Hypervisor *hypervisor = nvme->pci.device.board->hypervisor;

  if (hypervisor == NULL || hypervisor->ops->add_ioeventfd == NULL)
    return;
  for (unsigned i = 1; i < NVME_N_QUEUES; i++)
    {
      NvmeSq *sq = &nvme->sq[i];
      uint64_t doorbell = address + DOORBELLS + shadow_place (i, false);
      bool wanted = address != BANK_HIDDEN && sq->live && nvme_has_shadow (nvme, i);

      if (sq->routed && (!wanted || sq->routed_address != doorbell))
        {
          hypervisor->ops->remove_ioeventfd (hypervisor, sq->kick_fd, false, sq->routed_address, 0, false, 0);
          sq->routed = false;
        }
      if (wanted && !sq->routed)
        {
          sq->routed = hypervisor->ops->add_ioeventfd (hypervisor, sq->kick_fd, false, doorbell, 0, false, 0);
          sq->routed_address = doorbell;
        }
    }
}

void
nvme_kick (NvmeSq *sq)
{
  if (sq->index == 0)
    nvme_sq_serve (sq);
  else
    eventfd_write (sq->kick_fd, 1);
}

static void
bad_doorbell (Nvme *nvme, unsigned index, bool completion, uint32_t value, unsigned event)
{
  GUEST_ERROR (nvme, "%s doorbell of queue %u: %u", completion ? "completion" : "submission", index, value);
  nvme->n_errors++;
  nvme_raise_events (nvme, event);
}

/* The guest took completions: what waited for room goes on. */
static void
completions_taken (Nvme *nvme, unsigned index, uint32_t head)
{
  nvme->cq[index].head = head;
  nvme_update_intx (nvme);
  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    if (nvme->sq[i].live && nvme->sq[i].cq == index && nvme->sq[i].starved)
      nvme_kick (&nvme->sq[i]);
  if (index == 0)
    {
      nvme_tell_events (nvme);
      nvme_notify (nvme);
    }
}

/* Section 5.2: a doorbell of no queue, and a value beyond the queue, are errors that the guest may hear of.
 */
void
nvme_doorbell (Nvme *nvme, unsigned index, bool completion, uint32_t value)
{
  TRACE (nvme, "doorbell", "queue=%u %s=%u", index, completion ? "head" : "tail", value);
  if (!nvme_is_live (nvme))
    return;
  if (index >= NVME_N_QUEUES || !(completion ? nvme->cq[index].live : nvme->sq[index].live))
    bad_doorbell (nvme, index, completion, value, NVME_EVENT_DOORBELL_REGISTER);
  else if (value >= (completion ? nvme->cq[index].size : nvme->sq[index].size))
    bad_doorbell (nvme, index, completion, value, NVME_EVENT_DOORBELL_VALUE);
  else if (completion)
    completions_taken (nvme, index, value);
  else
    {
      nvme->sq[index].tail = value;
      nvme_kick (&nvme->sq[index]);
    }
}

void
nvme_kick_arrived (Device *device, int fd, GIOCondition condition)
{
  Nvme *nvme = (Nvme *)device;
  eventfd_t count;

  if (eventfd_read (fd, &count) < 0)
    return;
  for (unsigned i = 1; i < NVME_N_QUEUES; i++)
    if (nvme->sq[i].kick_fd == fd)
      nvme_sq_serve (&nvme->sq[i]);
}

bool
nvme_look_for_commands (Device *device, int fd, bool falling_asleep)
{
  Nvme *nvme = (Nvme *)device;

  for (unsigned i = 1; i < NVME_N_QUEUES; i++)
    {
      NvmeSq *sq = &nvme->sq[i];

      if (sq->kick_fd != fd || !sq->live || !sq->unasked || !nvme_is_live (nvme) || nvme->halted)
        continue;
      if (falling_asleep)
        {
          nvme_ask_for_doorbell (nvme, i, false, sq->tail);
          sq->unasked = false;
        }
      nvme_refresh_tail (sq);
      if (sq->head == sq->tail)
        return false;
      nvme_sq_serve (sq);
      return true;
    }
  return false;
}
