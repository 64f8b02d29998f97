/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/dashboard/event-text.h"

#include "ui/base/i18n.h"

#define DAY G_GINT64_CONSTANT (86400)

static const struct {
  const char *kind, *text, *icon;
} kinds[] = {
  { "create", NC_ ("event", "Created"), "list-add-symbolic" },
  { "delete", NC_ ("event", "Moved to the trash"), "user-trash-symbolic" },
  { "undelete", NC_ ("event", "Brought back from the trash"), "edit-undo-symbolic" },
  { "purge", NC_ ("event", "Deleted for good"), "user-trash-symbolic" },
  { "clone", NC_ ("event", "Cloned"), "edit-copy-symbolic" },
  { "settings", NC_ ("event", "Settings changed"), "emblem-system-symbolic" },
  { "start", NC_ ("event", "Start"), "media-playback-start-symbolic" },
  { "stop", NC_ ("event", "End"), "media-playback-stop-symbolic" },
  { "crash", NC_ ("event", "Crash"), "dialog-warning-symbolic" },
  { "restart", NC_ ("event", "Start after a crash"), "view-refresh-symbolic" },
  { "pause", NC_ ("event", "Paused by itself"), "media-playback-pause-symbolic" },
  { "rule", NC_ ("event", "Rule"), "emblem-system-symbolic" },
  { "usb-attach", NC_ ("event", "USB device attached"), "media-removable-symbolic" },
  { "usb-detach", NC_ ("event", "USB device detached"), "media-removable-symbolic" },
  { "usb-unplug", NC_ ("event", "USB device pulled out"), "media-removable-symbolic" },
  { "suspend", NC_ ("event", "Suspended"), "document-save-symbolic" },
  { "snapshot-take", NC_ ("event", "Snapshot"), "camera-photo-symbolic" },
  { "snapshot-delete", NC_ ("event", "Snapshot deleted"), "camera-photo-symbolic" },
  { "snapshot-rename", NC_ ("event", "Snapshot renamed"), "camera-photo-symbolic" },
  { "snapshot-restore", NC_ ("event", "Back to a snapshot"), "edit-undo-symbolic" },
};

/* What this version has no words for is called as the log does. */
static const char *
name_of (const Event *event)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].kind, event->kind))
      return g_dpgettext2 (NULL, "event", kinds[i].text);
  return event->kind;
}

char *
event_text (const Event *event)
{
  bool failed = g_str_equal (event->result, "failed");
  const char *why = *event->cause ? event->cause : event->detail;
  /* Translators: what didn't work, as “Start” */
  g_autofree char *what =
    failed ? g_strdup_printf (_ ("%s: failed"), name_of (event)) : g_strdup (name_of (event));

  return *why ? g_strdup_printf ("%s: %s", what, why) : g_steal_pointer (&what);
}

char *
event_time (const Event *event)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (event->time / G_USEC_PER_SEC);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  gint64 age = g_date_time_to_unix (now) - g_date_time_to_unix (time);
  bool today = g_date_time_get_day_of_year (time) == g_date_time_get_day_of_year (now);

  return g_date_time_format (time, today && age < DAY ? "%H:%M" : age < 6 * DAY ? "%a %H:%M" : "%x");
}

const char *
event_icon (const Event *event)
{
  if (g_str_equal (event->result, "failed"))
    return "dialog-error-symbolic";
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].kind, event->kind))
      return kinds[i].icon;
  return "dialog-information-symbolic";
}
