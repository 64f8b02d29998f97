/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits of disk images, on a clock that is moved by hand. */
#include "devices/image/throttle.h"

#include "tests/bench-device/bench.h"

#define MANY 2000

typedef struct {
  Bench *bench;
  Throttle *throttle;
  ImageRequest requests[MANY];
  ImageRequest *released[MANY];
  unsigned n_released, n_submitted;
} Fixture;

static void
furnish (Bench *bench, void *data)
{
}

/* On the loop's thread, which stands still between the clock's moves. */
static void
release (ImageRequest *request)
{
  Fixture *f = request->data;

  f->released[f->n_released++] = request;
}

static void
setup (Fixture *f, gconstpointer data)
{
  f->bench = bench_new_with (furnish, NULL);
  f->throttle = throttle_new (bench_board (f->bench)->loop, bench_board (f->bench)->clock, release);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  throttle_free (f->throttle);
  bench_free (f->bench);
}

static void
submit (Fixture *f, unsigned n, ImageRequestKind kind, uint64_t length)
{
  for (unsigned i = 0; i < n; i++)
    {
      ImageRequest *request = &f->requests[f->n_submitted++];

      *request = (ImageRequest){ .kind = kind, .length = length, .data = f };
      if (throttle_pass (f->throttle, request))
        f->released[f->n_released++] = request;
    }
}

static void
advance (Fixture *f, int64_t ms)
{
  bench_advance_clock (f->bench, ms * NS_PER_MS);
}

static void
assert_released (Fixture *f, unsigned least, unsigned most)
{
  g_assert_cmpuint (f->n_released, >=, least);
  g_assert_cmpuint (f->n_released, <=, most);
  for (unsigned i = 0; i < f->n_released; i++)
    g_assert_true (f->released[i] == &f->requests[i]); /* in order */
}

static void
test_none (Fixture *f, gconstpointer data)
{
  submit (f, MANY, IMAGE_WRITE, 1 << 20);
  assert_released (f, MANY, MANY);
}

static void
test_requests (Fixture *f, gconstpointer data)
{
  throttle_set_limits (f->throttle, &(ImageLimits){ .iops = 100, .iops_burst = 20 });
  submit (f, 1000, IMAGE_READ, 4096);
  assert_released (f, 20, 20);
  advance (f, 1000);
  assert_released (f, 119, 121);
  advance (f, 5000);
  assert_released (f, 619, 621);
  advance (f, 4000);
  assert_released (f, 1000, 1000);

  /* Idleness saves up a burst and no more. */
  advance (f, 100000);
  submit (f, 100, IMAGE_READ, 4096);
  assert_released (f, 1020, 1020);
  advance (f, 2000);
  assert_released (f, 1100, 1100);
}

static void
test_bytes (Fixture *f, gconstpointer data)
{
  throttle_set_limits (f->throttle, &(ImageLimits){ .bytes_per_second = 1 << 20, .bytes_burst = 1 << 16 });
  submit (f, 200, IMAGE_WRITE, 1 << 15);
  assert_released (f, 2, 2);
  advance (f, 1000);
  assert_released (f, 33, 35); /* 32 each second */
  advance (f, 2000);
  assert_released (f, 97, 99);

  /* A request that is larger than the burst goes, and the next one waits the longer. */
  advance (f, 10000);
  f->n_released = f->n_submitted = 0;
  submit (f, 2, IMAGE_WRITE, 4 << 20);
  assert_released (f, 1, 1);
  advance (f, 3800);
  assert_released (f, 1, 1);
  advance (f, 300);
  assert_released (f, 2, 2);
}

/* Both limits hold at once; flushes are free, discards cost no bytes. */
static void
test_both (Fixture *f, gconstpointer data)
{
  throttle_set_limits (f->throttle, &(ImageLimits){ .iops = 1000, .bytes_per_second = 1 << 20 });
  submit (f, 500, IMAGE_WRITE, 1 << 14);
  f->n_released = 0;
  advance (f, 1000);
  g_assert_cmpuint (f->n_released, >=, 62);
  g_assert_cmpuint (f->n_released, <=, 66);
  f->n_submitted = 600;
  submit (f, 3, IMAGE_FLUSH, 0);
  g_assert_cmpuint (f->n_released, <=, 69);
  throttle_set_limits (f->throttle, &(ImageLimits){ .iops = 1000, .bytes_per_second = 1 << 20 });
  advance (f, 100000);
  f->n_released = f->n_submitted = 0;
  submit (f, 300, IMAGE_DISCARD, 1 << 30);
  assert_released (f, 100, 100);
  advance (f, 100);
  assert_released (f, 199, 201);
  advance (f, 1000);
  assert_released (f, 300, 300);
}

/* Changed while requests wait; let through; lifted. */
static void
test_changes (Fixture *f, gconstpointer data)
{
  throttle_set_limits (f->throttle, &(ImageLimits){ .iops = 1 });
  submit (f, 100, IMAGE_READ, 512);
  assert_released (f, 1, 1);
  advance (f, 3000);
  assert_released (f, 3, 4);
  throttle_set_limits (f->throttle, &(ImageLimits){ .iops = 10, .iops_burst = 1 });
  advance (f, 1000);
  assert_released (f, 12, 15);
  throttle_let_through (f->throttle);
  advance (f, 0);
  assert_released (f, 100, 100);
  submit (f, 10, IMAGE_READ, 512);
  assert_released (f, 100, 100); /* it is paid for now */
  advance (f, 1000);
  assert_released (f, 100, 100);
  throttle_set_limits (f->throttle, &(ImageLimits){ 0 });
  advance (f, 1);
  assert_released (f, 110, 110);
  submit (f, 10, IMAGE_READ, 512);
  assert_released (f, 120, 120);
}

/* Nothing is done while nothing waits: a limit costs no timer. */
static void
test_no_polling (Fixture *f, gconstpointer data)
{
  throttle_set_limits (f->throttle, &(ImageLimits){ .iops = 10, .iops_burst = 1 });
  submit (f, 3, IMAGE_READ, 512);
  advance (f, 1000);
  assert_released (f, 3, 3);
  advance (f, 3600 * 1000); /* would run out of turns if a timer kept firing */
  submit (f, 1, IMAGE_READ, 512);
  assert_released (f, 4, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/throttle/" path, Fixture, NULL, setup, func, teardown)
  ADD ("none", test_none);
  ADD ("requests", test_requests);
  ADD ("bytes", test_bytes);
  ADD ("both", test_both);
  ADD ("changes", test_changes);
  ADD ("no-polling", test_no_polling);
#undef ADD
  return g_test_run ();
}
