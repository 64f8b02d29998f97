/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * Queues: section 4.1. A command is taken only when its completion queue has room for the entry, so that
 * completions never wait.
 */

static GuestMemory *
memory_of (Nvme *nvme)
{
  return nvme->pci.device.board->memory;
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

      sq->kick_watch = device_watch_fd (&nvme->pci.device, sq->kick_fd, G_IO_IN, nvme_kick_arrived);
      device_watch_set_look (sq->kick_watch, nvme_look_for_commands);
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
  if (nvme_has_shadow (nvme, index))
    nvme_begin_sq_shadow (sq);
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
  if (nvme_has_shadow (nvme, index))
    nvme_begin_cq_shadow (nvme, index);
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
  if (!nvme_has_shadow (nvme, sq->index))
    return false;
  if (may_poll (sq))
    {
      /* A value that the guest has just passed: it takes a whole turn to pass it again. */
      nvme_ask_for_doorbell (nvme, sq->index, false, (sq->tail + sq->size - 1) % sq->size);
      sq->unasked = true;
      return false;
    }
  nvme_ask_for_doorbell (nvme, sq->index, false, sq->tail);
  nvme_refresh_tail (sq);
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
  nvme_refresh_tail (sq);
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
            nvme_kick (sq);
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
  if (!nvme_has_shadow (nvme, index))
    return false;
  for (unsigned i = 0; i < 2; i++)
    {
      uint32_t head = nvme_read_shadow (nvme, index, true);

      if (head < cq->size)
        cq->head = head;
      if (n_free (cq) > 0)
        return true;
      nvme_ask_for_doorbell (nvme, index, true, cq->head);
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
      else if (!messages && nvme_has_shadow (nvme, i))
        nvme_ask_for_doorbell (nvme, i, true, cq->head); /* it must tell, so that the pin goes low */
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
