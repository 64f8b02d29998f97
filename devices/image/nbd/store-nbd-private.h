/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/nbd/nbd-link.h"
#include "devices/image/nbd/store-nbd.h"

G_BEGIN_DECLS

/*
 * store-nbd.c queues requests, nbd-request.c cuts them into NBD's commands, nbd-reconnect.c brings the
 * connection back, nbd-link.c makes one. Everything but submit and run is done on the loop's thread.
 */
typedef struct NbdStore NbdStore;
typedef struct NbdRequest NbdRequest;
typedef struct NbdAttempt NbdAttempt;

typedef enum {
  NBD_READ,
  NBD_WRITE,
  NBD_FLUSH,
  NBD_PUNCH,
  NBD_ZERO,
  NBD_STATUS,
} NbdKind;

/* What was written, and not yet confirmed by a flush. */
typedef struct {
  uint64_t sequence;
  NbdKind kind; /* WRITE or ZERO */
  uint64_t offset, length;
  uint8_t *data; /* WRITE */
} NbdLogEntry;

struct NbdRequest {
  NbdStore *store;
  GList link;  /* in waiting, flying, answered or over */
  StoreIo *io; /* NULL: our own */
  NbdKind kind;
  uint64_t offset, length;
  uint64_t progress;
  /* the command under way */
  uint64_t at, size;   /* of the disk; whole blocks */
  uint64_t part;       /* bytes of the request that it serves */
  uint8_t *bounce;     /* @size bytes, or NULL: straight to @io's memory */
  bool reads_first;    /* of a write that isn't whole blocks: they are read now */
  int error;           /* of the command; 0 or positive */
  uint64_t covers;     /* FLUSH: the log up to this sequence */
  NbdLogEntry *replay; /* our own WRITE or ZERO: the log's */
  /* STATUS */
  bool *is_data;
  uint64_t *end;
  bool known;
  /* run */
  bool waited_for, finished;
  int result;
};

struct NbdStore {
  ImageStore base;
  int references; /* atomic: the owner, and calls that are on their way to the loop */
  EventLoop *loop;
  EventLoop *own_loop; /* without one of the owner's */
  char *uri;
  unsigned patience; /* seconds */

  GMutex lock; /* incoming, and what run waits for */
  GCond cond;
  GQueue incoming; /* of NbdRequest */
  bool woken;      /* a call is on its way */
  uint64_t news;   /* counts calls of nbd_wake */

  /* the loop's thread only */
  bool closed;
  NbdLink link;
  LoopWatch *watch;
  GIOCondition condition;
  GQueue waiting, flying, answered, over;
  bool zero_fails; /* the server said so */

  /* what is kept: see store-nbd.h */
  GQueue log; /* of NbdLogEntry */
  uint64_t sequence;
  size_t log_bytes;
  bool flushing;         /* our own flush is waiting or under way */
  int flush_error;       /* what the next flush has to say: negative */
  unsigned replays_open; /* waiting or flying */

  /* without a connection */
  NbdAttempt *attempt;
  LoopTimer *timer;
  int64_t deadline; /* µs, monotonic; 0: there is a connection, or nobody waits for one */
  int64_t retry_at; /* µs; 0: not waiting for it */
  unsigned failures;
};

/* --- store-nbd.c --- */

void nbd_wake (NbdStore *store); /* has the loop look at everything; any thread */
/* Takes answers, brings the connection back, starts what can be. */
void nbd_step (NbdStore *store);
/* The same, and tells who waits for what is over. */
void nbd_turn (NbdStore *store);
/* Ends @request, which is in no queue. */
void nbd_over (NbdStore *store, NbdRequest *request, int result);
NbdRequest *nbd_request_new (NbdStore *store, NbdKind kind, uint64_t offset, uint64_t length);
NbdStore *nbd_store_ref (NbdStore *store);
void nbd_store_unref (NbdStore *store);

/* --- nbd-request.c --- */

/* Whether @request may go out beside what does already. */
bool nbd_request_may_start (const NbdStore *store, const NbdRequest *request);
/* Sends @request's next command, or ends it. */
void nbd_request_start (NbdStore *store, NbdRequest *request);
/* Its command was answered. */
void nbd_request_answered (NbdStore *store, NbdRequest *request);
void nbd_log_clear (NbdStore *store);

/* --- nbd-reconnect.c --- */

/* Adopts @link (moved). */
void nbd_adopt (NbdStore *store, NbdLink *link);
/* The connection is gone: what was under way, and @again, goes back to waiting. */
void nbd_lost (NbdStore *store, GQueue *again);
/* Looks at the attempt and the time; starts attempts while somebody waits. */
void nbd_pursue (NbdStore *store);
/* When nbd_pursue wants to be called: µs, monotonic; 0: when there is news. */
int64_t nbd_next_turn (const NbdStore *store);
void nbd_abandon (NbdStore *store);
/* After libnbd worked: has it watch for what it wants. */
void nbd_update_watch (NbdStore *store);

G_END_DECLS
