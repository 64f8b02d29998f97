/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guest's memory, while it runs. */
#include "app/session/local-session-private.h"

#include "app/base/error.h"

static const char *const stat_names[BALLOON_N_STATS] = {
  [BALLOON_STAT_SWAP_IN] = "swapped-in",
  [BALLOON_STAT_SWAP_OUT] = "swapped-out",
  [BALLOON_STAT_MAJOR_FAULTS] = "major-faults",
  [BALLOON_STAT_MINOR_FAULTS] = "minor-faults",
  [BALLOON_STAT_FREE] = "free",
  [BALLOON_STAT_TOTAL] = "total",
  [BALLOON_STAT_AVAILABLE] = "available",
  [BALLOON_STAT_CACHES] = "caches",
  [BALLOON_STAT_HUGE_PAGES_MADE] = "huge-pages-made",
  [BALLOON_STAT_HUGE_PAGES_FAILED] = "huge-pages-failed",
};

static void
add_size (GVariantBuilder *builder, const char *name, uint64_t value)
{
  g_variant_builder_add (builder, "{sv}", name, g_variant_new_uint64 (value));
}

static GVariant *
describe (const PcMemory *memory)
{
  const BalloonStatus *balloon = &memory->balloon;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_size (&builder, "size", memory->size);
  add_size (&builder, "resident", memory->resident);
  if (memory->has_balloon)
    {
      g_variant_builder_add (&builder, "{sv}", "driver", g_variant_new_boolean (balloon->driver));
      g_variant_builder_add (&builder, "{sv}", "reporting", g_variant_new_boolean (balloon->reporting));
      add_size (&builder, "target", memory->size - MIN (balloon->target, memory->size));
      add_size (&builder, "current", memory->size - MIN (balloon->size, memory->size));
      add_size (&builder, "given-back", balloon->given);
      for (unsigned i = 0; i < BALLOON_N_STATS; i++)
        if (balloon->stats[i] != BALLOON_STAT_UNKNOWN)
          add_size (&builder, stat_names[i], balloon->stats[i]);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static GError *
not_running (LocalSession *self)
{
  return g_error_new (BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
}

static void
get_memory_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LocalSession *self = source;
  PcMemory memory;
  bool running;

  g_rw_lock_reader_lock (&self->pc_lock);
  running = self->pc != NULL;
  if (running)
    pc_get_memory (self->pc, &memory);
  g_rw_lock_reader_unlock (&self->pc_lock);

  if (running)
    g_task_return_pointer (task, describe (&memory), (GDestroyNotify)g_variant_unref);
  else
    g_task_return_error (task, not_running (self));
}

void
local_session_get_memory (BonsaiSession *session, GTask *task)
{
  g_task_run_in_thread (task, get_memory_in_thread);
  g_object_unref (task);
}

void
local_session_set_memory (BonsaiSession *session, uint64_t size, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  Pc *pc = local_session_live_pc (self);
  GError *error = NULL;

  if (pc == NULL)
    g_task_return_error (task, not_running (self));
  else if (pc_set_memory (pc, size, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
  g_object_unref (task);
}
