/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib-object.h>

/* A folder for one test; it and what is in it go with scratch_free. (transfer full) */
char *scratch_new (void);
void scratch_free (char *path);

/* Sets @name in the environment to a folder inside @scratch, of mode 0700. */
void scratch_env (const char *scratch, const char *name);

typedef char Scratch;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Scratch, scratch_free)

/* Waits, iterating the default main context, until @condition; fails the test after ten seconds. */
#define wait_until(condition)                                                                                \
  do                                                                                                         \
    {                                                                                                        \
      gint64 deadline_ = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;                                      \
      guint tick_ = g_timeout_add (20, (GSourceFunc)scratch_tick, NULL);                                     \
      while (!(condition) && g_get_monotonic_time () < deadline_)                                            \
        g_main_context_iteration (NULL, TRUE);                                                               \
      g_source_remove (tick_);                                                                               \
      g_assert_true (condition);                                                                             \
    }                                                                                                        \
  while (0)

gboolean scratch_tick (gpointer data);

/* Gives up the last reference of the test's own to @object (transfer full), and waits until what is under way in the
 * background has given up its own as well. */
void scratch_finalize (gpointer object);
