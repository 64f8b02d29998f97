/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Works an NVMe disk (NVM Express 1.4) as disk.c works a virtio one, by the same words. It rings by shadow
 * doorbells where the controller has them, as Linux does.
 */
#include "work.h"

#define ADMIN_SIZE 16u
#define IO_SIZE    64u

/* Where things lie in RAM. */
#define ADMIN_SQ ((volatile struct Command *)0x10000)
#define ADMIN_CQ ((volatile struct Completion *)0x11000)
#define IO_SQ    ((volatile struct Command *)0x12000)
#define IO_CQ    ((volatile struct Completion *)0x13000)
#define SHADOW   ((volatile uint32_t *)0x14000)
#define EVENTS   ((volatile uint32_t *)0x15000)
#define IDENTITY ((volatile uint8_t *)0x16000)

/* Section 3.1. */
struct Controller {
  uint64_t cap;
  uint32_t vs, intms, intmc, cc, reserved, csts, nssr, aqa;
  uint64_t asq, acq;
};

/* Section 4.2. */
struct Command {
  uint32_t what, nsid;
  uint64_t reserved, metadata, prp1, prp2;
  uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};

/* Section 4.6. */
struct Completion {
  uint32_t result, reserved, queue;
  uint16_t id, status; /* bit 0 is the phase */
};

struct Queue {
  volatile struct Command *commands;
  volatile struct Completion *completions;
  volatile uint32_t *doorbells; /* the submission queue's, and the completion queue's */
  unsigned size, tail, told, head, phase;
  unsigned shadow; /* the place of its shadow doorbells, 0: none */
};

enum {
  ADMIN_CREATE_SQ = 0x01,
  ADMIN_CREATE_CQ = 0x05,
  ADMIN_IDENTIFY = 0x06,
  ADMIN_DOORBELLS = 0x7c,
  IO_WRITE = 0x01,
  IO_READ = 0x02,
};

static void
fail (void)
{
  say ('x');
  stop ();
}

/* Section 7.13.1: the register is written if the value passes the one that was asked for. */
static void
ring (const struct Queue *queue, unsigned which, unsigned before, unsigned value)
{
  if (queue->shadow != 0)
    {
      SHADOW[queue->shadow + which] = value;
      __atomic_thread_fence (__ATOMIC_SEQ_CST);
      if ((uint16_t)(value - EVENTS[queue->shadow + which] - 1) >= (uint16_t)(value - before))
        return;
    }
  queue->doorbells[which] = value;
}

static volatile struct Command *
add (struct Queue *queue, unsigned opcode, unsigned id)
{
  volatile struct Command *command = &queue->commands[queue->tail];

  command->what = opcode | id << 16;
  command->nsid = command->dw11 = command->dw12 = 0;
  command->prp2 = 0;
  queue->tail = (queue->tail + 1) % queue->size;
  return command;
}

static void
submit (struct Queue *queue)
{
  if (queue->told == queue->tail)
    return;
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  ring (queue, 0, queue->told, queue->tail);
  queue->told = queue->tail;
}

/* The ID of the next command that is done; -1: none yet. The controller hears of it by the doorbell 1. */
static int
next_done (struct Queue *queue)
{
  volatile struct Completion *entry = &queue->completions[queue->head];
  uint16_t status = entry->status;

  if ((status & 1) != queue->phase)
    return -1;
  if (status >> 1 != 0)
    fail ();
  if (++queue->head == queue->size)
    {
      queue->head = 0;
      queue->phase ^= 1;
    }
  return entry->id;
}

static void
finish (struct Queue *queue)
{
  unsigned before = queue->head;

  submit (queue);
  while (next_done (queue) < 0)
    __asm__ volatile("pause");
  ring (queue, 1, before, queue->head);
}

/* Section 7.6.1, without interrupts. */
static void
start_controller (volatile struct Controller *controller)
{
  controller->cc = 0;
  while (controller->csts & 1)
    ;
  controller->aqa = (ADMIN_SIZE - 1) | (ADMIN_SIZE - 1) << 16;
  controller->asq = (uintptr_t)ADMIN_SQ;
  controller->acq = (uintptr_t)ADMIN_CQ;
  controller->cc = 1 | 6 << 16 | 4 << 20;
  while (!(controller->csts & 1))
    ;
}

/* Sections 5.3, 5.4, 5.7 and 5.15. Returns: the disk's size in blocks of 512 bytes. */
static uint64_t
set_up (struct Queue *admin, struct Queue *io)
{
  volatile struct Command *command = add (admin, ADMIN_IDENTIFY, 0);
  uint64_t n_blocks;

  command->prp1 = (uintptr_t)IDENTITY;
  command->dw10 = 1; /* the controller */
  finish (admin);
  if (IDENTITY[257] & 1) /* OACS, bit 8 */
    {
      command = add (admin, ADMIN_DOORBELLS, 0);
      command->prp1 = (uintptr_t)SHADOW;
      command->prp2 = (uintptr_t)EVENTS;
      finish (admin);
      io->shadow = 2;
    }
  command = add (admin, ADMIN_IDENTIFY, 0);
  command->nsid = 1;
  command->prp1 = (uintptr_t)IDENTITY;
  command->dw10 = 0; /* the namespace */
  finish (admin);
  n_blocks = *(volatile uint64_t *)IDENTITY;

  command = add (admin, ADMIN_CREATE_CQ, 0);
  command->prp1 = (uintptr_t)io->completions;
  command->dw10 = 1 | (io->size - 1) << 16;
  command->dw11 = 1; /* contiguous */
  finish (admin);
  command = add (admin, ADMIN_CREATE_SQ, 0);
  command->prp1 = (uintptr_t)io->commands;
  command->dw10 = 1 | (io->size - 1) << 16;
  command->dw11 = 1 | 1 << 16;
  finish (admin);
  return n_blocks;
}

static void
run (struct Queue *io, uint64_t n_blocks)
{
  uint64_t state = 88172645463325252;
  unsigned submitted = 0, done = 0;
  unsigned free_slots[DEPTH], n_free = DEPTH;

  for (unsigned i = 0; i < DEPTH; i++)
    free_slots[i] = i;
  while (done < COUNT)
    {
      unsigned before = io->head;
      int slot;

      while (n_free > 0 && submitted < COUNT)
        {
          unsigned next = free_slots[--n_free];
          uint64_t block = next_block (&state, n_blocks) * (BLOCK / 512);
          volatile struct Command *command = add (io, TYPE ? IO_WRITE : IO_READ, next);

          command->nsid = 1;
          command->prp1 = DATA + (uint64_t)next * BLOCK;
          command->dw10 = (uint32_t)block;
          command->dw11 = (uint32_t)(block >> 32);
          command->dw12 = BLOCK / 512 - 1;
          submitted++;
        }
      submit (io);
      while ((slot = next_done (io)) < 0)
        __asm__ volatile("pause");
      for (; slot >= 0; slot = next_done (io), done++)
        free_slots[n_free++] = (unsigned)slot;
      ring (io, 1, before, io->head);
    }
}

void work (void);

void
work (void)
{
  unsigned slot = find_slot (8, 0xffffff00, 0x01080200);
  volatile struct Controller *controller = (void *)(uintptr_t)BARS;
  volatile uint32_t *doorbells = (void *)(uintptr_t)(BARS + 0x1000);
  struct Queue admin = { ADMIN_SQ, ADMIN_CQ, doorbells, ADMIN_SIZE, .phase = 1 };
  struct Queue io = { IO_SQ, IO_CQ, doorbells + 2, IO_SIZE, .phase = 1 };
  uint64_t n_blocks;

  place_bars (slot);
  start_controller (controller);
  n_blocks = set_up (&admin, &io);
  say ('s');
  run (&io, n_blocks / (BLOCK / 512));
  say ('e');
  stop ();
}
