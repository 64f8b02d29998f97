/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loop/loop-private.h"

struct LoopWatch {
  GSource source; /* first: GLib allocates and counts it */
  EventLoop *loop;
  int fd;
  gpointer tag; /* NULL: silenced */
  bool freed;
  bool running; /* its callback; loop's thread */
  LoopFdFunc func;
  LoopLookFunc look; /* or NULL */
  void *data;
  GDestroyNotify destroy;
};

static gboolean
watch_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  LoopWatch *watch = (LoopWatch *)source;
  EventLoop *loop = watch->loop;
  GIOCondition condition = 0;

  g_mutex_lock (&loop->lock);
  if (!watch->freed && watch->tag && !watch->running)
    condition = g_source_query_unix_fd (source, watch->tag);
  if (condition != 0)
    {
      watch->running = true;
      loop_callback_begin_locked (loop, watch);
      watch->func (watch->data, watch->fd, condition);
      loop_callback_end_locked (loop);
      watch->running = false;
    }
  g_mutex_unlock (&loop->lock);
  return G_SOURCE_CONTINUE;
}

bool
loop_watch_look_locked (LoopWatch *watch, bool falling_asleep)
{
  EventLoop *loop = watch->loop;
  bool found = false;

  if (!watch->freed && watch->tag)
    {
      loop_callback_begin_locked (loop, watch);
      found = watch->look (watch->data, watch->fd, falling_asleep);
      loop_callback_end_locked (loop);
    }
  return found;
}

/* On the loop's thread, which alone walks the lookers, so that they stay in place while one of them works. */
static void
add_looker (void *data)
{
  LoopWatch *watch = data;

  g_mutex_lock (&watch->loop->lock);
  if (!watch->freed)
    g_ptr_array_add (watch->loop->lookers, watch);
  g_mutex_unlock (&watch->loop->lock);
  g_source_unref (&watch->source);
}

static void
remove_looker (void *data)
{
  LoopWatch *watch = data;

  g_mutex_lock (&watch->loop->lock);
  g_ptr_array_remove (watch->loop->lookers, watch);
  g_mutex_unlock (&watch->loop->lock);
  g_source_unref (&watch->source);
}

void
loop_watch_set_look (LoopWatch *watch, LoopLookFunc look)
{
  watch->look = look;
  loop_call (watch->loop, add_looker, g_source_ref (&watch->source));
}

static void
watch_finalize (GSource *source)
{
  LoopWatch *watch = (LoopWatch *)source;

  /* Orders this after the owner's last access, which was under the lock. */
  g_mutex_lock (&watch->loop->lock);
  g_mutex_unlock (&watch->loop->lock);
  if (watch->destroy)
    watch->destroy (watch->data);
}

static GSourceFuncs watch_funcs = { .dispatch = watch_dispatch, .finalize = watch_finalize };

LoopWatch *
loop_watch_fd_full (EventLoop *loop, int fd, GIOCondition condition, LoopFdFunc func, void *data,
                    GDestroyNotify destroy)
{
  LoopWatch *watch = (LoopWatch *)g_source_new (&watch_funcs, sizeof (LoopWatch));

  watch->loop = loop;
  watch->fd = fd;
  watch->func = func;
  watch->data = data;
  watch->destroy = destroy;
  if (condition != 0)
    watch->tag = g_source_add_unix_fd (&watch->source, fd, condition);
  loop_source_spare_wakeups (&watch->source);
  g_source_attach (&watch->source, loop->context);
  return watch;
}

LoopWatch *
loop_watch_fd (EventLoop *loop, int fd, GIOCondition condition, LoopFdFunc func, void *data)
{
  return loop_watch_fd_full (loop, fd, condition, func, data, NULL);
}

void
loop_watch_set_condition (LoopWatch *watch, GIOCondition condition)
{
  g_mutex_lock (&watch->loop->lock);
  if (condition == 0 && watch->tag)
    {
      /* poll tells of errors and hang-ups unasked: only a descriptor that's gone is silent. */
      g_source_remove_unix_fd (&watch->source, watch->tag);
      watch->tag = NULL;
    }
  else if (condition != 0 && !watch->tag)
    watch->tag = g_source_add_unix_fd (&watch->source, watch->fd, condition);
  else if (condition != 0)
    g_source_modify_unix_fd (&watch->source, watch->tag, condition);
  g_mutex_unlock (&watch->loop->lock);
}

static void
watch_free (LoopWatch *watch, bool wait)
{
  EventLoop *loop = watch->loop;
  bool looks;

  g_mutex_lock (&loop->lock);
  watch->freed = true;
  looks = watch->look != NULL;
  if (wait)
    loop_callback_wait_locked (loop, watch);
  g_mutex_unlock (&loop->lock);
  g_source_destroy (&watch->source);
  if (looks)
    loop_call (loop, remove_looker, watch); /* gives back the owner's reference */
  else
    g_source_unref (&watch->source);
}

void
loop_watch_free (LoopWatch *watch)
{
  watch_free (watch, true);
}

void
loop_watch_release (LoopWatch *watch)
{
  watch_free (watch, false);
}

void *
loop_watch_data (LoopWatch *watch)
{
  return watch->data;
}
