/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loop/loop.h"

#include "vmm/base/error.h"
#include "vmm/loop/loop-private.h"

#include <pthread.h>
#include <time.h>

typedef struct {
  LoopFunc func;
  void *data;
} LoopCall;

typedef struct {
  GSource source; /* first: GLib allocates and counts it */
  EventLoop *loop;
} CallSource;

typedef struct {
  LoopFunc func;
  void *data;
  GMutex lock;
  GCond cond;
  bool done;
} SyncCall;

GSource *
loop_source_new (EventLoop *loop, GSourceFuncs *funcs, void *data)
{
  GSource *source = g_source_new (funcs, sizeof (GSource));

  /* What dispatch gets as its last argument belongs to the callback, which is never called. */
  g_source_set_callback (source, NULL, data, NULL);
  g_source_attach (source, loop->context);
  return source;
}

void
loop_source_spare_wakeups (GSource *source)
{
  g_source_set_can_recurse (source, TRUE);
}

/* --- calls --- */

static bool
has_calls (EventLoop *loop)
{
  bool result;

  g_mutex_lock (&loop->call_lock);
  result = loop->calls->len > 0;
  g_mutex_unlock (&loop->call_lock);
  return result;
}

static gboolean
prepare_calls (GSource *source, int *timeout)
{
  *timeout = -1;
  return has_calls (((CallSource *)source)->loop);
}

static gboolean
check_calls (GSource *source)
{
  return has_calls (((CallSource *)source)->loop);
}

static gboolean
dispatch_calls (GSource *source, GSourceFunc callback, gpointer user_data)
{
  EventLoop *loop = ((CallSource *)source)->loop;
  g_autoptr (GArray) calls = NULL;

  g_mutex_lock (&loop->call_lock);
  calls = loop->calls;
  loop->calls = g_array_new (FALSE, FALSE, sizeof (LoopCall));
  g_mutex_unlock (&loop->call_lock);

  for (unsigned i = 0; i < calls->len; i++)
    {
      LoopCall *call = &g_array_index (calls, LoopCall, i);

      call->func (call->data);
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs call_source_funcs = { .prepare = prepare_calls,
                                          .check = check_calls,
                                          .dispatch = dispatch_calls };

static GSource *
call_source_new (EventLoop *loop)
{
  GSource *source = g_source_new (&call_source_funcs, sizeof (CallSource));

  ((CallSource *)source)->loop = loop;
  g_source_attach (source, loop->context);
  return source;
}

void
loop_call (EventLoop *loop, LoopFunc func, void *data)
{
  LoopCall call = { func, data };
  bool first;

  g_mutex_lock (&loop->call_lock);
  g_array_append_val (loop->calls, call);
  first = loop->calls->len == 1;
  g_mutex_unlock (&loop->call_lock);
  /* The loop itself is awake, and looks for calls before it sleeps. */
  if (first && !loop_is_current (loop))
    g_main_context_wakeup (loop->context);
}

static void
run_sync_call (void *data)
{
  SyncCall *call = data;

  call->func (call->data);
  g_mutex_lock (&call->lock);
  call->done = true;
  g_cond_signal (&call->cond);
  g_mutex_unlock (&call->lock);
}

void
loop_call_sync (EventLoop *loop, LoopFunc func, void *data)
{
  SyncCall call = { .func = func, .data = data };

  if (loop_is_current (loop))
    {
      func (data);
      return;
    }

  g_mutex_init (&call.lock);
  g_cond_init (&call.cond);
  loop_call (loop, run_sync_call, &call);
  g_mutex_lock (&call.lock);
  while (!call.done)
    g_cond_wait (&call.cond, &call.lock);
  g_mutex_unlock (&call.lock);
  g_mutex_clear (&call.lock);
  g_cond_clear (&call.cond);
}

/* --- callbacks that can be waited for --- */

void
loop_callback_begin_locked (EventLoop *loop, const void *owner)
{
  loop->running = owner;
  g_mutex_unlock (&loop->lock);
}

void
loop_callback_end_locked (EventLoop *loop)
{
  g_mutex_lock (&loop->lock);
  loop->running = NULL;
  if (loop->n_waiting > 0) /* GLib makes a system call of it whether somebody waits or not */
    g_cond_broadcast (&loop->callback_ended);
}

void
loop_callback_wait_locked (EventLoop *loop, const void *owner)
{
  if (loop_is_current (loop))
    return;
  loop->n_waiting++;
  while (loop->running == owner)
    g_cond_wait (&loop->callback_ended, &loop->lock);
  loop->n_waiting--;
}

/* --- the thread --- */

static gpointer
loop_thread (gpointer data)
{
  EventLoop *loop = data;
  clockid_t clock;

  if (pthread_getcpuclockid (pthread_self (), &clock) == 0)
    g_atomic_int_set (&loop->cpu_clock, clock);
  g_main_context_push_thread_default (loop->context);
  while (!loop->ending || loop->io_in_flight > 0 || has_calls (loop))
    {
      loop_iterate (loop);
      loop_io_flush (loop);
      if (loop->iteration_hook)
        loop->iteration_hook (loop->iteration_hook_data);
    }
  g_main_context_iteration (loop->context, FALSE);
  g_main_context_pop_thread_default (loop->context);
  return NULL;
}

static void
destroy_loop (EventLoop *loop)
{
  loop_io_clear (loop);
  loop_timers_clear (loop);
  if (loop->call_source)
    {
      g_source_destroy (loop->call_source);
      g_source_unref (loop->call_source);
    }
  g_main_context_unref (loop->context);
  g_array_unref (loop->calls);
  g_ptr_array_unref (loop->lookers);
  g_free (loop->fds);
  g_mutex_clear (&loop->lock);
  g_mutex_clear (&loop->call_lock);
  g_mutex_clear (&loop->io_lock);
  g_cond_clear (&loop->callback_ended);
  g_free (loop);
}

EventLoop *
loop_new_with_engine (const char *name, LoopIoEngineChoice choice, GError **error)
{
  EventLoop *loop = g_new0 (EventLoop, 1);
  g_autofree char *thread_name = g_strndup (name, 15);
  g_autoptr (GError) local_error = NULL;

  loop->context = g_main_context_new ();
  loop->calls = g_array_new (FALSE, FALSE, sizeof (LoopCall));
  loop->lookers = g_ptr_array_new ();
  loop->timer_fd = -1;
  g_mutex_init (&loop->lock);
  g_mutex_init (&loop->call_lock);
  g_mutex_init (&loop->io_lock);
  g_cond_init (&loop->callback_ended);

  if (!loop_timers_init (loop, error))
    {
      destroy_loop (loop);
      return NULL;
    }
  loop_io_init (loop, choice);

  loop->call_source = call_source_new (loop);

  loop->thread = g_thread_try_new (thread_name, loop_thread, loop, &local_error);
  if (!loop->thread)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE,
                   "Can't start the thread “%s”: %s; close other programs or raise the limit of processes",
                   thread_name, local_error->message);
      destroy_loop (loop);
      return NULL;
    }
  return loop;
}

EventLoop *
loop_new (const char *name, GError **error)
{
  return loop_new_with_engine (name, LOOP_IO_ENGINE_BEST, error);
}

static void
end_loop (void *data)
{
  EventLoop *loop = data;

  loop->ending = true;
}

void
loop_free (EventLoop *loop)
{
  g_return_if_fail (!loop_is_current (loop));

  loop_call (loop, end_loop, loop);
  g_thread_join (loop->thread);
  destroy_loop (loop);
}

void
loop_wait_for_others (EventLoop *loop)
{
  g_return_if_fail (loop_is_current (loop));
  g_main_context_iteration (loop->context, loop_io_flush (loop) == 0);
}

GMainContext *
loop_context (EventLoop *loop)
{
  return loop->context;
}

bool
loop_is_current (EventLoop *loop)
{
  return g_thread_self () == loop->thread;
}

/* --- tests --- */

typedef struct {
  EventLoop *loop;
  LoopFunc hook;
  void *data;
} HookChange;

static void
change_hook (void *data)
{
  HookChange *change = data;

  change->loop->iteration_hook = change->hook;
  change->loop->iteration_hook_data = change->data;
}

void
loop_set_iteration_hook (EventLoop *loop, LoopFunc hook, void *data)
{
  HookChange change = { loop, hook, data };

  loop_call_sync (loop, change_hook, &change);
}

uint64_t
loop_cpu_time (EventLoop *loop)
{
  clockid_t clock = g_atomic_int_get (&loop->cpu_clock);
  struct timespec time;

  if (clock == 0 || clock_gettime (clock, &time) < 0)
    return 0;
  return (uint64_t)time.tv_sec * UINT64_C (1000000000) + (uint64_t)time.tv_nsec;
}
