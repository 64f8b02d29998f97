/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/session-waiters.h"

#include "app/base/error.h"

typedef struct {
  SessionWaiters *waiters;
  GTask *task;
  SessionWait wait;
  GSource *timeout, *cancelled;
} Waiter;

struct SessionWaiters {
  GPtrArray *list; /* of Waiter */
  void (*timed_out) (gpointer data);
  gpointer data;
};

static void
drop_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
waiter_free (gpointer data)
{
  Waiter *waiter = data;

  drop_source (&waiter->timeout);
  drop_source (&waiter->cancelled);
  g_object_unref (waiter->task);
  g_free (waiter);
}

SessionWaiters *
session_waiters_new (void (*timed_out) (gpointer data), gpointer data)
{
  SessionWaiters *waiters = g_new0 (SessionWaiters, 1);

  waiters->list = g_ptr_array_new_with_free_func (waiter_free);
  waiters->timed_out = timed_out;
  waiters->data = data;
  return waiters;
}

/* Takes the waiter off the list and fails its task. */
static void G_GNUC_PRINTF (3, 4) fail_waiter (Waiter *waiter, BonsaiError code, const char *format, ...)
{
  g_autoptr (GTask) task = g_object_ref (waiter->task);
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_ptr_array_remove (waiter->waiters->list, waiter);
  g_task_return_new_error (task, BONSAI_ERROR, code, "%s", message);
}

void
session_waiters_free (SessionWaiters *waiters)
{
  while (waiters->list->len > 0)
    fail_waiter (g_ptr_array_index (waiters->list, 0), BONSAI_ERROR_NOT_RUNNING, "The machine is gone");
  g_ptr_array_unref (waiters->list);
  g_free (waiters);
}

static gboolean
on_timeout (gpointer data)
{
  Waiter *waiter = data;

  if (waiter->waiters->timed_out != NULL)
    waiter->waiters->timed_out (waiter->waiters->data);
  fail_waiter (waiter, BONSAI_ERROR_TIMED_OUT,
               "The guest did not shut down in time. It may be busy, or take no notice of the power button: "
               "wait and ask again, shut it down from inside, or power it off");
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer data)
{
  Waiter *waiter = data;

  fail_waiter (waiter, BONSAI_ERROR_FAILED, "Cancelled");
  return G_SOURCE_REMOVE;
}

void
session_waiters_add (SessionWaiters *waiters, GTask *task, SessionWait wait, unsigned timeout_ms)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  Waiter *waiter = g_new0 (Waiter, 1);

  waiter->waiters = waiters;
  waiter->task = task;
  waiter->wait = wait;
  if (timeout_ms > 0)
    {
      waiter->timeout = g_timeout_source_new (timeout_ms);
      g_source_set_callback (waiter->timeout, on_timeout, waiter, NULL);
      g_source_attach (waiter->timeout, g_task_get_context (task));
    }
  if (cancellable != NULL)
    {
      waiter->cancelled = g_cancellable_source_new (cancellable);
      g_source_set_callback (waiter->cancelled, G_SOURCE_FUNC (on_cancelled), waiter, NULL);
      g_source_attach (waiter->cancelled, g_task_get_context (task));
    }
  g_ptr_array_add (waiters->list, waiter);
}

/* Those that want one of @wanted (bits) succeed, those that want one of @lost fail. */
static void
settle (SessionWaiters *waiters, unsigned wanted, unsigned lost, const char *message)
{
  g_autoptr (GPtrArray) settled = g_ptr_array_new_with_free_func (waiter_free);

  for (unsigned i = 0; i < waiters->list->len;)
    {
      Waiter *waiter = g_ptr_array_index (waiters->list, i);

      if (((wanted | lost) & 1u << waiter->wait) != 0)
        g_ptr_array_add (settled, g_ptr_array_steal_index (waiters->list, i));
      else
        i++;
    }
  /* Their callbacks may add new ones. */
  for (unsigned i = 0; i < settled->len; i++)
    {
      Waiter *waiter = g_ptr_array_index (settled, i);

      if ((wanted & 1u << waiter->wait) != 0)
        g_task_return_boolean (waiter->task, TRUE);
      else
        g_task_return_new_error (waiter->task, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING,
                                 "The machine has ended: %s", message != NULL ? message : "it is off");
    }
}

void
session_waiters_tell (SessionWaiters *waiters, BonsaiState state, const char *message)
{
  switch (state)
    {
    case BONSAI_STATE_RUNNING:
    case BONSAI_STATE_STOPPING:
      settle (waiters, 1u << SESSION_WAIT_RUNNING, 0, NULL);
      break;
    case BONSAI_STATE_PAUSED:
      /* One that can't go on for a reason is not waited for: who asks hears of that. */
      settle (waiters, 1u << SESSION_WAIT_PAUSED | (message != NULL ? 1u << SESSION_WAIT_RUNNING : 0), 0,
              NULL);
      break;
    case BONSAI_STATE_STOPPED:
    case BONSAI_STATE_CRASHED:
      settle (waiters, 1u << SESSION_WAIT_ENDED, ~0u, message);
      break;
    default:
      break;
    }
}

void
session_waiters_tell_reset (SessionWaiters *waiters)
{
  settle (waiters, 1u << SESSION_WAIT_RESET, 0, NULL);
}
