/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/loop/loop.h"

G_BEGIN_DECLS

/* --- for tests and for the device bench --- */

typedef enum {
  LOOP_IO_ENGINE_BEST,    /* io_uring, else threads */
  LOOP_IO_ENGINE_THREADS, /* as where io_uring is forbidden */
} LoopIoEngineChoice;

EventLoop *loop_new_with_engine (const char *name, LoopIoEngineChoice choice, GError **error);

/* Calls @hook after each of the loop's iterations; NULL ends it. Returns when the change is in force. */
void loop_set_iteration_hook (EventLoop *loop, LoopFunc hook, void *data);

/* For a @clock that stands still and is moved by hand: the earliest deadline on it (INT64_MAX: none), and
 * firing the timers that are due at its present time, in order. On the loop's thread. */
int64_t loop_next_deadline (EventLoop *loop, VmClock *clock);
void loop_fire_due_timers (EventLoop *loop, VmClock *clock);

/* --- for vmm/device: like the public ones, with an owner's data that is freed at the end --- */

LoopTimer *loop_timer_new_full (EventLoop *loop, VmClock *clock, LoopFunc func, void *data,
                                GDestroyNotify destroy);
LoopWatch *loop_watch_fd_full (EventLoop *loop, int fd, GIOCondition condition, LoopFdFunc func, void *data,
                               GDestroyNotify destroy);

/* In a timer's callback, after it got the lock that its owner arms and cancels under: whether the owner did
 * so since the timer expired. Then the expiry no longer counts. */
bool loop_timer_is_overtaken (const LoopTimer *timer);

/* loop_watch_free that doesn't wait for a callback under way. */
void loop_watch_release (LoopWatch *watch);
void *loop_watch_data (LoopWatch *watch);

/* --- inside vmm/loop --- */

typedef struct LoopIoEngine LoopIoEngine;

typedef struct {
  LoopIo *first, *last;
} LoopIoQueue;

/* Requests that the loop's own thread does. Times in ns of loop_now_ns. */
typedef struct {
  LoopIoQueue queue;
  int64_t from;          /* none before: one had to wait */
  int64_t watched_until; /* whether they wait is looked at */
} LoopBrief;

/* One way of doing file I/O. All functions run on the loop's thread but start, which runs before it exists.
 */
typedef struct {
  const char *name;
  LoopIoEngine *(*start) (EventLoop *loop); /* NULL: not on this host */
  void (*submit) (LoopIoEngine *engine, LoopIo *io);
  unsigned (*flush) (LoopIoEngine *engine); /* end of an iteration: hands the submitted to the kernel; how
                                             * many are done already */
  unsigned (*reap) (LoopIoEngine *engine);  /* runs the callbacks of what is done by now; how many */
  void (*stop) (LoopIoEngine *engine);      /* nothing is in flight */
} LoopIoEngineOps;

extern const LoopIoEngineOps io_uring_engine;
extern const LoopIoEngineOps io_threads_engine;

struct EventLoop {
  GMainContext *context;
  GThread *thread;
  int cpu_clock; /* atomic: a clockid_t, or 0 while it is not known */
  GSource *call_source;
  GSource *timer_source;
  GSource *io_source; /* submissions of other threads */
  int timer_fd;
  bool ending;         /* loop's thread */
  bool timers_running; /* loop's thread */

  /* Watches and timers: guards all of their members; callbacks run without it. */
  GMutex lock;
  GCond callback_ended;
  unsigned n_waiting;    /* threads, for that */
  const void *running;   /* the watch or timer whose callback runs now */
  GPtrArray *timers;     /* armed */
  GPtrArray *lookers;    /* watches with a look function; changed on the loop's thread only */
  int64_t timer_fd_time; /* what the descriptor is armed for; INT64_MAX: nothing */

  GMutex call_lock;
  GArray *calls; /* of LoopCall */

  const LoopIoEngineOps *io_ops;
  LoopIoEngine *io_engine;
  GMutex io_lock;
  LoopIoQueue io_foreign; /* submitted by other threads */
  /* Loop's thread. */
  unsigned io_in_flight;
  LoopBrief io_brief;

  /* Loop's thread. */
  GPollFD *fds;
  int n_fds;
  int64_t look_ns; /* how long it looks for work before it sleeps */

  LoopFunc iteration_hook; /* loop's thread */
  void *iteration_hook_data;
};

/* One turn: waits, or looks, for what is ready, and runs it. */
void loop_iterate (EventLoop *loop);
bool loop_watch_look_locked (LoopWatch *watch, bool falling_asleep);

/* Brackets a callback of @owner, so that freeing it on another thread can wait. */
void loop_callback_begin_locked (EventLoop *loop, const void *owner);
void loop_callback_end_locked (EventLoop *loop);
void loop_callback_wait_locked (EventLoop *loop, const void *owner);

/* A source of the loop whose dispatch gets @data. (transfer full) */
GSource *loop_source_new (EventLoop *loop, GSourceFuncs *funcs, void *data);

/* For sources with descriptors: GLib stops polling those of one that may not recurse while it is dispatched,
 * and wakes the loop for that, twice. A callback that waits for others must not be called in there again. */
void loop_source_spare_wakeups (GSource *source);

bool loop_timers_init (EventLoop *loop, GError **error);
void loop_timers_clear (EventLoop *loop);

void loop_io_init (EventLoop *loop, LoopIoEngineChoice choice);
unsigned loop_io_flush (EventLoop *loop); /* how many callbacks it ran */
void loop_io_clear (EventLoop *loop);
void loop_io_complete (LoopIo *io, int result); /* loop's thread */
unsigned loop_io_run_brief (EventLoop *loop);
void loop_io_queue_append (LoopIoQueue *queue, LoopIo *io);
LoopIo *loop_io_queue_take (LoopIoQueue *queue); /* NULL: empty */
int64_t loop_now_ns (void);                      /* CLOCK_MONOTONIC */

G_END_DECLS
