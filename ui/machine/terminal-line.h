/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <vte/vte.h>

G_BEGIN_DECLS

/*
 * TerminalLine: carries bytes between a machine's text console and the terminal that shows it. A guest that
 * talks without end is read only as fast as the terminal can draw without holding up the app, and waits; one
 * that doesn't listen gets what fits into 1 MiB, and the rest is lost with a beep.
 *
 * Main thread.
 */
typedef struct TerminalLine TerminalLine;

/* The other end has hung up. The line may be freed in it. */
typedef void (*TerminalLineEnded) (gpointer data);

/* @terminal outlives the line. @fd: a socket (transfer full). */
TerminalLine *terminal_line_new (VteTerminal *terminal, int fd, TerminalLineEnded ended, gpointer data);
void terminal_line_free (TerminalLine *line);

G_END_DECLS
