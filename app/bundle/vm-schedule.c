/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-schedule.h"

#include "app/base/error.h"
#include "vmm/base/number.h"

#include <glib/gi18n.h>
#include <string.h>

const char *const vm_keep_names[] = { "last", "hourly", "daily", "weekly", "monthly", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (vm_keep_names) == VM_N_KEEPS + 1);

static const struct {
  char letter;
  unsigned seconds;
} units[] = { { 'w', 7 * 24 * 3600 }, { 'd', 24 * 3600 }, { 'h', 3600 }, { 'm', 60 } };

void
vm_schedule_set_default_keep (VmSchedule *schedule)
{
  memset (schedule->keep, 0, sizeof schedule->keep);
  schedule->keep[VM_KEEP_HOURLY] = 24;
  schedule->keep[VM_KEEP_DAILY] = 7;
  schedule->keep[VM_KEEP_WEEKLY] = 4;
}

/* --- how often --- */

unsigned
vm_schedule_parse_every (const char *text, GError **error)
{
  gsize length = strlen (text);
  g_autofree char *digits = g_strndup (text, length > 0 ? length - 1 : 0);
  uint64_t number;

  for (unsigned i = 0; length > 1 && i < G_N_ELEMENTS (units); i++)
    if (text[length - 1] == units[i].letter
        && number_parse (digits, 10, 1, VM_SCHEDULE_MAX_S / units[i].seconds, &number))
      return (unsigned)number * units[i].seconds;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
               _ ("“%s” is no time from 1m to 366d; write it like 15m, 1h, 2d or 1w"), text);
  return 0;
}

char *
vm_schedule_format_every (unsigned seconds)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (units); i++)
    if (seconds % units[i].seconds == 0)
      return g_strdup_printf ("%u%c", seconds / units[i].seconds, units[i].letter);
  return g_strdup_printf ("%um", (seconds + 59) / 60);
}

/* --- which stay --- */

static bool
keeps_any (const VmSchedule *schedule)
{
  for (unsigned i = 0; i < VM_N_KEEPS; i++)
    if (schedule->keep[i] > 0)
      return true;
  return false;
}

static bool
parse_rule (const char *text, VmSchedule *schedule)
{
  const char *equals = strchr (text, '=');
  uint64_t number;

  for (unsigned i = 0; equals != NULL && i < VM_N_KEEPS; i++)
    if (strncmp (vm_keep_names[i], text, (gsize)(equals - text)) == 0
        && vm_keep_names[i][equals - text] == '\0'
        && number_parse (equals + 1, 10, 0, VM_SCHEDULE_MAX_KEEP, &number))
      {
        schedule->keep[i] = (unsigned)number;
        return true;
      }
  return false;
}

bool
vm_schedule_parse_keep (const char *text, VmSchedule *schedule, GError **error)
{
  g_auto (GStrv) rules = g_strsplit (text, ",", -1);

  memset (schedule->keep, 0, sizeof schedule->keep);
  for (unsigned i = 0; rules[i] != NULL; i++)
    if (!parse_rule (rules[i], schedule))
      {
        g_set_error (
          error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
          _ ("“%s” doesn't say which snapshots stay; write it like hourly=24,daily=7 (last, hourly, "
             "daily, weekly, monthly; up to %u)"),
          rules[i], VM_SCHEDULE_MAX_KEEP);
        return false;
      }
  if (!keeps_any (schedule))
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                 _ ("No snapshot would stay; write it like hourly=24,daily=7"));
  return keeps_any (schedule);
}

char *
vm_schedule_format_keep (const VmSchedule *schedule)
{
  GString *text = g_string_new (NULL);

  for (unsigned i = 0; i < VM_N_KEEPS; i++)
    if (schedule->keep[i] > 0)
      g_string_append_printf (text, "%s%s=%u", text->len > 0 ? "," : "", vm_keep_names[i], schedule->keep[i]);
  return g_string_free (text, FALSE);
}

/* --- vm.json --- */

static bool
read_keep (const JsonSection *section, VmSchedule *schedule)
{
  JsonSection keep = { section->text, NULL, "/schedule/keep", section->error };

  if (!json_read_object (section, "keep", &keep.object))
    return false;
  if (keep.object == NULL)
    return true;
  memset (schedule->keep, 0, sizeof schedule->keep);
  for (unsigned i = 0; i < VM_N_KEEPS; i++)
    {
      if (!json_read_unsigned (&keep, vm_keep_names[i], &schedule->keep[i]))
        return false;
      if (schedule->keep[i] > VM_SCHEDULE_MAX_KEEP)
        return json_section_fail (&keep, vm_keep_names[i], _ ("must be 0 to %u"), VM_SCHEDULE_MAX_KEEP);
    }
  return keeps_any (schedule)
         || json_section_fail (section, "keep",
                               _ ("no snapshot would stay; name “hourly”, “daily” or another"));
}

bool
vm_schedule_read (const JsonSection *section, VmSchedule *schedule)
{
  JsonSection inner = { section->text, NULL, "/schedule", section->error };
  g_autoptr (GError) error = NULL;
  g_autofree char *every = NULL;

  if (!json_read_object (section, "schedule", &inner.object))
    return false;
  if (inner.object == NULL)
    return true;
  vm_schedule_set_default_keep (schedule);
  if (!json_section_require (&inner, "every") || !json_read_string (&inner, "every", &every)
      || !json_read_bool (&inner, "disks-only", &schedule->disks_only) || !read_keep (&inner, schedule))
    return false;
  schedule->every = vm_schedule_parse_every (every, &error);
  return schedule->every != 0 || json_section_fail (&inner, "every", "%s", error->message);
}

void
vm_schedule_write (JsonObject *machine, const VmSchedule *schedule)
{
  g_autofree char *every = vm_schedule_format_every (schedule->every);
  JsonObject *object, *keep;

  if (schedule->every == 0)
    {
      if (json_object_has_member (machine, "schedule"))
        json_object_remove_member (machine, "schedule");
      return;
    }
  object = json_enter_object (machine, "schedule");
  json_object_set_string_member (object, "every", every);
  if (schedule->disks_only)
    json_object_set_boolean_member (object, "disks-only", TRUE);
  else if (json_object_has_member (object, "disks-only"))
    json_object_remove_member (object, "disks-only");
  keep = json_enter_object (object, "keep");
  for (unsigned i = 0; i < VM_N_KEEPS; i++)
    if (schedule->keep[i] > 0)
      json_object_set_int_member (keep, vm_keep_names[i], schedule->keep[i]);
    else if (json_object_has_member (keep, vm_keep_names[i]))
      json_object_remove_member (keep, vm_keep_names[i]);
}
