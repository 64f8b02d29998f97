/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * Queues: section 4.1. A command is taken only when its completion queue has room for the entry, so that
 * completions never wait. Doorbells are registers; a guest that keeps shadow doorbells (section 7.13) writes
 * the registers rarely, and then as eventfd signals, for which no vCPU waits.
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

/* The admin queue's are never looked at: drivers don't keep them. */
static bool
has_shadow (const Nvme *nvme, unsigned index)
{
  return nvme->shadow != 0 && index != 0;
}

static uint32_t
read_shadow (Nvme *nvme, unsigned index, bool completion)
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

/* The guest writes the register when its doorbell moves past @value. */
static void
ask_for_doorbell (Nvme *nvme, unsigned index, bool completion, uint32_t value)
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

static void
begin_sq_shadow (NvmeSq *sq)
{
  write_word (sq->nvme, sq->nvme->shadow + shadow_place (sq->index, false), sq->tail);
  ask_for_doorbell (sq->nvme, sq->index, false, sq->tail);
}

static void
begin_cq_shadow (Nvme *nvme, unsigned index)
{
  write_word (nvme, nvme->shadow + shadow_place (index, true), nvme->cq[index].head);
  ask_for_doorbell (nvme, index, true, nvme->cq[index].head);
}

void
nvme_shadow_begin (Nvme *nvme)
{
  for (unsigned i = 1; i < NVME_N_QUEUES; i++)
    {
      if (nvme->sq[i].live)
        begin_sq_shadow (&nvme->sq[i]);
      if (nvme->cq[i].live)
        begin_cq_shadow (nvme, i);
    }
}

/* Takes a submission queue's tail from its shadow; what makes no sense is left where it is. */
static void
refresh_tail (NvmeSq *sq)
{
  uint32_t tail;

  if (!has_shadow (sq->nvme, sq->index))
    return;
  tail = read_shadow (sq->nvme, sq->index, false);
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
      bool wanted = address != BANK_HIDDEN && sq->live && has_shadow (nvme, i);

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

static void
kick (NvmeSq *sq)
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
      kick (&nvme->sq[i]);
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
      kick (&nvme->sq[index]);
    }
}

static void
kick_arrived (Device *device, int fd, GIOCondition condition)
{
  Nvme *nvme = (Nvme *)device;
  eventfd_t count;

  if (eventfd_read (fd, &count) < 0)
    return;
  for (unsigned i = 1; i < NVME_N_QUEUES; i++)
    if (nvme->sq[i].kick_fd == fd)
      nvme_sq_serve (&nvme->sq[i]);
}

/* The loop is busy and looks by itself; see may_poll. */
static bool
look_for_commands (Device *device, int fd, bool falling_asleep)
{
  Nvme *nvme = (Nvme *)device;

  for (unsigned i = 1; i < NVME_N_QUEUES; i++)
    {
      NvmeSq *sq = &nvme->sq[i];

      if (sq->kick_fd != fd || !sq->live || !sq->unasked || !nvme_is_live (nvme) || nvme->halted)
        continue;
      if (falling_asleep)
        {
          ask_for_doorbell (nvme, i, false, sq->tail);
          sq->unasked = false;
        }
      refresh_tail (sq);
      if (sq->head == sq->tail)
        return false;
      nvme_sq_serve (sq);
      return true;
    }
  return false;
}

/* --- life --- */

void
nvme_queues_init (Nvme *nvme)
{
  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    {
      NvmeSq *sq = &nvme->sq[i];

      sq->nvme = nvme;
      sq->index = i;
      sq->kick_fd = -1;
      sq->parked_size = NVME_MAX_IN_FLIGHT * NVME_COMMAND_SIZE;
      sq->parked = g_malloc0 (sq->parked_size);
    }
}

bool
nvme_queues_realize (Nvme *nvme, GError **error)
{
  for (unsigned i = 1; i <= nvme->n_queues; i++)
    {
      NvmeSq *sq = &nvme->sq[i];

      sq->kick_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (sq->kick_fd < 0)
        return vmm_set_errno_error (error, errno, "Can't make an eventfd for %s", nvme->pci.device.name);
    }
  /* The loop looks for a queue by its descriptor as soon as there is one watch: all are known by then. */
  for (unsigned i = 1; i <= nvme->n_queues; i++)
    {
      NvmeSq *sq = &nvme->sq[i];

      sq->kick_watch = device_watch_fd (&nvme->pci.device, sq->kick_fd, G_IO_IN, kick_arrived);
      device_watch_set_look (sq->kick_watch, look_for_commands);
    }
  return true;
}

void
nvme_queues_unrealize (Nvme *nvme)
{
  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    {
      NvmeSq *sq = &nvme->sq[i];

      g_clear_pointer (&sq->kick_watch, device_watch_free);
      if (sq->kick_fd >= 0)
        close (sq->kick_fd);
      sq->kick_fd = -1;
      g_clear_pointer (&sq->parked, g_free);
      sq->parked_size = 0;
    }
}

void
nvme_sq_close (NvmeSq *sq)
{
  sq->live = sq->deleting = sq->starved = sq->unasked = false;
  sq->host = NULL;
  sq->in_flight = 0;
  sq->n_parked = 0;
  sq->cq = sq->size = sq->head = sq->tail = sq->delete_id = 0;
  sq->base = 0;
  sq->generation++;
}

void
nvme_queues_reset (Nvme *nvme)
{
  nvme->shadow = nvme->event_index = 0;
  nvme->shadow_host = NULL;
  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    {
      nvme_sq_close (&nvme->sq[i]);
      nvme->cq[i] = (NvmeCq){ 0 };
    }
  nvme_route_doorbells (nvme, BANK_HIDDEN);
}

bool
nvme_sq_map (NvmeSq *sq)
{
  sq->host = guest_map (memory_of (sq->nvme), sq->base, (uint64_t)sq->size * NVME_COMMAND_SIZE, false);
  return sq->host != NULL;
}

bool
nvme_sq_open (Nvme *nvme, unsigned index, unsigned cq, uint64_t base, unsigned size)
{
  NvmeSq *sq = &nvme->sq[index];

  nvme_sq_close (sq);
  sq->base = base;
  sq->size = size;
  sq->cq = cq;
  if (!nvme_sq_map (sq))
    return false;
  sq->live = true;
  if (has_shadow (nvme, index))
    begin_sq_shadow (sq);
  return true;
}

bool
nvme_cq_open (Nvme *nvme, unsigned index, uint64_t base, unsigned size, bool interrupts, unsigned vector)
{
  if (guest_map (memory_of (nvme), base, (uint64_t)size * NVME_ENTRY_SIZE, true) == NULL)
    return false;
  nvme->cq[index] = (NvmeCq){
    .live = true, .interrupts = interrupts, .phase = true, .vector = vector, .size = size, .base = base
  };
  if (has_shadow (nvme, index))
    begin_cq_shadow (nvme, index);
  return true;
}

/* --- commands that come --- */

void
nvme_command_parse (NvmeCommand *command, const uint8_t *raw)
{
  memcpy (command->raw, raw, NVME_COMMAND_SIZE);
  raw = command->raw;
  command->opcode = raw[0];
  command->flags = raw[1];
  command->id = load_le16 (raw + 2);
  command->nsid = load_le32 (raw + 4);
  command->prp1 = load_le64 (raw + 24);
  command->prp2 = load_le64 (raw + 32);
  command->dw10 = load_le32 (raw + 40);
  command->dw11 = load_le32 (raw + 44);
  command->dw12 = load_le32 (raw + 48);
  command->dw13 = load_le32 (raw + 52);
  command->dw14 = load_le32 (raw + 56);
  command->dw15 = load_le32 (raw + 60);
}

/* Section 4.2: no SGLs, no fused operations are offered. */
static void
execute (NvmeSq *sq, const uint8_t *raw)
{
  Nvme *nvme = sq->nvme;
  NvmeCommand command;
  uint32_t result = 0;
  uint16_t status;

  nvme_command_parse (&command, raw);
  TRACE (nvme, sq->index == 0 ? "admin" : "command", "queue=%u id=%u opcode=0x%02x nsid=%u dw10=0x%x",
         sq->index, command.id, command.opcode, command.nsid, command.dw10);
  if (command.flags != 0)
    status = NVME_INVALID_FIELD | NVME_DNR;
  else if (sq->index == 0)
    status = nvme_admin_command (nvme, &command, &result);
  else
    status = nvme_io_command (sq, &command);
  if (status == NVME_PENDING)
    return;
  if (status != NVME_OK)
    {
      nvme->n_errors++;
      GUEST_ERROR (nvme, "queue %u: command 0x%02x gets status 0x%03x", sq->index, command.opcode, status);
    }
  nvme_complete (sq, command.id, status, result);
}

/* A busy loop polls the shadow doorbell, and the guest is spared the register. */
static bool
may_poll (NvmeSq *sq)
{
  return sq->routed && loop_is_looking (sq->nvme->pci.device.board->loop);
}

/* Nothing is left. From now on somebody must say, or see, when there is more. True if there is, already. */
static bool
run_dry (NvmeSq *sq)
{
  Nvme *nvme = sq->nvme;

  sq->unasked = false;
  if (!has_shadow (nvme, sq->index))
    return false;
  if (may_poll (sq))
    {
      /* A value that the guest has just passed: it takes a whole turn to pass it again. */
      ask_for_doorbell (nvme, sq->index, false, (sq->tail + sq->size - 1) % sq->size);
      sq->unasked = true;
      return false;
    }
  ask_for_doorbell (nvme, sq->index, false, sq->tail);
  refresh_tail (sq);
  return sq->head != sq->tail;
}

/* What waited while the machine stood still comes first. */
static void
serve_parked (NvmeSq *sq)
{
  unsigned n = sq->n_parked;
  g_autofree uint8_t *parked = NULL;

  if (n == 0)
    return;
  parked = g_memdup2 (sq->parked, n * NVME_COMMAND_SIZE);
  sq->n_parked = 0;
  for (unsigned i = 0; i < n && sq->live; i++)
    execute (sq, parked + i * NVME_COMMAND_SIZE);
}

void
nvme_sq_serve (NvmeSq *sq)
{
  Nvme *nvme = sq->nvme;
  unsigned budget = sq->size; /* a guest that is faster than this must not keep the loop for itself */

  if (!sq->live || sq->deleting || !nvme_is_live (nvme) || nvme->halted || nvme->blocked
      || !pci_may_dma (&nvme->pci))
    return;
  serve_parked (sq);
  sq->starved = false;
  refresh_tail (sq);
  while (sq->live && !sq->deleting && nvme_is_live (nvme) && !nvme->blocked)
    {
      NvmeCq *cq = &nvme->cq[sq->cq];
      uint8_t raw[NVME_COMMAND_SIZE];

      if (sq->head == sq->tail && !run_dry (sq))
        break;
      if (sq->in_flight + sq->n_parked >= NVME_MAX_IN_FLIGHT || !nvme_cq_has_room (nvme, cq))
        {
          sq->starved = true;
          break;
        }
      if (budget-- == 0)
        {
          if (sq->index != 0)
            kick (sq);
          break;
        }
      memcpy (raw, sq->host + sq->head * NVME_COMMAND_SIZE, sizeof raw);
      sq->head = (sq->head + 1) % sq->size;
      cq->reserved++;
      execute (sq, raw);
    }
  nvme_notify (nvme);
}

void
nvme_serve_all (Nvme *nvme)
{
  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    nvme_sq_serve (&nvme->sq[i]);
}

/* --- completions that go --- */

static unsigned
n_free (const NvmeCq *cq)
{
  unsigned used = (cq->tail + cq->size - cq->head) % cq->size + cq->reserved;

  return used < cq->size - 1u ? cq->size - 1u - used : 0;
}

bool
nvme_cq_has_room (Nvme *nvme, NvmeCq *cq)
{
  unsigned index = cq - nvme->cq;

  if (n_free (cq) > 0)
    return true;
  if (!has_shadow (nvme, index))
    return false;
  for (unsigned i = 0; i < 2; i++)
    {
      uint32_t head = read_shadow (nvme, index, true);

      if (head < cq->size)
        cq->head = head;
      if (n_free (cq) > 0)
        return true;
      ask_for_doorbell (nvme, index, true, cq->head);
    }
  return false;
}

/* Section 4.6: the phase tag tells the host that the entry is there, so it is written last. */
void
nvme_complete (NvmeSq *sq, uint16_t id, uint16_t status, uint32_t result)
{
  Nvme *nvme = sq->nvme;
  NvmeCq *cq = &nvme->cq[sq->cq];
  uint32_t *entry;

  TRACE (nvme, "complete", "queue=%u id=%u status=0x%03x", sq->index, id, status);
  if (!cq->live || cq->reserved == 0)
    return;
  cq->reserved--;
  entry = guest_map (memory_of (nvme), cq->base + cq->tail * NVME_ENTRY_SIZE, NVME_ENTRY_SIZE, true);
  if (entry == NULL)
    {
      nvme_fail (nvme, "completion queue %u is no RAM", sq->cq);
      return;
    }
  store_le32 (entry, result);
  store_le32 (entry + 1, 0);
  store_le32 (entry + 2, sq->head | (uint32_t)sq->index << 16);
  __atomic_store_n (entry + 3, GUINT32_TO_LE (id | (uint32_t)cq->phase << 16 | (uint32_t)status << 17),
                    __ATOMIC_RELEASE);
  if (++cq->tail == cq->size)
    {
      cq->tail = 0;
      cq->phase = !cq->phase;
    }
  cq->news = true;
}

/* Section 7.5.1.1: the pin says that some queue that may interrupt holds entries. */
void
nvme_update_intx (Nvme *nvme)
{
  bool level = false;

  if (pci_msix_enabled (&nvme->pci))
    return;
  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    {
      const NvmeCq *cq = &nvme->cq[i];

      level |= cq->live && cq->interrupts && cq->head != cq->tail && !(nvme->interrupt_mask & 1);
    }
  pci_set_intx (&nvme->pci, level);
}

void
nvme_notify (Nvme *nvme)
{
  bool messages = pci_msix_enabled (&nvme->pci), news = false;

  for (unsigned i = 0; i < NVME_N_QUEUES; i++)
    {
      NvmeCq *cq = &nvme->cq[i];

      if (!cq->news)
        continue;
      news = true;
      cq->news = false;
      if (messages && cq->interrupts)
        pci_send_vector (&nvme->pci, cq->vector);
      else if (!messages && has_shadow (nvme, i))
        ask_for_doorbell (nvme, i, true, cq->head); /* it must tell, so that the pin goes low */
    }
  if (news)
    nvme_update_intx (nvme);
}

static void
notify_now (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  nvme->notify_scheduled = false;
  nvme_notify (nvme);
}

void
nvme_notify_soon (Nvme *nvme)
{
  if (nvme->n_busy == 0)
    nvme_notify (nvme);
  else if (!nvme->notify_scheduled)
    {
      nvme->notify_scheduled = true;
      device_call (&nvme->pci.device, notify_now);
    }
}
