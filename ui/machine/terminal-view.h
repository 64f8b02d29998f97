/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <vte/vte.h>

G_BEGIN_DECLS

/*
 * BonsaiTerminalView: a terminal for what a guest says on a text console. The guest isn't trusted: its
 * sequences colour the text and move the cursor, but name no window, open no link, and reach no clipboard;
 * the lines that are kept are bounded.
 *
 * While it has the focus it gets all keys, also those that are the app's elsewhere; but for Ctrl+Shift with a
 * letter, Ctrl+Tab and Ctrl+Shift+Tab, which leave it, and those of its menu. The menu's actions are
 * "terminal.copy", "paste", "select-all", "zoom-in", "zoom-out" and "zoom-normal"
 * (bonsai_terminal_view_get_actions).
 *
 * Signals: "hung-up": the other end has closed the connection; "resized": there are other numbers of columns
 * or rows. Main thread.
 */
#define BONSAI_TYPE_TERMINAL_VIEW (bonsai_terminal_view_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiTerminalView, bonsai_terminal_view, BONSAI, TERMINAL_VIEW, VteTerminal)

/* Begins to talk to @fd, a socket (transfer full). What was shown before stays above. */
void bonsai_terminal_view_attach (BonsaiTerminalView *self, int fd);
/* Hangs up; does nothing if it doesn't talk. What was shown stays. */
void bonsai_terminal_view_detach (BonsaiTerminalView *self);
gboolean bonsai_terminal_view_is_attached (BonsaiTerminalView *self);

/* Forgets what was shown. */
void bonsai_terminal_view_clear (BonsaiTerminalView *self);

/* (transfer none): for who has the menu "terminal". */
GActionGroup *bonsai_terminal_view_get_actions (BonsaiTerminalView *self);

G_END_DECLS
