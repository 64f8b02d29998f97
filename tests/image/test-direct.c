/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disks that by-pass the host's page cache, on a host that takes nothing but whole pages: what is smaller is
 * written by reading the page first, and must not bring back what another request wrote to it meanwhile.
 *
 * The linker leads statx here (--wrap), which says how coarse the host is.
 */
#include "devices/image/image.h"
#include "devices/image/range-lock.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE       4096u
#define N_PAGES    12u
#define TAIL       1536u /* the file ends in the middle of a page */
#define SIZE       (N_PAGES * PAGE + TAIL)
#define GRAIN      256u /* of the model */
#define N_GRAINS   (SIZE / GRAIN)
#define N_REQUESTS 12u
#define N_ROUNDS   400u

int __real_statx (int folder, const char *path, int flags, unsigned mask, struct statx *st);
int __wrap_statx (int folder, const char *path, int flags, unsigned mask, struct statx *st);

int
__wrap_statx (int folder, const char *path, int flags, unsigned mask, struct statx *st)
{
  int result = __real_statx (folder, path, flags, mask, st);

#ifdef STATX_DIOALIGN
  st->stx_mask |= STATX_DIOALIGN;
  st->stx_dio_offset_align = st->stx_dio_mem_align = PAGE;
#endif
  return result;
}

typedef struct {
  ImageRequest request;
  struct iovec iov;
  uint8_t *memory; /* two pages more than the longest, aligned */
  uint8_t stamp;   /* of each byte written; 0: zeroes */
} Write;

typedef struct {
  char *folder, *path;
  EventLoop *loop;
  Image *image;
  uint8_t model[SIZE];
  Write writes[N_REQUESTS];
  unsigned n_writes;
  GMutex lock;
  GCond done;
  unsigned n_pending;
} Fixture;

static Image *
open_disk (Fixture *f)
{
  const ImageOptions options = { .format = "raw", .direct = true, .exclusive_lock = true };
  g_autoptr (GError) error = NULL;
  Image *image = image_open (f->loop, f->path, &options, &error);

  g_assert_no_error (error);
  return image;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  /* Where a build may be on a real disk, /tmp is often memory. */
  g_autofree char *here = g_get_current_dir ();
  g_autofree char *pattern = g_build_filename (here, "direct-XXXXXX", NULL);

  f->folder = g_mkdtemp (g_steal_pointer (&pattern));
  g_assert_nonnull (f->folder);
  f->path = g_build_filename (f->folder, "disk.img", NULL);
  f->loop = loop_new ("direct", &error);
  g_assert_no_error (error);
  g_assert_true (image_create_raw (f->path, SIZE, &error));
  f->image = open_disk (f);
  for (unsigned i = 0; i < N_REQUESTS; i++)
    g_assert_cmpint (posix_memalign ((void **)&f->writes[i].memory, PAGE, SIZE + 2 * PAGE), ==, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  image_close (f->image);
  loop_free (f->loop);
  g_unlink (f->path);
  g_rmdir (f->folder);
  for (unsigned i = 0; i < N_REQUESTS; i++)
    free (f->writes[i].memory);
  g_free (f->path);
  g_free (f->folder);
}

/* --- writers that meet --- */

static void
write_done (ImageRequest *request, int error)
{
  Fixture *f = request->data;

  g_assert_cmpint (error, ==, 0);
  g_mutex_lock (&f->lock);
  f->n_pending--;
  g_cond_signal (&f->done);
  g_mutex_unlock (&f->lock);
}

/* Whole pages from aligned memory, parts of pages, or zeroes. */
static void
draw (Fixture *f, Write *write, uint8_t stamp)
{
  unsigned kind = (unsigned)g_test_rand_int_range (0, 8), page = (unsigned)g_test_rand_int_range (0, N_PAGES);
  uint64_t offset = page * PAGE, length = PAGE * (unsigned)g_test_rand_int_range (1, 4);
  unsigned skew = 0;

  if (kind >= 3)
    {
      offset = GRAIN * (unsigned)g_test_rand_int_range (0, N_GRAINS);
      length = GRAIN * (unsigned)g_test_rand_int_range (1, kind == 3 ? 80 : 6);
      skew = g_test_rand_bit () ? 8 : 0;
    }
  length = MIN (length, SIZE - offset);
  write->stamp = kind == 7 ? 0 : stamp;
  write->iov = (struct iovec){ write->memory + skew, length };
  memset (write->iov.iov_base, stamp, length);
  write->request = (ImageRequest){ .kind = kind == 7 ? IMAGE_WRITE_ZEROES : IMAGE_WRITE,
                                   .may_unmap = g_test_rand_bit (),
                                   .offset = offset,
                                   .length = length,
                                   .iov = &write->iov,
                                   .n_iov = 1,
                                   .done = write_done,
                                   .data = f };
}

/* What a grain holds now that those that overlap it are done: what one of them wrote, or what it held. */
static void
judge_grain (Fixture *f, const uint8_t *held, unsigned grain)
{
  uint64_t at = grain * GRAIN;
  bool covered = false, right = false;

  for (unsigned i = 0; i < f->n_writes; i++)
    {
      const ImageRequest *request = &f->writes[i].request;

      if (at < request->offset || at >= request->offset + request->length)
        continue;
      covered = true;
      right |= held[at] == f->writes[i].stamp;
    }
  if (!covered)
    right = held[at] == f->model[at];
  for (unsigned i = 1; i < GRAIN; i++)
    right &= held[at + i] == held[at];
  if (!right)
    g_error ("byte %" G_GUINT64_FORMAT " is %02x", at, held[at]);
}

static void
judge (Fixture *f)
{
  g_autofree uint8_t *held = g_malloc (SIZE);

  g_assert_cmpint (image_run (f->image, IMAGE_READ, 0, held, SIZE), ==, 0);
  for (unsigned i = 0; i < N_GRAINS; i++)
    judge_grain (f, held, i);
  memcpy (f->model, held, SIZE);
}

static void
test_neighbours (Fixture *f, gconstpointer data)
{
  g_autofree char *held = NULL;
  gsize length;

  for (unsigned round = 0; round < N_ROUNDS; round++)
    {
      f->n_writes = f->n_pending = (unsigned)g_test_rand_int_range (2, N_REQUESTS + 1);
      for (unsigned i = 0; i < f->n_writes; i++)
        draw (f, &f->writes[i], (uint8_t)(1 + (round * N_REQUESTS + i) % 255));
      for (unsigned i = 0; i < f->n_writes; i++)
        image_submit (f->image, &f->writes[i].request);
      g_mutex_lock (&f->lock);
      while (f->n_pending > 0)
        g_cond_wait (&f->done, &f->lock);
      g_mutex_unlock (&f->lock);
      judge (f);
    }

  /* And as anyone else sees it. */
  g_assert_cmpint (image_run (f->image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  g_assert_true (g_file_get_contents (f->path, &held, &length, NULL));
  g_assert_cmpmem (held, length, f->model, SIZE);
}

/* --- the file's end --- */

static uint64_t
file_size (const Fixture *f)
{
  GStatBuf st;

  g_assert_cmpint (g_stat (f->path, &st), ==, 0);
  return (uint64_t)st.st_size;
}

static void
test_end (Fixture *f, gconstpointer data)
{
  static const StoreOptions options = { .direct = true };
  g_autoptr (ImageStore) store = NULL;
  uint8_t sector[512], all[2048];

  memset (sector, 0x5a, sizeof sector);
  g_assert_cmpint (image_run (f->image, IMAGE_WRITE, SIZE - 512, sector, 512), ==, 0);
  g_assert_cmpuint (file_size (f), ==, SIZE);
  memset (all, 1, sizeof all);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, SIZE - 2048, all, 2048), ==, 0);
  g_assert_cmpmem (all + 1536, 512, sector, 512);
  for (unsigned i = 0; i < 1536; i++)
    g_assert_cmpuint (all[i], ==, 0);
  image_close (f->image);

  /* A store grows by as much as is written, and gives zeroes beyond. */
  store = store_open (NULL, f->path, &options, NULL);
  g_assert_cmpint (store_write (store, SIZE + 100, sector, 512), ==, 0);
  g_assert_cmpuint (file_size (f), ==, SIZE + 612);
  g_assert_cmpuint (store_size (store), ==, SIZE + 612);
  g_assert_cmpint (store_read (store, SIZE, all, 1024), ==, 0);
  g_assert_cmpmem (all + 100, 512, sector, 512);
  g_assert_cmpuint (all[99], ==, 0);
  g_assert_cmpuint (all[612], ==, 0);

  /* A file that someone cut. */
  g_assert_cmpint (truncate (f->path, PAGE), ==, 0);
  g_assert_cmpint (store_read (store, PAGE + 10, all, 100), ==, -EIO);
  g_assert_cmpint (store_write (store, PAGE + 10, all, 100), ==, -EIO);
  g_clear_pointer (&store, store_close);
  f->image = open_disk (f);
}

/* --- the lock --- */

static void
test_lock (void)
{
  g_autoptr (RangeLock) lock = range_lock_new ();
  RangeHold *shared = range_lock_try (lock, 0, 100, false), *other = range_lock_try (lock, 50, 150, false);
  RangeHold *alone;

  g_assert_nonnull (shared);
  g_assert_nonnull (other);
  g_assert_null (range_lock_try (lock, 99, 101, true));
  alone = range_lock_try (lock, 150, 200, true);
  g_assert_nonnull (alone);
  g_assert_null (range_lock_try (lock, 199, 300, false));
  range_lock_release (lock, shared);
  g_assert_null (range_lock_try (lock, 99, 101, true));
  range_lock_release (lock, other);
  range_lock_release (lock, alone);
  alone = range_lock_try (lock, 99, 101, true);
  g_assert_nonnull (alone);
  range_lock_release (lock, alone);
  range_lock_release (lock, NULL);
}

typedef struct {
  RangeLock *lock;
  RangeHold *hold;
  int taken; /* atomic */
} Waiter;

static void *
wait_for_it (void *data)
{
  Waiter *waiter = data;

  waiter->hold = range_lock_take (waiter->lock, 0, 10, true);
  g_atomic_int_set (&waiter->taken, true);
  return NULL;
}

/* Who comes later waits behind who waits already. */
static void
test_lock_order (void)
{
  g_autoptr (RangeLock) lock = range_lock_new ();
  Waiter waiter = { .lock = lock };
  RangeHold *first = range_lock_take (lock, 0, 5, false), *probe;
  GThread *thread = g_thread_new ("waiter", wait_for_it, &waiter);

  /* Until the waiter is in line, others may share. */
  while ((probe = range_lock_try (lock, 7, 8, false)) != NULL)
    {
      range_lock_release (lock, probe);
      g_thread_yield ();
    }
  g_assert_false (g_atomic_int_get (&waiter.taken));
  range_lock_release (lock, first);
  g_thread_join (thread);
  g_assert_true (g_atomic_int_get (&waiter.taken));
  range_lock_release (lock, waiter.hold);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/direct/lock", test_lock);
  g_test_add_func ("/direct/lock-order", test_lock_order);
  g_test_add ("/direct/neighbours", Fixture, NULL, set_up, test_neighbours, tear_down);
  g_test_add ("/direct/end", Fixture, NULL, set_up, test_end, tear_down);
  return g_test_run ();
}
