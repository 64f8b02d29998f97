/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/os/os-profile.h"

OsProfile *
os_profile_new (void)
{
  OsProfile *os = g_new0 (OsProfile, 1);

  g_atomic_ref_count_init (&os->refs);
  return os;
}

OsProfile *
os_profile_ref (const OsProfile *os)
{
  OsProfile *shared = (OsProfile *)os;

  g_atomic_ref_count_inc (&shared->refs);
  return shared;
}

void
os_profile_unref (OsProfile *os)
{
  if (!g_atomic_ref_count_dec (&os->refs))
    return;
  g_free (os->id);
  g_free (os->short_id);
  g_free (os->name);
  g_free (os->vendor);
  g_free (os->family);
  g_free (os->distro);
  g_free (os->icon);
  g_free (os);
}

void
os_medium_free (OsMedium *medium)
{
  g_free (medium->path);
  g_free (medium->label);
  g_free (medium->title);
  g_clear_pointer (&medium->os, os_profile_unref);
  g_strfreev (medium->profiles);
  g_free (medium->product_key);
  g_free (medium);
}

OsMedium *
os_medium_copy (const OsMedium *medium)
{
  OsMedium *copy = g_new (OsMedium, 1);

  *copy = *medium;
  copy->path = g_strdup (medium->path);
  copy->label = g_strdup (medium->label);
  copy->title = g_strdup (medium->title);
  copy->os = medium->os != NULL ? os_profile_ref (medium->os) : NULL;
  copy->profiles = g_strdupv (medium->profiles);
  copy->product_key = g_strdup (medium->product_key);
  return copy;
}
