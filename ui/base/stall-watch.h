/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * For tests and for who looks for what is slow: with $BONSAI_STALLS set to a number of milliseconds, each
 * turn of the main loop that takes longer is told on standard error, as "stall: N ms", without the time for
 * which the host gave the processor to others; and "start: N ms" when the first picture of the first window
 * is drawn, since the program began. Main thread.
 */
void stall_watch_begin (void);

/* That picture is drawn: the time since the process began, once. */
void stall_watch_tell_start (void);

G_END_DECLS
