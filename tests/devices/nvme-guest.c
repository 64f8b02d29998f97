/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/nvme-guest.h"

#include "vmm/base/bytes.h"

#define BAR       PCI_BENCH_BAR (0)
#define DOORBELLS 0x1000u
#define SQ_SIZE   0x4000u
#define PAIR_SIZE 0x8000u /* of guest memory */

static unsigned
shadow_place (unsigned queue, bool completion)
{
  return (2 * queue + (completion ? 1 : 0)) * 4;
}

uint32_t
nvme_guest_register (NvmeGuest *guest, unsigned offset)
{
  return bench_read32 (guest->bench, BAR + offset);
}

void
nvme_guest_set_register (NvmeGuest *guest, unsigned offset, uint32_t value)
{
  bench_write32 (guest->bench, BAR + offset, value);
}

static NvmeGuestQueue *
prepare_queue (NvmeGuest *guest, unsigned index, unsigned size)
{
  NvmeGuestQueue *queue = &guest->queues[index];

  queue->index = index;
  queue->size = size;
  queue->sq = NVME_GUEST_MEMORY + index * PAIR_SIZE;
  queue->cq = queue->sq + SQ_SIZE;
  queue->tail = queue->head = queue->rings = 0;
  queue->phase = 1;
  memset (bench_memory (guest->bench, queue->sq, PAIR_SIZE), 0, PAIR_SIZE);
  return queue;
}

void
nvme_guest_enable (NvmeGuest *guest, Bench *bench)
{
  NvmeGuestQueue *admin;

  memset (guest, 0, sizeof *guest);
  guest->bench = bench;
  admin = prepare_queue (guest, 0, NVME_GUEST_ENTRIES);
  nvme_guest_set_register (guest, NVME_REG_CC, 0);
  nvme_guest_set_register (guest, NVME_REG_AQA, (NVME_GUEST_ENTRIES - 1) << 16 | (NVME_GUEST_ENTRIES - 1));
  nvme_guest_set_register (guest, NVME_REG_ASQ, admin->sq);
  nvme_guest_set_register (guest, NVME_REG_ASQ + 4, 0);
  nvme_guest_set_register (guest, NVME_REG_ACQ, admin->cq);
  nvme_guest_set_register (guest, NVME_REG_ACQ + 4, 0);
  nvme_guest_set_register (guest, NVME_REG_CC, 4 << 20 | 6 << 16 | 1);
}

void
nvme_guest_use_shadows (NvmeGuest *guest)
{
  NvmeGuestCommand command = { .opcode = 0x7c,
                               .prp1 = NVME_GUEST_SHADOWS,
                               .prp2 = NVME_GUEST_SHADOWS + 0x1000 };

  memset (bench_memory (guest->bench, NVME_GUEST_SHADOWS, 0x2000), 0, 0x2000);
  g_assert_cmphex (nvme_guest_run (guest, 0, &command, NULL), ==, 0);
  for (unsigned i = 1; i < G_N_ELEMENTS (guest->queues); i++)
    guest->queues[i].shadow = true;
}

void
nvme_guest_add_queue (NvmeGuest *guest, unsigned index, unsigned size, unsigned vector)
{
  NvmeGuestQueue *queue = prepare_queue (guest, index, size);
  NvmeGuestCommand cq = {
    .opcode = 5, .prp1 = queue->cq, .dw10 = (size - 1) << 16 | index, .dw11 = vector << 16 | 3
  };
  NvmeGuestCommand sq = { .opcode = 1, .prp1 = queue->sq, .dw10 = cq.dw10, .dw11 = index << 16 | 1 };

  g_assert_cmphex (nvme_guest_run (guest, 0, &cq, NULL), ==, 0);
  g_assert_cmphex (nvme_guest_run (guest, 0, &sq, NULL), ==, 0);
}

uint16_t
nvme_guest_add (NvmeGuest *guest, unsigned queue, const NvmeGuestCommand *command)
{
  NvmeGuestQueue *q = &guest->queues[queue];
  uint8_t *raw = bench_memory (guest->bench, q->sq + 64 * q->tail, 64);

  memset (raw, 0, 64);
  raw[0] = command->opcode;
  raw[1] = command->flags;
  store_le16 (raw + 2, q->next_id);
  store_le32 (raw + 4, command->nsid);
  store_le64 (raw + 24, command->prp1);
  store_le64 (raw + 32, command->prp2);
  store_le32 (raw + 40, command->dw10);
  store_le32 (raw + 44, command->dw11);
  store_le32 (raw + 48, command->dw12);
  store_le32 (raw + 52, command->dw13);
  q->tail = (q->tail + 1) % q->size;
  return q->next_id++;
}

/* Section 7.13: the register is written if the event index lies between the old value and the new one. */
static void
ring (NvmeGuest *guest, NvmeGuestQueue *q, bool completion, uint32_t value)
{
  unsigned place = shadow_place (q->index, completion);
  uint8_t *shadow = bench_memory (guest->bench, NVME_GUEST_SHADOWS + place, 4);
  uint32_t event = load_le32 (bench_memory (guest->bench, NVME_GUEST_SHADOWS + 0x1000 + place, 4)), old;

  old = load_le32 (shadow);
  if (q->shadow)
    store_le32 (shadow, value);
  if (q->shadow && (uint16_t)(value - event - 1) >= (uint16_t)(value - old))
    return;
  q->rings++;
  nvme_guest_set_register (guest, DOORBELLS + place, value);
}

void
nvme_guest_ring (NvmeGuest *guest, unsigned queue)
{
  ring (guest, &guest->queues[queue], false, guest->queues[queue].tail);
}

bool
nvme_guest_poll (NvmeGuest *guest, unsigned queue, NvmeGuestEntry *entry)
{
  NvmeGuestQueue *q = &guest->queues[queue];
  const uint8_t *raw = bench_memory (guest->bench, q->cq + 16 * q->head, 16);
  uint16_t status = load_le16 (raw + 14);

  if ((status & 1) != q->phase)
    return false;
  *entry = (NvmeGuestEntry){ load_le32 (raw), load_le16 (raw + 8), load_le16 (raw + 10), load_le16 (raw + 12),
                             status >> 1 };
  if (++q->head == q->size)
    {
      q->head = 0;
      q->phase ^= 1;
    }
  ring (guest, q, true, q->head);
  return true;
}

typedef struct {
  NvmeGuest *guest;
  unsigned queue;
} Wait;

static bool
has_entry (Bench *bench, void *data)
{
  Wait *wait = data;
  NvmeGuestQueue *q = &wait->guest->queues[wait->queue];

  return (load_le16 ((uint8_t *)bench_memory (bench, q->cq + 16 * q->head, 16) + 14) & 1) == q->phase;
}

NvmeGuestEntry
nvme_guest_wait (NvmeGuest *guest, unsigned queue)
{
  Wait wait = { guest, queue };
  NvmeGuestEntry entry;

  if (nvme_guest_poll (guest, queue, &entry))
    return entry;
  g_assert_true (bench_run_until (guest->bench, has_entry, &wait));
  g_assert_true (nvme_guest_poll (guest, queue, &entry));
  return entry;
}

uint16_t
nvme_guest_run (NvmeGuest *guest, unsigned queue, const NvmeGuestCommand *command, uint32_t *result)
{
  uint16_t id = nvme_guest_add (guest, queue, command);
  NvmeGuestEntry entry;

  nvme_guest_ring (guest, queue);
  entry = nvme_guest_wait (guest, queue);
  g_assert_cmpuint (entry.id, ==, id);
  g_assert_cmpuint (entry.sq, ==, queue);
  if (result != NULL)
    *result = entry.result;
  return entry.status & 0x7ff;
}
