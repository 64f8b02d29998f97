/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Shows a notification on the user's desktop, by the session bus (org.freedesktop.Notifications), if there is
 * one. Returns at once; nothing is waited for. @body: (nullable). Any thread. */
void notice_show (const char *title, const char *body);

G_END_DECLS
