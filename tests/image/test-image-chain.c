/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chains of images: how they are opened, what is refused, and how their layers change while the disk is in
 * use. */
#include "devices/image/chain.h"

#include "tests/image/image-driver.h"
#include "tests/image/small-disk.h"
#include "vmm/base/error.h"

#include <sys/stat.h>
#include <unistd.h>

#define SIZE (UINT64_C (3) << 20)

typedef struct {
  char *folder;
  EventLoop *loop;
} Fixture;

static const ImageOptions writable = { .exclusive_lock = true };

static void
setup (Fixture *f, gconstpointer data)
{
  f->folder = scratch_new ();
  f->loop = loop_new ("test", NULL);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  loop_free (f->loop);
  scratch_free (f->folder);
}

static char *
in_folder (Fixture *f, const char *name)
{
  return g_build_filename (f->folder, name, NULL);
}

/* @below: a name in the same folder, or NULL. (transfer full): its path. */
static char *
make_qcow2 (Fixture *f, const char *name, const char *below, const char *format, unsigned cluster)
{
  char *path = in_folder (f, name);
  GError *error = NULL;

  image_create (path,
                &(ImageCreateOptions){ .format = "qcow2",
                                       .size = below == NULL ? SIZE : 0,
                                       .backing_path = below,
                                       .backing_format = format,
                                       .cluster_size = cluster,
                                       .same_key = true },
                &error);
  g_assert_no_error (error);
  return path;
}

/* The header extension that tells the backing file's format becomes one that nobody knows. QEMU's
 * docs/interop/qcow2, "Header extensions". */
static void
forget_backing_format (const char *path)
{
  static const uint8_t magic[] = { 0xe2, 0x79, 0x2a, 0xca };
  g_autofree char *data = NULL;
  gsize length;
  uint8_t *found;

  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  found = memmem (data, MIN (length, 4096), magic, sizeof magic);
  g_assert_nonnull (found);
  *found = 0x77;
  g_assert_true (g_file_set_contents_full (path, data, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

/* Names another backing file in an image's header, whatever there is of it; @format NULL: without a format.
 */
static void
name_backing (const char *path, const char *below, const char *format)
{
  const char *argv[] = { "qemu-img", "rebase", "-u", "-F", format != NULL ? format : "raw",
                         "-b",       below,    path, NULL };
  GError *error = NULL;
  int status = -1;

  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  if (format == NULL)
    forget_backing_format (path);
}

static void
assert_refused (Fixture *f, const char *path, int code, const char *cause, const char *remedy)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (image_open (f->loop, path, &writable, &error));
  g_assert_error (error, VMM_ERROR, code);
  if (strstr (error->message, cause) == NULL || strstr (error->message, remedy) == NULL)
    g_error ("“%s” does not say “%s” and “%s”", error->message, cause, remedy);
}

/* --- opening --- */

static void
test_opens_chains (Fixture *f, gconstpointer data)
{
  g_autofree char *raw = pattern_file_new (f->folder, "base.img", 100 * 512);
  g_autofree char *low = make_qcow2 (f, "low", "base.img", "raw", 65536);
  g_autofree char *high = make_qcow2 (f, "high", "low", "qcow2", 4096);
  g_autoptr (Image) image = NULL;
  g_autoptr (Image) alone = NULL;
  GError *error = NULL;
  uint8_t buffer[512];

  image = image_open (f->loop, high, &writable, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (image_n_layers (image), ==, 3);
  g_assert_cmpint (image_run (image, IMAGE_READ, 512, buffer, 512), ==, 0);
  for (unsigned i = 0; i < 512; i++)
    g_assert_cmphex (buffer[i], ==, pattern_byte (512 + i));

  /* The layers below are locked too, shared. */
  assert_refused (f, low, VMM_ERROR_BUSY, "in use", "another disk");
  g_clear_pointer (&image, image_close);
  alone = image_open (f->loop, high, &(ImageOptions){ .no_backing = true }, NULL);
  g_assert_cmpint (image_run (alone, IMAGE_READ, 512, buffer, 512), ==, 0);
  for (unsigned i = 0; i < 512; i++)
    g_assert_cmphex (buffer[i], ==, 0);
}

static void
test_refuses_odd_backings (Fixture *f, gconstpointer data)
{
  g_autofree char *raw = pattern_file_new (f->folder, "base.img", 100 * 512);
  g_autofree char *a = make_qcow2 (f, "a", NULL, NULL, 0);
  g_autofree char *b = make_qcow2 (f, "b", "a", "qcow2", 0);
  g_autofree char *c = make_qcow2 (f, "c", "b", "qcow2", 0);
  g_autofree char *fifo = in_folder (f, "fifo");

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  name_backing (a, "c", "qcow2");
  assert_refused (f, c, VMM_ERROR_INVALID, "circle", "rebase --unsafe");
  name_backing (a, "a", "qcow2");
  assert_refused (f, a, VMM_ERROR_INVALID, "circle", "rebase --unsafe");
  name_backing (a, "gone", "qcow2");
  assert_refused (f, c, VMM_ERROR_INVALID, "does not exist", "rebase --unsafe");
  name_backing (a, "fifo", "raw");
  assert_refused (f, c, VMM_ERROR_INVALID, "named pipe", "");
  name_backing (a, "/dev/zero", "raw");
  assert_refused (f, c, VMM_ERROR_INVALID, "character device", "");
  name_backing (a, "base.img", "cloop");
  assert_refused (f, c, VMM_ERROR_UNSUPPORTED, "cloop", "convert");
}

/* A guest that owns a raw disk can write any header into it. */
static void
test_refuses_guessed_backings (Fixture *f, gconstpointer data)
{
  g_autofree char *raw = pattern_file_new (f->folder, "base.img", 100 * 512);
  g_autofree char *plain = make_qcow2 (f, "plain", NULL, NULL, 0);
  g_autofree char *forged = make_qcow2 (f, "forged", "plain", "qcow2", 0);
  g_autofree char *top = make_qcow2 (f, "top", NULL, NULL, 0);
  g_autoptr (Image) image = NULL;

  name_backing (top, "base.img", NULL);
  assert_refused (f, top, VMM_ERROR_INVALID, "looks raw", "rebase --unsafe --backing-format raw");
  name_backing (top, "forged", NULL);
  assert_refused (f, top, VMM_ERROR_INVALID, "forged by a guest", "rebase --unsafe --backing-format qcow2");
  name_backing (top, "plain", NULL);
  image = image_open (f->loop, top, &writable, NULL);
  g_assert_nonnull (image);
  g_assert_cmpuint (image_n_layers (image), ==, 2);
}

/* A chain of empty images 000, 001, … up to @last, each a copy of the second with another backing file: to
 * make them one by one would open each chain once. */
static void
make_chain (Fixture *f, unsigned last)
{
  g_autofree char *lowest = make_qcow2 (f, "000", NULL, NULL, 0);
  g_autofree char *second = make_qcow2 (f, "001", "000", "qcow2", 0);
  g_autofree char *data = NULL;
  gsize length;
  char *below;

  g_assert_true (g_file_get_contents (second, &data, &length, NULL));
  below = memmem (data, length, "000", 3);
  g_assert_nonnull (below);
  for (unsigned i = 2; i <= last; i++)
    {
      char name[16];
      g_autofree char *path = NULL;

      g_snprintf (name, sizeof name, "%03u", i);
      path = in_folder (f, name);
      g_snprintf (name, sizeof name, "%03u", i - 1);
      memcpy (below, name, 3);
      g_assert_true (
        g_file_set_contents_full (path, data, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    }
}

static void
test_refuses_endless_chains (Fixture *f, gconstpointer data)
{
  g_autofree char *deepest = in_folder (f, "255");
  g_autofree char *endless = in_folder (f, "256");
  g_autoptr (Image) image = NULL;

  make_chain (f, 256);
  image = image_open (f->loop, deepest, &writable, NULL);
  g_assert_nonnull (image);
  g_assert_cmpuint (image_n_layers (image), ==, 256);
  g_clear_pointer (&image, image_close);
  assert_refused (f, endless, VMM_ERROR_INVALID, "more than 255", "commit");
}

/* --- changes under load --- */

typedef struct {
  Fixture *f;
  Image *image;
  int ended; /* atomic */
} Job;

typedef struct {
  GMutex lock;
  GCond cond;
  bool done;
  int error;
} Wait;

static void
wait_done (ImageRequest *request, int error)
{
  Wait *wait = request->data;

  g_mutex_lock (&wait->lock);
  wait->done = true;
  wait->error = error;
  g_cond_signal (&wait->cond);
  g_mutex_unlock (&wait->lock);
}

static int
run_move (Image *image, ImageRequestKind kind, unsigned layer, uint64_t offset, uint64_t length)
{
  Wait wait = { 0 };
  ImageRequest request = {
    .kind = kind, .layer = layer, .offset = offset, .length = length, .done = wait_done, .data = &wait
  };

  image_submit (image, &request);
  g_mutex_lock (&wait.lock);
  while (!wait.done)
    g_cond_wait (&wait.cond, &wait.lock);
  g_mutex_unlock (&wait.lock);
  return wait.error;
}

static void
run_all (Image *image, ImageRequestKind kind, unsigned layer)
{
  for (uint64_t at = 0; at < image_size (image); at += 1 << 18)
    {
      uint64_t length = MIN (1 << 18, image_size (image) - at);

      g_assert_cmpint (run_move (image, kind, layer, at, length), ==, 0);
    }
}

static void *
edit (void *data)
{
  Job *job = data;
  Image *image = job->image;
  g_autofree char *one = make_qcow2 (job->f, "one", "top", "qcow2", 65536);
  g_autofree char *two = NULL;
  g_autofree char *three = NULL;
  GError *error = NULL;

  image_chain_push (image, one, NULL, &error);
  g_assert_no_error (error);
  two = make_qcow2 (job->f, "two", "one", "qcow2", 4096);
  image_chain_push (image, two, NULL, &error);
  g_assert_no_error (error);
  three = make_qcow2 (job->f, "three", "two", "qcow2", 16384);
  image_chain_push (image, three, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (image_n_layers (image), ==, 5);

  /* three two one top base: two is merged into one. */
  image_chain_make_writable (image, 2, &error);
  g_assert_no_error (error);
  run_all (image, IMAGE_DRAIN, 1);
  image_chain_drop (image, 1, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (image_n_layers (image), ==, 4);

  /* three one top base: three is committed to one. */
  image_chain_begin_commit (image, &error);
  g_assert_no_error (error);
  run_all (image, IMAGE_DRAIN, 0);
  run_all (image, IMAGE_DRAIN, 0);
  image_chain_end_commit (image, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (image_path (image), ==, one);

  /* one top base: all that isn't in the base moves up, then the rest. */
  run_all (image, IMAGE_PULL, 2);
  image_chain_drop (image, 1, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (image_n_layers (image), ==, 2);
  run_all (image, IMAGE_PULL, 2);
  image_chain_set_backing (image, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (image_n_layers (image), ==, 1);
  g_atomic_int_set (&job->ended, true);
  return NULL;
}

/* @data: (nullable): a passphrase. New layers have its key, and nobody is asked for it. */
static void
test_changes_under_load (Fixture *f, gconstpointer data)
{
  const ImageSecret secret = { data, data != NULL ? strlen (data) : 0 };
  const ImageOptions unlocked = { .exclusive_lock = true, .secret = data != NULL ? &secret : NULL };
  g_autofree char *base = pattern_file_new (f->folder, "base.img", SIZE / 2 - 700);
  g_autofree char *top = in_folder (f, "top");
  g_autofree char *one = in_folder (f, "one");
  GError *error = NULL;
  g_autoptr (ImageDriver) driver = image_driver_new (f->loop, SIZE, (guint32)g_test_rand_int ());
  Job job = { .f = f };
  GThread *thread;

  image_create (top,
                &(ImageCreateOptions){ .format = "qcow2",
                                       .size = SIZE,
                                       .backing_path = "base.img",
                                       .backing_format = "raw",
                                       .secret = unlocked.secret,
                                       .secret_milliseconds = 1 },
                &error);
  g_assert_no_error (error);
  for (uint64_t i = 0; i < SIZE / 2 - 700; i++)
    image_driver_model (driver)[i] = pattern_byte (i);

  job.image = image_open (f->loop, top, &unlocked, &error);
  g_assert_no_error (error);
  image_driver_use (driver, job.image, SIZE);
  image_driver_run (driver, 200);
  thread = g_thread_new ("edit", edit, &job);
  while (!g_atomic_int_get (&job.ended))
    image_driver_run (driver, 50);
  g_thread_join (thread);
  image_driver_read_all (driver);
  image_close (job.image);

  if (data != NULL)
    assert_refused (f, one, VMM_ERROR_PERMISSION, "encrypted", "passphrase");
  job.image = image_open (f->loop, one, &unlocked, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (image_n_layers (job.image), ==, 1);
  image_driver_use (driver, job.image, SIZE);
  image_driver_read_all (driver);
  image_close (job.image);
}

static void
test_grows_over_a_longer_backing (Fixture *f, gconstpointer data)
{
  g_autofree char *base = pattern_file_new (f->folder, "base.img", SIZE);
  g_autofree char *top = in_folder (f, "top");
  g_autoptr (ImageDriver) driver = image_driver_new (f->loop, SIZE, 1);
  g_autoptr (Image) image = NULL;
  GError *error = NULL;
  uint64_t size = 1000 * 512;

  image_create (top,
                &(ImageCreateOptions){
                  .format = "qcow2", .size = size, .backing_path = "base.img", .backing_format = "raw" },
                &error);
  g_assert_no_error (error);
  image = image_open (f->loop, top, &writable, &error);
  g_assert_no_error (error);
  for (uint64_t i = 0; i < size; i++)
    image_driver_model (driver)[i] = pattern_byte (i);
  image_driver_use (driver, image, size);
  image_driver_read_all (driver);
  image_resize (image, SIZE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (image_size (image), ==, SIZE);
  image_driver_use (driver, image, SIZE);
  image_driver_read_all (driver);
  image_driver_run (driver, 300);
  image_driver_read_all (driver);
}

static void
test_refuses_wrong_changes (Fixture *f, gconstpointer data)
{
  g_autofree char *top = make_qcow2 (f, "top", NULL, NULL, 0);
  g_autofree char *stranger = make_qcow2 (f, "stranger", NULL, NULL, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (Image) image = image_open (f->loop, top, &writable, &error);

  g_assert_no_error (error);
  g_assert_false (image_chain_push (image, stranger, NULL, &error));
  g_assert_nonnull (strstr (error->message, "no overlay"));
  g_clear_error (&error);
  g_assert_false (image_chain_push (image, top, NULL, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (image_chain_drop (image, 1, 1, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (image_chain_begin_commit (image, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (image_chain_end_commit (image, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (image_chain_set_backing (image, "gone", "qcow2", &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_assert_cmpuint (image_n_layers (image), ==, 1);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, (uint8_t[512]){ 0 }, 512), ==, 0);
}

/* --- what happens meanwhile --- */

/* A disk that grows while it is committed: what is written beyond its old end is there at the end. */
static void
test_grows_in_commit (Fixture *f, gconstpointer data)
{
  g_autofree char *base = make_qcow2 (f, "base", NULL, NULL, 65536),
                  *top = make_qcow2 (f, "top", "base", "qcow2", 65536);
  g_autofree uint8_t *bytes = g_malloc (SIZE), *held = g_malloc (SIZE);
  GError *error = NULL;
  Image *image = image_open (f->loop, top, &writable, &error);

  g_assert_no_error (error);
  memset (bytes, 7, SIZE);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 0, bytes, SIZE), ==, 0);
  g_assert_true (image_chain_begin_commit (image, &error));
  g_assert_true (image_resize (image, 2 * SIZE, &error));
  g_assert_no_error (error);
  memset (held, 1, SIZE);
  g_assert_cmpint (image_run (image, IMAGE_READ, SIZE, held, SIZE), ==, 0);
  g_assert_true (held[0] == 0 && memcmp (held, held + 1, SIZE - 1) == 0);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, SIZE, bytes, SIZE), ==, 0);
  g_assert_true (image_chain_end_commit (image, &error));
  g_assert_no_error (error);
  image_close (image);

  image = image_open (f->loop, base, &writable, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (image_size (image), ==, 2 * SIZE);
  for (unsigned half = 0; half < 2; half++)
    {
      g_assert_cmpint (image_run (image, IMAGE_READ, half * SIZE, held, SIZE), ==, 0);
      g_assert_cmpmem (held, SIZE, bytes, SIZE);
    }
  image_close (image);
}

/* A commit that can't begin lets others go on using the layer below. */
static void
test_commit_that_cannot_begin (Fixture *f, gconstpointer data)
{
  g_autofree char *base = in_folder (f, "base.vhd"), *top = NULL;
  const ImageOptions sharing = { .exclusive_lock = true, .read_only = true };
  g_autoptr (GError) error = NULL;
  Image *image, *other;

  g_assert_true (image_create (base, &(ImageCreateOptions){ .format = "vhd", .size = SIZE }, &error));
  top = make_qcow2 (f, "top", "base.vhd", "vhd", 65536);
  image = image_open (f->loop, top, &writable, &error);
  g_assert_no_error (error);
  g_assert_true (image_resize (image, UINT64_C (3) << 40, &error)); /* no VHD can hold it */
  g_assert_false (image_chain_begin_commit (image, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  other = image_open (f->loop, base, &sharing, &error);
  g_assert_no_error (error);
  image_close (other);
  image_close (image);
}

typedef struct {
  ImageRequest request;
  struct iovec iov;
  int done; /* atomic */
} Slow;

static void
slow_done (ImageRequest *request, int error)
{
  g_assert_cmpint (error, ==, 0);
  g_atomic_int_set (&((Slow *)request)->done, true);
}

/* Limits hold up the guest, not who changes its layers. */
static void
test_hold_under_limits (Fixture *f, gconstpointer data)
{
  g_autofree char *base = make_qcow2 (f, "base", NULL, NULL, 65536);
  g_autofree char *top = make_qcow2 (f, "top", "base", "qcow2", 65536);
  g_autofree uint8_t *bytes = g_malloc0 (SIZE);
  static const ImageLimits limits = { .bytes_per_second = 1 };
  Slow slow[4] = { 0 };
  GError *error = NULL;
  Image *image = image_open (f->loop, base, &writable, &error);

  g_assert_no_error (error);
  image_set_limits (image, &limits);
  for (unsigned i = 0; i < G_N_ELEMENTS (slow); i++)
    {
      slow[i].iov = (struct iovec){ bytes, SIZE };
      slow[i].request = (ImageRequest){
        .kind = IMAGE_WRITE, .length = SIZE, .iov = &slow[i].iov, .n_iov = 1, .done = slow_done
      };
      image_submit (image, &slow[i].request);
    }
  g_assert_true (image_chain_push (image, top, NULL, &error));
  g_assert_no_error (error);
  for (unsigned i = 0; i < G_N_ELEMENTS (slow); i++)
    g_assert_true (g_atomic_int_get (&slow[i].done));
  image_close (image);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/image-chain/" path, Fixture, NULL, setup, func, teardown)
  ADD ("grows-in-commit", test_grows_in_commit);
  ADD ("commit-that-cannot-begin", test_commit_that_cannot_begin);
  ADD ("hold-under-limits", test_hold_under_limits);
  ADD ("opens", test_opens_chains);
  ADD ("refuses-odd-backings", test_refuses_odd_backings);
  ADD ("refuses-guessed-backings", test_refuses_guessed_backings);
  ADD ("refuses-endless-chains", test_refuses_endless_chains);
  ADD ("changes-under-load", test_changes_under_load);
  g_test_add ("/image-chain/encrypted-changes-under-load", Fixture, "open sesame", setup,
              test_changes_under_load, teardown);
  ADD ("grows-over-a-longer-backing", test_grows_over_a_longer_backing);
  ADD ("refuses-wrong-changes", test_refuses_wrong_changes);
#undef ADD
  return g_test_run ();
}
