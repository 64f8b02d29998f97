/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/events/event-log.h"

G_BEGIN_DECLS

/* What an event was, for people: "Start failed: the disk is full". (transfer full) */
char *event_text (const Event *event);
/* When: "14:32" of today, "Mon 14:32" of the last days, else a date. (transfer full) */
char *event_time (const Event *event);
const char *event_icon (const Event *event);

G_END_DECLS
