/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/screen/surface.h"
#include "display/window/console-menu.h"
#include "display/window/overlay.h"

G_BEGIN_DECLS

/*
 * Strip: a ConsoleMenu laid out, as a row of buttons or as a list below one of them, in pixels.
 *
 * Threading: one thread at a time.
 */
typedef struct {
  const ConsoleMenu *menu; /* the caller's */
  Rect *places;            /* of its items */
  int width, height;
  double scale;
  bool is_list;
  bool has_labels; /* a row that is too long has icons only */
} Strip;

/* @max_width: in pixels. @scale: pixels per point. */
Strip *strip_new (const ConsoleMenu *menu, bool is_list, int max_width, double scale);
void strip_free (Strip *strip);

/* The item at that pixel, or -1. */
int strip_find (const Strip *strip, int x, int y);
/* The next one from @from (-1: none) in the direction @step, 1 or -1, that isn't disabled; -1 if there is
 * none. */
int strip_next (const Strip *strip, int from, int step);
/* The item that is in this menu what @item (nullable) was in another: the one with its action, or, where
 * it is a menu, with its label; -1 if there is none, or it is disabled. */
int strip_find_again (const Strip *strip, const ConsoleItem *item);

/* @lit: the item under the pointer, or -1. (transfer full) */
Sprite *strip_draw (const Strip *strip, int lit);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Strip, strip_free)

G_END_DECLS
