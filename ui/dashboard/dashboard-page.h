/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiDashboardPage: how things are: what runs, what is under way, what went wrong, what is to come, and
 * how much room is left. It reads, in threads, only while it is in sight. Main thread.
 */
#define BONSAI_TYPE_DASHBOARD_PAGE (bonsai_dashboard_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiDashboardPage, bonsai_dashboard_page, BONSAI, DASHBOARD_PAGE, AdwBin)

GtkWidget *bonsai_dashboard_page_new (BonsaiLibrary *library);

G_END_DECLS
