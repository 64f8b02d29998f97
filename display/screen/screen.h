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
  /* Brings @current up to date, or replaces it (a new mode): stores a new reference in *@surface. Adds what
   * changed to @damage. @force: everything is damage. */
  void (*refresh) (void *source, Surface **surface, Damage *damage, bool force);
  /* Nothing changed for a while: call screen_wake at the next write to what is shown. */
  void (*rest) (void *source);
} ScreenSource;

/* A hardware cursor; pixels are ARGB8888, premultiplied. */
typedef struct {
  bool visible;
  int x, y, hot_x, hot_y, width, height;
  const uint32_t *pixels; /* NULL: unchanged shape */
} ScreenCursor;

/* @source may be set later by the device; @name: "svga0". Returns: (transfer full). */
Screen *screen_new (const char *name, GMainContext *context);
Screen *screen_ref (Screen *screen);
void screen_unref (Screen *screen);

/* The device's side. NULL @ops detaches (waits for a refresh under way; the last image stays). */
void screen_set_source (Screen *screen, const ScreenSource *ops, void *source);
void screen_wake (Screen *screen);

/* Looks at the present surface, refreshed now: for screenshots. Any thread but the context's may block
 * up to @timeout_ms for the refresh. Returns: (transfer full): a copy, or NULL if nothing was ever shown. */
Surface *screen_grab (Screen *screen, int timeout_ms);

/* --- viewers --- */

/* Called on the screen's context when there is new damage for this viewer; keep it short: wake your thread. */
typedef void (*ScreenChangedFunc) (void *data);

/* @interval_ms: shortest time between two changes told (16 for a window, 500 for a thumbnail). */
ScreenViewer *screen_viewer_new (Screen *screen, unsigned interval_ms, ScreenChangedFunc changed, void *data);

/* After it returns @changed does not run. */
void screen_viewer_free (ScreenViewer *viewer);

/* A viewer that is not visible costs nothing. */
void screen_viewer_set_active (ScreenViewer *viewer, bool active);

/* Takes the damage since the last call and a reference to the surface (transfer full; NULL: nothing yet).
 * After a mode change the damage is everything. */
Surface *screen_viewer_take (ScreenViewer *viewer, Damage *damage);

G_END_DECLS
