/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The image core against a model in memory: chains of a format that judges how it is treated, many requests
 * at a time, which never meet in a byte but often in a cluster.
 */
#include "tests/devices/small-disk.h"
#include "tests/devices/toy-format.h"

#define MAX_SIZE    (UINT64_C (3) << 20)
#define MAX_REQUEST 200000u
#define N_SLOTS     16u

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

typedef struct Driver Driver;

typedef struct {
  Driver *driver;
  ImageRequest request;
  struct iovec iov[3];
  uint8_t *data;
  bool busy, done;
  int error;
} Slot;

struct Driver {
  Image *image;
  EventLoop *loop;
  GRand *rand;
  uint8_t *model;
  uint64_t size;
  Slot slots[N_SLOTS];
  GMutex lock;
  GCond cond;
};

/* --- requests --- */

static void
request_done (ImageRequest *request, int error)
{
  Slot *slot = request->data;
  Driver *driver = slot->driver;

  g_mutex_lock (&driver->lock);
  slot->done = true;
  slot->error = error;
  g_cond_signal (&driver->cond);
  g_mutex_unlock (&driver->lock);
}

static void
submit (void *data)
{
  Slot *slot = data;

  image_submit (slot->driver->image, &slot->request);
}

static bool
clashes (Driver *driver, const ImageRequest *request)
{
  for (unsigned i = 0; i < N_SLOTS; i++)
    {
      const ImageRequest *other = &driver->slots[i].request;

      if (driver->slots[i].busy && other->kind != IMAGE_FLUSH
          && (other->kind != IMAGE_READ || request->kind != IMAGE_READ)
          && request->offset < other->offset + other->length
          && other->offset < request->offset + request->length)
        return true;
    }
  return false;
}

static uint64_t
random_below (GRand *rand, uint64_t bound)
{
  return ((uint64_t)g_rand_int (rand) << 16 ^ g_rand_int (rand)) % bound;
}

static void
choose (Driver *driver, ImageRequest *request)
{
  static const ImageRequestKind kinds[] = { IMAGE_READ,         IMAGE_READ,  IMAGE_READ,  IMAGE_WRITE,
                                            IMAGE_WRITE,        IMAGE_WRITE, IMAGE_WRITE, IMAGE_DISCARD,
                                            IMAGE_WRITE_ZEROES, IMAGE_FLUSH };
  static const uint64_t lengths[] = { 512, 4096, 4096, 4096, 65536, MAX_REQUEST };
  GRand *rand = driver->rand;
  uint64_t unit = g_rand_int_range (rand, 0, 4) == 0 ? 1 : g_rand_boolean (rand) ? 512 : 4096;

  request->kind = kinds[g_rand_int_range (rand, 0, G_N_ELEMENTS (kinds))];
  request->may_unmap = g_rand_boolean (rand);
  request->length = lengths[g_rand_int_range (rand, 0, G_N_ELEMENTS (lengths))];
  if (g_rand_boolean (rand))
    request->length = MAX (1, random_below (rand, request->length));
  request->offset = random_below (rand, driver->size) / unit * unit;
  request->length = MIN (request->length, driver->size - request->offset);
}

static void
prepare (Driver *driver, Slot *slot)
{
  ImageRequest *request = &slot->request;
  uint64_t cut = random_below (driver->rand, request->length + 1);

  slot->iov[0] = (struct iovec){ slot->data, cut };
  slot->iov[1] = (struct iovec){ slot->data + cut, request->length - cut };
  request->iov = slot->iov;
  request->n_iov = 2;
  request->done = request_done;
  request->data = slot;
  if (request->kind == IMAGE_WRITE)
    for (uint64_t i = 0; i < request->length; i += 8)
      memcpy (slot->data + i, &(uint64_t){ g_rand_int (driver->rand) | 1 }, MIN (8, request->length - i));
  else
    memset (slot->data, 0xee, request->length);
}

static void
compare (const uint8_t *data, const uint8_t *model, uint64_t offset, uint64_t length)
{
  for (uint64_t i = 0; i < length; i++)
    if (data[i] != model[offset + i])
      g_error ("byte %" G_GUINT64_FORMAT " is 0x%02x instead of 0x%02x (of a read at %" G_GUINT64_FORMAT ")",
               offset + i, data[i], model[offset + i], offset);
}

static void
conclude (Driver *driver, Slot *slot)
{
  const ImageRequest *request = &slot->request;

  g_assert_cmpint (slot->error, ==, 0);
  if (request->kind == IMAGE_READ)
    compare (slot->data, driver->model, request->offset, request->length);
  else if (request->kind == IMAGE_WRITE)
    memcpy (driver->model + request->offset, slot->data, request->length);
  else if (request->kind == IMAGE_WRITE_ZEROES)
    memset (driver->model + request->offset, 0, request->length);
  else if (request->kind == IMAGE_DISCARD) /* anything may be there now, but it stays */
    g_assert_cmpint (image_run (driver->image, IMAGE_READ, request->offset, driver->model + request->offset,
                                request->length),
                     ==, 0);
  slot->busy = false;
}

/* Takes the results that are there; waits for one if there are none. */
static void
collect (Driver *driver)
{
  bool any = false;

  g_mutex_lock (&driver->lock);
  while (!any)
    {
      for (unsigned i = 0; i < N_SLOTS && !any; i++)
        any = driver->slots[i].busy && driver->slots[i].done;
      if (!any)
        g_cond_wait (&driver->cond, &driver->lock);
    }
  for (unsigned i = 0; i < N_SLOTS; i++)
    if (driver->slots[i].busy && driver->slots[i].done)
      {
        g_mutex_unlock (&driver->lock);
        conclude (driver, &driver->slots[i]);
        g_mutex_lock (&driver->lock);
      }
  g_mutex_unlock (&driver->lock);
}

static unsigned
n_busy (const Driver *driver)
{
  unsigned n = 0;

  for (unsigned i = 0; i < N_SLOTS; i++)
    n += driver->slots[i].busy;
  return n;
}

static void
drive (Driver *driver, unsigned n_requests)
{
  while (n_requests > 0)
    {
      Slot *slot = NULL;

      for (unsigned i = 0; i < N_SLOTS && slot == NULL; i++)
        if (!driver->slots[i].busy)
          slot = &driver->slots[i];
      if (slot == NULL)
        {
          collect (driver);
          continue;
        }
      choose (driver, &slot->request);
      if (clashes (driver, &slot->request))
        {
          if (n_busy (driver) > 0 && g_rand_boolean (driver->rand))
            collect (driver);
          continue;
        }
      prepare (driver, slot);
      slot->busy = true;
      slot->done = false;
      n_requests--;
      if (g_rand_boolean (driver->rand))
        loop_call (driver->loop, submit, slot);
      else
        submit (slot);
    }
  while (n_busy (driver) > 0)
    collect (driver);
}

static void
read_all (Driver *driver)
{
  for (uint64_t at = 0; at < driver->size; at += MAX_REQUEST)
    {
      uint64_t n = MIN (MAX_REQUEST, driver->size - at);

      g_assert_cmpint (image_run (driver->image, IMAGE_READ, at, driver->slots[0].data, n), ==, 0);
      compare (driver->slots[0].data, driver->model, at, n);
    }
}

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

static void
test_random (gconstpointer data)
{
  const Shape *shape = data;
  char *folder = scratch_new ();
  g_autofree Driver *driver = g_new0 (Driver, 1);
  GPtrArray *layers = g_ptr_array_new ();
  const ImageOptions options = { .write_through = shape->write_through };
  uint64_t unit = 512;

  driver->loop = loop_new ("test", NULL);
  driver->rand = g_rand_new_with_seed ((guint32)g_test_rand_int ());
  driver->model = g_malloc0 (MAX_SIZE);
  for (unsigned i = 0; i < N_SLOTS; i++)
    {
      driver->slots[i].driver = driver;
      driver->slots[i].data = g_malloc (MAX_REQUEST);
    }
  if (shape->raw_base)
    g_ptr_array_insert (layers, 0, raw_layer_new (driver->loop, folder, driver->model, 700 * 512 - 100));

  for (unsigned n = 0; n < shape->n_layers; n++)
    {
      g_autofree char *name = g_strdup_printf ("layer%u", n);
      g_autofree char *path = g_build_filename (folder, name, NULL);
      const ToyConfig config = {
        .size = (MAX_SIZE / 2 + random_below (driver->rand, MAX_SIZE / 2)) / unit * unit,
        .cluster = shape->cluster,
        .granule = shape->granule,
        .encrypted = shape->encrypted && n % 2 == 0,
        .seed = g_rand_int (driver->rand),
      };
      ImageLayer *layer = toy_layer_new (driver->loop, path, &config);

      if (layers->len > 0)
        image_layer (&(Image){ .layers = layers }, 0)->read_only = true;
      g_ptr_array_insert (layers, 0, layer);
      if (n > 0 && config.size < driver->size)
        memset (driver->model + config.size, 0, driver->size - config.size);
      driver->size = config.size;
      for (unsigned round = 0; round < 3; round++)
        {
          driver->image = image_new (driver->loop, g_ptr_array_ref (layers), &options);
          read_all (driver);
          drive (driver, 600);
          read_all (driver);
          image_close (driver->image);
          toy_layer_freeze (layer);
        }
    }

  for (unsigned i = 0; i < layers->len; i++)
    image_layer_close (g_ptr_array_index (layers, i));
  g_ptr_array_unref (layers);
  for (unsigned i = 0; i < N_SLOTS; i++)
    g_free (driver->slots[i].data);
  g_free (driver->model);
  g_rand_free (driver->rand);
  loop_free (driver->loop);
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
  return g_test_run ();
}
