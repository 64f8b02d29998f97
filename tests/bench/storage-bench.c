/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the image layer alone costs: 4 KiB at random places of a raw file in the page cache, one and 32
 * requests deep, beside the same work by pread and pwrite on one thread. "name value unit" lines.
 *
 * usage: storage-bench [FILE]   FILE is overwritten; default: a file in the temporary folder, removed again
 */
#include "devices/image/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_SIZE  (UINT64_C (256) << 20)
#define BLOCK      4096u
#define N_REQUESTS 100000u
#define MAX_DEPTH  32u

typedef struct Run Run;

typedef struct {
  Run *run;
  ImageRequest request;
  struct iovec iov;
  uint8_t data[BLOCK];
} Slot;

struct Run {
  Image *image;
  ImageRequestKind kind;
  GRand *rand;
  unsigned to_submit, to_finish;
  Slot slots[MAX_DEPTH];
  GMutex lock;
  GCond done;
};

static uint64_t
random_offset (GRand *rand)
{
  return (uint64_t)g_rand_int_range (rand, 0, FILE_SIZE / BLOCK) * BLOCK;
}

static void
submit (Slot *slot)
{
  Run *run = slot->run;

  run->to_submit--;
  slot->request.kind = run->kind;
  slot->request.offset = random_offset (run->rand);
  image_submit (run->image, &slot->request);
}

/* On the loop's thread, as a device's completion is. */
static void
finished (ImageRequest *request, int error)
{
  Slot *slot = request->data;
  Run *run = slot->run;

  if (error < 0)
    g_error ("A request failed: %s", g_strerror (-error));
  if (run->to_submit > 0)
    submit (slot);
  if (--run->to_finish > 0)
    return;
  g_mutex_lock (&run->lock);
  g_cond_signal (&run->done);
  g_mutex_unlock (&run->lock);
}

typedef struct {
  Run *run;
  unsigned depth;
} Start;

static void
start (void *data)
{
  const Start *begin = data;

  for (unsigned i = 0; i < begin->depth; i++)
    submit (&begin->run->slots[i]);
}

/* Requests per second. */
static double
measure (EventLoop *loop, Image *image, ImageRequestKind kind, unsigned depth)
{
  g_autofree Run *run = g_new0 (Run, 1);
  Start begin = { run, depth };
  gint64 before, after;

  run->image = image;
  run->kind = kind;
  run->rand = g_rand_new_with_seed (1);
  run->to_submit = run->to_finish = N_REQUESTS;
  for (unsigned i = 0; i < depth; i++)
    {
      Slot *slot = &run->slots[i];

      slot->run = run;
      slot->iov = (struct iovec){ slot->data, BLOCK };
      slot->request =
        (ImageRequest){ .length = BLOCK, .iov = &slot->iov, .n_iov = 1, .done = finished, .data = slot };
    }
  g_mutex_lock (&run->lock);
  before = g_get_monotonic_time ();
  loop_call (loop, start, &begin);
  g_cond_wait (&run->done, &run->lock);
  after = g_get_monotonic_time ();
  g_mutex_unlock (&run->lock);
  g_rand_free (run->rand);
  return N_REQUESTS * 1e6 / (double)(after - before);
}

static double
measure_plain (const char *path, ImageRequestKind kind)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);
  GRand *rand = g_rand_new_with_seed (1);
  uint8_t data[BLOCK] = { 0 };
  gint64 before = g_get_monotonic_time ();

  for (unsigned i = 0; i < N_REQUESTS; i++)
    {
      uint64_t offset = random_offset (rand);
      ssize_t n =
        kind == IMAGE_READ ? pread (fd, data, BLOCK, (off_t)offset) : pwrite (fd, data, BLOCK, (off_t)offset);

      if (n != BLOCK)
        g_error ("A plain transfer of %s was cut", path);
    }
  g_rand_free (rand);
  close (fd);
  return N_REQUESTS * 1e6 / (double)(g_get_monotonic_time () - before);
}

static void
fill (const char *path)
{
  g_autofree uint8_t *chunk = g_malloc0 (1 << 20);
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  if (fd < 0)
    g_error ("Can't write %s", path);
  for (uint64_t at = 0; at < FILE_SIZE; at += 1 << 20)
    if (write (fd, chunk, 1 << 20) != 1 << 20)
      g_error ("Can't fill %s; the bench needs %u MiB", path, (unsigned)(FILE_SIZE >> 20));
  close (fd);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    ImageRequestKind kind;
  } kinds[] = { { "read", IMAGE_READ }, { "write", IMAGE_WRITE } };
  static const unsigned depths[] = { 1, MAX_DEPTH };
  g_autofree char *path =
    argc > 1 ? g_strdup (argv[1]) : g_build_filename (g_get_tmp_dir (), "bonsai-storage-bench", NULL);
  const ImageOptions options = { .exclusive_lock = true, .format = "raw" };
  GError *error = NULL;
  EventLoop *loop = loop_new ("bench", &error);
  Image *image;

  if (loop == NULL)
    g_error ("%s", error->message);
  fill (path);
  image = image_open (loop, path, &options, &error);
  if (image == NULL)
    g_error ("%s", error->message);
  printf ("# %s\n", loop_io_engine (loop));
  for (unsigned k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      double plain = measure_plain (path, kinds[k].kind);

      printf ("%s-4k-plain %.0f /s\n", kinds[k].name, plain);
      for (unsigned d = 0; d < G_N_ELEMENTS (depths); d++)
        {
          double rate = measure (loop, image, kinds[k].kind, depths[d]);

          printf ("%s-4k-depth-%u %.0f /s\n%s-4k-depth-%u-of-plain %.2f ratio\n", kinds[k].name, depths[d],
                  rate, kinds[k].name, depths[d], rate / plain);
        }
    }
  image_close (image);
  loop_free (loop);
  if (argc < 2)
    unlink (path);
  return EXIT_SUCCESS;
}
