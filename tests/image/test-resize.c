/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All formats shrink alike: what lies beyond the new end is gone, what lies before it stays, and what comes
 * when the disk grows again is zero. Those that can't say so, and change nothing. Devices are told.
 */
#include "tests/image/image-bench.h"
#include "tests/image/peer.h"
#include "vmm/base/error.h"

#define MIB   (UINT64_C (1) << 20)
#define LARGE (8 * MIB)
#define SMALL (3 * MIB + 512)

typedef struct {
  const char *name, *format, *subformat;
  bool extended, overlay, refuses;
} Shape;

static const Shape shapes[] = {
  { "raw", "raw", NULL, false, false, false },
  { "qcow2", "qcow2", NULL, false, false, false },
  { "qcow2-extended", "qcow2", NULL, true, false, false },
  { "qcow2-overlay", "qcow2", NULL, false, true, false },
  { "vhd-dynamic", "vhd", "dynamic", false, false, false },
  { "vhd-fixed", "vhd", "fixed", false, false, false },
  { "vhd-differencing", "vhd", "differencing", false, true, true },
  { "vdi-dynamic", "vdi", "dynamic", false, false, false },
  { "vdi-fixed", "vdi", "fixed", false, false, false },
  { "vmdk-flat", "vmdk", "monolithicFlat", false, false, false },
  { "vmdk-sparse", "vmdk", "monolithicSparse", false, false, true },
};

static void
create (const ImageBench *bench, const Shape *shape)
{
  const ImageCreateOptions base = { .format = shape->format, .size = LARGE };
  const ImageCreateOptions options = { .format = shape->format,
                                       .subformat = shape->subformat,
                                       .size = LARGE,
                                       .extended_l2 = shape->extended,
                                       .backing_path = shape->overlay ? "base" : NULL,
                                       .backing_format = shape->overlay ? shape->format : NULL };

  if (shape->overlay)
    {
      Image *image;

      image_bench_create (bench, "base", &base);
      image = image_bench_open (bench, "base", false);
      image_bench_fill (image, 0, LARGE, 7);
      image_close (image);
    }
  image_bench_create (bench, "disk", &options);
}

/* The format is said: raw disks are not known by their look. */
static Image *
open_disk (const ImageBench *bench, const Shape *shape)
{
  g_autofree char *path = image_bench_path (bench, "disk");
  GError *error = NULL;
  Image *image = image_open (bench->loop, path, &(ImageOptions){ .format = shape->format }, &error);

  g_assert_no_error (error);
  return image;
}

static void
assert_sound (const ImageBench *bench, const Shape *shape)
{
  g_autofree char *path = image_bench_path (bench, "disk"), *output = NULL;
  const char *argv[] = { "qemu-img", "check", "-f", shape->format, path, NULL };

  if (!g_str_equal (shape->format, "raw"))
    g_assert_cmpuint (image_bench_check (bench, "disk", false), ==, 0);
  if ((g_str_equal (shape->format, "qcow2") || g_str_equal (shape->format, "vdi"))
      && peer_run (argv, &output) != 0)
    g_error ("%s", output);
}

static void
shrink_and_grow (const ImageBench *bench, const Shape *shape)
{
  GError *error = NULL;
  Image *image = open_disk (bench, shape);

  g_assert_true (image_resize (image, SMALL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (image_size (image), ==, SMALL);
  image_bench_holds (image, 0, SMALL, 3);
  image_close (image);
  assert_sound (bench, shape);

  image = open_disk (bench, shape);
  g_assert_cmpuint (image_size (image), ==, SMALL);
  image_bench_holds (image, 0, SMALL, 3);
  g_assert_true (image_resize (image, LARGE, &error));
  g_assert_no_error (error);
  image_bench_holds (image, 0, SMALL, 3);
  image_bench_holds (image, SMALL, LARGE - SMALL, 0);
  image_close (image);
}

static void
assert_refuses (const ImageBench *bench, const Shape *shape)
{
  g_autoptr (GError) error = NULL;
  Image *image = open_disk (bench, shape);

  g_assert_false (image_resize (image, SMALL, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED);
  g_assert_cmpuint (image_size (image), ==, LARGE);
  image_bench_holds (image, 0, LARGE, 3);
  image_close (image);
}

static void
test_shrink (gconstpointer data)
{
  const Shape *shape = data;
  g_autoptr (ImageBench) bench = image_bench_new ();
  Image *image;

  create (bench, shape);
  image = open_disk (bench, shape);
  image_bench_fill (image, 0, LARGE, 3);
  image_close (image);
  if (shape->refuses)
    assert_refuses (bench, shape);
  else
    shrink_and_grow (bench, shape);
  assert_sound (bench, shape);
}

/* --- whoever is told --- */

typedef struct {
  EventLoop *loop;
  unsigned n_calls;
  uint64_t size;
  ImageRequest request;
  struct iovec iov;
  uint8_t sector[IMAGE_SECTOR_SIZE];
  int n_reads; /* atomic */
} Listener;

static void
sector_read (ImageRequest *request, int error)
{
  Listener *listener = request->data;

  g_assert_cmpint (error, ==, 0);
  g_atomic_int_inc (&listener->n_reads);
}

/* As a device does: it asks for the size, and the guest may read at once what is new. */
static void
resized (Image *image, void *data)
{
  Listener *listener = data;

  g_assert_true (loop_is_current (listener->loop));
  listener->n_calls++;
  listener->size = image_size (image);
  memset (listener->sector, 1, sizeof listener->sector);
  listener->iov = (struct iovec){ listener->sector, sizeof listener->sector };
  listener->request = (ImageRequest){ .kind = IMAGE_READ,
                                      .offset = listener->size - sizeof listener->sector,
                                      .length = sizeof listener->sector,
                                      .iov = &listener->iov,
                                      .n_iov = 1,
                                      .done = sector_read,
                                      .data = listener };
  image_submit (image, &listener->request);
}

static void
test_told (gconstpointer data)
{
  const Shape *shape = data;
  g_autoptr (ImageBench) bench = image_bench_new ();
  Listener listener = { .loop = bench->loop };
  g_autoptr (GError) error = NULL;
  Image *image;

  create (bench, shape);
  image = open_disk (bench, shape);
  image_on_resize (image, resized, &listener);
  g_assert_true (image_resize (image, 2 * LARGE, &error));
  g_assert_cmpuint (listener.n_calls, ==, 1);
  g_assert_cmpuint (listener.size, ==, 2 * LARGE);

  /* Nothing changed. */
  g_assert_true (image_resize (image, 2 * LARGE, &error));
  g_assert_false (image_resize (image, 2 * LARGE + 1, &error));
  g_clear_error (&error);
  g_assert_false (image_resize (image, (uint64_t)INT64_MAX + 1, &error));
  g_clear_error (&error);
  g_assert_cmpuint (listener.n_calls, ==, 1);

  g_assert_true (image_resize (image, 3 * LARGE, &error));
  g_assert_cmpuint (listener.n_calls, ==, 2);
  g_assert_cmpuint (listener.size, ==, 3 * LARGE);

  image_on_resize (image, NULL, NULL);
  g_assert_true (image_resize (image, 4 * LARGE, &error));
  g_assert_cmpuint (listener.n_calls, ==, 2);
  image_close (image);
  g_assert_cmpint (g_atomic_int_get (&listener.n_reads), ==, 2);
  g_assert_cmpuint (listener.sector[0], ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      g_autofree char *path = g_strdup_printf ("/resize/shrink/%s", shapes[i].name);

      g_test_add_data_func (path, &shapes[i], test_shrink);
    }
  g_test_add_data_func ("/resize/told/raw", &shapes[0], test_told);
  g_test_add_data_func ("/resize/told/qcow2", &shapes[1], test_told);
  return g_test_run ();
}
