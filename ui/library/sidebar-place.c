/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/sidebar-place.h"

struct _SidebarPlace {
  GObject parent;
  char *id, *title, *icon;
  guint count;
};

G_DEFINE_FINAL_TYPE (SidebarPlace, sidebar_place, G_TYPE_OBJECT)

enum { PROP_0, PROP_COUNT };

static void
sidebar_place_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_COUNT)
    g_value_set_uint (value, SIDEBAR_PLACE (object)->count);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
sidebar_place_finalize (GObject *object)
{
  SidebarPlace *self = SIDEBAR_PLACE (object);

  g_free (self->id);
  g_free (self->title);
  g_free (self->icon);
  G_OBJECT_CLASS (sidebar_place_parent_class)->finalize (object);
}

static void
sidebar_place_class_init (SidebarPlaceClass *klass)
{
  G_OBJECT_CLASS (klass)->get_property = sidebar_place_get_property;
  G_OBJECT_CLASS (klass)->finalize = sidebar_place_finalize;
  g_object_class_install_property (
    G_OBJECT_CLASS (klass), PROP_COUNT,
    g_param_spec_uint ("count", NULL, NULL, 0, G_MAXUINT, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
sidebar_place_init (SidebarPlace *self)
{
}

SidebarPlace *
sidebar_place_new (const char *id, const char *title, const char *icon)
{
  SidebarPlace *self = g_object_new (SIDEBAR_TYPE_PLACE, NULL);

  self->id = g_strdup (id);
  self->title = g_strdup (title);
  self->icon = g_strdup (icon);
  return self;
}

const char *
sidebar_place_get_id (SidebarPlace *self)
{
  return self->id;
}

const char *
sidebar_place_get_title (SidebarPlace *self)
{
  return self->title;
}

const char *
sidebar_place_get_icon (SidebarPlace *self)
{
  return self->icon;
}

guint
sidebar_place_get_count (SidebarPlace *self)
{
  return self->count;
}

void
sidebar_place_set_count (SidebarPlace *self, guint count)
{
  if (self->count == count)
    return;
  self->count = count;
  g_object_notify (G_OBJECT (self), "count");
}
