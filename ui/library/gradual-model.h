/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * BonsaiGradualModel: the items of another list model, which follow its changes some at a time: what shows
 * them makes and destroys widgets for each, and hundreds of those keep the main loop. The first part of a
 * change, and so all of a small one, is there at once. The rest is whoever's who shows it, and knows of turns
 * and frames.
 *
 * Signal "behind": there is more to do: call gradual_model_advance until there isn't.
 * An item is in it once at most. Main thread.
 */
#define BONSAI_TYPE_GRADUAL_MODEL (bonsai_gradual_model_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiGradualModel, bonsai_gradual_model, BONSAI, GRADUAL_MODEL, GObject)

/* @source: (transfer full) */
BonsaiGradualModel *bonsai_gradual_model_new (GListModel *source);

typedef enum {
  GRADUAL_DONE,
  GRADUAL_REMOVES, /* what comes next can come in the next turn of the main loop */
  GRADUAL_INSERTS, /* ... after the next frame, which is longer the more was inserted since the last one */
} GradualNext;

/* Goes on for some milliseconds at most. Returns: what is left to do. */
GradualNext bonsai_gradual_model_advance (BonsaiGradualModel *self);

/* Whether it is, or becomes, empty whatever the other one has. */
void bonsai_gradual_model_set_blank (BonsaiGradualModel *self, bool blank);

G_END_DECLS
