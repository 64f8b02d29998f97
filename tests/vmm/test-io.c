/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loop/loop-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define WAIT_SECONDS 20
#define N_REQUESTS   700u /* more than the engine hands to the kernel at a time */
#define BLOCK        4096u

typedef struct {
  EventLoop *loop;
  int fd;
  GMutex lock;
  GCond cond;
  unsigned n_done;
  LoopIo io[N_REQUESTS];
  struct iovec iov[N_REQUESTS];
  uint8_t *data;
} IoTest;

static IoTest *
setup (LoopIoEngineChoice choice)
{
  IoTest *test = g_new0 (IoTest, 1);
  GError *error = NULL;
  char name[] = "/tmp/bonsai-io-XXXXXX";

  test->loop = loop_new_with_engine ("io-test", choice, &error);
  g_assert_no_error (error);
  if (choice == LOOP_IO_ENGINE_THREADS)
    g_assert_cmpstr (loop_io_engine (test->loop), ==, "threads");
  else
    g_test_message ("engine: %s", loop_io_engine (test->loop));
  test->fd = mkostemp (name, O_CLOEXEC);
  g_assert_cmpint (test->fd, >=, 0);
  unlink (name);
  test->data = g_malloc0 (N_REQUESTS * BLOCK);
  g_mutex_init (&test->lock);
  g_cond_init (&test->cond);
  return test;
}

static void
teardown (IoTest *test)
{
  if (test->loop)
    loop_free (test->loop);
  close (test->fd);
  g_free (test->data);
  g_mutex_clear (&test->lock);
  g_cond_clear (&test->cond);
  g_free (test);
}

static void
note_done (LoopIo *io, int result)
{
  IoTest *test = io->data;

  g_assert_true (loop_is_current (test->loop));
  g_assert_cmpint (io->result, ==, result);
  g_mutex_lock (&test->lock);
  test->n_done++;
  g_cond_broadcast (&test->cond);
  g_mutex_unlock (&test->lock);
}

static void
wait_for (IoTest *test, unsigned n)
{
  gint64 end = g_get_monotonic_time () + WAIT_SECONDS * G_TIME_SPAN_SECOND;

  g_mutex_lock (&test->lock);
  while (test->n_done < n)
    g_assert_true (g_cond_wait_until (&test->cond, &test->lock, end));
  g_mutex_unlock (&test->lock);
}

static LoopIo *
prepare (IoTest *test, unsigned i, LoopIoKind kind)
{
  test->iov[i] = (struct iovec){ test->data + (size_t)i * BLOCK, BLOCK };
  test->io[i] = (LoopIo){
    .kind = kind,
    .fd = test->fd,
    .offset = (uint64_t)i * BLOCK,
    .iov = &test->iov[i],
    .n_iov = 1,
    .done = note_done,
    .data = test,
  };
  return &test->io[i];
}

static void
run_one (IoTest *test, LoopIo *io)
{
  unsigned n = test->n_done;

  loop_io_submit (test->loop, io);
  wait_for (test, n + 1);
}

static void
submit_all (void *data)
{
  IoTest *test = data;

  for (unsigned i = 0; i < N_REQUESTS; i++)
    loop_io_submit (test->loop, prepare (test, i, LOOP_IO_WRITE));
}

static void
test_write_and_read (gconstpointer choice)
{
  IoTest *test = setup (GPOINTER_TO_UINT (choice));
  LoopIo *sync;

  for (unsigned i = 0; i < N_REQUESTS; i++)
    memset (test->data + (size_t)i * BLOCK, (int)(i % 251), BLOCK);
  loop_call (test->loop, submit_all, test);
  wait_for (test, N_REQUESTS);

  sync = prepare (test, 0, LOOP_IO_FSYNC);
  run_one (test, sync);
  g_assert_cmpint (sync->result, ==, 0);

  memset (test->data, 0, N_REQUESTS * BLOCK);
  test->n_done = 0;
  for (unsigned i = 0; i < N_REQUESTS; i++)
    loop_io_submit (test->loop, prepare (test, i, LOOP_IO_READ));
  wait_for (test, N_REQUESTS);
  for (unsigned i = 0; i < N_REQUESTS; i++)
    {
      g_assert_cmpint (test->io[i].result, ==, BLOCK);
      g_assert_cmpint (test->data[(size_t)i * BLOCK + 17], ==, i % 251);
    }
  teardown (test);
}

static void
test_results (gconstpointer choice)
{
  IoTest *test = setup (GPOINTER_TO_UINT (choice));
  LoopIo *io;

  /* A short read, as it is. */
  g_assert_cmpint (pwrite (test->fd, "abc", 3, 0), ==, 3);
  io = prepare (test, 0, LOOP_IO_READ);
  run_one (test, io);
  g_assert_cmpint (io->result, ==, 3);

  io = prepare (test, 0, LOOP_IO_READ);
  io->fd = -1;
  run_one (test, io);
  g_assert_cmpint (io->result, ==, -EBADF);

  io = prepare (test, 0, LOOP_IO_FALLOCATE);
  io->length = 64 * BLOCK;
  run_one (test, io);
  g_assert_cmpint (io->result, ==, 0);
  g_assert_cmpint (lseek (test->fd, 0, SEEK_END), ==, 64 * BLOCK);

  io = prepare (test, 0, LOOP_IO_FALLOCATE);
  io->flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  io->length = BLOCK;
  run_one (test, io);
  g_assert_true (io->result == 0 || io->result == -EOPNOTSUPP);
  teardown (test);
}

static void
test_scattered (gconstpointer choice)
{
  IoTest *test = setup (GPOINTER_TO_UINT (choice));
  struct iovec parts[3] = { { test->data, 1 }, { test->data + 100, 2 }, { test->data + 200, 3 } };
  LoopIo *io = prepare (test, 0, LOOP_IO_READ);

  g_assert_cmpint (pwrite (test->fd, "abcdef", 6, 10), ==, 6);
  io->iov = parts;
  io->n_iov = 3;
  io->offset = 10;
  run_one (test, io);
  g_assert_cmpint (io->result, ==, 6);
  g_assert_cmpmem (test->data + 200, 3, "def", 3);
  teardown (test);
}

/* The loop's end awaits what was submitted. */
static void
test_free_waits (gconstpointer choice)
{
  IoTest *test = setup (GPOINTER_TO_UINT (choice));

  loop_call (test->loop, submit_all, test);
  loop_free (test->loop);
  test->loop = NULL;
  g_assert_cmpuint (test->n_done, ==, N_REQUESTS);
  teardown (test);
}

static void
again (LoopIo *io, int result)
{
  IoTest *test = io->data;
  bool more;

  g_assert_cmpint (result, ==, BLOCK);
  g_mutex_lock (&test->lock);
  more = test->n_done < 2000;
  g_mutex_unlock (&test->lock);
  note_done (io, result);
  if (more)
    loop_io_submit (test->loop, io);
}

/* Each completion submits the next: that neither nests nor stalls. */
static void
test_chain (gconstpointer choice)
{
  IoTest *test = setup (GPOINTER_TO_UINT (choice));
  LoopIo *io = prepare (test, 0, LOOP_IO_WRITE);

  io->done = again;
  loop_io_submit (test->loop, io);
  wait_for (test, 2000);
  teardown (test);
}

static LoopIo *
prepare_brief (IoTest *test, unsigned i)
{
  LoopIo *io = prepare (test, i, LOOP_IO_WRITE);

  io->brief = true;
  return io;
}

static void
submit_brief (void *data)
{
  IoTest *test = data;
  unsigned n_run;

  loop_io_submit (test->loop, prepare_brief (test, 0));
  g_assert_cmpuint (test->n_done, ==, 0);
  n_run = loop_io_flush (test->loop);
  g_assert_cmpuint (n_run, ==, 1);
  g_assert_cmpuint (test->n_done, ==, 1);
}

static void
submit_brief_in_penalty (void *data)
{
  IoTest *test = data;
  unsigned n_run;

  test->loop->io_brief.from = INT64_MAX;
  loop_io_submit (test->loop, prepare_brief (test, 1));
  n_run = loop_io_flush (test->loop);
  g_assert_cmpuint (n_run, ==, test->n_done - 1);
  if (strcmp (loop_io_engine (test->loop), "threads") == 0)
    g_assert_cmpuint (n_run, ==, 0);
}

/* What is brief is done when the loop's turn ends; after one that wasn't, the engine does them. */
static void
test_brief (gconstpointer choice)
{
  IoTest *test = setup (GPOINTER_TO_UINT (choice));
  char content[2];

  test->data[0] = 'a';
  test->data[BLOCK] = 'b';
  loop_call_sync (test->loop, submit_brief, test);
  loop_call_sync (test->loop, submit_brief_in_penalty, test);
  wait_for (test, 2);
  for (unsigned i = 0; i < 2; i++)
    g_assert_cmpint (pread (test->fd, content + i, 1, (off_t)i * BLOCK), ==, 1);
  g_assert_cmpmem (content, 2, "ab", 2);
  teardown (test);
}

static void
test_brief_chain (gconstpointer choice)
{
  IoTest *test = setup (GPOINTER_TO_UINT (choice));
  LoopIo *io = prepare_brief (test, 0);

  io->done = again;
  loop_io_submit (test->loop, io);
  wait_for (test, 2000);
  teardown (test);
}

static void
submit_brief_and_wait (void *data)
{
  IoTest *test = data;

  loop_io_submit (test->loop, prepare_brief (test, 0));
  while (test->n_done == 0)
    loop_wait_for_others (test->loop);
}

static void
test_brief_awaited (gconstpointer choice)
{
  IoTest *test = setup (GPOINTER_TO_UINT (choice));

  loop_call (test->loop, submit_brief_and_wait, test);
  wait_for (test, 1);
  teardown (test);
}

static void
add (const char *path, GTestDataFunc func)
{
  g_autofree char *best = g_strconcat ("/io/best", path, NULL);
  g_autofree char *threads = g_strconcat ("/io/threads", path, NULL);

  g_test_add_data_func (best, GUINT_TO_POINTER (LOOP_IO_ENGINE_BEST), func);
  g_test_add_data_func (threads, GUINT_TO_POINTER (LOOP_IO_ENGINE_THREADS), func);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/write-and-read", test_write_and_read);
  add ("/results", test_results);
  add ("/scattered", test_scattered);
  add ("/free-waits", test_free_waits);
  add ("/chain", test_chain);
  add ("/brief", test_brief);
  add ("/brief-chain", test_brief_chain);
  add ("/brief-awaited", test_brief_awaited);
  return g_test_run ();
}
