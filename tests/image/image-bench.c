/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/image-bench.h"

#include "tests/image/small-disk.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

ImageBench *
image_bench_new (void)
{
  ImageBench *bench = g_new0 (ImageBench, 1);
  g_autoptr (GError) error = NULL;

  bench->folder = scratch_new ();
  bench->loop = loop_new ("test", &error);
  g_assert_no_error (error);
  return bench;
}

void
image_bench_free (ImageBench *bench)
{
  loop_free (bench->loop);
  scratch_free (bench->folder);
  g_free (bench);
}

char *
image_bench_path (const ImageBench *bench, const char *name)
{
  return g_build_filename (bench->folder, name, NULL);
}

void
image_bench_create (const ImageBench *bench, const char *name, const ImageCreateOptions *options)
{
  g_autofree char *path = image_bench_path (bench, name);
  g_autoptr (GError) error = NULL;

  image_create (path, options, &error);
  g_assert_no_error (error);
}

Image *
image_bench_open (const ImageBench *bench, const char *name, bool read_only)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = read_only };
  g_autofree char *path = image_bench_path (bench, name);
  g_autoptr (GError) error = NULL;
  Image *image = image_open (bench->loop, path, &options, &error);

  g_assert_no_error (error);
  return image;
}

void
image_bench_refuses (const ImageBench *bench, const char *name, bool read_only, const char *words, ...)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = read_only };
  g_autofree char *path = image_bench_path (bench, name);
  g_autoptr (GError) error = NULL;
  va_list more;

  g_assert_null (image_open (bench->loop, path, &options, &error));
  va_start (more, words);
  for (; words != NULL; words = va_arg (more, const char *))
    if (strstr (error->message, words) == NULL)
      g_error ("“%s” does not say “%s”", error->message, words);
  va_end (more);
}

static uint8_t
byte_of (uint64_t offset, uint8_t seed)
{
  return seed == 0 ? 0 : (pattern_byte (offset) ^ seed) | 1;
}

void
image_bench_fill (Image *image, uint64_t offset, uint64_t length, uint8_t seed)
{
  g_autofree uint8_t *bytes = g_malloc (length);

  for (uint64_t i = 0; i < length; i++)
    bytes[i] = byte_of (offset + i, seed);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, offset, bytes, length), ==, 0);
}

void
image_bench_holds (Image *image, uint64_t offset, uint64_t length, uint8_t seed)
{
  g_autofree uint8_t *bytes = g_malloc (length);

  g_assert_cmpint (image_run (image, IMAGE_READ, offset, bytes, length), ==, 0);
  for (uint64_t i = 0; i < length; i++)
    if (bytes[i] != byte_of (offset + i, seed))
      g_error ("byte %" G_GUINT64_FORMAT " is 0x%02x, not 0x%02x", offset + i, bytes[i],
               byte_of (offset + i, seed));
}

void
image_bench_run (Image *image, ImageRequestKind kind, uint64_t offset, uint64_t length)
{
  g_assert_cmpint (image_run (image, kind, offset, NULL, length), ==, 0);
}

uint64_t
image_bench_check (const ImageBench *bench, const char *name, bool repair)
{
  const ImageOptions options = {
    .exclusive_lock = true, .read_only = !repair, .lenient = true, .no_backing = true
  };
  g_autofree char *path = image_bench_path (bench, name);
  ImageCheck check = { .repair = repair };
  g_autoptr (GError) error = NULL;
  Image *image = image_open (bench->loop, path, &options, &error);

  g_assert_no_error (error);
  g_assert_true (image_check (image, &check, &error));
  g_assert_no_error (error);
  image_close (image);
  if (repair)
    g_assert_cmpuint (check.repaired, ==, check.corruptions + check.leaks);
  return check.corruptions + check.leaks;
}

/* --- bytes of files --- */

static int
open_file (const ImageBench *bench, const char *name)
{
  g_autofree char *path = image_bench_path (bench, name);
  int fd = open (path, O_RDWR | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

uint64_t
image_bench_file_size (const ImageBench *bench, const char *name)
{
  int fd = open_file (bench, name);
  off_t size = lseek (fd, 0, SEEK_END);

  close (fd);
  return size;
}

void
image_bench_peek (const ImageBench *bench, const char *name, uint64_t offset, void *data, size_t size)
{
  int fd = open_file (bench, name);

  g_assert_cmpint (pread (fd, data, size, offset), ==, size);
  close (fd);
}

void
image_bench_poke (const ImageBench *bench, const char *name, uint64_t offset, const void *data, size_t size)
{
  int fd = open_file (bench, name);

  g_assert_cmpint (pwrite (fd, data, size, offset), ==, size);
  close (fd);
}

void
image_bench_truncate (const ImageBench *bench, const char *name, uint64_t size)
{
  int fd = open_file (bench, name);

  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  close (fd);
}

void
image_bench_copy (const ImageBench *bench, const char *from, const char *to)
{
  g_autofree char *source = image_bench_path (bench, from), *target = image_bench_path (bench, to),
                  *data = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (source, &data, &size, NULL));
  g_assert_true (g_file_set_contents (target, data, size, NULL));
}

char *
image_bench_detail (Image *image, const char *name)
{
  g_autoptr (ImageInfo) info = image_info (image, 0);

  for (guint i = 0; i + 1 < info->details->len; i += 2)
    if (g_str_equal (g_ptr_array_index (info->details, i), name))
      return g_strdup (g_ptr_array_index (info->details, i + 1));
  return NULL;
}
