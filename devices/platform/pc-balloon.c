/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "vmm/base/error.h"

/* A balloon larger than that leaves nothing that any guest could live in. */
#define MIN_MEMORY (UINT64_C (16) << 20)

bool
pc_add_balloon (Pc *pc, GError **error)
{
  const VirtioBalloonConfig config = { pc_place (pc, PC_SLOT_BALLOON, 0) };

  if (pc->spec->balloon)
    pc->balloon = board_add (pc->board, &virtio_balloon_class, NULL, &config, error);
  return !pc->spec->balloon || pc->balloon;
}

typedef struct {
  GMutex lock;
  GCond answered;
  bool done;
  BalloonStatus *status;
} Wait;

static void
keep_status (const BalloonStatus *status, void *data)
{
  Wait *wait = data;

  g_mutex_lock (&wait->lock);
  *wait->status = *status;
  wait->done = true;
  g_cond_signal (&wait->answered);
  g_mutex_unlock (&wait->lock);
}

void
pc_get_memory (Pc *pc, PcMemory *memory)
{
  GuestMemory *ram = pc->board->memory;
  Wait wait = { .status = &memory->balloon };

  *memory = (PcMemory){ .size = guest_memory_ram_size (ram), .has_balloon = pc->balloon != NULL };
  if (pc->balloon)
    {
      g_mutex_init (&wait.lock);
      g_cond_init (&wait.answered);
      virtio_balloon_query (pc->balloon, keep_status, &wait);
      g_mutex_lock (&wait.lock);
      while (!wait.done)
        g_cond_wait (&wait.answered, &wait.lock);
      g_mutex_unlock (&wait.lock);
      g_cond_clear (&wait.answered);
      g_mutex_clear (&wait.lock);
    }
  memory->resident = guest_memory_resident (ram);
}

bool
pc_set_memory (Pc *pc, uint64_t size, GError **error)
{
  uint64_t all = guest_memory_ram_size (pc->board->memory);

  if (!pc->balloon)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "%s has no memory balloon; set “balloon” to true in its vm.json and start it again",
                   pc->spec->name);
      return false;
    }
  if (size < MIN_MEMORY || size > all)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "%s can't make do with %" G_GUINT64_FORMAT
                   " MiB of memory: choose %u to %" G_GUINT64_FORMAT " MiB",
                   pc->spec->name, size >> 20, (unsigned)(MIN_MEMORY >> 20), all >> 20);
      return false;
    }
  virtio_balloon_set_target (pc->balloon, all - size);
  return true;
}
