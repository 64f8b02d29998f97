/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A loop that looks for work by itself: nothing is lost between looking and sleeping, and who is idle is left
 * alone. */
#include "vmm/loop/loop.h"

#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAIT_SECONDS 20

/* A queue as virtio's: the producer rings only if it was asked to. */
typedef struct {
  EventLoop *loop;
  int fd;
  LoopWatch *watch;
  atomic_uint posted;
  atomic_bool asked;
  unsigned taken; /* loop's thread */
  unsigned wanted;
  atomic_uint looks, rings;
  GMutex lock;
  GCond all_taken;
  bool done;
} Queue;

static bool
take (Queue *queue)
{
  unsigned posted = atomic_load (&queue->posted);
  bool found = posted != queue->taken;

  queue->taken = posted;
  if (posted == queue->wanted && found)
    {
      g_mutex_lock (&queue->lock);
      queue->done = true;
      g_cond_signal (&queue->all_taken);
      g_mutex_unlock (&queue->lock);
    }
  return found;
}

static void
ask (Queue *queue)
{
  atomic_store (&queue->asked, true);
  atomic_thread_fence (memory_order_seq_cst);
}

static void
rung (void *data, int fd, GIOCondition condition)
{
  Queue *queue = data;
  eventfd_t count;

  g_assert_cmpint (eventfd_read (fd, &count), ==, 0);
  take (queue);
  if (!loop_is_looking (queue->loop))
    {
      ask (queue);
      take (queue);
    }
}

static bool
look (void *data, int fd, bool falling_asleep)
{
  Queue *queue = data;

  atomic_fetch_add (&queue->looks, 1);
  if (falling_asleep)
    ask (queue);
  return take (queue);
}

static void
post (Queue *queue)
{
  atomic_fetch_add (&queue->posted, 1);
  atomic_thread_fence (memory_order_seq_cst);
  if (atomic_exchange (&queue->asked, false))
    {
      atomic_fetch_add (&queue->rings, 1);
      eventfd_write (queue->fd, 1);
    }
}

static void
queue_init (Queue *queue, unsigned wanted)
{
  g_autoptr (GError) error = NULL;

  *queue = (Queue){ .wanted = wanted };
  g_mutex_init (&queue->lock);
  g_cond_init (&queue->all_taken);
  queue->loop = loop_new ("look", &error);
  g_assert_no_error (error);
  queue->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  atomic_store (&queue->asked, true);
  queue->watch = loop_watch_fd (queue->loop, queue->fd, G_IO_IN, rung, queue);
  loop_watch_set_look (queue->watch, look);
}

static void
queue_clear (Queue *queue)
{
  loop_watch_free (queue->watch);
  loop_free (queue->loop);
  close (queue->fd);
  g_mutex_clear (&queue->lock);
  g_cond_clear (&queue->all_taken);
}

static void
wait_until_taken (Queue *queue)
{
  int64_t end = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;

  g_mutex_lock (&queue->lock);
  while (!queue->done)
    g_assert_true (g_cond_wait_until (&queue->all_taken, &queue->lock, end));
  g_mutex_unlock (&queue->lock);
}

/* Whatever the loop does when an item comes, sleeps or looks or falls asleep, it takes it. */
static void
test_nothing_is_lost (void)
{
  Queue queue;
  g_autoptr (GRand) rand = g_rand_new_with_seed (17);

  queue_init (&queue, 50000);
  for (unsigned i = 0; i < queue.wanted; i++)
    {
      for (int pause = g_rand_int_range (rand, 0, 2000); pause > 0; pause--)
        __builtin_ia32_pause ();
      post (&queue);
    }
  wait_until_taken (&queue);
  g_test_message ("%u items, %u rings, %u looks", queue.wanted, atomic_load (&queue.rings),
                  atomic_load (&queue.looks));
  queue_clear (&queue);
}

static void
nothing (void *data)
{
}

/* A watch that goes takes its look function with it, and a loop that slept for long does not look before it
 * sleeps. */
static void
test_idle (void)
{
  Queue queue;
  unsigned before;

  queue_init (&queue, 1);
  post (&queue);
  wait_until_taken (&queue);
  loop_call_sync (queue.loop, nothing, NULL);
  g_usleep (100000); /* not for synchronisation: the loop has fallen asleep, for long */
  loop_call_sync (queue.loop, nothing, NULL);
  before = atomic_load (&queue.looks);
  for (unsigned i = 0; i < 3; i++)
    {
      g_usleep (20000);
      loop_call_sync (queue.loop, nothing, NULL);
    }
  g_assert_cmpuint (atomic_load (&queue.looks) - before, <=, 8);
  queue_clear (&queue);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/loop/look/nothing-is-lost", test_nothing_is_lost);
  g_test_add_func ("/loop/look/idle", test_idle);
  return g_test_run ();
}
