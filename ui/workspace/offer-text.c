/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/workspace/offer-text.h"

#include "ui/base/i18n.h"

#define DAY  INT64_C (86400) /* seconds */
#define HOUR INT64_C (3600)

char *
offer_text_expiry (const Expiry *expiry)
{
  g_autoptr (GDateTime) date =
    expiry->kind == EXPIRY_DATE ? g_date_time_new_from_unix_local (expiry->at) : NULL;
  g_autofree char *when = date ? g_date_time_format (date, "%x %R") : NULL;
  unsigned days = (unsigned)(expiry->at / DAY), hours = (unsigned)(expiry->at / HOUR);

  switch (expiry->kind)
    {
    case EXPIRY_DATE:
      return g_strdup_printf (_ ("Until %s"), when ? when : "?");
    case EXPIRY_START:
      return expiry->at >= DAY
               ? g_strdup_printf (
                 ngettext ("%u day from its first start", "%u days from its first start", days), days)
               : g_strdup_printf (
                 ngettext ("%u hour from its first start", "%u hours from its first start", hours), hours);
    case EXPIRY_USE:
      return g_strdup_printf (ngettext ("%u hour of use", "%u hours of use", hours), hours);
    default:
      return g_strdup (_ ("It doesn’t expire"));
    }
}

char *
offer_text_afterwards (const Terms *terms)
{
  unsigned days = (unsigned)(terms->grace / DAY);

  if (terms->expiry.kind == EXPIRY_NEVER)
    return g_strdup ("");
  if (terms->afterwards == AFTERWARDS_ARCHIVE)
    return g_strdup (_ ("Then it is locked, and kept"));
  return g_strdup_printf (ngettext ("Then it is locked, and destroyed %u day later",
                                    "Then it is locked, and destroyed %u days later", days),
                          days);
}

char *
offer_text_limits (const Permissions *permissions)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) limits = NULL;

  if (permissions->networks)
    g_strv_builder_add (builder, _ ("some networks"));
  if (permissions->forwards != FORWARDS_ANY)
    g_strv_builder_add (builder, _ ("ports that lead into it"));
  if (permissions->clipboard != CLIPBOARD_BOTH)
    g_strv_builder_add (builder, _ ("the clipboard, in a direction at least"));
  if (permissions->usb)
    g_strv_builder_add (builder, _ ("some USB devices"));
  if (!permissions->shared_folders)
    g_strv_builder_add (builder, _ ("files of this computer"));
  if (!permissions->screenshots)
    g_strv_builder_add (builder, _ ("pictures of its screen"));
  if (!permissions->export)
    g_strv_builder_add (builder, _ ("copies"));
  if (!permissions->snapshots)
    g_strv_builder_add (builder, _ ("snapshots"));
  if (permissions->encryption)
    g_strv_builder_add (builder, _ ("disks that aren’t encrypted"));
  if (permissions->from != permissions->until || permissions->days)
    g_strv_builder_add (builder, _ ("some hours of the week"));
  limits = g_strv_builder_end (builder);
  return limits[0] ? g_strjoinv (", ", limits) : g_strdup (_ ("Nothing is ruled out"));
}
