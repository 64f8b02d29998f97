/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/exercise.h"

#include "devices/image/layer.h"

#define NAME        "/nonexistent/exercised.img"
#define MAX_EXTENTS 500u
#define PIECE       4096u

static const ImageSecret secret = { (const uint8_t *)"secret", 6 };

static Image *
open_medium (EventLoop *loop, Medium *medium, const char *format, bool lenient, bool read_only)
{
  ImageOptions options = {
    .format = format, .lenient = lenient, .read_only = read_only, .no_backing = true, .secret = &secret
  };
  g_autoptr (GError) error = NULL;
  Image *image = image_open_store (loop, memory_store_new (loop, medium, NAME, read_only), &options, &error);

  if (image == NULL && (error == NULL || strstr (error->message, NAME) == NULL))
    g_error ("an error must name the image: “%s”", error != NULL ? error->message : "none");
  if (image == NULL)
    g_info ("%s", error->message);
  return image;
}

static void
map (Image *image)
{
  uint64_t size = image_size (image), offset = 0;

  for (unsigned i = 0; i < MAX_EXTENTS && offset < size; i++)
    {
      ImageExtent extent = { 0 };

      if (image_extent (image, offset, size - offset, &extent) != 0)
        {
          offset += PIECE;
          continue;
        }
      g_assert_cmpuint (extent.offset, ==, offset);
      g_assert_cmpuint (extent.length, >, 0);
      g_assert_cmpuint (extent.length, <=, size - offset);
      offset += extent.length;
    }
}

/* Some places: both ends, and as many between. */
static void
touch (Image *image, ImageRequestKind kind)
{
  g_autofree uint8_t *buffer = g_malloc0 (PIECE);
  uint64_t size = image_size (image);

  for (unsigned i = 0; i <= 8; i++)
    {
      uint64_t offset = size / 8 * i, length = PIECE;

      offset -= MIN (offset, i % 2 == 0 ? offset % IMAGE_SECTOR_SIZE : 3);
      if (offset >= size)
        offset = size - MIN (size, PIECE);
      length = MIN (length, size - offset);
      memset (buffer, 'a' + (int)i, PIECE);
      image_run (image, kind, offset, kind == IMAGE_READ || kind == IMAGE_WRITE ? buffer : NULL, length);
    }
}

static void
tell (Image *image)
{
  for (unsigned i = 0; i < image_n_layers (image); i++)
    image_info_free (image_info (image, i));
}

static void
finding (const char *text, void *data)
{
  unsigned *n = data;

  g_assert_true (g_utf8_validate (text, -1, NULL));
  (*n)++;
}

static void
look (EventLoop *loop, const Medium *original, const char *format)
{
  g_autoptr (Medium) medium = medium_copy (original);
  Image *image = open_medium (loop, medium, format, true, true);
  unsigned n = 0;
  ImageCheck check = { .finding = finding, .data = &n };
  g_autoptr (GError) error = NULL;

  if (image == NULL)
    return;
  tell (image);
  if (!image_check (image, &check, &error))
    g_assert_nonnull (error);
  map (image);
  touch (image, IMAGE_READ);
  image_close (image);
}

static void
use (EventLoop *loop, const Medium *original, const char *format)
{
  g_autoptr (Medium) medium = medium_copy (original);
  Image *image = open_medium (loop, medium, format, false, false);

  if (image == NULL)
    return;
  touch (image, IMAGE_READ);
  map (image);
  touch (image, IMAGE_WRITE);
  touch (image, IMAGE_DISCARD);
  touch (image, IMAGE_WRITE_ZEROES);
  image_run (image, IMAGE_FLUSH, 0, NULL, 0);
  touch (image, IMAGE_WRITE);
  image_resize (image, image_size (image) + IMAGE_SECTOR_SIZE, NULL);
  touch (image, IMAGE_WRITE);
  image_close (image);
}

/* What was repaired without an error must be sound; what that cut off may be lost room. */
static void
repair (EventLoop *loop, const Medium *original, const char *format)
{
  g_autoptr (Medium) medium = medium_copy (original);
  Image *image = open_medium (loop, medium, format, true, false);
  unsigned n = 0;
  ImageCheck check = { .repair = true, .finding = finding, .data = &n };
  bool repaired;

  if (image == NULL)
    return;
  repaired = image_check (image, &check, NULL) && check.repaired >= check.corruptions + check.leaks;
  image_close (image);
  if (!repaired)
    return;

  image = open_medium (loop, medium, format, true, true);
  check = (ImageCheck){ .finding = finding, .data = &n };
  if (image == NULL)
    g_error ("a repaired image can't be opened");
  if (image_check (image, &check, NULL) && check.corruptions > 0)
    g_error ("a repaired image has %" G_GUINT64_FORMAT " corruptions", check.corruptions);
  touch (image, IMAGE_READ);
  image_close (image);
}

void
exercise_image (EventLoop *loop, const Medium *medium, const char *format)
{
  look (loop, medium, format);
  use (loop, medium, format);
  repair (loop, medium, format);
}
