/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/crash-load.h"

#include <errno.h>

#define MAX_DEPTH  16u
#define MAX_LENGTH (256u * 1024)
#define MAX_TRIES  16u

typedef struct LoadState LoadState;

typedef struct {
  ImageRequest request;
  LoadState *state;
  struct iovec iov;
  uint8_t *buffer;  /* MAX_LENGTH */
  uint32_t act;     /* 0: a flush */
  GArray *promised; /* of uint32_t: acts that the flush makes stable */
  bool busy;
} Slot;

struct LoadState {
  const CrashLoad *load;
  CrashLog *log;
  Run *run;
  Image *image;
  Slot slots[MAX_DEPTH];
  uint64_t hot; /* where many acts go */

  GMutex lock;
  GCond cond;
  unsigned in_flight;
  int error;        /* the first */
  uint32_t settled; /* acts before it are flushed */
};

/* --- completions, on the loop's thread --- */

static void
slot_done (ImageRequest *request, int error)
{
  Slot *slot = (Slot *)request;
  LoadState *state = slot->state;

  if (error != 0 && state->load->tries_again)
    {
      image_submit (state->image, request);
      return;
    }
  g_mutex_lock (&state->lock);
  if (error != 0 && state->error == 0)
    state->error = error;
  if (error == 0 && slot->act != 0)
    crash_log_mark (state->log, slot->act, state->load->write_through ? ACT_FLUSHED : ACT_DONE);
  if (error == 0 && slot->act == 0)
    for (unsigned i = 0; i < slot->promised->len; i++)
      crash_log_mark (state->log, g_array_index (slot->promised, uint32_t, i), ACT_FLUSHED);
  slot->busy = false;
  state->in_flight--;
  g_cond_signal (&state->cond);
  g_mutex_unlock (&state->lock);
}

/* --- drawing --- */

static void
gather_promised_locked (LoadState *state, GArray *promised)
{
  g_array_set_size (promised, 0);
  for (uint32_t i = state->settled; i < state->log->n_acts; i++)
    if (crash_log_get_mark (state->log, i) == ACT_DONE)
      g_array_append_val (promised, i);
  while (state->settled < state->log->n_acts
         && crash_log_get_mark (state->log, state->settled) == ACT_FLUSHED)
    state->settled++;
}

static bool
meets_another_locked (const LoadState *state, uint64_t offset, uint64_t length)
{
  for (unsigned i = 0; i < MAX_DEPTH; i++)
    {
      const Slot *slot = &state->slots[i];

      if (slot->busy && slot->act != 0 && offset < slot->request.offset + slot->request.length
          && slot->request.offset < offset + length)
        return true;
    }
  return false;
}

static void
draw_range (LoadState *state, uint64_t *offset, uint64_t *length)
{
  Run *run = state->run;
  uint64_t size = image_size (state->image), unit = 512;

  if (run_once_in (run, 12))
    unit = CRASH_WORD;
  else if (run_once_in (run, 4))
    unit = 65536;
  *offset =
    run_once_in (run, 2) ? state->hot + run_between (run, 0, 1 << 20) : run_between (run, 0, size - 1);
  *offset = MIN (*offset - *offset % unit, size - CRASH_WORD);
  *offset -= *offset % CRASH_WORD;
  *length = run_scale (run, 18);
  *length += unit - 1;
  *length -= *length % unit;
  *length = MIN (MIN (*length, MAX_LENGTH), size - *offset);
}

static CrashActKind
draw_kind (Run *run)
{
  switch (run_between (run, 0, 9))
    {
    case 0:
      return ACT_ZERO;
    case 1:
      return ACT_DISCARD;
    default:
      return ACT_WRITE;
    }
}

/* False: all is taken just now. */
static bool
draw_act_locked (LoadState *state, Slot *slot)
{
  static const ImageRequestKind kinds[] = {
    [ACT_WRITE] = IMAGE_WRITE, [ACT_ZERO] = IMAGE_WRITE_ZEROES, [ACT_DISCARD] = IMAGE_DISCARD
  };
  CrashActKind kind = draw_kind (state->run);
  uint64_t offset, length;
  unsigned tries = 0;

  do
    draw_range (state, &offset, &length);
  while (meets_another_locked (state, offset, length) && ++tries < MAX_TRIES);
  if (tries == MAX_TRIES)
    return false;
  slot->act = crash_log_add (state->log, kind, offset, length);
  if (slot->act == 0)
    run_fail (state->run, "the log is full");
  slot->request = (ImageRequest){ .kind = kinds[kind],
                                  .may_unmap = run_once_in (state->run, 2),
                                  .offset = offset,
                                  .length = length,
                                  .done = slot_done };
  if (kind == ACT_WRITE)
    {
      crash_log_fill (state->log, slot->act, offset, slot->buffer, length);
      slot->iov = (struct iovec){ slot->buffer, length };
      slot->request.iov = &slot->iov;
      slot->request.n_iov = 1;
    }
  return true;
}

static void
submit_next (LoadState *state)
{
  Slot *slot = state->slots;

  g_mutex_lock (&state->lock);
  while (slot->busy)
    slot++;
  if (run_once_in (state->run, 8) || !draw_act_locked (state, slot))
    {
      slot->act = 0;
      slot->request = (ImageRequest){ .kind = IMAGE_FLUSH, .done = slot_done };
      gather_promised_locked (state, slot->promised);
    }
  slot->busy = true;
  state->in_flight++;
  g_mutex_unlock (&state->lock);
  image_submit (state->image, &slot->request);
}

/* A store that fails now and then lets one of so many tries through. */
#define MAX_GROW_TRIES 2000u

static bool
try_to_grow (LoadState *state, uint64_t size, GError **error)
{
  unsigned left = state->load->tries_again ? MAX_GROW_TRIES : 1;

  while (!image_resize (state->image, size, error))
    {
      if (--left == 0)
        return false;
      g_clear_error (error);
    }
  return true;
}

static void
grow (LoadState *state)
{
  CrashLog *log = state->log;
  uint64_t size = image_size (state->image), more = IMAGE_SECTOR_SIZE * run_scale (state->run, 12);
  g_autoptr (GError) error = NULL;
  uint32_t act;

  if (size + more > log->limit)
    return;
  act = crash_log_add (log, ACT_GROW, 0, size + more);
  if (try_to_grow (state, size + more, &error))
    crash_log_mark (log, act, ACT_DONE);
  else if (!state->load->may_fail)
    run_fail (state->run, "growing: %s", error->message);
  else
    {
      g_mutex_lock (&state->lock);
      state->error = -EIO;
      g_mutex_unlock (&state->lock);
    }
}

void
crash_load_run (const CrashLoad *load, CrashLog *log, Run *run, Image *image)
{
  LoadState *state = g_new0 (LoadState, 1);
  uint64_t size = image_size (image);

  *state = (LoadState){ .load = load, .log = log, .run = run, .image = image, .settled = log->first };
  state->hot = run_between (run, 0, size / 2);
  for (unsigned i = 0; i < MAX_DEPTH; i++)
    {
      state->slots[i].state = state;
      state->slots[i].buffer = g_malloc (MAX_LENGTH);
      state->slots[i].promised = g_array_new (FALSE, FALSE, sizeof (uint32_t));
    }

  for (unsigned acts = 0; acts < load->acts; acts++)
    {
      bool over;

      if (load->grows && run_once_in (run, 40))
        grow (state);
      g_mutex_lock (&state->lock);
      while (state->in_flight >= MIN (load->depth, MAX_DEPTH))
        g_cond_wait (&state->cond, &state->lock);
      over = state->error != 0;
      g_mutex_unlock (&state->lock);
      if (over)
        break;
      submit_next (state);
    }
  g_mutex_lock (&state->lock);
  while (state->in_flight > 0)
    g_cond_wait (&state->cond, &state->lock);
  g_mutex_unlock (&state->lock);
  if (state->error != 0 && !load->may_fail)
    run_fail (run, "a request failed: %s", g_strerror (-state->error));

  for (unsigned i = 0; i < MAX_DEPTH; i++)
    {
      g_free (state->slots[i].buffer);
      g_array_unref (state->slots[i].promised);
    }
  g_free (state);
}
