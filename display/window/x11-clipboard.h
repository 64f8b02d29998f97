/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/window/clip.h"

G_BEGIN_DECLS

/*
 * The clipboard of an X11 display (ICCCM 2.0, section 2), on a connection and a thread of its own. SDL tells
 * nobody when another program copies something, waits for who answers slowly, and doesn't know transfers in
 * pieces (INCR), by which many programs hand over what is larger than 256 KiB.
 *
 * Threading: one thread at a time; none of these waits for other programs.
 */
typedef struct X11Clipboard X11Clipboard;

typedef enum {
  X11_CLIPBOARD_NO_NEWS,
  X11_CLIPBOARD_CHANGED, /* it holds something else: look at it, or don't */
  X11_CLIPBOARD_LOOKED,  /* what was asked for is there */
} X11ClipboardNews;

/* Connects to $DISPLAY. @wake is called on the clipboard's thread when there is news. Returns: NULL if that
 * display lacks what it takes (XFixes). */
X11Clipboard *x11_clipboard_new (void (*wake) (void *data), void *data);
void x11_clipboard_free (X11Clipboard *clipboard);

/* Asks for what it holds: text, or an image if there is none. */
void x11_clipboard_look (X11Clipboard *clipboard);

/* @clip: set for LOOKED: (transfer full), or NULL if there is nothing of the kind. */
X11ClipboardNews x11_clipboard_take_news (X11Clipboard *clipboard, Clip **clip);

/* Puts @clip there (a reference is taken), for as long as nobody else copies anything. */
void x11_clipboard_set (X11Clipboard *clipboard, Clip *clip);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (X11Clipboard, x11_clipboard_free)

G_END_DECLS
