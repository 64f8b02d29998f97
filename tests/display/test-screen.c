/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/screen/screen.h"

/*
 * A machine's loop with a device on it that counts what the screen asks for. @lock is the device's lock: the ops take
 * it, and the tests hold it when they call screen_wake, as devices do.
 */
typedef struct {
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
  Screen *screen;

  GMutex lock;
  GCond changed;
  Surface *surface;
  Damage pending;
  bool lazy;         /* calls screen_wake only when it was told to rest */
  bool write_at_rest; /* a write slips in between refresh and rest */
  bool resting;
  int refreshes, forced, rests, wishes;
  int wished_width, wished_height;
} Machine;

static void
machine_write (Machine *m, uint32_t pixel)
{
  g_mutex_lock (&m->lock);
  m->surface->pixels[0] = pixel;
  damage_add (&m->pending, (Rect) { .width = 1, .height = 1 });
  if (!m->lazy || m->resting)
    {
      m->resting = false;
      screen_wake (m->screen);
    }
  g_mutex_unlock (&m->lock);
}

static void
source_refresh (void *source, Surface **surface, Damage *damage, bool force)
{
  Machine *m = source;

  g_mutex_lock (&m->lock);
  if (*surface != m->surface)
    *surface = surface_ref (m->surface);
  damage_add_all (damage, &m->pending);
  damage_clear (&m->pending);
  m->refreshes++;
  m->forced += force;
  g_cond_broadcast (&m->changed);
  g_mutex_unlock (&m->lock);
}

static void
source_rest (void *source)
{
  Machine *m = source;

  g_mutex_lock (&m->lock);
  if (m->write_at_rest)
    {
      m->write_at_rest = false;
      m->surface->pixels[0] = 0xbeef;
      damage_add (&m->pending, (Rect) { .width = 1, .height = 1 });
    }
  if (m->lazy && !damage_is_empty (&m->pending))
    screen_wake (m->screen);
  else
    m->resting = true;
  m->rests++;
  g_cond_broadcast (&m->changed);
  g_mutex_unlock (&m->lock);
}

static void
source_wish (void *source, int width, int height)
{
  Machine *m = source;

  g_mutex_lock (&m->lock);
  m->wishes++;
  m->wished_width = width;
  m->wished_height = height;
  g_cond_broadcast (&m->changed);
  g_mutex_unlock (&m->lock);
}

static const ScreenSource source_ops = { .refresh = source_refresh, .rest = source_rest, .wish = source_wish };

static void *
machine_run (void *data)
{
  Machine *m = data;

  g_main_context_push_thread_default (m->context);
  g_main_loop_run (m->loop);
  g_main_context_pop_thread_default (m->context);
  return NULL;
}

static void
machine_set_up (Machine *m, const void *unused)
{
  m->context = g_main_context_new ();
  m->loop = g_main_loop_new (m->context, FALSE);
  m->screen = screen_new ("svga0", m->context);
  m->surface = surface_new (64, 32);
  g_mutex_init (&m->lock);
  g_cond_init (&m->changed);
  damage_clear (&m->pending);
  m->thread = g_thread_new ("machine", machine_run, m);
}

static gboolean
machine_quit (void *data)
{
  g_main_loop_quit (((Machine *) data)->loop);
  return G_SOURCE_REMOVE;
}

static void
machine_tear_down (Machine *m, const void *unused)
{
  GSource *quit;

  screen_set_source (m->screen, NULL, NULL);
  /* From inside: quitting a loop before it runs would be forgotten. */
  quit = g_idle_source_new ();
  g_source_set_callback (quit, machine_quit, m, NULL);
  g_source_attach (quit, m->context);
  g_source_unref (quit);
  g_thread_join (m->thread);
  screen_unref (m->screen);
  surface_unref (m->surface);
  g_main_loop_unref (m->loop);
  g_main_context_unref (m->context);
  g_cond_clear (&m->changed);
  g_mutex_clear (&m->lock);
}

static void
machine_wait (Machine *m, const int *counter, int at_least)
{
  g_mutex_lock (&m->lock);
  while (*counter < at_least)
    g_cond_wait (&m->changed, &m->lock);
  g_mutex_unlock (&m->lock);
}

/* One who looks, on the test's thread. */
typedef struct {
  GMutex lock;
  GCond cond;
  int told;
} Looker;

static void
looker_changed (void *data)
{
  Looker *looker = data;

  g_mutex_lock (&looker->lock);
  looker->told++;
  g_cond_broadcast (&looker->cond);
  g_mutex_unlock (&looker->lock);
}

/* Waits for news, then takes them. */
static Surface *
looker_next (Looker *looker, ScreenViewer *viewer, Damage *damage)
{
  g_mutex_lock (&looker->lock);
  while (looker->told == 0)
    g_cond_wait (&looker->cond, &looker->lock);
  looker->told = 0;
  g_mutex_unlock (&looker->lock);
  return screen_viewer_take (viewer, damage);
}

static void
test_a_write_is_seen (Machine *m, const void *unused)
{
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 0, looker_changed, &looker);
  g_autoptr (Surface) first = NULL;
  g_autoptr (Surface) second = NULL;
  Damage damage;

  screen_set_source (m->screen, &source_ops, m);
  first = looker_next (&looker, viewer, &damage);
  g_assert_true (first == m->surface);
  g_assert_cmpint (damage_bounds (&damage).width, ==, 64);
  g_assert_cmpint (m->forced, ==, 1);

  machine_write (m, 0x123456);
  second = looker_next (&looker, viewer, &damage);
  g_assert_cmphex (second->pixels[0], ==, 0x123456);
  g_assert_cmpuint (damage.n, ==, 1);
  g_assert_cmpint (damage.rects[0].width, ==, 1);
}

/* Half a second without change; then nothing at all until a write. */
static void
test_it_rests_and_is_woken (Machine *m, const void *unused)
{
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 0, looker_changed, &looker);
  Damage damage;
  int refreshes;

  m->lazy = true;
  screen_set_source (m->screen, &source_ops, m);
  surface_unref (looker_next (&looker, viewer, &damage));
  for (int round = 1; round <= 2; round++)
    {
      machine_wait (m, &m->rests, round);
      g_mutex_lock (&m->lock);
      refreshes = m->refreshes;
      g_mutex_unlock (&m->lock);
      g_assert_cmpint (refreshes, <=, round * 40);

      /* Any refresh at rest would come within this time. */
      g_mutex_lock (&m->lock);
      g_cond_wait_until (&m->changed, &m->lock, g_get_monotonic_time () + 200 * 1000);
      g_assert_cmpint (m->refreshes, ==, refreshes);
      g_mutex_unlock (&m->lock);

      machine_write (m, round);
      surface_unref (looker_next (&looker, viewer, &damage));
    }
}

static void
test_a_write_while_it_lies_down_is_not_lost (Machine *m, const void *unused)
{
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 0, looker_changed, &looker);
  g_autoptr (Surface) surface = NULL;
  Damage damage;

  m->lazy = m->write_at_rest = true;
  screen_set_source (m->screen, &source_ops, m);
  surface_unref (looker_next (&looker, viewer, &damage));
  surface = looker_next (&looker, viewer, &damage);
  g_assert_cmphex (surface->pixels[0], ==, 0xbeef);
}

/* Writers on other threads as fast as they can, around the moments of rest: the last write is always seen. */
static void *
write_much (void *data)
{
  Machine *m = data;

  for (int i = 0; i < 20000; i++)
    machine_write (m, i);
  return NULL;
}

static void
test_the_last_write_is_seen (Machine *m, const void *unused)
{
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 1, looker_changed, &looker);
  Damage damage;

  screen_set_source (m->screen, &source_ops, m);
  for (int round = 0; round < 10; round++)
    {
      GThread *writers[2];
      uint32_t mark = 0x10000000 + round, seen = 0;

      for (int i = 0; i < 2; i++)
        writers[i] = g_thread_new ("writer", write_much, m);
      for (int i = 0; i < 2; i++)
        g_thread_join (writers[i]);
      machine_write (m, mark);
      while (seen != mark)
        {
          g_autoptr (Surface) surface = looker_next (&looker, viewer, &damage);

          g_mutex_lock (&m->lock);
          seen = surface->pixels[0];
          g_mutex_unlock (&m->lock);
        }
    }
}

static void
test_nobody_looks_nothing_is_done (Machine *m, const void *unused)
{
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 0, looker_changed, &looker);
  Damage damage;

  screen_viewer_set_active (viewer, false);
  screen_set_source (m->screen, &source_ops, m);
  for (int i = 0; i < 100; i++)
    machine_write (m, i);
  g_mutex_lock (&m->lock);
  g_cond_wait_until (&m->changed, &m->lock, g_get_monotonic_time () + 150 * 1000);
  g_assert_cmpint (m->refreshes, ==, 0);
  g_mutex_unlock (&m->lock);

  screen_viewer_set_active (viewer, true);
  surface_unref (looker_next (&looker, viewer, &damage));
  g_assert_cmpint (m->refreshes, ==, 1);
}

/* A viewer that was told and does not look keeps nobody busy. */
static void
test_a_stalled_viewer_costs_nothing (Machine *m, const void *unused)
{
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 0, looker_changed, &looker);

  screen_set_source (m->screen, &source_ops, m);
  machine_wait (m, &m->refreshes, 1);
  for (int i = 0; i < 20; i++)
    machine_write (m, i);
  g_mutex_lock (&m->lock);
  g_cond_wait_until (&m->changed, &m->lock, g_get_monotonic_time () + 150 * 1000);
  g_assert_cmpint (m->refreshes, <=, 2);
  g_mutex_unlock (&m->lock);
}

static void
test_intervals_hold (Machine *m, const void *unused)
{
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 100, looker_changed, &looker);
  int64_t start = 0;
  Damage damage;

  screen_set_source (m->screen, &source_ops, m);
  for (int i = 0; i < 5; i++)
    {
      surface_unref (looker_next (&looker, viewer, &damage));
      if (i == 0)
        start = g_get_monotonic_time ();
      machine_write (m, i);
    }
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 4 * 95 * 1000);
  g_assert_cmpint (m->refreshes, <=, 7);
}

static void
test_a_new_mode_is_damage_as_a_whole (Machine *m, const void *unused)
{
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 0, looker_changed, &looker);
  g_autoptr (Surface) surface = NULL;
  Damage damage;

  screen_set_source (m->screen, &source_ops, m);
  surface_unref (looker_next (&looker, viewer, &damage));
  g_mutex_lock (&m->lock);
  surface_unref (m->surface);
  m->surface = surface_new (20, 10);
  screen_wake (m->screen);
  g_mutex_unlock (&m->lock);
  surface = looker_next (&looker, viewer, &damage);
  g_assert_cmpint (surface->width, ==, 20);
  g_assert_cmpint (damage_bounds (&damage).width, ==, 20);
  g_assert_cmpint (damage_bounds (&damage).height, ==, 10);
}

static void
test_grab_is_fresh_and_a_copy (Machine *m, const void *unused)
{
  g_autoptr (Surface) none = screen_grab (m->screen, 1000);
  g_autoptr (Surface) picture = NULL;

  g_assert_null (none);
  screen_set_source (m->screen, &source_ops, m);
  machine_write (m, 0xabcdef);
  picture = screen_grab (m->screen, 10000);
  g_assert_cmphex (picture->pixels[0], ==, 0xabcdef);
  g_assert_true (picture != m->surface);
}

static void
test_grab_gives_up_in_time (Machine *m, const void *unused)
{
  g_autoptr (Surface) before = NULL;
  g_autoptr (Surface) after = NULL;

  screen_set_source (m->screen, &source_ops, m);
  before = screen_grab (m->screen, 10000);
  g_mutex_lock (&m->lock); /* the source is stuck */
  after = screen_grab (m->screen, 50);
  g_mutex_unlock (&m->lock);
  g_assert_nonnull (after);
}

static void
test_after_detaching_no_op_runs (Machine *m, const void *unused)
{
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 0, looker_changed, &looker);
  g_autoptr (Surface) left = NULL;
  Damage damage;
  int refreshes;

  for (int i = 0; i < 200; i++)
    {
      screen_set_source (m->screen, &source_ops, m);
      surface_unref (looker_next (&looker, viewer, &damage));
      machine_write (m, i);
      screen_set_source (m->screen, NULL, NULL);
      refreshes = m->refreshes;
      screen_wake (m->screen);
      g_assert_cmpint (m->refreshes, ==, refreshes);
    }
  left = screen_grab (m->screen, 0);
  g_assert_nonnull (left);
}

static void
test_the_cursor_comes_through (Machine *m, const void *unused)
{
  static const uint32_t shape[4] = { 0xff000000, 0xffffffff, 0, 0x80808080 };
  Looker looker = { 0 };
  g_autoptr (ScreenViewer) viewer = screen_viewer_new (m->screen, 0, looker_changed, &looker);
  ScreenCursor cursor = { .visible = true, .x = 5, .y = 6, .hot_x = 9, .width = 2, .height = 2, .pixels = shape };
  Damage damage;

  g_assert_false (screen_viewer_take_cursor (viewer, &cursor));
  cursor = (ScreenCursor) { .visible = true, .x = 5, .y = 6, .hot_x = 9, .width = 2, .height = 2, .pixels = shape };
  screen_set_cursor (m->screen, &cursor);
  g_assert_null (looker_next (&looker, viewer, &damage));
  g_assert_true (screen_viewer_take_cursor (viewer, &cursor));
  g_assert_cmpint (cursor.x, ==, 5);
  g_assert_cmpint (cursor.hot_x, ==, 1);
  g_assert_cmpmem (cursor.pixels, sizeof shape, shape, sizeof shape);
  g_free ((void *) cursor.pixels);

  screen_set_cursor (m->screen, &(ScreenCursor) { .visible = true, .x = 7, .y = 8 });
  looker_next (&looker, viewer, &damage);
  g_assert_true (screen_viewer_take_cursor (viewer, &cursor));
  g_assert_null (cursor.pixels);
  g_assert_cmpint (cursor.x, ==, 7);
  g_assert_cmpint (cursor.width, ==, 2);
}

static void
test_viewers_come_and_go (Machine *m, const void *unused)
{
  screen_set_source (m->screen, &source_ops, m);
  for (int i = 0; i < 300; i++)
    {
      Looker *looker = g_new0 (Looker, 1);
      ScreenViewer *viewer = screen_viewer_new (m->screen, 0, looker_changed, looker);

      machine_write (m, i);
      screen_viewer_free (viewer);
      g_free (looker); /* a callback after the free would be caught by the sanitizers */
    }
}

/* Someone who drags a window larger wishes all the time: the first and the last are told, and few between. */
static void
test_wishes_are_told_now_and_then (Machine *m, const void *unused)
{
  gint64 start = g_get_monotonic_time ();
  int most;

  screen_wish (m->screen, 400, 300); /* kept for the source that comes */
  screen_set_source (m->screen, &source_ops, m);
  machine_wait (m, &m->wishes, 1);
  g_assert_cmpint (m->wished_width, ==, 400);
  for (int i = 1; i <= 1000; i++)
    screen_wish (m->screen, 400 + i, 300);
  machine_wait (m, &m->wished_width, 1400);
  most = 2 + (g_get_monotonic_time () - start) / (G_USEC_PER_SEC / 10);
  g_assert_cmpint (m->wishes, <=, most);

  /* The same again is none. */
  screen_wish (m->screen, 1400, 300);
  surface_unref (screen_grab (m->screen, 20000));
  g_assert_cmpint (m->wishes, <=, most);
  screen_set_source (m->screen, NULL, NULL);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*func) (Machine *, const void *);
  } tests[] = {
    { "/screen/write", test_a_write_is_seen },
    { "/screen/rest", test_it_rests_and_is_woken },
    { "/screen/write-at-rest", test_a_write_while_it_lies_down_is_not_lost },
    { "/screen/last-write", test_the_last_write_is_seen },
    { "/screen/inactive", test_nobody_looks_nothing_is_done },
    { "/screen/stalled", test_a_stalled_viewer_costs_nothing },
    { "/screen/interval", test_intervals_hold },
    { "/screen/mode", test_a_new_mode_is_damage_as_a_whole },
    { "/screen/grab", test_grab_is_fresh_and_a_copy },
    { "/screen/grab-timeout", test_grab_gives_up_in_time },
    { "/screen/detach", test_after_detaching_no_op_runs },
    { "/screen/cursor", test_the_cursor_comes_through },
    { "/screen/wishes", test_wishes_are_told_now_and_then },
    { "/screen/viewers", test_viewers_come_and_go },
  };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Machine, NULL, machine_set_up, tests[i].func, machine_tear_down);
  return g_test_run ();
}
