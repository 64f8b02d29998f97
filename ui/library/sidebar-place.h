/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* SidebarPlace: a place in the sidebar that is always there. Property "count", with notification. */
#define SIDEBAR_TYPE_PLACE (sidebar_place_get_type ())
G_DECLARE_FINAL_TYPE (SidebarPlace, sidebar_place, SIDEBAR, PLACE, GObject)

SidebarPlace *sidebar_place_new (const char *id, const char *title, const char *icon);

const char *sidebar_place_get_id (SidebarPlace *place);
const char *sidebar_place_get_title (SidebarPlace *place);
const char *sidebar_place_get_icon (SidebarPlace *place);

/* How many things are there. */
guint sidebar_place_get_count (SidebarPlace *place);
void sidebar_place_set_count (SidebarPlace *place, guint count);

G_END_DECLS
