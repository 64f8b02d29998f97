/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/offer.h"

G_BEGIN_DECLS

/* What terms say, for people. (transfer full) */

/* "Until 3 May 2027", "30 days from its first start". */
char *offer_text_expiry (const Expiry *expiry);
/* "It is locked then, and kept", "7 days later it is destroyed". */
char *offer_text_afterwards (const Terms *terms);
/* What isn't allowed, separated by commas; "Nothing is ruled out". */
char *offer_text_limits (const Permissions *permissions);

G_END_DECLS
