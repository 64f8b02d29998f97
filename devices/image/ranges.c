/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/ranges.h"

static bool
conflict (const ImageRequest *a, const ImageRequest *b)
{
  return (a->exclusive || b->exclusive) && a->first < b->end && b->first < a->end;
}

static void
set_range (ImageRequest *request, bool exclusive)
{
  uint64_t mask = exclusive ? request->image->range_unit - 1 : 0;

  request->exclusive = exclusive;
  request->first = request->offset & ~mask;
  request->end = (request->offset + request->length + mask) & ~mask;
}

bool
ranges_hold (ImageRequest *request, bool exclusive)
{
  Image *image = request->image;
  bool held;

  g_mutex_lock (&image->lock);
  set_range (request, exclusive);
  request->n_blockers = 0;
  if (exclusive || image->n_exclusive > 0)
    for (GList *l = image->held.head; l != NULL; l = l->next)
      request->n_blockers += conflict (l->data, request);
  request->held = (GList){ .data = request };
  g_queue_push_tail_link (&image->held, &request->held);
  image->n_exclusive += exclusive;
  held = request->n_blockers == 0;
  image->n_waiting += !held;
  g_mutex_unlock (&image->lock);
  return held;
}

void
ranges_release (ImageRequest *request)
{
  Image *image = request->image;
  ImageRequest *ready = NULL, **tail = &ready;

  g_mutex_lock (&image->lock);
  for (GList *l = image->n_waiting > 0 ? request->held.next : NULL; l != NULL; l = l->next)
    {
      ImageRequest *later = l->data;

      if (later->n_blockers == 0 || !conflict (request, later) || --later->n_blockers > 0)
        continue;
      image->n_waiting--;
      later->next = NULL;
      *tail = later;
      tail = &later->next;
    }
  g_queue_unlink (&image->held, &request->held);
  image->n_exclusive -= request->exclusive;
  g_mutex_unlock (&image->lock);

  while (ready != NULL)
    {
      ImageRequest *next = ready->next;

      image_route_ready (ready);
      ready = next;
    }
}
