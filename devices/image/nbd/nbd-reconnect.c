/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/nbd/store-nbd-private.h"

#include <errno.h>
#include <libnbd.h>

#define ATTEMPT_TIMEOUT 10000 /* ms, of one step */
#define FIRST_PAUSE     (G_USEC_PER_SEC / 10)
#define LONGEST_PAUSE   (5 * G_USEC_PER_SEC)

/* Connecting may block (names are looked up), so it is done on a thread that lives as long as one attempt. */
struct NbdAttempt {
  int references; /* atomic: the thread, the store */
  GMutex lock;
  NbdStore *store;
  bool abandoned; /* @store is gone */
  bool finished, connected;
  char *uri, *name;
  NbdLink link;
};

static void
attempt_unref (NbdAttempt *attempt)
{
  if (!g_atomic_int_dec_and_test (&attempt->references))
    return;
  nbd_link_close (&attempt->link);
  g_mutex_clear (&attempt->lock);
  g_free (attempt->uri);
  g_free (attempt->name);
  g_free (attempt);
}

static void *
run_attempt (void *data)
{
  NbdAttempt *attempt = data;
  NbdLink link;
  bool connected = nbd_link_open (&link, attempt->uri, attempt->name, ATTEMPT_TIMEOUT, NULL);

  g_mutex_lock (&attempt->lock);
  attempt->link = link;
  attempt->connected = connected;
  attempt->finished = true;
  if (!attempt->abandoned)
    nbd_wake (attempt->store);
  g_mutex_unlock (&attempt->lock);
  attempt_unref (attempt);
  return NULL;
}

static void
start_attempt (NbdStore *store)
{
  NbdAttempt *attempt = g_new0 (NbdAttempt, 1);

  g_mutex_init (&attempt->lock);
  attempt->references = 2;
  attempt->store = store;
  attempt->uri = g_strdup (store->uri);
  attempt->name = g_strdup (store->base.path);
  store->attempt = attempt;
  g_thread_unref (g_thread_new ("nbd-connect", run_attempt, attempt));
}

void
nbd_abandon (NbdStore *store)
{
  NbdAttempt *attempt = g_steal_pointer (&store->attempt);

  if (attempt == NULL)
    return;
  g_mutex_lock (&attempt->lock);
  attempt->abandoned = true;
  g_mutex_unlock (&attempt->lock);
  attempt_unref (attempt);
}

/* Whether the attempt is over; @link: what it brought, if it is the same disk still. */
static bool
take_attempt (NbdStore *store, NbdLink *link)
{
  NbdAttempt *attempt = store->attempt;
  bool finished;

  *link = (NbdLink){ 0 };
  if (attempt == NULL)
    return false;
  g_mutex_lock (&attempt->lock);
  finished = attempt->finished;
  if (finished && attempt->connected && attempt->link.size >= store->base.size
      && (store->base.read_only || !attempt->link.read_only))
    {
      *link = attempt->link;
      attempt->link.handle = NULL;
    }
  g_mutex_unlock (&attempt->lock);
  if (finished)
    {
      store->attempt = NULL;
      attempt_unref (attempt);
    }
  return finished;
}

/* --- the watch --- */

static void
on_ready (void *data, int fd, GIOCondition condition)
{
  NbdStore *store = data;
  struct nbd_handle *handle = store->link.handle;
  unsigned direction = handle != NULL ? nbd_aio_get_direction (handle) : 0;

  if ((direction & LIBNBD_AIO_DIRECTION_READ) && (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)))
    nbd_aio_notify_read (handle);
  else if ((direction & LIBNBD_AIO_DIRECTION_WRITE) && (condition & (G_IO_OUT | G_IO_HUP | G_IO_ERR)))
    nbd_aio_notify_write (handle);
  nbd_turn (store);
}

void
nbd_update_watch (NbdStore *store)
{
  unsigned direction;
  GIOCondition condition;

  if (store->watch == NULL || store->link.handle == NULL)
    return;
  direction = nbd_aio_get_direction (store->link.handle);
  condition = (direction & LIBNBD_AIO_DIRECTION_READ ? G_IO_IN : 0)
              | (direction & LIBNBD_AIO_DIRECTION_WRITE ? G_IO_OUT : 0);
  if (condition == store->condition)
    return;
  store->condition = condition;
  loop_watch_set_condition (store->watch, condition);
}

/* --- there and back --- */

static void
queue_replays (NbdStore *store)
{
  for (GList *l = store->log.tail; l != NULL; l = l->prev)
    {
      NbdLogEntry *entry = l->data;
      NbdRequest *request = nbd_request_new (store, entry->kind, entry->offset, entry->length);

      request->replay = entry;
      g_queue_push_head_link (&store->waiting, &request->link);
      store->replays_open++;
    }
}

void
nbd_adopt (NbdStore *store, NbdLink *link)
{
  store->link = *link;
  link->handle = NULL;
  store->deadline = store->retry_at = 0;
  store->failures = 0;
  store->zero_fails = false;
  store->condition = G_IO_IN;
  store->watch = loop_watch_fd (store->loop, nbd_aio_get_fd (store->link.handle), G_IO_IN, on_ready, store);
  queue_replays (store);
  nbd_update_watch (store);
}

static void
send_back (NbdStore *store, GQueue *queue)
{
  GList *link;

  while ((link = g_queue_pop_tail_link (queue)) != NULL)
    {
      NbdRequest *request = link->data;

      g_clear_pointer (&request->bounce, g_free);
      if (request->replay == NULL)
        g_queue_push_head_link (&store->waiting, link);
      else
        g_free (request); /* the log will give it again */
    }
}

void
nbd_lost (NbdStore *store, GQueue *again)
{
  GList *next;

  g_clear_pointer (&store->watch, loop_watch_free);
  nbd_link_close (&store->link);
  for (GList *l = store->waiting.head; l != NULL; l = next)
    {
      NbdRequest *request = l->data;

      next = l->next;
      if (request->replay == NULL)
        continue;
      g_queue_unlink (&store->waiting, l);
      g_free (request);
    }
  send_back (store, &store->flying);
  send_back (store, &store->answered); /* by the closing */
  send_back (store, again);
  store->replays_open = 0;
}

static void
give_up (NbdStore *store)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&store->waiting)) != NULL)
    {
      NbdRequest *request = link->data;

      if (request->kind == NBD_FLUSH && request->io == NULL)
        store->flushing = false;
      nbd_over (store, request, -EIO);
    }
  store->deadline = store->retry_at = 0;
}

int64_t
nbd_next_turn (const NbdStore *store)
{
  if (store->link.handle != NULL || store->deadline == 0)
    return 0;
  return store->attempt == NULL ? MIN (store->retry_at, store->deadline) : store->deadline;
}

void
nbd_pursue (NbdStore *store)
{
  int64_t now = g_get_monotonic_time (), next;
  NbdLink link;

  if (store->link.handle != NULL || store->closed)
    return;
  if (take_attempt (store, &link))
    {
      if (link.handle != NULL)
        {
          nbd_adopt (store, &link);
          return;
        }
      store->retry_at = now + MIN (FIRST_PAUSE << MIN (store->failures, 10), LONGEST_PAUSE);
      store->failures++;
    }
  if (store->waiting.length == 0)
    {
      store->deadline = 0;
      return;
    }
  if (store->deadline == 0)
    {
      store->deadline = now + store->patience * G_USEC_PER_SEC;
      store->failures = 0;
      store->retry_at = now;
    }
  if (now >= store->deadline)
    {
      give_up (store);
      return;
    }
  if (store->attempt == NULL && now >= store->retry_at)
    start_attempt (store);
  next = nbd_next_turn (store);
  loop_timer_arm (store->timer, next * 1000);
}
