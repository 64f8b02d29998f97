/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * For tests and for who looks for what is slow: with $BONSAI_STALLS set to a number of milliseconds, each
 * turn of the main loop that takes longer is told on standard error, as "stall: N ms, W of work, D of them
 * drawing, from A to B": without the time for which the host gave the processor to others; the thread's
 * processor time (the rest it waited: for locks, files, the display); and of that what GTK's renderer took,
 * which without a graphics card is most of it; A and B are seconds of the monotonic clock, by which a profile
 * is searched. And "start: N ms" when the first picture of the first window is drawn, since the program
 * began. Main thread.
 */
void stall_watch_begin (void);

/* What drawing takes is told of @window, which is realized. */
void stall_watch_follow (GtkWidget *window);

/* That picture is drawn: the time since the process began, once. */
void stall_watch_tell_start (void);

G_END_DECLS
