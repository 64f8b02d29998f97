/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/session.h"

G_BEGIN_DECLS

/* Text as strokes of a US keyboard, whatever the guest makes of them. */

/* BONSAI_ERROR_INVALID, with the character, if there is no key for one. */
bool key_text_check (const char *text, GError **error);

/* The character's key goes down, with Shift if it takes that; or up again. */
void key_text_press (BonsaiSession *session, gunichar character, bool down);

G_END_DECLS
