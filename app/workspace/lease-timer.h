/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* How often bonsai-workspaces.timer has all workspaces looked at anyway, seconds. */
#define LEASE_TIMER_REGULAR_S 1800

/*
 * Has the user's systemd look at all workspaces in @seconds, if that is before the regular look: a warning
 * five minutes before the end would come too late by that. Once for each second, however often it is asked
 * for. Where there is no systemd nothing happens. Any thread; returns at once.
 */
void lease_timer_plan (int64_t seconds);

G_END_DECLS
