/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/stall-watch.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* A source that is asked before and after each poll knows how long everything else took in between. */
typedef struct {
  GSource source;
  gint64 woke;        /* when the last poll ended; 0: it has not */
  gint64 waited_then; /* for the processor, until then */
  gint64 worked_then; /* ... until then */
  gint64 limit;       /* µs */
  gint64 drew;        /* of the work since, how much GTK's renderer did */
  gint64 laid_out;    /* the work until that began; 0: it has not */
} StallWatch;

/* How long this thread could have run and wasn't let: proc(5), /proc/PID/schedstat, the second number. µs */
static gint64
time_waited (void)
{
  g_autofree char *text = NULL;
  const char *second;

  if (!g_file_get_contents ("/proc/thread-self/schedstat", &text, NULL, NULL))
    return 0;
  second = strchr (text, ' ');
  return second ? g_ascii_strtoll (second, NULL, 10) / 1000 : 0;
}

/* The processor time of this thread. µs */
static gint64
time_worked (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static gboolean
prepare (GSource *source, int *timeout)
{
  StallWatch *watch = (StallWatch *)source;
  gint64 now = g_get_monotonic_time ();
  gint64 began = watch->woke ? watch->woke : now;
  gint64 took = now - began;

  *timeout = -1;
  watch->woke = 0;
  if (took <= watch->limit)
    return FALSE;
  took -= time_waited () - watch->waited_then;
  if (took > watch->limit)
    g_printerr ("stall: %.1f ms, %.1f of work, %.1f of them drawing, from %.6f to %.6f\n",
                (double)took / 1000, (double)(time_worked () - watch->worked_then) / 1000,
                (double)watch->drew / 1000, (double)began / G_USEC_PER_SEC, (double)now / G_USEC_PER_SEC);
  return FALSE;
}

static gboolean
check (GSource *source)
{
  StallWatch *watch = (StallWatch *)source;

  watch->woke = g_get_monotonic_time ();
  watch->waited_then = time_waited ();
  watch->worked_then = time_worked ();
  watch->drew = 0;
  return FALSE;
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs funcs = { .prepare = prepare, .check = check, .dispatch = dispatch };

/* --- what drawing takes --- */

static void
on_layout (StallWatch *watch)
{
  watch->laid_out = time_worked ();
}

/* GDK has drawn: it was there before us. */
static void
on_paint (StallWatch *watch)
{
  if (watch->laid_out)
    watch->drew += time_worked () - watch->laid_out;
  watch->laid_out = 0;
}

void
stall_watch_follow (GtkWidget *window)
{
  StallWatch *watch = (StallWatch *)g_main_context_find_source_by_funcs_user_data (NULL, &funcs, NULL);
  GdkFrameClock *clock = gtk_widget_get_frame_clock (window);

  if (!watch)
    return;
  g_signal_connect_data (clock, "layout", G_CALLBACK (on_layout), watch, NULL,
                         G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  g_signal_connect_data (clock, "paint", G_CALLBACK (on_paint), watch, NULL,
                         G_CONNECT_SWAPPED | G_CONNECT_AFTER);
}

/* --- */

void
stall_watch_begin (void)
{
  const char *limit = g_getenv ("BONSAI_STALLS");
  g_autoptr (GSource) source = NULL;

  if (!limit || !*limit)
    return;
  source = g_source_new (&funcs, sizeof (StallWatch));
  ((StallWatch *)source)->limit = (gint64)(g_ascii_strtod (limit, NULL) * 1000);
  g_source_set_priority (source, G_MININT);
  g_source_set_static_name (source, "stall watch");
  g_source_set_callback (source, G_SOURCE_FUNC (dispatch), NULL, NULL); /* it is found by its data */
  g_source_attach (source, NULL);
}

/* proc(5), /proc/PID/stat: field 22 is when the process began, in clock ticks since the host did. */
void
stall_watch_tell_start (void)
{
  g_autofree char *text = NULL;
  const char *at;
  struct timespec now;
  guint64 ticks;

  if (!g_getenv ("BONSAI_STALLS") || !g_file_get_contents ("/proc/self/stat", &text, NULL, NULL))
    return;
  at = strrchr (text, ')');
  for (unsigned field = 2; at && field < 22; field++)
    at = strchr (at + 1, ' ');
  if (!at)
    return;
  ticks = g_ascii_strtoull (at + 1, NULL, 10);
  clock_gettime (CLOCK_BOOTTIME, &now);
  g_printerr ("start: %.0f ms\n", (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6
                                    - (double)ticks * 1000 / (double)sysconf (_SC_CLK_TCK));
}
