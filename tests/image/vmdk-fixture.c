/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/vmdk-fixture.h"

#include "tests/image/small-disk.h"
#include "vmm/base/bytes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void
vmdk_fixture_setup (VmdkFixture *f, gconstpointer data)
{
  GError *error = NULL;

  f->folder = scratch_new ();
  f->path = g_build_filename (f->folder, "disk.vmdk", NULL);
  f->loop = loop_new ("test", &error);
  g_assert_no_error (error);
  f->bytes = g_malloc (PATTERN);
  f->seen = g_malloc (PATTERN);
  for (unsigned i = 0; i < PATTERN; i++)
    f->bytes[i] = pattern_byte (i * 3) | 1;
}

void
vmdk_fixture_teardown (VmdkFixture *f, gconstpointer data)
{
  loop_free (f->loop);
  g_free (f->bytes);
  g_free (f->seen);
  g_free (f->path);
  scratch_free (f->folder);
}

char *
vmdk_fixture_path (const VmdkFixture *f, const char *name)
{
  return g_build_filename (f->folder, name, NULL);
}

void
vmdk_fixture_create (const VmdkFixture *f, const char *subformat, uint64_t size)
{
  const ImageCreateOptions options = { .format = "vmdk", .subformat = subformat, .size = size };
  GError *error = NULL;

  image_create (f->path, &options, &error);
  g_assert_no_error (error);
}

Image *
vmdk_fixture_open (const VmdkFixture *f, const char *path, bool read_only)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = read_only };
  GError *error = NULL;
  Image *image = image_open (f->loop, path, &options, &error);

  g_assert_no_error (error);
  return image;
}

void
vmdk_fixture_refuses (const VmdkFixture *f, const char *path, bool read_only, const char *const *words)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = read_only, .format = "vmdk" };
  g_autoptr (GError) error = NULL;

  g_assert_null (image_open (f->loop, path, &options, &error));
  for (; *words != NULL; words++)
    if (strstr (error->message, *words) == NULL)
      g_error ("“%s” does not say “%s”", error->message, *words);
}

void
vmdk_fixture_put (const VmdkFixture *f, Image *image, uint64_t offset)
{
  g_assert_cmpint (image_run (image, IMAGE_WRITE, offset, f->bytes, PATTERN), ==, 0);
}

void
vmdk_fixture_has (const VmdkFixture *f, Image *image, uint64_t offset)
{
  g_assert_cmpint (image_run (image, IMAGE_READ, offset, f->seen, PATTERN), ==, 0);
  g_assert_cmpmem (f->seen, PATTERN, f->bytes, PATTERN);
}

void
vmdk_fixture_is_zero (const VmdkFixture *f, Image *image, uint64_t offset)
{
  g_assert_cmpint (image_run (image, IMAGE_READ, offset, f->seen, PATTERN), ==, 0);
  for (unsigned i = 0; i < PATTERN; i++)
    g_assert_cmpuint (f->seen[i], ==, 0);
}

uint64_t
vmdk_fixture_check (const VmdkFixture *f, bool repair, uint64_t *repaired)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = !repair, .lenient = true };
  ImageCheck result = { .repair = repair };
  GError *error = NULL;
  Image *image = image_open (f->loop, f->path, &options, &error);

  g_assert_no_error (error);
  g_assert_true (image_check (image, &result, &error));
  g_assert_no_error (error);
  image_close (image);
  if (repaired != NULL)
    *repaired = result.repaired;
  return result.corruptions + result.leaks;
}

void
vmdk_fixture_peer (const char *verb, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *said = NULL;
  va_list args;
  char *argument;
  int status;
  GError *error = NULL;

  g_ptr_array_add (argv, (char *)"qemu-img");
  g_ptr_array_add (argv, (char *)verb);
  va_start (args, verb);
  while ((argument = va_arg (args, char *)) != NULL)
    g_ptr_array_add (argv, argument);
  va_end (args);
  g_ptr_array_add (argv, NULL);
  g_spawn_sync (NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &said, NULL, &status,
                &error);
  g_assert_no_error (error);
  if (status != 0)
    g_error ("qemu-img %s: %s", verb, said);
}

char *
vmdk_fixture_detail (const VmdkFixture *f, const char *name)
{
  g_autoptr (Image) image = vmdk_fixture_open (f, f->path, true);
  g_autoptr (ImageInfo) info = image_info (image, 0);

  for (unsigned i = 0; i + 1 < info->details->len; i += 2)
    if (g_str_equal (info->details->pdata[i], name))
      return g_strdup (info->details->pdata[i + 1]);
  return NULL;
}

void
vmdk_fixture_edit (const char *path, uint64_t offset, const void *data, size_t size)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (pwrite (fd, data, size, offset), ==, size);
  close (fd);
}

void
vmdk_fixture_edit32 (const char *path, uint64_t offset, uint32_t value)
{
  uint8_t bytes[4];

  store_le32 (bytes, value);
  vmdk_fixture_edit (path, offset, bytes, sizeof bytes);
}

uint32_t
vmdk_fixture_peek32 (const char *path, uint64_t offset)
{
  uint8_t bytes[4];
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (pread (fd, bytes, sizeof bytes, offset), ==, sizeof bytes);
  close (fd);
  return load_le32 (bytes);
}
