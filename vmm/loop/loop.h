/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/loop/clock.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * EventLoop: one thread with a GMainContext that serves descriptors, timers and io_uring
 * completions of one machine (or of one image job).
 *
 * Threading: loop_new, loop_free: owner's thread. loop_call, loop_call_sync, timer_* and
 * loop_io_*: any thread. Every callback runs on the loop's thread.
 */
typedef struct EventLoop EventLoop;
typedef struct LoopTimer LoopTimer;
typedef struct LoopWatch LoopWatch;

typedef void (*LoopFunc) (void *data);
typedef void (*LoopFdFunc) (void *data, int fd, GIOCondition condition);

/**
 * loop_new:
 * @name: the thread's name, 15 bytes at most
 *
 * Starts the thread. Returns: (transfer full): the loop, or NULL with @error set.
 */
EventLoop *loop_new (const char *name, GError **error);

/* Ends the thread after the callbacks that are ready; pending I/O is awaited. */
void loop_free (EventLoop *loop);

GMainContext *loop_context (EventLoop *loop);
bool loop_is_current (EventLoop *loop);

/* Processor time in ns that the loop's thread has used; 0 until it runs. Any thread. */
uint64_t loop_cpu_time (EventLoop *loop);

/* Runs @func on the loop's thread: soon / before this returns. The latter may be called
 * from the loop's own thread (it then runs at once). Never with a device lock held. */
void loop_call (EventLoop *loop, LoopFunc func, void *data);
void loop_call_sync (EventLoop *loop, LoopFunc func, void *data);

/* On the loop's thread, in a callback that must wait for another one: one iteration, file I/O too. */
void loop_wait_for_others (EventLoop *loop);

/* --- descriptors --- */

/* Watches @fd for @condition. The fd stays the caller's. Returns: (transfer full). */
LoopWatch *loop_watch_fd (EventLoop *loop, int fd, GIOCondition condition, LoopFdFunc func, void *data);

/* Changes what is watched for; 0 silences it without losing the watch. */
void loop_watch_set_condition (LoopWatch *watch, GIOCondition condition);

/* Looks whether what @fd would tell of is there already, without a system call, and does the work. Returns
 * whether there was any. @falling_asleep: the last chance; what makes @fd ready must be armed when this gives
 * false. */
typedef bool (*LoopLookFunc) (void *data, int fd, bool falling_asleep);

/* While the loop is busy it calls @look for some microseconds before it sleeps. Before the first callback
 * only. */
void loop_watch_set_look (LoopWatch *watch, LoopLookFunc look);

/* Whether this is the loop's thread and it looks for work before it sleeps: every look function will then be
 * called again, falling_asleep at the latest. */
bool loop_is_looking (EventLoop *loop);

/* After it returns the callback does not run and will not (safe in the callback itself). When called on
 * another thread while the callback runs, waits for it; never call with a lock the callback takes. */
void loop_watch_free (LoopWatch *watch);

/* --- timers --- */

/**
 * loop_timer_new:
 * @clock: (nullable): virtual clock the deadlines are measured on; NULL means CLOCK_MONOTONIC
 *
 * A one-shot timer, disarmed. Returns: (transfer full).
 */
LoopTimer *loop_timer_new (EventLoop *loop, VmClock *clock, LoopFunc func, void *data);

/* Arms for the absolute time @deadline in ns (of the timer's clock); replaces an earlier one. */
void loop_timer_arm (LoopTimer *timer, int64_t deadline);
void loop_timer_cancel (LoopTimer *timer);
bool loop_timer_is_armed (const LoopTimer *timer);

/* Absolute deadline in ns, or -1 when disarmed (for saved states). */
int64_t loop_timer_deadline (const LoopTimer *timer);
void loop_timer_free (LoopTimer *timer);

/* Re-evaluates every timer on @clock after it was started, stopped or set. */
void loop_clock_changed (EventLoop *loop, VmClock *clock);

/* --- file I/O: io_uring, or a thread pool where that is forbidden --- */

typedef enum {
  LOOP_IO_READ,
  LOOP_IO_WRITE,
  LOOP_IO_FSYNC,     /* fdatasync */
  LOOP_IO_FALLOCATE, /* mode in @flags, range in @offset and @length */
} LoopIoKind;

typedef struct LoopIo LoopIo;
typedef void (*LoopIoFunc) (LoopIo *io, int result);

/* Owned by the caller, alive and unmoved from submit to @done. @result: bytes, or -errno. Short reads and
 * writes are reported as they are: the caller continues them. */
struct LoopIo {
  LoopIoKind kind;
  int fd;
  int flags;
  uint64_t offset; /* bytes */
  uint64_t length; /* bytes, fallocate only */
  const struct iovec *iov;
  unsigned n_iov; /* 1..1024 */
  /* Over within microseconds as a rule, although the kernel can't promise it: the loop's own thread does it,
   * as long as such requests prove to be brief. */
  bool brief;
  LoopIoFunc done; /* on the loop's thread */
  void *data;
  /* private */
  EventLoop *loop;
  LoopIo *next;
  int result;
};

/* Submits from any thread. Submissions made inside one loop callback go to the kernel together. */
void loop_io_submit (EventLoop *loop, LoopIo *io);

/* Does it on the calling thread, without a loop and without @done. Returns: bytes, or -errno. */
int loop_io_run (const LoopIo *io);

/* "io_uring" or "threads", for logs. */
const char *loop_io_engine (EventLoop *loop);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EventLoop, loop_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoopTimer, loop_timer_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoopWatch, loop_watch_free)

G_END_DECLS
