/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/screen/surface.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Screen: one head of a machine, between the display device that draws (source) and those who
 * look (viewers: a console window, thumbnails, screenshots).
 *
 * Nothing is done while nobody looks or nothing changes: an awake screen pulls from its source
 * at most 60 times a second; after half a second without a change it goes to rest and the
 * source arms its detection of the next write, which calls screen_wake.
 *
 * Threading: the screen lives on the GMainContext given (the machine's loop). screen_wake, screen_ref/unref,
 * screen_grab and viewer calls: any thread. Source ops run on the context's thread without screen locks.
 */
typedef struct Screen Screen;
typedef struct ScreenViewer ScreenViewer;

typedef struct {
  /*
   * Brings *@surface (NULL at first) up to date, or puts another one there (a new mode): the reference to the
   * new one goes to the screen, and the old one stays the screen's to release. Adds what changed to @damage
   * (a new surface is damage as a whole anyway). @force: everything is damage.
   */
  void (*refresh) (void *source, Surface **surface, Damage *damage, bool force);
  /*
   * Nothing changed for a while: call screen_wake at the next write to what is shown. A write since the last
   * refresh counts as well: if arming the detection finds one, call screen_wake in here. NULL for a source
   * that calls screen_wake at every change anyway.
   */
  void (*rest) (void *source);
  /*
   * A window that shows the screen has now this size in pixels: what the guest shows might have it, too. Not more
   * often than ten times a second. NULL for a source that can't tell its guest.
   */
  void (*wish) (void *source, int width, int height);
} ScreenSource;

/* A hardware cursor; pixels are ARGB8888, premultiplied, in rows of @width. */
#define SCREEN_CURSOR_MAX 256
typedef struct {
  bool visible;
  int x, y;           /* where its hot spot is, in pixels of the surface */
  int hot_x, hot_y;   /* the hot spot in the shape */
  int width, height;  /* 1..SCREEN_CURSOR_MAX */
  const uint32_t *pixels; /* NULL: unchanged shape (then hot_x..height are ignored) */
} ScreenCursor;

/* @name: "svga0"; the device sets its source later. Returns: (transfer full). */
Screen *screen_new (const char *name, GMainContext *context);
Screen *screen_ref (Screen *screen);
void screen_unref (Screen *screen);

const char *screen_name (Screen *screen);

/* --- the device's side --- */

/* NULL @ops detaches (waits for a refresh under way, so never with a lock that the source's ops take; the last
 * image stays). A source detaches before it is freed. */
void screen_set_source (Screen *screen, const ScreenSource *ops, void *source);

/* What is shown was changed. Never calls back and never waits, so a device may call it with its lock held; while
 * the screen is awake it costs a store and a load. */
void screen_wake (Screen *screen);

/* One refresh for what time alone changes, such as a blinking cursor: it neither ends the screen's rest nor puts it
 * off. It comes as soon as some active viewer may be told. Otherwise like screen_wake. */
void screen_tick (Screen *screen);

/* Shows, moves, hides or reshapes the hardware cursor (@cursor is copied). A source without one never calls it.
 * With a device's lock held as well. */
void screen_set_cursor (Screen *screen, const ScreenCursor *cursor);

/*
 * Where on the guest's desktop of @width x @height pixels the screen lies: a guest with several screens has one absolute
 * pointer for all of them. All 0: the screen is the desktop. With a device's lock held as well.
 */
void screen_set_place (Screen *screen, Rect place, int width, int height);

/* Any thread: turns a position on the screen, of 0..@max each way, into one on the desktop. */
void screen_map_position (Screen *screen, unsigned max, unsigned *x, unsigned *y);

/* Any thread: passes @width x @height on as the source's wish. The last one is kept for a source that comes later. */
void screen_wish (Screen *screen, int width, int height);

/* --- pictures --- */

/* Looks at the present surface, refreshed now: for screenshots. Any thread but the context's may block
 * up to @timeout_ms for the refresh. Returns: (transfer full): a copy, or NULL if nothing was ever shown. */
Surface *screen_grab (Screen *screen, int timeout_ms);

/* --- viewers --- */

/* Called on the screen's context when there is new damage or a cursor change for this viewer; keep it short: wake
 * your thread. It is not called again until screen_viewer_take was. */
typedef void (*ScreenChangedFunc) (void *data);

/* @interval_ms: shortest time between two changes told (16 for a window, 500 for a thumbnail). */
ScreenViewer *screen_viewer_new (Screen *screen, unsigned interval_ms, ScreenChangedFunc changed, void *data);

/* After it returns @changed does not run. */
void screen_viewer_free (ScreenViewer *viewer);

/* A viewer that is not visible costs nothing. Viewers are created active. */
void screen_viewer_set_active (ScreenViewer *viewer, bool active);

/* Takes the damage since the last call and a reference to the surface (transfer full; NULL: nothing yet).
 * After a mode change the damage is everything. */
Surface *screen_viewer_take (ScreenViewer *viewer, Damage *damage);

/*
 * Takes the cursor. @cursor->pixels is a new copy (transfer full; g_free) if the shape changed since this viewer's
 * last call, else NULL. Returns: false if there never was a hardware cursor (the guest draws its own).
 */
bool screen_viewer_take_cursor (ScreenViewer *viewer, ScreenCursor *cursor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Screen, screen_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScreenViewer, screen_viewer_free)

G_END_DECLS
