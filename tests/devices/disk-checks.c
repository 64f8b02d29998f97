/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/disk-checks.h"

#include "tests/image/small-disk.h"

Image *
bench_open_image (Bench *bench, const char *path, const char *format, bool read_only)
{
  const ImageOptions options = { .read_only = read_only, .format = format };
  GError *error = NULL;
  Image *image = image_open (bench_board (bench)->loop, path, &options, &error);

  g_assert_no_error (error);
  return image;
}

void
assert_memory_is_pattern (Bench *bench, uint64_t address, uint64_t offset, size_t size)
{
  const uint8_t *p = bench_memory (bench, address, size);

  for (size_t i = 0; i < size; i++)
    if (p[i] != pattern_byte (offset + i))
      g_error ("byte %zu after %" G_GUINT64_FORMAT " is 0x%02x", i, offset, p[i]);
}

static char *
read_file (const char *path, uint64_t end)
{
  char *content = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &content, &length, NULL));
  g_assert_cmpuint (end, <=, length);
  return content;
}

void
assert_file_is (const char *path, uint64_t offset, uint8_t value, size_t size)
{
  g_autofree char *content = read_file (path, offset + size);

  for (size_t i = 0; i < size; i++)
    g_assert_cmphex ((uint8_t)content[offset + i], ==, value);
}

void
assert_file_is_pattern (const char *path, uint64_t offset, size_t size)
{
  g_autofree char *content = read_file (path, offset + size);

  for (size_t i = 0; i < size; i++)
    g_assert_cmphex ((uint8_t)content[offset + i], ==, pattern_byte (offset + i));
}
