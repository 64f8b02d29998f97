/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/nbd/store-nbd-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <libnbd.h>

#define OPEN_TIMEOUT 20000 /* ms, of one step */

/* --- lifetime --- */

NbdStore *
nbd_store_ref (NbdStore *store)
{
  g_atomic_int_inc (&store->references);
  return store;
}

void
nbd_store_unref (NbdStore *store)
{
  if (!g_atomic_int_dec_and_test (&store->references))
    return;
  g_mutex_clear (&store->lock);
  g_cond_clear (&store->cond);
  g_free (store->base.path);
  g_free (store->uri);
  g_free (store);
}

NbdRequest *
nbd_request_new (NbdStore *store, NbdKind kind, uint64_t offset, uint64_t length)
{
  NbdRequest *request = g_new0 (NbdRequest, 1);

  request->store = store;
  request->link.data = request;
  request->kind = kind;
  request->offset = offset;
  request->length = length;
  return request;
}

/* --- on the loop's thread --- */

void
nbd_over (NbdStore *store, NbdRequest *request, int result)
{
  g_clear_pointer (&request->bounce, g_free);
  if (request->replay != NULL)
    store->replays_open--;
  request->result = result;
  g_queue_push_tail_link (&store->over, &request->link);
}

static void
take_incoming (NbdStore *store)
{
  GList *link;

  g_mutex_lock (&store->lock);
  while ((link = g_queue_pop_head_link (&store->incoming)) != NULL)
    g_queue_push_tail_link (&store->waiting, link);
  g_mutex_unlock (&store->lock);
}

static bool
is_gone (const NbdStore *store)
{
  return store->link.handle != NULL
         && (nbd_aio_is_dead (store->link.handle) != 0 || nbd_aio_is_closed (store->link.handle) != 0);
}

static void
take_answers (NbdStore *store)
{
  GQueue again = G_QUEUE_INIT;
  bool gone = is_gone (store);
  GList *link;

  while ((link = g_queue_pop_head_link (&store->answered)) != NULL)
    {
      NbdRequest *request = link->data;

      gone |= request->error == ESHUTDOWN || is_gone (store);
      if (gone && request->error != 0)
        g_queue_push_tail_link (&again, link);
      else
        nbd_request_answered (store, request);
    }
  if (gone)
    nbd_lost (store, &again);
}

static void
start_waiting (NbdStore *store)
{
  GList *next;

  for (GList *l = store->waiting.head; l != NULL && store->link.handle != NULL; l = next)
    {
      NbdRequest *request = l->data;

      next = l->next;
      if (nbd_request_may_start (store, request))
        {
          g_queue_unlink (&store->waiting, l);
          nbd_request_start (store, request);
        }
      else if (request->replay != NULL)
        break; /* in order */
    }
}

void
nbd_step (NbdStore *store)
{
  take_incoming (store);
  do
    {
      take_answers (store);
      nbd_pursue (store);
      start_waiting (store);
    }
  while (store->answered.length > 0 || is_gone (store));
  nbd_update_watch (store);
}

/* Tells everyone whose request is over. */
static void
deliver (NbdStore *store)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&store->over)) != NULL)
    {
      NbdRequest *request = link->data;
      StoreIo *io = request->io;
      int result = request->result;

      if (request->waited_for)
        {
          g_mutex_lock (&store->lock);
          request->finished = true;
          g_cond_broadcast (&store->cond);
          g_mutex_unlock (&store->lock);
          continue;
        }
      g_free (request);
      if (io != NULL)
        io->done (io, result);
    }
}

void
nbd_turn (NbdStore *store)
{
  nbd_store_ref (store); /* a @done may close it */
  nbd_step (store);
  deliver (store);
  nbd_store_unref (store);
}

static void
on_wake (void *data)
{
  NbdStore *store = data;

  g_mutex_lock (&store->lock);
  store->woken = false;
  g_mutex_unlock (&store->lock);
  if (!store->closed)
    nbd_turn (store);
  nbd_store_unref (store);
}

void
nbd_wake (NbdStore *store)
{
  g_mutex_lock (&store->lock);
  store->news++;
  if (!store->woken)
    {
      store->woken = true;
      loop_call (store->loop, on_wake, nbd_store_ref (store));
    }
  g_cond_broadcast (&store->cond);
  g_mutex_unlock (&store->lock);
}

static void
on_time (void *data)
{
  nbd_turn (data);
}

/* --- the class --- */

static NbdRequest *
request_for (NbdStore *store, StoreIo *io)
{
  static const NbdKind kinds[] = {
    [STORE_READ] = NBD_READ,   [STORE_WRITE] = NBD_WRITE, [STORE_SYNC] = NBD_FLUSH,
    [STORE_PUNCH] = NBD_PUNCH, [STORE_ZERO] = NBD_ZERO,
  };
  NbdRequest *request = nbd_request_new (store, kinds[io->kind], io->offset, io->length);

  request->io = io;
  return request;
}

static void
enqueue (NbdStore *store, NbdRequest *request)
{
  g_mutex_lock (&store->lock);
  g_queue_push_tail_link (&store->incoming, &request->link);
  g_mutex_unlock (&store->lock);
}

static void
nbd_submit (ImageStore *base, StoreIo *io)
{
  NbdStore *store = (NbdStore *)base;

  enqueue (store, request_for (store, io));
  nbd_wake (store);
}

/* The loop's own thread can't wait for itself: it does the loop's work until @request is over. Others'
 * requests that end meanwhile are told later. */
static void
run_here (NbdStore *store, NbdRequest *request)
{
  while (!request->finished)
    {
      uint64_t news;

      g_mutex_lock (&store->lock);
      news = store->news;
      g_mutex_unlock (&store->lock);
      nbd_step (store);
      if (g_queue_link_index (&store->over, &request->link) >= 0)
        {
          g_queue_unlink (&store->over, &request->link);
          request->finished = true;
        }
      else if (store->link.handle != NULL)
        nbd_poll (store->link.handle, -1);
      else
        {
          int64_t until = nbd_next_turn (store);

          g_mutex_lock (&store->lock);
          while (store->news == news && until != 0)
            if (!g_cond_wait_until (&store->cond, &store->lock, until))
              break;
          g_mutex_unlock (&store->lock);
        }
    }
  if (store->over.length > 0)
    nbd_wake (store);
}

static int
run_request (NbdStore *store, NbdRequest *request)
{
  int result;

  request->waited_for = true;
  enqueue (store, request);
  if (loop_is_current (store->loop))
    run_here (store, request);
  else
    {
      nbd_wake (store);
      g_mutex_lock (&store->lock);
      while (!request->finished)
        g_cond_wait (&store->cond, &store->lock);
      g_mutex_unlock (&store->lock);
    }
  result = request->result;
  g_free (request);
  return result;
}

static int
nbd_run (ImageStore *base, StoreIo *io)
{
  NbdStore *store = (NbdStore *)base;

  return run_request (store, request_for (store, io));
}

static int
nbd_status (ImageStore *base, uint64_t offset, uint64_t length, bool *is_data, uint64_t *end)
{
  NbdStore *store = (NbdStore *)base;
  NbdRequest *request = nbd_request_new (store, NBD_STATUS, offset, length);

  request->is_data = is_data;
  request->end = end;
  return run_request (store, request);
}

static int
nbd_resize (ImageStore *base, uint64_t size)
{
  return size == base->size ? 0 : -EOPNOTSUPP; /* the server's to do */
}

/* --- open and close --- */

static void
shut_down (void *data)
{
  NbdStore *store = data;

  store->closed = true;
  nbd_abandon (store);
  g_clear_pointer (&store->timer, loop_timer_free);
  g_clear_pointer (&store->watch, loop_watch_free);
  if (store->link.handle != NULL && nbd_aio_is_ready (store->link.handle) > 0)
    nbd_aio_disconnect (store->link.handle, 0);
  nbd_link_close (&store->link);
  nbd_log_clear (store);
}

static void
nbd_close_store (ImageStore *base)
{
  NbdStore *store = (NbdStore *)base;
  EventLoop *own = store->own_loop;

  loop_call_sync (store->loop, shut_down, store);
  if (own != NULL)
    loop_free (own);
  nbd_store_unref (store);
}

static const ImageStoreClass nbd_class = {
  .name = "nbd",
  .submit = nbd_submit,
  .run = nbd_run,
  .resize = nbd_resize,
  .status = nbd_status,
  .close = nbd_close_store,
};

typedef struct {
  NbdStore *store;
  NbdLink *link;
} FirstLink;

static void
adopt_first (void *data)
{
  FirstLink *first = data;

  nbd_adopt (first->store, first->link);
}

static bool
accept_export (const NbdLink *link, const char *name, const StoreOptions *options, GError **error)
{
  if (link->read_only && !options->read_only)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_PERMISSION,
      "The NBD server offers “%s” for reading only; attach it read-only, or have the server allow writing",
      name);
  else
    return true;
  return false;
}

ImageStore *
store_nbd_open (EventLoop *loop, const char *uri, const StoreOptions *options, GError **error)
{
  g_autofree char *name = nbd_display_uri (uri);
  EventLoop *own = NULL;
  NbdStore *store;
  NbdLink link;

  if (!nbd_link_open (&link, uri, name, OPEN_TIMEOUT, error))
    return NULL;
  if (!accept_export (&link, name, options, error)
      || (loop == NULL && (own = loop_new ("nbd", error)) == NULL))
    {
      nbd_link_close (&link);
      return NULL;
    }
  store = g_new0 (NbdStore, 1);
  store->base = (ImageStore){
    .klass = &nbd_class,
    .loop = loop,
    .path = g_steal_pointer (&name),
    .read_only = options->read_only,
    .fixed_size = true,
    .size = link.size,
    .block_size = link.preferred,
    .alignment = 1,
  };
  store->references = 1;
  store->own_loop = own;
  store->loop = own != NULL ? own : loop;
  store->uri = g_strdup (uri);
  store->patience = NBD_PATIENCE;
  g_mutex_init (&store->lock);
  g_cond_init (&store->cond);
  store->timer = loop_timer_new (store->loop, NULL, on_time, store);
  loop_call_sync (store->loop, adopt_first, &(FirstLink){ store, &link });
  return &store->base;
}

void
store_nbd_set_patience (ImageStore *base, unsigned seconds)
{
  ((NbdStore *)base)->patience = seconds;
}
