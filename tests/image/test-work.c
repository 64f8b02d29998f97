/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/jobs/jobs.h"

#include <glib/gstdio.h>
#include <string.h>

/* Work on the layers of a disk while somebody writes to it: the disk's content is what was written, at every
 * moment and whatever becomes of the work. */

#define DISK_SIZE (24u << 20)
#define MAX_WRITE (200u << 10)

typedef struct {
  char *folder, *top;
  EventLoop *loop;
  Image *image;
  uint8_t *model; /* what the disk holds */

  GThread *guest;
  int stop; /* atomic */
  GRand *random;
  unsigned n_changes;
  uint64_t progress;
  GCancellable *cancellable;
  double cancel_at; /* share of the work; 0: never */
} Fixture;

static char *
in_folder (const Fixture *f, const char *name)
{
  return g_build_filename (f->folder, name, NULL);
}

static void
open_top (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  f->image = image_open (f->loop, f->top, NULL, &error);
  g_assert_no_error (error);
}

/* A change of the disk and of the model. */
static void
change (Fixture *f, unsigned most)
{
  uint64_t offset = (uint64_t)g_rand_int_range (f->random, 0, DISK_SIZE / 512) * 512;
  uint64_t length = (uint64_t)g_rand_int_range (f->random, 1, (int)most / 512) * 512;

  length = MIN (length, DISK_SIZE - offset);
  if (g_rand_int_range (f->random, 0, 5) == 0)
    {
      memset (f->model + offset, 0, length);
      g_assert_cmpint (image_run (f->image, IMAGE_WRITE_ZEROES, offset, NULL, length), ==, 0);
    }
  else
    {
      for (uint64_t i = 0; i < length; i += 8)
        *(uint64_t *)(f->model + offset + i) = (uint64_t)g_rand_int (f->random) << 32 | i;
      g_assert_cmpint (image_run (f->image, IMAGE_WRITE, offset, f->model + offset, length), ==, 0);
    }
  if (g_rand_int_range (f->random, 0, 20) == 0)
    g_assert_cmpint (image_run (f->image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
}

static void
add_layer (Fixture *f, const char *name, const char *backing)
{
  g_autofree char *path = in_folder (f, name);
  g_autoptr (GError) error = NULL;
  const ImageCreateOptions create = {
    .format = "qcow2",
    .size = DISK_SIZE,
    .backing_path = backing,
    .backing_format = backing != NULL ? "qcow2" : NULL,
  };

  g_assert_true (image_create (path, &create, &error));
  g_assert_no_error (error);
  g_free (f->top);
  f->top = g_steal_pointer (&path);
  open_top (f);
  for (unsigned i = 0; i < 40; i++)
    change (f, MAX_WRITE);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint32 seed = g_test_rand_int ();

  f->folder = g_dir_make_tmp ("bonsai-work-XXXXXX", &error);
  g_assert_no_error (error);
  f->loop = loop_new ("test-work", &error);
  g_assert_no_error (error);
  f->random = g_rand_new_with_seed (seed);
  f->model = g_malloc0 (DISK_SIZE);
  f->cancellable = g_cancellable_new ();
  g_test_message ("seed %u", seed);

  /* Another base, to rebase onto: something else everywhere. */
  add_layer (f, "other.qcow2", NULL);
  g_assert_cmpint (image_run (f->image, IMAGE_WRITE, 0, memset (f->model, 0xee, DISK_SIZE), DISK_SIZE), ==,
                   0);
  g_clear_pointer (&f->image, image_close);
  memset (f->model, 0, DISK_SIZE);

  add_layer (f, "base.qcow2", NULL);
  g_clear_pointer (&f->image, image_close);
  add_layer (f, "middle.qcow2", "base.qcow2");
  g_clear_pointer (&f->image, image_close);
  add_layer (f, "top.qcow2", "middle.qcow2");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  GDir *dir = g_dir_open (f->folder, 0, NULL);
  const char *name;

  image_close (f->image);
  loop_free (f->loop);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = in_folder (f, name);

      g_unlink (path);
    }
  g_dir_close (dir);
  g_rmdir (f->folder);
  g_object_unref (f->cancellable);
  g_rand_free (f->random);
  g_free (f->model);
  g_free (f->folder);
  g_free (f->top);
}

/* --- the guest --- */

static void *
play_guest (void *data)
{
  Fixture *f = data;
  g_autofree uint8_t *seen = g_malloc (MAX_WRITE);

  while (!g_atomic_int_get (&f->stop))
    {
      uint64_t offset = (uint64_t)g_rand_int_range (f->random, 0, (DISK_SIZE - MAX_WRITE) / 512) * 512;

      change (f, 32u << 10);
      f->n_changes++;
      g_assert_cmpint (image_run (f->image, IMAGE_READ, offset, seen, MAX_WRITE), ==, 0);
      g_assert_cmpint (memcmp (seen, f->model + offset, MAX_WRITE), ==, 0);
    }
  return NULL;
}

static void
start_guest (Fixture *f)
{
  f->stop = false;
  f->n_changes = 0;
  f->guest = g_thread_new ("guest", play_guest, f);
}

static void
stop_guest (Fixture *f)
{
  g_atomic_int_set (&f->stop, true);
  g_thread_join (f->guest);
}

/* --- judging --- */

static void
check_content (Fixture *f)
{
  g_autofree uint8_t *seen = g_malloc (DISK_SIZE);

  g_assert_cmpint (image_run (f->image, IMAGE_READ, 0, seen, DISK_SIZE), ==, 0);
  for (unsigned at = 0; at < DISK_SIZE; at += 512)
    if (memcmp (seen + at, f->model + at, 512) != 0)
      g_error ("sector at %#x differs", at);
}

static void
check_file (Fixture *f, const char *name)
{
  const ImageOptions options = { .read_only = true, .no_backing = true, .lenient = true };
  g_autofree char *path = in_folder (f, name);
  g_autoptr (GError) error = NULL;
  g_autoptr (Image) image = image_open (f->loop, path, &options, &error);
  ImageCheck check = { .repair = false };

  g_assert_no_error (error);
  g_assert_true (image_check (image, &check, &error));
  g_assert_cmpuint (check.corruptions, ==, 0);
}

/* In use, and opened again. */
static void
check_all (Fixture *f, unsigned n_layers)
{
  check_content (f);
  g_assert_cmpuint (image_n_layers (f->image), ==, n_layers);
  g_clear_pointer (&f->image, image_close);
  check_file (f, "top.qcow2");
  check_file (f, "base.qcow2");
  open_top (f);
  g_assert_cmpuint (image_n_layers (f->image), ==, n_layers);
  check_content (f);
}

static void
on_progress (uint64_t done, uint64_t total, void *data)
{
  Fixture *f = data;

  g_assert_cmpuint (done, >=, f->progress);
  g_assert_cmpuint (done, <=, total);
  f->progress = done;
  if (f->cancel_at > 0 && (double)done >= f->cancel_at * (double)total)
    g_cancellable_cancel (f->cancellable);
}

static bool
run (Fixture *f, const ImageWork *work, GError **error)
{
  const ImageJob job = { f->cancellable, on_progress, f };

  f->progress = 0;
  return image_work_run (f->image, work, &job, error);
}

/* --- tests --- */

typedef struct {
  const char *name;
  ImageWork work;
  unsigned n_layers; /* afterwards */
} Case;

static const Case cases[] = {
  { "flatten", { .kind = IMAGE_WORK_FLATTEN }, 1 },
  { "commit", { .kind = IMAGE_WORK_COMMIT }, 3 },
  { "merge", { .kind = IMAGE_WORK_MERGE, .layer = 1 }, 2 },
  { "rebase",
    { .kind = IMAGE_WORK_REBASE, .backing_path = (char *)"other.qcow2", .backing_format = (char *)"qcow2" },
    2 },
};

/* Done while the guest is at it. */
static void
test_busy (Fixture *f, gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  ImageWork left;
  bool done;

  start_guest (f);
  done = run (f, &c->work, &error);
  stop_guest (f);
  g_assert_no_error (error);
  g_assert_true (done);
  g_test_message ("%u changes meanwhile", f->n_changes);
  check_all (f, c->n_layers);
  g_assert_false (image_work_pending (f->top, &left));
}

/* Cancelled, closed as after a crash, found again, finished. */
static void
test_interrupted (Fixture *f, gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  g_auto (ImageWork) left = { 0 };

  f->cancel_at = g_rand_double (f->random) * 0.8;
  start_guest (f);
  if (run (f, &c->work, &error))
    g_test_message ("was faster than the wish to cancel");
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  stop_guest (f);
  check_content (f);
  g_clear_pointer (&f->image, image_close);
  open_top (f);
  check_content (f);

  g_cancellable_reset (f->cancellable);
  f->cancel_at = 0;
  g_assert_true (image_work_pending (f->top, &left) == (error != NULL));
  if (error != NULL)
    {
      g_clear_error (&error);
      start_guest (f);
      g_assert_true (run (f, &left, &error));
      stop_guest (f);
      g_assert_no_error (error);
    }
  check_all (f, c->n_layers);
}

/* What can't be done is refused, and leaves no record. */
static void
test_refused (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const ImageWork no_layer = { .kind = IMAGE_WORK_MERGE, .layer = 2 };
  const ImageWork no_file = { .kind = IMAGE_WORK_REBASE,
                              .backing_path = (char *)"missing.qcow2",
                              .backing_format = (char *)"qcow2" };
  ImageWork left;

  g_assert_false (run (f, &no_layer, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_false (run (f, &no_file, &error));
  g_assert_nonnull (error);
  g_assert_false (image_work_pending (f->top, &left));
  check_all (f, 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *busy = g_strdup_printf ("/image/work/busy/%s", cases[i].name);
      g_autofree char *interrupted = g_strdup_printf ("/image/work/interrupted/%s", cases[i].name);

      g_test_add (busy, Fixture, &cases[i], set_up, test_busy, tear_down);
      g_test_add (interrupted, Fixture, &cases[i], set_up, test_interrupted, tear_down);
    }
  g_test_add ("/image/work/refused", Fixture, NULL, set_up, test_refused, tear_down);
  return g_test_run ();
}
