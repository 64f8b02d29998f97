/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/nbd/store-nbd-private.h"

#include "vmm/base/iov.h"

#include <errno.h>
#include <libnbd.h>
#include <string.h>

#define MAX_ZERO (1u << 30)  /* bytes of one command that carries no data */
#define LOG_MUCH (24u << 20) /* bytes: a flush of our own is sent */

/* --- the log --- */

static void
log_entry_free (void *data)
{
  NbdLogEntry *entry = data;

  g_free (entry->data);
  g_free (entry);
}

void
nbd_log_clear (NbdStore *store)
{
  g_queue_clear_full (&store->log, log_entry_free);
  store->log_bytes = 0;
}

/* A flush confirmed everything up to @sequence. */
static void
log_confirmed (NbdStore *store, uint64_t sequence)
{
  NbdLogEntry *entry;

  while ((entry = g_queue_peek_head (&store->log)) != NULL && entry->sequence <= sequence)
    {
      store->log_bytes -= sizeof *entry + (entry->data != NULL ? entry->length : 0);
      log_entry_free (g_queue_pop_head (&store->log));
    }
}

/* [at, at + size) was written and answered; takes @bounce over where that has it. */
static void
log_written (NbdStore *store, NbdRequest *request)
{
  NbdLogEntry *entry;

  if (!store->link.can_flush || request->replay != NULL)
    return;
  entry = g_new0 (NbdLogEntry, 1);
  entry->sequence = ++store->sequence;
  entry->offset = request->at;
  entry->length = request->size;
  entry->kind = request->bounce != NULL || request->kind == NBD_WRITE ? NBD_WRITE : NBD_ZERO;
  if (entry->kind == NBD_WRITE)
    {
      entry->data = g_steal_pointer (&request->bounce);
      if (entry->data == NULL)
        {
          entry->data = g_malloc (request->size);
          iov_gather (request->io->iov, request->io->n_iov, request->progress, entry->data, request->size);
        }
    }
  g_queue_push_tail (&store->log, entry);
  store->log_bytes += sizeof *entry + (entry->data != NULL ? entry->length : 0);
  if (store->log_bytes < LOG_MUCH || store->flushing)
    return;
  store->flushing = true;
  g_queue_push_head_link (&store->waiting, &nbd_request_new (store, NBD_FLUSH, 0, 0)->link);
}

/* --- order --- */

static bool
changes (const NbdRequest *request)
{
  return request->kind == NBD_WRITE || request->kind == NBD_ZERO || request->kind == NBD_PUNCH;
}

static bool
meets (const NbdStore *store, const NbdRequest *a, const NbdRequest *b)
{
  uint64_t mask = store->link.minimum - 1;
  uint64_t a_start = a->offset & ~mask, a_end = (a->offset + a->length + mask) & ~mask;
  uint64_t b_start = b->offset & ~mask, b_end = (b->offset + b->length + mask) & ~mask;

  return a_start < b_end && b_start < a_end;
}

/* Writes that share a block, one of which is read first, and repeated ones, whose order matters, wait for
 * each other. */
bool
nbd_request_may_start (const NbdStore *store, const NbdRequest *request)
{
  if (store->replays_open > 0 && request->replay == NULL)
    return false;
  if (!changes (request))
    return true;
  if (request->replay == NULL && store->log_bytes >= 2 * LOG_MUCH && store->flushing)
    return false;
  if (request->replay == NULL && store->link.minimum == 1)
    return true;
  for (GList *l = store->flying.head; l != NULL; l = l->next)
    if (changes (l->data) && meets (store, l->data, request))
      return false;
  return true;
}

/* --- commands --- */

static int
command_answered (void *data, int *error)
{
  NbdRequest *request = data;
  NbdStore *store = request->store;

  request->error = *error;
  g_queue_unlink (&store->flying, &request->link);
  g_queue_push_tail_link (&store->answered, &request->link);
  return 1;
}

static nbd_completion_callback
completion (NbdRequest *request)
{
  return (nbd_completion_callback){ .callback = command_answered, .user_data = request };
}

/* NBD protocol, "base:allocation": pairs of a length and flags, of which the second says "reads as zeroes".
 */
static int
extents_told (void *data, const char *context, uint64_t offset, uint32_t *entries, size_t n, int *error)
{
  NbdRequest *request = data;
  uint64_t end = request->at;

  if (n < 2 || strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0)
    return 0;
  *request->is_data = !(entries[1] & LIBNBD_STATE_ZERO);
  for (size_t i = 0; i + 1 < n && !(entries[i + 1] & LIBNBD_STATE_ZERO) == *request->is_data; i += 2)
    end += entries[i];
  *request->end = MIN (end, request->offset + request->length);
  request->known = *request->end > request->offset;
  return 0;
}

/* The one piece of @io's memory that holds all of [progress, progress + part), or NULL. */
static void *
straight (const NbdRequest *request)
{
  struct iovec piece;

  if (request->io == NULL
      || iov_slice (&piece, 1, request->io->iov, request->io->n_iov, request->progress, request->part) != 1
      || piece.iov_len < request->part)
    return NULL;
  return piece.iov_base;
}

/* The whole blocks around the next part of @request that fits into one command of at most @max bytes. */
static void
cut_command (NbdStore *store, NbdRequest *request, uint64_t max)
{
  uint64_t mask = store->link.minimum - 1, from = request->offset + request->progress;
  uint64_t end = request->offset + request->length;

  request->at = from & ~mask;
  request->part = MIN (end, request->at + max) - from;
  request->size =
    MIN ((from + request->part + mask) & ~mask, MAX (store->link.size, from + request->part)) - request->at;
  g_clear_pointer (&request->bounce, g_free);
  request->reads_first = false;
}

static bool
is_whole (const NbdRequest *request)
{
  return request->size == request->part;
}

static int64_t
send_read (NbdStore *store, NbdRequest *request)
{
  void *memory;

  cut_command (store, request, store->link.maximum);
  memory = is_whole (request) ? straight (request) : NULL;
  if (memory == NULL)
    memory = request->bounce = g_malloc (request->size);
  return nbd_aio_pread (store->link.handle, memory, request->size, request->at, completion (request), 0);
}

/* What is to be in [at, at + size): the blocks' old content is there already where that matters. */
static void
fill_bounce (NbdRequest *request)
{
  uint8_t *to = request->bounce + (request->offset + request->progress - request->at);

  if (request->kind != NBD_WRITE)
    memset (to, 0, request->part);
  else if (request->replay != NULL)
    memcpy (to, request->replay->data + request->progress, request->part);
  else
    iov_gather (request->io->iov, request->io->n_iov, request->progress, to, request->part);
}

static int64_t
send_write (NbdStore *store, NbdRequest *request)
{
  void *memory;

  cut_command (store, request, store->link.maximum);
  if (!is_whole (request))
    {
      request->reads_first = true;
      request->bounce = g_malloc (request->size);
      return nbd_aio_pread (store->link.handle, request->bounce, request->size, request->at,
                            completion (request), 0);
    }
  memory = request->kind == NBD_WRITE ? straight (request) : NULL;
  if (memory == NULL)
    {
      memory = request->bounce = g_malloc (request->size);
      fill_bounce (request);
    }
  return nbd_aio_pwrite (store->link.handle, memory, request->size, request->at, completion (request), 0);
}

/* Whole blocks by the server; the edges, and all of it if the server can't, are written. */
static int64_t
send_zero (NbdStore *store, NbdRequest *request)
{
  uint64_t mask = store->link.minimum - 1, from = request->offset + request->progress;
  uint64_t end = request->offset + request->length;

  if (!store->link.can_zero || store->zero_fails)
    return send_write (store, request);
  if ((from & mask) != 0 || (end - from <= mask && end != store->link.size))
    { /* up to the next block's begin */
      uint64_t length = request->length;
      int64_t cookie;

      request->length = MIN (length, ((from + mask + 1) & ~mask) - request->offset);
      cookie = send_write (store, request);
      request->length = length;
      return cookie;
    }
  cut_command (store, request, MAX_ZERO);
  if (!is_whole (request))
    { /* the last block is for another turn */
      request->size = request->part = request->part & ~mask;
    }
  return nbd_aio_zero (store->link.handle, request->size, request->at, completion (request), 0);
}

static int64_t
send_status (NbdStore *store, NbdRequest *request)
{
  uint64_t mask = store->link.minimum - 1;

  request->at = request->offset & ~mask;
  request->size = MIN (MIN (request->offset + request->length, store->link.size) - request->at, MAX_ZERO);
  request->size = MIN ((request->size + mask) & ~mask, store->link.size - request->at);
  request->part = request->length;
  return nbd_aio_block_status (store->link.handle, request->size, request->at,
                               (nbd_extent_callback){ .callback = extents_told, .user_data = request },
                               completion (request), 0);
}

static int64_t
send_flush (NbdStore *store, NbdRequest *request)
{
  request->covers = store->sequence;
  return nbd_aio_flush (store->link.handle, completion (request), 0);
}

static int64_t
send_command (NbdStore *store, NbdRequest *request)
{
  switch (request->kind)
    {
    case NBD_READ:
      return send_read (store, request);
    case NBD_WRITE:
      return send_write (store, request);
    case NBD_FLUSH:
      return send_flush (store, request);
    case NBD_STATUS:
      return send_status (store, request);
    case NBD_PUNCH:
    case NBD_ZERO:
    default:
      return send_zero (store, request);
    }
}

/* What needs no server. Returns whether @request is over. */
static bool
settle_at_once (NbdStore *store, NbdRequest *request)
{
  uint64_t from = request->offset + request->progress, size = store->base.size;

  if (request->kind == NBD_FLUSH ? !store->link.can_flush : request->progress >= request->length)
    nbd_over (store, request, 0);
  else if (changes (request) && (size < request->length || request->offset > size - request->length))
    nbd_over (store, request, -ENOSPC);
  else if (changes (request) && store->base.read_only)
    nbd_over (store, request, -EROFS);
  else if (request->kind == NBD_PUNCH && (!store->link.can_zero || store->zero_fails))
    nbd_over (store, request, -EOPNOTSUPP);
  else if (request->kind == NBD_READ && from >= size)
    {
      iov_scatter (request->io->iov, request->io->n_iov, request->progress, NULL,
                   request->length - request->progress);
      nbd_over (store, request, 0);
    }
  else if (request->kind == NBD_STATUS && (!store->link.can_status || from >= size))
    {
      *request->is_data = from < size;
      *request->end = from < size ? MIN (from + request->length, size) : from + request->length;
      nbd_over (store, request, 0);
    }
  else
    return false;
  return true;
}

/* libnbd took no command; unless the connection broke meanwhile, and it has answered already. */
static void
not_sent (NbdStore *store, NbdRequest *request)
{
  if (g_queue_link_index (&store->flying, &request->link) < 0)
    return;
  request->error = MAX (nbd_get_errno (), 1);
  g_queue_unlink (&store->flying, &request->link);
  g_queue_push_tail_link (&store->answered, &request->link);
}

void
nbd_request_start (NbdStore *store, NbdRequest *request)
{
  uint64_t length = request->length;
  int64_t cookie;

  if (settle_at_once (store, request))
    return;
  if (request->kind == NBD_READ) /* what lies beyond the end takes another turn */
    request->length = MIN (length, store->base.size - request->offset);
  g_queue_push_tail_link (&store->flying, &request->link);
  cookie = send_command (store, request);
  request->length = length;
  if (cookie < 0)
    not_sent (store, request);
}

/* --- answers --- */

static void
flush_confirmed (NbdStore *store, NbdRequest *request)
{
  int result = 0;

  log_confirmed (store, request->covers);
  if (request->io == NULL)
    store->flushing = false;
  else
    {
      result = store->flush_error;
      store->flush_error = 0;
    }
  nbd_over (store, request, result);
}

static void
refused (NbdStore *store, NbdRequest *request)
{
  bool unsupported = request->error == ENOTSUP || request->error == EINVAL;

  if (request->kind == NBD_ZERO && !store->zero_fails && unsupported)
    {
      store->zero_fails = true; /* it is written then */
      g_queue_push_head_link (&store->waiting, &request->link);
      return;
    }
  if (request->replay != NULL || (request->kind == NBD_FLUSH && request->io == NULL))
    { /* nobody asked, so the next flush has to say it */
      store->flush_error = -request->error;
      if (request->kind == NBD_FLUSH)
        {
          store->flushing = false;
          nbd_log_clear (store);
        }
    }
  nbd_over (store, request, request->kind == NBD_PUNCH && unsupported ? -EOPNOTSUPP : -request->error);
}

/* A part of a write whose blocks have been read first: now it is written. */
static void
write_merged (NbdStore *store, NbdRequest *request)
{
  request->reads_first = false;
  fill_bounce (request);
  g_queue_push_tail_link (&store->flying, &request->link);
  if (nbd_aio_pwrite (store->link.handle, request->bounce, request->size, request->at, completion (request),
                      0)
        >= 0
      || g_queue_link_index (&store->flying, &request->link) < 0)
    return;
  request->error = MAX (nbd_get_errno (), 1);
  g_queue_unlink (&store->flying, &request->link);
  g_queue_push_tail_link (&store->answered, &request->link);
}

void
nbd_request_answered (NbdStore *store, NbdRequest *request)
{
  if (request->error != 0)
    {
      refused (store, request);
      return;
    }
  switch (request->kind)
    {
    case NBD_FLUSH:
      flush_confirmed (store, request);
      return;
    case NBD_STATUS:
      nbd_over (store, request, request->known ? 0 : -EIO);
      return;
    case NBD_READ:
      if (request->bounce != NULL)
        iov_scatter (request->io->iov, request->io->n_iov, request->progress,
                     request->bounce + (request->offset + request->progress - request->at), request->part);
      break;
    case NBD_WRITE:
    case NBD_ZERO:
    case NBD_PUNCH:
    default:
      if (request->reads_first)
        {
          write_merged (store, request);
          return;
        }
      log_written (store, request);
    }
  g_clear_pointer (&request->bounce, g_free);
  request->progress += request->part;
  nbd_request_start (store, request); /* ends it, if that was all */
}
