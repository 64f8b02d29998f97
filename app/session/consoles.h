/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/window/console-window.h"

#include <glib.h>

G_BEGIN_DECLS

/*
 * Consoles: a process's one ConsoleHost, started when the first window is wanted. Reference-counted: each
 * session that may open a window holds one. Threading: one thread.
 */
typedef struct Consoles Consoles;

/* @video_driver: (nullable): as for console_host_new. */
Consoles *consoles_new (const char *video_driver);
Consoles *consoles_ref (Consoles *consoles);
void consoles_unref (Consoles *consoles);

/* Before the first window. */
void consoles_set_video_driver (Consoles *consoles, const char *video_driver);

/* (transfer none), or NULL with @error set: there is no display. */
ConsoleHost *consoles_get_host (Consoles *consoles, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Consoles, consoles_unref)

G_END_DECLS
