/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/screen/screen.h"

G_BEGIN_DECLS

/* Between screen.c (the clock and the source) and screen-viewer.c (who looks). */

/* Someone in screen_grab, on whose stack it lives. */
typedef struct {
  Surface *picture;
  bool done;
} Grab;

struct ScreenViewer {
  Screen *screen; /* a reference */
  gatomicrefcount refs;
  ScreenChangedFunc changed;
  void *data;
  int64_t interval; /* µs */
  /* the screen's lock guards the rest */
  bool active;
  bool telling; /* @changed runs */
  bool told;    /* and nothing was taken since */
  int64_t told_at;
  Damage damage;
  bool cursor_changed;
  unsigned cursor_serial; /* of the shape it knows */
};

/*
 * A screen is a GSource of its context, so that GLib keeps it alive while it runs. Its ready time is when
 * there is something to do: refresh, or tell a viewer whose interval is over.
 */
struct Screen {
  GSource base;
  gatomicrefcount refs;
  char *name;
  GMainContext *context;

  /*
   * How no wake-up is lost: screen_wake sets @woken and then looks at @awake; going to rest clears @awake and
   * then looks at @woken. Both orders are sequentially consistent, so at least one of the two sees the other.
   */
  int woken;  /* atomic: something changed since the last refresh began */
  int awake;  /* atomic: the screen pulls by itself */
  int ticked; /* atomic: refresh once, even at rest */
  int kicked; /* atomic: look at once */

  GMutex lock;
  GCond source_idle; /* @in_source became NULL */
  GCond grab_done;
  GCond telling_done;
  const ScreenSource *ops;
  void *source;
  GThread *in_source;              /* whose op runs */
  bool force;                      /* for the next refresh */
  bool wishes;                     /* the source is to hear of what follows */
  int wished_width, wished_height; /* 0: nobody wished for anything yet */
  int64_t told_wish_at;            /* µs, monotonic */
  Surface *surface;
  GPtrArray *viewers;
  GPtrArray *grabs;
  int64_t last_refresh, last_change; /* µs, monotonic */
  ScreenCursor cursor;
  uint32_t *cursor_pixels;
  bool has_cursor;
  unsigned cursor_serial;
  Rect place; /* on the desktop */
  int desktop_width, desktop_height;
};

/* --- screen.c --- */

/* The screen looks at once whether there is something to do. Any lock may be held. */
void screen_kick (Screen *screen);
void screen_refresh_locked (Screen *screen);

/* --- screen-viewer.c --- */

void screen_viewer_unref (ScreenViewer *viewer);
/* Gives those in screen_grab their pictures. */
void screen_serve_grabs_locked (Screen *screen);

G_END_DECLS
