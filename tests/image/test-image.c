/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disk images: opening, refusing, and each kind of request, on io_uring as the loop has it. */
#include "devices/image/image.h"

#include "tests/image/small-disk.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (256u * 1024)

typedef struct {
  char *folder, *path;
  EventLoop *loop;
  Image *image;
} Fixture;

static const ImageOptions writable = { .exclusive_lock = true };
static const ImageOptions readable = { .read_only = true, .exclusive_lock = true };

static void
setup (Fixture *f, gconstpointer data)
{
  GError *error = NULL;

  f->folder = scratch_new ();
  f->path = pattern_file_new (f->folder, "disk.img", SIZE);
  f->loop = loop_new ("test", &error);
  g_assert_no_error (error);
  f->image = image_open (f->loop, f->path, &writable, &error);
  g_assert_no_error (error);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  image_close (f->image);
  loop_free (f->loop);
  g_free (f->path);
  scratch_free (f->folder);
}

static void
assert_pattern (const uint8_t *data, uint64_t offset, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (data[i] != pattern_byte (offset + i))
      g_error ("byte %" G_GUINT64_FORMAT " is 0x%02x", offset + i, data[i]);
}

static void
assert_all (const uint8_t *data, uint8_t value, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (data[i] != value)
      g_error ("byte %zu is 0x%02x", i, data[i]);
}

/* --- opening --- */

static void
assert_refused (Fixture *f, const char *path, const ImageOptions *options, int code, const char *cause)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (image_open (f->loop, path, options, &error));
  g_assert_error (error, VMM_ERROR, code);
  g_assert_nonnull (strstr (error->message, path));
  if (strstr (error->message, cause) == NULL)
    g_error ("“%s” does not say “%s”", error->message, cause);
}

static void
test_refuses_what_is_no_disk (Fixture *f, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (f->folder, "missing.img", NULL);
  g_autofree char *fifo = g_build_filename (f->folder, "fifo", NULL);
  g_autofree char *empty = g_build_filename (f->folder, "empty", NULL);
  g_autofree char *below = g_build_filename (f->path, "x", NULL);

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  assert_refused (f, missing, &writable, VMM_ERROR_INVALID, "does not exist");
  assert_refused (f, below, &writable, VMM_ERROR_INVALID, "does not exist");
  assert_refused (f, f->folder, &writable, VMM_ERROR_INVALID, "folder");
  assert_refused (f, fifo, &writable, VMM_ERROR_INVALID, "pipe");
  assert_refused (f, "/dev/zero", &writable, VMM_ERROR_INVALID, "character device");
  assert_refused (f, empty, &writable, VMM_ERROR_INVALID, "empty");
}

/* Root's own eyes see everything: it looks with another's. */
static void
test_refuses_without_permission (Fixture *f, gconstpointer data)
{
  g_autofree char *path = pattern_file_new (f->folder, "secret", 512);
  const bool root = geteuid () == 0;

  g_assert_cmpint (chmod (path, 0444), ==, 0);
  g_assert_cmpint (chmod (f->folder, 0755), ==, 0);
  if (root)
    setfsuid (65534);
  assert_refused (f, path, &writable, VMM_ERROR_PERMISSION, "read-only");
  image_close (image_open (f->loop, path, &readable, NULL));
  if (root)
    setfsuid (0);
  g_assert_cmpint (chmod (path, 0), ==, 0);
  if (root)
    setfsuid (65534);
  assert_refused (f, path, &readable, VMM_ERROR_PERMISSION, "may not read");
  if (root)
    setfsuid (0);
}

static void
test_locks (Fixture *f, gconstpointer data)
{
  GError *error = NULL;
  Image *first, *second;

  assert_refused (f, f->path, &writable, VMM_ERROR_BUSY, "in use");
  assert_refused (f, f->path, &readable, VMM_ERROR_BUSY, "in use");
  g_clear_pointer (&f->image, image_close);

  first = image_open (f->loop, f->path, &readable, &error);
  g_assert_no_error (error);
  second = image_open (f->loop, f->path, &readable, &error);
  g_assert_no_error (error);
  assert_refused (f, f->path, &writable, VMM_ERROR_BUSY, "in use");
  image_close (first);
  image_close (second);
}

typedef struct {
  unsigned offset;
  const char *magic;
  unsigned size;
  const char *unusable; /* what it is refused as, if it is never opened */
} Magic;

static const Magic magics[] = {
  { 0, "QFI\xfb", 4, NULL },  { 0, "KDMV", 4, NULL },
  { 0, "COWD", 4, NULL },     { 0, "# Disk DescriptorFile", 21, NULL },
  { 0, "conectix", 8, NULL }, { 3584, "conectix", 8, NULL },
  { 0, "vhdxfile", 8, NULL }, { 64, "\x7f\x10\xda\xbe", 4, NULL },
  { 0, "QED\0", 4, "QED" },   { 0, "WithoutFreeSpace", 16, "Parallels" },
};

/* To a guest these would be a disk of garbage, and its first write would ruin them: what has the look of a
 * format is of that format, or of none. */
static void
test_never_guesses_raw (Fixture *f, gconstpointer data)
{
  const ImageOptions raw = { .format = "raw" };
  const ImageOptions unknown = { .format = "cloop" };

  for (unsigned i = 0; i < G_N_ELEMENTS (magics); i++)
    {
      g_autofree char *path = pattern_file_new (f->folder, "foreign", 4096);
      g_autoptr (Image) image = NULL;
      g_autoptr (GError) error = NULL;
      int fd = open (path, O_WRONLY | O_CLOEXEC);

      g_assert_cmpint (pwrite (fd, magics[i].magic, magics[i].size, magics[i].offset), ==, magics[i].size);
      close (fd);
      g_assert_null (image_open (f->loop, path, &writable, &error));
      g_assert_nonnull (strstr (error->message, path));
      if (magics[i].unusable != NULL)
        assert_refused (f, path, &writable, VMM_ERROR_UNSUPPORTED, magics[i].unusable);
      assert_refused (f, path, &unknown, VMM_ERROR_UNSUPPORTED, "cloop");
      image = image_open (f->loop, path, &raw, NULL);
      g_assert_nonnull (image);
    }
}

/* --- requests --- */

static void
test_reads_and_writes (Fixture *f, gconstpointer data)
{
  uint8_t buffer[5000];

  g_assert_cmpuint (image_size (f->image), ==, SIZE);
  g_assert_cmpstr (image_format_name (f->image), ==, "raw");
  g_assert_cmpint (image_run (f->image, IMAGE_READ, 0, buffer, sizeof buffer), ==, 0);
  assert_pattern (buffer, 0, sizeof buffer);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, 777, buffer, 1), ==, 0);
  assert_pattern (buffer, 777, 1);

  memset (buffer, 0x5a, sizeof buffer);
  g_assert_cmpint (image_run (f->image, IMAGE_WRITE, 4095, buffer, 4098), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, 4000, buffer, 5000), ==, 0);
  assert_pattern (buffer, 4000, 95);
  assert_all (buffer + 95, 0x5a, 4098);
  assert_pattern (buffer + 95 + 4098, 4000 + 95 + 4098, 5000 - 95 - 4098);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, SIZE, NULL, 0), ==, 0);
}

static void
test_refuses_what_leaves_the_image (Fixture *f, gconstpointer data)
{
  uint8_t buffer[1024];

  g_assert_cmpint (image_run (f->image, IMAGE_READ, SIZE - 512, buffer, 1024), ==, -EINVAL);
  g_assert_cmpint (image_run (f->image, IMAGE_WRITE, UINT64_MAX - 100, buffer, 1024), ==, -EINVAL);
  g_assert_cmpint (image_run (f->image, IMAGE_DISCARD, 0, NULL, SIZE + 1), ==, -EINVAL);

  g_clear_pointer (&f->image, image_close);
  f->image = image_open (f->loop, f->path, &readable, NULL);
  g_assert_cmpint (image_run (f->image, IMAGE_WRITE, 0, buffer, 512), ==, -EROFS);
  g_assert_cmpint (image_run (f->image, IMAGE_WRITE_ZEROES, 0, NULL, 512), ==, -EROFS);
  g_assert_cmpint (image_run (f->image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
}

/* More pieces than one system call takes. */
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

static void
test_many_pieces (Fixture *f, gconstpointer data)
{
  enum { PIECES = 3000, PIECE = 80 };
  g_autofree uint8_t *buffer = g_malloc0 (PIECES * PIECE);
  g_autofree struct iovec *iov = g_new (struct iovec, PIECES);
  Wait wait = { 0 };
  ImageRequest request = { .kind = IMAGE_READ,
                           .offset = 3,
                           .length = PIECES * PIECE,
                           .iov = iov,
                           .n_iov = PIECES,
                           .done = wait_done,
                           .data = &wait };

  for (unsigned i = 0; i < PIECES; i++)
    iov[i] = (struct iovec){ buffer + i * PIECE, PIECE };
  image_submit (f->image, &request);
  g_mutex_lock (&wait.lock);
  while (!wait.done)
    g_cond_wait (&wait.cond, &wait.lock);
  g_mutex_unlock (&wait.lock);
  g_assert_cmpint (wait.error, ==, 0);
  assert_pattern (buffer, 3, PIECES * PIECE);
}

static uint64_t
room_taken (const char *path)
{
  struct stat st;

  g_assert_cmpint (stat (path, &st), ==, 0);
  return (uint64_t)st.st_blocks * 512;
}

static void
test_counters (Fixture *f, gconstpointer data)
{
  g_autofree uint8_t *buffer = g_malloc0 (4096);
  ImageCounters counters;

  g_assert_cmpint (image_run (f->image, IMAGE_READ, 0, buffer, 4096), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, 4096, buffer, 512), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_WRITE, 0, buffer, 1024), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_WRITE_ZEROES, 0, NULL, 4096), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, SIZE, buffer, 512), ==, -EINVAL);
  image_get_counters (f->image, &counters);
  g_assert_cmpuint (counters.reads, ==, 2);
  g_assert_cmpuint (counters.read_bytes, ==, 4096 + 512);
  g_assert_cmpuint (counters.writes, ==, 2);
  g_assert_cmpuint (counters.written_bytes, ==, 1024);
}

static void
test_discard_and_zeroes (Fixture *f, gconstpointer data)
{
  g_autofree uint8_t *buffer = g_malloc (SIZE);
  uint64_t before = room_taken (f->path);

  g_assert_cmpint (image_run (f->image, IMAGE_DISCARD, 65536, NULL, 131072), ==, 0);
  g_assert_cmpuint (room_taken (f->path), <, before);
  g_assert_cmpint (image_run (f->image, IMAGE_WRITE_ZEROES, 1000, NULL, 3000), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, 0, buffer, SIZE), ==, 0);
  assert_pattern (buffer, 0, 1000);
  assert_all (buffer + 1000, 0, 3000);
  assert_pattern (buffer + 4000, 4000, 65536 - 4000);
  assert_all (buffer + 65536, 0, 131072);
  assert_pattern (buffer + 65536 + 131072, 65536 + 131072, SIZE - 65536 - 131072);
}

/* A file that is no whole number of sectors reads as zeroes to the end of its last one. */
static void
test_odd_size (Fixture *f, gconstpointer data)
{
  g_autofree char *path = pattern_file_new (f->folder, "odd", 1000);
  g_autoptr (Image) image = image_open (f->loop, path, &writable, NULL);
  uint8_t buffer[1024];

  g_assert_cmpuint (image_size (image), ==, 1024);
  memset (buffer, 1, sizeof buffer);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, buffer, 1024), ==, 0);
  assert_pattern (buffer, 0, 1000);
  assert_all (buffer + 1000, 0, 24);
}

/* Whatever others do to the file, a request ends with an error and the process lives. */
static void
test_vanishing (Fixture *f, gconstpointer data)
{
  uint8_t buffer[4096];

  g_assert_cmpint (unlink (f->path), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, 4096, buffer, 4096), ==, 0);
  assert_pattern (buffer, 4096, 4096);
}

static void
test_truncated (Fixture *f, gconstpointer data)
{
  uint8_t buffer[4096];

  g_assert_cmpint (truncate (f->path, 8192 + 100), ==, 0);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, 65536, buffer, 4096), ==, -EIO);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, 8192, buffer, 4096), ==, -EIO);
  g_assert_cmpint (image_run (f->image, IMAGE_READ, 4096, buffer, 4096), ==, 0);
}

static void
test_full_disk (Fixture *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);
  g_autofree char *path = g_build_filename (disk, "sparse.img", NULL);
  GError *error = NULL;
  uint8_t buffer[4096];
  Image *image;

  g_assert_true (image_create_raw (path, 8 << 20, &error));
  image = image_open (f->loop, path, &writable, &error);
  g_assert_no_error (error);
  memset (buffer, 0x77, sizeof buffer);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 0, buffer, sizeof buffer), ==, 0);
  small_disk_fill (disk);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 1 << 20, buffer, sizeof buffer), ==, -ENOSPC);
  small_disk_make_room (disk);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 1 << 20, buffer, sizeof buffer), ==, 0);

  /* tmpfs has no FALLOC_FL_ZERO_RANGE: the way round it must zero as well. */
  g_assert_cmpint (image_run (image, IMAGE_WRITE_ZEROES, 100, NULL, 200), ==, 0);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, buffer, sizeof buffer), ==, 0);
  assert_all (buffer, 0x77, 100);
  assert_all (buffer + 100, 0, 200);
  assert_all (buffer + 300, 0x77, sizeof buffer - 300);
  image_close (image);
  small_disk_free (disk);
}

/* Where the file system can't zero by itself, zeroes are written; a discard is a hint and does nothing. */
static void
test_bare_file_system (Fixture *f, gconstpointer data)
{
  char *disk = bare_disk_new ();
  g_autofree char *path = pattern_file_new (disk, "disk.img", 3 << 20);
  g_autofree uint8_t *buffer = g_malloc (3 << 20);
  GError *error = NULL;
  Image *image = image_open (f->loop, path, &writable, &error);

  g_assert_no_error (error);
  for (unsigned round = 0; round < 2; round++) /* the second knows what is missing */
    {
      g_assert_cmpint (image_run (image, IMAGE_DISCARD, 0, NULL, 4096), ==, 0);
      g_assert_cmpint (image_run (image, IMAGE_WRITE_ZEROES, 1000, NULL, 2500000), ==, 0);
    }
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, buffer, 3 << 20), ==, 0);
  assert_pattern (buffer, 0, 1000);
  assert_all (buffer + 1000, 0, 2500000);
  assert_pattern (buffer + 2501000, 2501000, (3 << 20) - 2501000);
  image_close (image);
  small_disk_free (disk);
}

static void
test_create (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->folder, "new.img", NULL);
  g_autoptr (GError) error = NULL;
  struct stat st;

  g_assert_true (image_create_raw (path, 1 << 30, &error));
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpint (st.st_size, ==, 1 << 30);
  g_assert_cmpint (st.st_blocks, ==, 0);
  g_assert_false (image_create_raw (path, 512, &error));
  g_assert_nonnull (strstr (error->message, "exists already"));
  g_clear_error (&error);
  g_assert_false (image_create_raw (path, 513, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
}

int
main (int argc, char **argv)
{
  small_disk_enter ();
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/image/" path, Fixture, NULL, setup, func, teardown)
  ADD ("refuses-what-is-no-disk", test_refuses_what_is_no_disk);
  ADD ("refuses-without-permission", test_refuses_without_permission);
  ADD ("never-guesses-raw", test_never_guesses_raw);
  ADD ("refuses-what-leaves-the-image", test_refuses_what_leaves_the_image);
  ADD ("locks", test_locks);
  ADD ("reads-and-writes", test_reads_and_writes);
  ADD ("many-pieces", test_many_pieces);
  ADD ("counters", test_counters);
  ADD ("discard-and-zeroes", test_discard_and_zeroes);
  ADD ("odd-size", test_odd_size);
  ADD ("vanishing", test_vanishing);
  ADD ("truncated", test_truncated);
  ADD ("full-disk", test_full_disk);
  ADD ("bare-file-system", test_bare_file_system);
  ADD ("create", test_create);
#undef ADD
  return g_test_run ();
}
