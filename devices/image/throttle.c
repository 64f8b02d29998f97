/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/throttle.h"

#include "devices/image/image-private.h"

/* A tenth of a second's worth, where no burst is asked for: enough that the timer's grain costs no
 * throughput. */
#define DEFAULT_BURST 0.1

typedef struct {
  double rate;   /* tokens per second; 0: no limit */
  double most;   /* what fits in */
  double tokens; /* below zero: owed */
} Bucket;

struct Throttle {
  EventLoop *loop;
  VmClock *clock;
  ThrottleReleaseFunc release;
  LoopTimer *timer;
  int limited; /* atomic */
  GMutex lock;
  int64_t filled; /* when the buckets were, ns */
  Bucket requests, bytes;
  ImageQueue waiting;
  bool hurry; /* all that waits goes at the next turn */
  bool open;  /* and all that comes */
};

/* --- buckets --- */

static void
set_rate (Bucket *bucket, uint64_t rate, uint64_t burst)
{
  bool was_limited = bucket->rate > 0;

  bucket->rate = rate;
  bucket->most = burst > 0 ? burst : MAX (rate * DEFAULT_BURST, 1);
  bucket->tokens = was_limited ? MIN (bucket->tokens, bucket->most) : bucket->most;
}

static void
fill (Bucket *bucket, double seconds)
{
  bucket->tokens = MIN (bucket->tokens + bucket->rate * seconds, bucket->most);
}

/* Seconds until there is a token. */
static double
wait_of (const Bucket *bucket)
{
  return bucket->rate == 0 || bucket->tokens > 0 ? 0 : -bucket->tokens / bucket->rate;
}

static void
pay (Bucket *bucket, double cost)
{
  if (bucket->rate > 0)
    bucket->tokens -= cost;
}

/* --- the line --- */

static int64_t
now (const Throttle *throttle)
{
  return throttle->clock != NULL ? vm_clock_now (throttle->clock) : g_get_monotonic_time () * NS_PER_US;
}

static void
fill_locked (Throttle *throttle)
{
  int64_t time = now (throttle);
  double seconds = (double)(time - throttle->filled) / NS_PER_SECOND;

  fill (&throttle->requests, seconds);
  fill (&throttle->bytes, seconds);
  throttle->filled = time;
}

/* Flushes move nothing, and what they wait for was counted. */
static bool
is_free (const ImageRequest *request)
{
  return request->kind == IMAGE_FLUSH;
}

static void
pay_locked (Throttle *throttle, const ImageRequest *request)
{
  bool moves = request->kind == IMAGE_READ || request->kind == IMAGE_WRITE;

  pay (&throttle->requests, 1);
  pay (&throttle->bytes, moves ? request->length : 0);
}

/* ns until the next request may go: 0 is now. */
static int64_t
delay_locked (const Throttle *throttle)
{
  double seconds = MAX (wait_of (&throttle->requests), wait_of (&throttle->bytes));
  bool empty = (throttle->requests.rate > 0 && throttle->requests.tokens <= 0)
               || (throttle->bytes.rate > 0 && throttle->bytes.tokens <= 0);

  return empty ? (int64_t)(MIN (seconds, 1e6) * NS_PER_SECOND) + 1 : 0;
}

/* The requests whose turn it is, as a list; sets the timer for those that stay. */
static ImageRequest *
take_locked (Throttle *throttle)
{
  ImageQueue ready = { 0 };
  int64_t delay = 0;

  fill_locked (throttle);
  while (throttle->waiting.first != NULL)
    {
      ImageRequest *request = throttle->waiting.first;

      delay = throttle->hurry || throttle->open ? 0 : delay_locked (throttle);
      if (delay > 0)
        break;
      image_queue_pop (&throttle->waiting);
      pay_locked (throttle, request);
      image_queue_push (&ready, request);
    }
  throttle->hurry = false;
  if (throttle->waiting.first != NULL)
    loop_timer_arm (throttle->timer, throttle->filled + delay);
  return ready.first;
}

static void
release_due (void *data)
{
  Throttle *throttle = data;
  ImageRequest *request;

  g_mutex_lock (&throttle->lock);
  request = take_locked (throttle);
  g_mutex_unlock (&throttle->lock);
  while (request != NULL)
    {
      ImageRequest *next = request->next;

      throttle->release (request);
      request = next;
    }
}

bool
throttle_pass (Throttle *throttle, ImageRequest *request)
{
  bool passes;

  if (!__atomic_load_n (&throttle->limited, __ATOMIC_ACQUIRE) || is_free (request))
    return true;
  g_mutex_lock (&throttle->lock);
  fill_locked (throttle);
  passes = throttle->waiting.first == NULL && (throttle->open || delay_locked (throttle) == 0);
  if (passes)
    pay_locked (throttle, request);
  else if (image_queue_push (&throttle->waiting, request))
    loop_timer_arm (throttle->timer, throttle->filled + delay_locked (throttle));
  g_mutex_unlock (&throttle->lock);
  return passes;
}

static void
hurry_locked (Throttle *throttle)
{
  if (throttle->waiting.first == NULL)
    return;
  throttle->hurry = true;
  loop_timer_arm (throttle->timer, 0);
}

void
throttle_let_through (Throttle *throttle)
{
  g_mutex_lock (&throttle->lock);
  hurry_locked (throttle);
  g_mutex_unlock (&throttle->lock);
}

void
throttle_set_open (Throttle *throttle, bool open)
{
  g_mutex_lock (&throttle->lock);
  throttle->open = open;
  hurry_locked (throttle);
  g_mutex_unlock (&throttle->lock);
}

void
throttle_set_limits (Throttle *throttle, const ImageLimits *limits)
{
  g_mutex_lock (&throttle->lock);
  fill_locked (throttle);
  set_rate (&throttle->requests, limits->iops, limits->iops_burst);
  set_rate (&throttle->bytes, limits->bytes_per_second, limits->bytes_burst);
  __atomic_store_n (&throttle->limited, limits->iops > 0 || limits->bytes_per_second > 0, __ATOMIC_RELEASE);
  if (throttle->waiting.first != NULL)
    loop_timer_arm (throttle->timer, throttle->filled);
  g_mutex_unlock (&throttle->lock);
}

/* --- life --- */

Throttle *
throttle_new (EventLoop *loop, VmClock *clock, ThrottleReleaseFunc release)
{
  Throttle *throttle = g_new0 (Throttle, 1);

  throttle->loop = loop;
  throttle->clock = clock;
  throttle->release = release;
  g_mutex_init (&throttle->lock);
  throttle->timer = loop_timer_new (loop, clock, release_due, throttle);
  throttle->filled = now (throttle);
  return throttle;
}

void
throttle_free (Throttle *throttle)
{
  if (throttle == NULL)
    return;
  loop_timer_free (throttle->timer);
  g_mutex_clear (&throttle->lock);
  g_free (throttle);
}
