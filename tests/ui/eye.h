/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * Looks at what is in front as people do who have a small screen, who need large text, or who read from right
 * to left; as a screen reader does, and as the keyboard leads. Keeps a picture of each. Main thread.
 */
typedef struct Eye Eye;

/* @folder: where pictures go; is made. */
Eye *eye_new (const char *folder);
void eye_free (Eye *eye);

/* Looks in each way, and fails the test with what is wrong: too wide or high for the screen, out of the
 * window, text that is cut off, nothing that tells what a widget is, no way there by Tab. @place: a name for
 * the pictures. */
void eye_look (Eye *eye, const char *place);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Eye, eye_free)

G_END_DECLS
