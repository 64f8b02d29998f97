/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/image-driver.h"

#include <string.h>

#define MAX_REQUEST 200000u
#define N_SLOTS     16u

typedef struct {
  ImageDriver *driver;
  ImageRequest request;
  struct iovec iov[3];
  uint8_t *data;
  bool busy, done;
  int error;
} Slot;

struct ImageDriver {
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
  ImageDriver *driver = slot->driver;

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
clashes (ImageDriver *driver, const ImageRequest *request)
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
choose (ImageDriver *driver, ImageRequest *request)
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
prepare (ImageDriver *driver, Slot *slot)
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
conclude (ImageDriver *driver, Slot *slot)
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
collect (ImageDriver *driver)
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
n_busy (const ImageDriver *driver)
{
  unsigned n = 0;

  for (unsigned i = 0; i < N_SLOTS; i++)
    n += driver->slots[i].busy;
  return n;
}

void
image_driver_run (ImageDriver *driver, unsigned n_requests)
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

void
image_driver_read_all (ImageDriver *driver)
{
  for (uint64_t at = 0; at < driver->size; at += MAX_REQUEST)
    {
      uint64_t n = MIN (MAX_REQUEST, driver->size - at);

      g_assert_cmpint (image_run (driver->image, IMAGE_READ, at, driver->slots[0].data, n), ==, 0);
      compare (driver->slots[0].data, driver->model, at, n);
    }
}

/* --- life --- */

ImageDriver *
image_driver_new (EventLoop *loop, uint64_t size, guint32 seed)
{
  ImageDriver *driver = g_new0 (ImageDriver, 1);

  driver->loop = loop;
  driver->size = size;
  driver->rand = g_rand_new_with_seed (seed);
  driver->model = g_malloc0 (DRIVER_MAX_SIZE);
  for (unsigned i = 0; i < N_SLOTS; i++)
    {
      driver->slots[i].driver = driver;
      driver->slots[i].data = g_malloc (MAX_REQUEST);
    }
  return driver;
}

void
image_driver_free (ImageDriver *driver)
{
  if (driver == NULL)
    return;
  for (unsigned i = 0; i < N_SLOTS; i++)
    g_free (driver->slots[i].data);
  g_free (driver->model);
  g_rand_free (driver->rand);
  g_free (driver);
}

uint8_t *
image_driver_model (ImageDriver *driver)
{
  return driver->model;
}

void
image_driver_use (ImageDriver *driver, Image *image, uint64_t size)
{
  driver->image = image;
  driver->size = size;
}
