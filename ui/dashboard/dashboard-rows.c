/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/dashboard/dashboard-rows.h"

#include "app/workspace/lease-notice.h"
#include "ui/base/i18n.h"
#include "ui/dashboard/event-text.h"

/* --- events --- */

static GtkWidget *
make_event_row (BonsaiLibrary *library, const Event *event)
{
  g_autofree char *text = event_text (event), *time = event_time (event);
  g_autofree char *subtitle = g_strdup_printf ("%s · %s", time, text);
  bool is_there = *event->machine && bonsai_library_find (library, event->machine);

  return row_list_row (*event->name ? event->name : _ ("This Computer"), subtitle, event_icon (event),
                       is_there ? event->machine : NULL);
}

void
dashboard_show_events (RowList *list, BonsaiLibrary *library, const GPtrArray *events)
{
  g_autoptr (GString) what = g_string_new (NULL);

  for (guint i = 0; i < events->len; i++)
    {
      const Event *event = g_ptr_array_index (events, i);

      g_string_append_printf (what, "%" G_GINT64_FORMAT "%c", event->id,
                              bonsai_library_find (library, event->machine) ? '+' : '-');
    }
  if (!row_list_begin (list, g_strdup (what->str)))
    return;
  for (guint i = 0; i < events->len; i++)
    row_list_add (list, make_event_row (library, g_ptr_array_index (events, i)));
}

/* --- expiries --- */

static char *
describe_expiry (const ReportExpiry *expiry)
{
  g_autofree char *span = NULL;

  if (expiry->remaining == G_MAXINT64)
    return g_strdup (_ ("Locked: its issuer can mend that"));
  if (expiry->remaining == 0)
    return g_str_equal (expiry->then, "destroy")
             ? g_strdup (_ ("Over: it is going to be destroyed, unless its issuer renews it"))
             : g_strdup (_ ("Over: its issuer can renew it"));
  span = lease_format_span (expiry->remaining);
  return g_strdup_printf (_ ("Expires in %s"), span);
}

void
dashboard_show_expiries (RowList *list, const GPtrArray *expiries)
{
  g_autoptr (GString) what = g_string_new (NULL);

  for (guint i = 0; i < expiries->len; i++)
    {
      const ReportExpiry *expiry = g_ptr_array_index (expiries, i);
      g_autofree char *text = describe_expiry (expiry);

      g_string_append_printf (what, "%s %s %s\n", expiry->uuid, expiry->name, text);
    }
  if (!row_list_begin (list, g_strdup (what->str)))
    return;
  for (guint i = 0; i < expiries->len; i++)
    {
      const ReportExpiry *expiry = g_ptr_array_index (expiries, i);
      g_autofree char *text = describe_expiry (expiry);

      row_list_add (list, row_list_row (expiry->name, text, "alarm-symbolic", expiry->uuid));
    }
}

/* --- advice --- */

static bool
is_to_be_told (BonsaiLibrary *library, const DashboardAdvice *one)
{
  BonsaiVm *vm = bonsai_library_find (library, one->uuid);
  const VmConfig *config = vm ? bonsai_vm_get_config (vm) : NULL;

  return config
         && (advice_applies (one->advice, config->memory, config->cpus)
             || (one->advice->memory == 0 && one->advice->cpus == 0));
}

void
dashboard_show_advice (RowList *list, BonsaiLibrary *library, const GPtrArray *advice)
{
  g_autoptr (GString) what = g_string_new (NULL);

  for (guint i = 0; advice && i < advice->len; i++)
    {
      const DashboardAdvice *one = g_ptr_array_index (advice, i);

      if (is_to_be_told (library, one))
        g_string_append_printf (what, "%s %s %s\n", one->uuid, one->name, one->advice->text);
    }
  if (!row_list_begin (list, g_strdup (what->str)))
    return;
  for (guint i = 0; i < advice->len; i++)
    {
      const DashboardAdvice *one = g_ptr_array_index (advice, i);

      if (is_to_be_told (library, one))
        row_list_add (list,
                      row_list_row (one->name, one->advice->text, "dialog-information-symbolic", one->uuid));
    }
}
