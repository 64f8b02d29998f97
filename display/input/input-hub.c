/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/input/input.h"

#define N_KEYS 256

struct InputSink {
  InputHub *hub; /* a reference */
  InputSinkOps ops;
  void *data;
  int enabled; /* atomic: devices set it with their own lock held */
};

struct InputHub {
  gatomicrefcount refs;
  GMutex lock;
  GPtrArray *sinks;           /* newest last */
  InputSink *keys[N_KEYS];    /* who was told that the key is down, or NULL */
  InputSink *buttons[POINTER_N_BUTTONS];
  InputSink *moved; /* the pointer that was moved last, or NULL */
  unsigned leds; /* atomic */
};

InputHub *
input_hub_new (void)
{
  InputHub *hub = g_new0 (InputHub, 1);

  g_atomic_ref_count_init (&hub->refs);
  g_mutex_init (&hub->lock);
  hub->sinks = g_ptr_array_new ();
  return hub;
}

InputHub *
input_hub_ref (InputHub *hub)
{
  g_atomic_ref_count_inc (&hub->refs);
  return hub;
}

void
input_hub_unref (InputHub *hub)
{
  if (!g_atomic_ref_count_dec (&hub->refs))
    return;
  g_ptr_array_unref (hub->sinks);
  g_mutex_clear (&hub->lock);
  g_free (hub);
}

/* --- sinks --- */

InputSink *
input_hub_add_sink (InputHub *hub, const InputSinkOps *ops, void *data)
{
  InputSink *sink = g_new0 (InputSink, 1);

  sink->hub = input_hub_ref (hub);
  sink->ops = *ops;
  sink->data = data;
  sink->enabled = true;

  g_mutex_lock (&hub->lock);
  g_ptr_array_add (hub->sinks, sink);
  g_mutex_unlock (&hub->lock);
  return sink;
}

/* Takes no lock. What is pressed stays with the sink until it is let go. */
void
input_sink_set_enabled (InputSink *sink, bool enabled)
{
  g_atomic_int_set (&sink->enabled, enabled);
}

static void
release_key_locked (InputHub *hub, unsigned usage)
{
  InputSink *owner = g_steal_pointer (&hub->keys[usage]);

  if (owner)
    owner->ops.key (owner->data, (KeyUsage) usage, false);
}

static void
release_button_locked (InputHub *hub, unsigned button)
{
  InputSink *owner = g_steal_pointer (&hub->buttons[button]);

  if (owner)
    owner->ops.button (owner->data, button, false);
}

/* @sink: (nullable): only what was pressed there. */
static void
release_locked (InputHub *hub, InputSink *sink)
{
  for (unsigned i = 0; i < POINTER_N_BUTTONS; i++)
    if (!sink || hub->buttons[i] == sink)
      release_button_locked (hub, i);
  /* The modifiers, which have the highest usages, are let go last. */
  for (unsigned i = 0; i < N_KEYS; i++)
    if (!sink || hub->keys[i] == sink)
      release_key_locked (hub, i);
}

void
input_sink_remove (InputSink *sink)
{
  InputHub *hub = sink->hub;

  g_mutex_lock (&hub->lock);
  release_locked (hub, sink);
  g_ptr_array_remove (hub->sinks, sink);
  if (hub->moved == sink)
    hub->moved = NULL;
  g_mutex_unlock (&hub->lock);
  g_free (sink);
  input_hub_unref (hub);
}

/* --- where input goes --- */

typedef bool (*SinkTest) (const InputSink *sink);

static bool
takes_keys (const InputSink *sink)
{
  return sink->ops.key;
}

static bool
takes_positions (const InputSink *sink)
{
  return sink->ops.position;
}

static bool
takes_motion (const InputSink *sink)
{
  return sink->ops.motion;
}

static InputSink *
newest_locked (InputHub *hub, SinkTest test)
{
  for (guint i = hub->sinks->len; i > 0; i--)
    {
      InputSink *sink = g_ptr_array_index (hub->sinks, i - 1);

      if (g_atomic_int_get (&sink->enabled) && test (sink))
        return sink;
    }
  return NULL;
}

static InputSink *
pointer_locked (InputHub *hub)
{
  InputSink *sink = hub->moved;

  if (sink && g_atomic_int_get (&sink->enabled))
    return sink;
  sink = newest_locked (hub, takes_positions);
  return sink ? sink : newest_locked (hub, takes_motion);
}

bool
input_hub_is_absolute (InputHub *hub)
{
  bool absolute;

  g_mutex_lock (&hub->lock);
  absolute = newest_locked (hub, takes_positions) != NULL;
  g_mutex_unlock (&hub->lock);
  return absolute;
}

/* --- input --- */

void
input_hub_key (InputHub *hub, KeyUsage usage, bool down)
{
  g_mutex_lock (&hub->lock);
  if (!down)
    release_key_locked (hub, usage);
  else if (!hub->keys[usage])
    {
      InputSink *sink = newest_locked (hub, takes_keys);

      hub->keys[usage] = sink;
      if (sink)
        sink->ops.key (sink->data, usage, true);
    }
  g_mutex_unlock (&hub->lock);
}

bool
input_hub_key_is_down (InputHub *hub, KeyUsage usage)
{
  bool down;

  g_mutex_lock (&hub->lock);
  down = hub->keys[usage] != NULL;
  g_mutex_unlock (&hub->lock);
  return down;
}

void
input_hub_motion (InputHub *hub, int dx, int dy)
{
  InputSink *sink;

  g_mutex_lock (&hub->lock);
  sink = newest_locked (hub, takes_motion);
  if (sink && (dx != 0 || dy != 0))
    {
      hub->moved = sink;
      sink->ops.motion (sink->data, dx, dy);
    }
  g_mutex_unlock (&hub->lock);
}

void
input_hub_position (InputHub *hub, unsigned x, unsigned y)
{
  InputSink *sink;

  g_mutex_lock (&hub->lock);
  sink = newest_locked (hub, takes_positions);
  if (sink)
    {
      hub->moved = sink;
      sink->ops.position (sink->data, MIN (x, POINTER_POSITION_MAX), MIN (y, POINTER_POSITION_MAX));
    }
  g_mutex_unlock (&hub->lock);
}

void
input_hub_button (InputHub *hub, PointerButton button, bool down)
{
  g_return_if_fail ((unsigned) button < POINTER_N_BUTTONS);

  g_mutex_lock (&hub->lock);
  if (!down)
    release_button_locked (hub, button);
  else if (!hub->buttons[button])
    {
      InputSink *sink = pointer_locked (hub);

      if (sink && sink->ops.button)
        {
          hub->buttons[button] = sink;
          sink->ops.button (sink->data, button, true);
        }
    }
  g_mutex_unlock (&hub->lock);
}

void
input_hub_wheel (InputHub *hub, int horizontal, int vertical)
{
  InputSink *sink;

  g_mutex_lock (&hub->lock);
  sink = pointer_locked (hub);
  if (sink && sink->ops.wheel && (horizontal != 0 || vertical != 0))
    sink->ops.wheel (sink->data, horizontal, vertical);
  g_mutex_unlock (&hub->lock);
}

void
input_hub_release_all (InputHub *hub)
{
  g_mutex_lock (&hub->lock);
  release_locked (hub, NULL);
  g_mutex_unlock (&hub->lock);
}

void
input_hub_set_leds (InputHub *hub, unsigned leds)
{
  g_atomic_int_set (&hub->leds, leds & 7);
}

unsigned
input_hub_leds (InputHub *hub)
{
  return g_atomic_int_get (&hub->leds);
}
