/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/play.h"

#include <errno.h>

#define MAX_BURST  32u
#define MAX_PIECES 8u
#define MAX_LENGTH (4u << 20)

typedef struct {
  ImageRequest request;
  struct iovec iov[MAX_PIECES];
  uint8_t *buffer, *wanted;
  int result;
} Act;

typedef struct {
  GMutex lock;
  GCond cond;
  unsigned left;
} Burst;

static void
act_done (ImageRequest *request, int error)
{
  Burst *burst = request->data;
  Act *act = (Act *)request;

  act->result = error;
  g_mutex_lock (&burst->lock);
  burst->left--;
  g_cond_signal (&burst->cond);
  g_mutex_unlock (&burst->lock);
}

/* --- drawing --- */

static uint64_t
draw_position (Play *play, uint64_t size)
{
  Run *run = play->run;
  uint64_t offset = run_between (run, 0, 3), unit;

  if (offset < PLAY_WINDOWS)
    offset = play->windows[offset] + run_between (run, 0, (1 << 20) - 1);
  else
    offset = run_between (run, 0, size - 1);
  unit = run_once_in (run, 10) ? 1 : run_once_in (run, 3) ? UINT64_C (512) << run_between (run, 0, 9) : 512;
  offset -= offset % unit;
  return MIN (offset, size - 1);
}

static bool
overlaps (const Act *acts, unsigned n, uint64_t offset, uint64_t length)
{
  for (unsigned i = 0; i < n; i++)
    if (offset < acts[i].request.offset + acts[i].request.length && acts[i].request.offset < offset + length)
      return true;
  return false;
}

/* False: no free range was found. */
static bool
draw_range (Play *play, Act *acts, unsigned n)
{
  Run *run = play->run;
  uint64_t size = image_size (play->image);
  ImageRequest *request = &acts[n].request;

  for (unsigned tries = 0; tries < 8; tries++)
    {
      uint64_t offset = draw_position (play, size), length = run_scale (run, run_once_in (run, 20) ? 22 : 17);

      if (offset % 512 == 0 && length > 512)
        length -= length % 512;
      else if (offset % 512 == 0 && !run_once_in (run, 10))
        length = 512;
      length = MIN (MIN (length, size - offset), MAX_LENGTH);
      if (!overlaps (acts, n, offset, length))
        {
          request->offset = offset;
          request->length = length;
          return true;
        }
    }
  return false;
}

static void
fill (Run *run, uint8_t *data, uint64_t length)
{
  uint64_t unit;

  switch (run_between (run, 0, 5))
    {
    case 0:
      memset (data, 0, length);
      break;
    case 1:
      memset (data, (int)run_between (run, 1, 255), length);
      break;
    case 2: /* mostly zeroes */
      memset (data, 0, length);
      for (unsigned i = 0; i < 4; i++)
        data[run_between (run, 0, length - 1)] = (uint8_t)run_between (run, 1, 255);
      break;
    case 3: /* some sectors zero */
      memset (data, 0, length);
      unit = UINT64_C (512) << run_between (run, 0, 7);
      for (uint64_t at = 0; at < length; at += 2 * unit)
        memset (data + at, (int)run_between (run, 1, 255), MIN (unit, length - at));
      break;
    default:
      for (uint64_t at = 0; at + 4 <= length; at += 4)
        {
          uint32_t word = g_rand_int (run->rand);
          memcpy (data + at, &word, 4);
        }
      for (uint64_t at = length & ~UINT64_C (3); at < length; at++)
        data[at] = (uint8_t)at;
    }
}

static void
cut_in_pieces (Run *run, Act *act)
{
  uint64_t left = act->request.length;
  unsigned n = 0;

  for (unsigned pieces = (unsigned)run_between (run, 1, MAX_PIECES); left > 0; n++)
    {
      uint64_t length = n + 1 >= pieces ? left : run_between (run, 1, left);

      act->iov[n] = (struct iovec){ act->buffer + (act->request.length - left), length };
      left -= length;
    }
  act->request.iov = act->iov;
  act->request.n_iov = n;
}

static const char *const kind_names[] = {
  [IMAGE_READ] = "read",       [IMAGE_WRITE] = "write",         [IMAGE_FLUSH] = "flush",
  [IMAGE_DISCARD] = "discard", [IMAGE_WRITE_ZEROES] = "zeroes",
};

static bool
draw_act (Play *play, Act *acts, unsigned n, Burst *burst)
{
  static const ImageRequestKind kinds[] = { IMAGE_READ,         IMAGE_READ,         IMAGE_WRITE,
                                            IMAGE_WRITE,        IMAGE_WRITE,        IMAGE_WRITE,
                                            IMAGE_WRITE,        IMAGE_WRITE_ZEROES, IMAGE_DISCARD,
                                            IMAGE_WRITE_ZEROES, IMAGE_FLUSH };
  Run *run = play->run;
  Act *act = &acts[n];
  ImageRequest *request = &act->request;

  *act = (Act){ .request = { .kind = kinds[run_between (run, 0, G_N_ELEMENTS (kinds) - 1)],
                             .done = act_done,
                             .data = burst } };
  if (request->kind != IMAGE_FLUSH && !draw_range (play, acts, n))
    return false;
  request->may_unmap = run_once_in (run, 2);
  if (request->kind == IMAGE_READ || request->kind == IMAGE_WRITE)
    {
      act->buffer = g_malloc (request->length);
      cut_in_pieces (run, act);
    }
  if (request->kind == IMAGE_WRITE)
    fill (run, act->buffer, request->length);
  if (request->kind == IMAGE_READ)
    {
      act->wanted = g_malloc (request->length);
      medium_read (play->model, request->offset, act->wanted, request->length);
      memset (act->buffer, 0xa5, request->length);
    }
  run_log (run, "  %s %" G_GUINT64_FORMAT " + %" G_GUINT64_FORMAT "%s", kind_names[request->kind],
           request->offset, request->length,
           request->kind == IMAGE_WRITE_ZEROES && request->may_unmap ? " (unmap)" : "");
  return true;
}

/* --- and what came of it --- */

/* What was discarded holds what it held, or what a layer below does, or zeroes; that then stays. */
static void
settle_discard (Play *play, const ImageRequest *request)
{
  g_autofree uint8_t *got = g_malloc (request->length), *old = g_malloc (request->length),
                     *low = g_malloc0 (request->length);
  int result = image_run (play->image, IMAGE_READ, request->offset, got, request->length);

  if (result != 0)
    run_fail (play->run, "reading what was discarded: %s", g_strerror (-result));
  medium_read (play->model, request->offset, old, request->length);
  if (play->below->len > 0)
    medium_read (play->below->pdata[play->below->len - 1], request->offset, low, request->length);
  for (uint64_t i = 0; i < request->length; i++)
    if (got[i] != 0 && got[i] != old[i] && got[i] != low[i])
      run_fail (play->run, "discarded byte %" G_GUINT64_FORMAT " was 0x%02x and is 0x%02x",
                request->offset + i, old[i], got[i]);
  medium_write (play->model, request->offset, got, request->length);
}

static void
settle (Play *play, Act *act)
{
  const ImageRequest *request = &act->request;

  if (act->result != 0)
    run_fail (play->run, "%s at %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT " bytes: %s",
              kind_names[request->kind], request->offset, request->length, g_strerror (-act->result));
  switch (request->kind)
    {
    case IMAGE_READ:
      for (uint64_t i = 0; i < request->length; i++)
        if (act->buffer[i] != act->wanted[i])
          run_fail (play->run,
                    "byte %" G_GUINT64_FORMAT " of a read at %" G_GUINT64_FORMAT " is 0x%02x, not 0x%02x", i,
                    request->offset, act->buffer[i], act->wanted[i]);
      break;
    case IMAGE_WRITE:
      medium_write (play->model, request->offset, act->buffer, request->length);
      break;
    case IMAGE_WRITE_ZEROES:
      medium_zero (play->model, request->offset, request->length);
      break;
    case IMAGE_DISCARD:
      settle_discard (play, request);
      break;
    default: /* nothing changed */
      break;
    }
  g_free (act->buffer);
  g_free (act->wanted);
}

void
play_burst (Play *play, unsigned n)
{
  Act acts[MAX_BURST];
  Burst burst = { 0 };
  unsigned n_acts = 0;

  run_log (play->run, "burst of %u", n);
  for (unsigned i = 0; i < MIN (n, MAX_BURST); i++)
    n_acts += draw_act (play, acts, n_acts, &burst);

  burst.left = n_acts;
  for (unsigned i = 0; i < n_acts; i++)
    image_submit (play->image, &acts[i].request);
  g_mutex_lock (&burst.lock);
  while (burst.left > 0)
    g_cond_wait (&burst.cond, &burst.lock);
  g_mutex_unlock (&burst.lock);

  for (unsigned i = 0; i < n_acts; i++)
    settle (play, &acts[i]);
}
