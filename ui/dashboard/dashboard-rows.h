/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "ui/dashboard/dashboard-read.h"
#include "ui/dashboard/row-list.h"

G_BEGIN_DECLS

/* What the dashboard's groups say. Rows lead to machines that are still there. Main thread. */

/* @events: of Event */
void dashboard_show_events (RowList *list, BonsaiLibrary *library, const GPtrArray *events);
/* @expiries: of ReportExpiry */
void dashboard_show_expiries (RowList *list, const GPtrArray *expiries);
/* @advice: of DashboardAdvice; those that their machines don't keep to yet. */
void dashboard_show_advice (RowList *list, BonsaiLibrary *library, const GPtrArray *advice);

G_END_DECLS
