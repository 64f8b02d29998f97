/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the image layer alone costs: requests of one size at places all over a disk, some of them under way at
 * a time, each followed by the next one when it is done; as qemu-img bench does. Prints operations per
 * second, and microseconds of processor time for each.
 *
 * usage: storage-bench read|write|plain-read|plain-write SIZE DEPTH COUNT FILE FORMAT cached|direct
 *   SIZE    bytes of a request
 *   DEPTH   requests under way
 *   plain-  by pread and pwrite, on one thread, one at a time: the file itself
 */
#include "devices/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* An odd number of requests: small ones meet no place twice before they have been everywhere. */
#define STRIDE 77747u

typedef struct {
  ImageRequestKind kind;
  bool plain, direct;
  size_t size;
  unsigned depth, count;
  const char *path, *format;
} Plan;

typedef struct Run Run;

typedef struct {
  Run *run;
  ImageRequest request;
  struct iovec iov;
} Slot;

struct Run {
  const Plan *plan;
  Image *image;
  uint64_t position, n_places;
  unsigned to_submit, to_finish;
  Slot *slots;
  GMutex lock;
  GCond done;
};

static uint64_t
next_offset (const Plan *plan, uint64_t *position, uint64_t n_places)
{
  uint64_t step = plan->size <= 65536 ? STRIDE : 1;

  *position = (*position + step) % n_places;
  return *position * plan->size;
}

static void
submit (Slot *slot)
{
  Run *run = slot->run;

  run->to_submit--;
  slot->request.offset = next_offset (run->plan, &run->position, run->n_places);
  image_submit (run->image, &slot->request);
}

/* On the loop's thread, as a device's completion is. */
static void
finished (ImageRequest *request, int error)
{
  Slot *slot = request->data;
  Run *run = slot->run;

  if (error < 0)
    g_error ("A request at %" G_GUINT64_FORMAT " failed: %s", request->offset, g_strerror (-error));
  if (run->to_submit > 0)
    submit (slot);
  if (--run->to_finish > 0)
    return;
  g_mutex_lock (&run->lock);
  g_cond_signal (&run->done);
  g_mutex_unlock (&run->lock);
}

static void
start (void *data)
{
  Run *run = data;

  for (unsigned i = 0; i < run->plan->depth; i++)
    submit (&run->slots[i]);
}

static void
run_image (EventLoop *loop, Image *image, const Plan *plan)
{
  Run run = { .plan = plan, .image = image, .to_submit = plan->count, .to_finish = plan->count };

  run.n_places = image_size (image) / plan->size;
  run.slots = g_new0 (Slot, plan->depth);
  for (unsigned i = 0; i < plan->depth; i++)
    {
      Slot *slot = &run.slots[i];

      slot->run = &run;
      slot->iov = (struct iovec){ g_aligned_alloc0 (1, plan->size, 4096), plan->size };
      slot->request = (ImageRequest){ .kind = plan->kind,
                                      .length = plan->size,
                                      .iov = &slot->iov,
                                      .n_iov = 1,
                                      .done = finished,
                                      .data = slot };
    }
  g_mutex_lock (&run.lock);
  loop_call (loop, start, &run);
  g_cond_wait (&run.done, &run.lock);
  g_mutex_unlock (&run.lock);
  for (unsigned i = 0; i < plan->depth; i++)
    g_aligned_free (run.slots[i].iov.iov_base);
  g_free (run.slots);
}

static void
run_plain (const Plan *plan)
{
  int fd = open (plan->path, O_RDWR | O_CLOEXEC | (plan->direct ? O_DIRECT : 0));
  void *data = g_aligned_alloc0 (1, plan->size, 4096);
  uint64_t n_places = (uint64_t)lseek (fd, 0, SEEK_END) / plan->size, position = 0;

  for (unsigned i = 0; i < plan->count; i++)
    {
      off_t offset = (off_t)next_offset (plan, &position, n_places);
      ssize_t n = plan->kind == IMAGE_READ ? pread (fd, data, plan->size, offset)
                                           : pwrite (fd, data, plan->size, offset);

      if (n != (ssize_t)plan->size)
        g_error ("A transfer of %s was cut: %s", plan->path, g_strerror (errno));
    }
  g_aligned_free (data);
  close (fd);
}

static double
processor_time (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6
         + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void
measure (EventLoop *loop, Image *image, const Plan *plan)
{
  gint64 before = g_get_monotonic_time (), after;
  double spent = processor_time ();

  if (plan->plain)
    run_plain (plan);
  else
    run_image (loop, image, plan);
  after = g_get_monotonic_time ();
  printf ("%.0f %.3f\n", plan->count * 1e6 / (double)(after - before),
          (processor_time () - spent) / plan->count);
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  EventLoop *loop;
  Image *image = NULL;
  Plan plan;

  if (argc != 8)
    {
      fprintf (stderr,
               "usage: %s read|write|plain-read|plain-write SIZE DEPTH COUNT FILE FORMAT cached|direct\n",
               argv[0]);
      return EXIT_FAILURE;
    }
  plan = (Plan){
    .kind = g_str_has_suffix (argv[1], "read") ? IMAGE_READ : IMAGE_WRITE,
    .plain = g_str_has_prefix (argv[1], "plain-"),
    .size = MAX (512, strtoul (argv[2], NULL, 0)),
    .depth = MAX (1, (unsigned)strtoul (argv[3], NULL, 0)),
    .count = (unsigned)strtoul (argv[4], NULL, 0),
    .path = argv[5],
    .format = argv[6],
    .direct = g_str_equal (argv[7], "direct"),
  };
  plan.count = MAX (plan.count, plan.depth);
  loop = loop_new ("bench", &error);
  if (loop != NULL && !plan.plain)
    image = image_open (loop, plan.path,
                        &(ImageOptions){ .exclusive_lock = true,
                                         .format = plan.format,
                                         .direct = plan.direct,
                                         .read_only = plan.kind == IMAGE_READ },
                        &error);
  if (loop == NULL || (image == NULL && !plan.plain))
    g_error ("%s", error->message);
  measure (loop, image, &plan);
  image_close (image);
  loop_free (loop);
  return EXIT_SUCCESS;
}
