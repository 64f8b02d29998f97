/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The image core against a model in memory: chains of a format that judges how it is treated, many requests
 * at a time, which never meet in a byte but often in a cluster.
 */
#include "tests/image/image-driver.h"
#include "tests/image/small-disk.h"
#include "tests/image/toy-format.h"

#define MAX_SIZE (3 << 20)

typedef struct {
  const char *name;
  unsigned n_layers;
  unsigned cluster, granule;
  bool encrypted, raw_base, write_through;
} Shape;

static const Shape shapes[] = {
  { "one-layer", 1, 65536, 65536, false, false, false },
  { "small-clusters", 1, 4096, 4096, false, false, false },
  { "tiny-clusters", 1, 512, 512, false, false, false },
  { "subclusters", 1, 65536, 2048, false, false, false },
  { "sector-bitmap", 1, 32768, 512, false, true, false },
  { "chain", 4, 16384, 16384, false, false, false },
  { "chain-on-raw", 3, 65536, 65536, false, true, false },
  { "chain-of-subclusters", 3, 65536, 4096, false, true, false },
  { "encrypted", 2, 32768, 32768, true, true, false },
  { "write-through", 2, 65536, 8192, false, true, true },
};

/* --- chains --- */

static ImageLayer *
raw_layer_new (EventLoop *loop, const char *folder, uint8_t *model, uint64_t size)
{
  g_autofree char *path = pattern_file_new (folder, "base", size);
  const ImageOptions options = { .read_only = true };
  GError *error = NULL;
  ImageStore *store = store_open (loop, path, &(StoreOptions){ .read_only = true }, &error);
  ImageLayer *layer = image_layer_open (store, &image_raw, &options, &error);

  g_assert_no_error (error);
  for (uint64_t i = 0; i < size; i++)
    model[i] = pattern_byte (i);
  return layer;
}

/* What request followed which is forgotten with them. */
static void
assert_nothing_held (Image *image)
{
  image_hold (image);
  g_assert_cmpuint (image->held.length, ==, 0);
  g_assert_null (image->held.head);
  g_assert_cmpuint (image->n_exclusive, ==, 0);
  g_assert_cmpuint (image->n_waiting, ==, 0);
  image_release (image);
}

static void
test_random (gconstpointer data)
{
  const Shape *shape = data;
  char *folder = scratch_new ();
  EventLoop *loop = loop_new ("test", NULL);
  ImageDriver *driver = image_driver_new (loop, 0, (guint32)g_test_rand_int ());
  uint8_t *model = image_driver_model (driver);
  GPtrArray *layers = g_ptr_array_new ();
  const ImageOptions options = { .write_through = shape->write_through };
  uint64_t below = 0;

  if (shape->raw_base)
    g_ptr_array_insert (layers, 0, raw_layer_new (loop, folder, model, 700 * 512 - 100));
  for (unsigned n = 0; n < shape->n_layers; n++)
    {
      g_autofree char *name = g_strdup_printf ("layer%u", n);
      g_autofree char *path = g_build_filename (folder, name, NULL);
      const ToyConfig config = {
        .size = (MAX_SIZE / 2 + (uint64_t)g_test_rand_int_range (0, MAX_SIZE / 2)) / 512 * 512,
        .cluster = shape->cluster,
        .granule = shape->granule,
        .encrypted = shape->encrypted && n % 2 == 0,
        .seed = (unsigned)g_test_rand_int (),
      };
      ImageLayer *layer = toy_layer_new (loop, path, &config);

      if (layers->len > 0)
        ((ImageLayer *)g_ptr_array_index (layers, 0))->read_only = true;
      g_ptr_array_insert (layers, 0, layer);
      if (config.size < below)
        memset (model + config.size, 0, below - config.size);
      below = config.size;
      for (unsigned round = 0; round < 3; round++)
        {
          Image *image = image_new (loop, g_ptr_array_ref (layers), &options);

          image_driver_use (driver, image, config.size);
          image_driver_read_all (driver);
          image_driver_run (driver, 600);
          image_driver_read_all (driver);
          assert_nothing_held (image);
          image_close (image);
          toy_layer_freeze (layer);
        }
    }

  for (unsigned i = 0; i < layers->len; i++)
    image_layer_close (g_ptr_array_index (layers, i));
  g_ptr_array_unref (layers);
  image_driver_free (driver);
  loop_free (loop);
  scratch_free (folder);
}

/* --- compressed clusters are decoded once --- */

#define PIECE  4096u
#define FLIGHT 16u /* pieces under way together */

typedef struct {
  GMutex lock;
  GCond done;
  unsigned pending;
} Flight;

static void
piece_done (ImageRequest *request, int error)
{
  Flight *flight = request->data;

  g_assert_cmpint (error, ==, 0);
  g_mutex_lock (&flight->lock);
  if (--flight->pending == 0)
    g_cond_signal (&flight->done);
  g_mutex_unlock (&flight->lock);
}

/* The whole disk, in order, in pieces. */
static void
read_pieces (Image *image, uint8_t *buffer)
{
  Flight flight = { .pending = 0 };

  for (uint64_t at = 0; at < image_size (image); at += FLIGHT * PIECE)
    {
      ImageRequest requests[FLIGHT];
      struct iovec iov[FLIGHT];

      flight.pending = FLIGHT;
      for (unsigned i = 0; i < FLIGHT; i++)
        {
          iov[i] = (struct iovec){ buffer + at + i * PIECE, PIECE };
          requests[i] = (ImageRequest){ .kind = IMAGE_READ,
                                        .offset = at + i * PIECE,
                                        .length = PIECE,
                                        .iov = &iov[i],
                                        .n_iov = 1,
                                        .done = piece_done,
                                        .data = &flight };
          image_submit (image, &requests[i]);
        }
      g_mutex_lock (&flight.lock);
      while (flight.pending > 0)
        g_cond_wait (&flight.done, &flight.lock);
      g_mutex_unlock (&flight.lock);
    }
}

static void
test_decoded_once (void)
{
  const ToyConfig config = { .size = 8 << 20, .cluster = 65536, .granule = 65536, .seed = 3 };
  const ImageOptions options = { .read_only = false };
  char *folder = scratch_new ();
  g_autofree char *path = g_build_filename (folder, "layer", NULL);
  g_autofree uint8_t *written = g_malloc (config.size), *seen = g_malloc (config.size);
  EventLoop *loop = loop_new ("test", NULL);
  GPtrArray *layers = g_ptr_array_new ();
  ImageLayer *layer = toy_layer_new (loop, path, &config);
  Image *image;
  unsigned encoded, decodes;

  for (uint64_t i = 0; i < config.size; i++)
    written[i] = (uint8_t)(i ^ i >> 12);
  g_ptr_array_add (layers, layer);
  image = image_new (loop, g_ptr_array_ref (layers), &options);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 0, written, config.size), ==, 0);
  image_close (image);
  toy_layer_freeze (layer);

  encoded = toy_layer_encoded (layer);
  g_assert_cmpuint (encoded, >, 8);
  image = image_new (loop, g_ptr_array_ref (layers), &options);
  read_pieces (image, seen);
  g_assert_cmpmem (seen, config.size, written, config.size);
  g_assert_cmpuint (toy_layer_decodes (layer), ==, encoded);

  /* What changes is forgotten; what is written into it needs the old content once more at most. */
  decodes = toy_layer_decodes (layer);
  for (uint64_t at = 0; at < config.size; at += config.cluster)
    {
      memset (written + at + 100, 7, 1000);
      g_assert_cmpint (image_run (image, IMAGE_WRITE, at + 100, written + at + 100, 1000), ==, 0);
    }
  g_assert_cmpuint (toy_layer_decodes (layer) - decodes, <=, encoded);
  read_pieces (image, seen);
  g_assert_cmpmem (seen, config.size, written, config.size);
  g_assert_cmpuint (toy_layer_encoded (layer), ==, 0);
  g_assert_cmpuint (toy_layer_decodes (layer) - decodes, <=, encoded);
  image_close (image);

  image_layer_close (layer);
  g_ptr_array_unref (layers);
  loop_free (loop);
  scratch_free (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      g_autofree char *path = g_strdup_printf ("/image-core/random/%s", shapes[i].name);

      g_test_add_data_func (path, &shapes[i], test_random);
    }
  g_test_add_func ("/image-core/decoded-once", test_decoded_once);
  return g_test_run ();
}
