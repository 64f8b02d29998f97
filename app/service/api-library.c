/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/api-library.h"

#include "app/apply/apply-json.h"
#include "app/apply/apply-run.h"
#include "app/base/error.h"
#include "app/events/event-follower.h"
#include "app/events/event-json.h"
#include "app/history/history-store.h"
#include "app/report/report-source.h"
#include "app/service/api-answer.h"
#include "app/service/api-machine.h"

#include <string.h>

struct ApiLibrary {
  BonsaiLibrary *library;
  BonsaiApiLibrary1 *skeleton;
  EventFollower *follower;
  char *events; /* path of their log */
  bool applies; /* a file; one at a time */
};

/* --- machines --- */

static gboolean
on_find_machine (BonsaiApiLibrary1 *skeleton, GDBusMethodInvocation *invocation, const char *key,
                 gpointer data)
{
  BonsaiVm *vm = bonsai_library_find (((ApiLibrary *)data)->library, key);
  GError *error = NULL;

  if (vm == NULL)
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "There is no machine “%s”", key);
  api_answer_vm (invocation, vm, error);
  return TRUE;
}

static gboolean
on_list_trash (BonsaiApiLibrary1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  g_auto (GStrv) items = bonsai_library_list_trash (((ApiLibrary *)data)->library);

  bonsai_api_library1_complete_list_trash (skeleton, invocation, (const char *const *)items);
  return TRUE;
}

static gboolean
on_undelete (BonsaiApiLibrary1 *skeleton, GDBusMethodInvocation *invocation, const char *item, gpointer data)
{
  GError *error = NULL;
  BonsaiVm *vm = bonsai_library_undelete (((ApiLibrary *)data)->library, item, &error);

  api_answer_vm (invocation, vm, error);
  return TRUE;
}

/* All at once isn't offered: what is meant has to be said. */
static gboolean
on_purge (BonsaiApiLibrary1 *skeleton, GDBusMethodInvocation *invocation, const char *item, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_library_purge (((ApiLibrary *)data)->library, item, &error);

  api_answer_empty (invocation, done, error);
  return TRUE;
}

/* --- files that say what there is to be --- */

typedef struct {
  ApiLibrary *api;
  ApplyPlan *plan;
  GDBusMethodInvocation *invocation;
} Applying;

static void
apply_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Applying *applying = data;
  GError *error = NULL;
  bool done =
    apply_run_finish (result, &error)
    && (applying->plan->n_due == 0 || bonsai_library_update_desktop (applying->api->library, &error));

  applying->api->applies = false;
  api_answer_text (applying->invocation, done ? apply_plan_to_json (applying->plan, true) : NULL, error);
  apply_plan_free (applying->plan);
}

static void
apply (ApiLibrary *api, ApplyPlan *plan, GDBusMethodInvocation *invocation)
{
  Applying *applying = g_new (Applying, 1);

  *applying = (Applying){ api, plan, invocation };
  api->applies = true;
  apply_run_async (plan, api->library, NULL, NULL, apply_done, applying);
}

static gboolean
on_apply (BonsaiApiLibrary1 *skeleton, GDBusMethodInvocation *invocation, const char *text, const char *name,
          gboolean dry_run, gpointer data)
{
  ApiLibrary *api = data;
  GError *error = NULL;
  ApplyFile *file = NULL;
  g_autoptr (ApplyPlan) plan = NULL;

  if (api->applies)
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_BUSY, "Another file is being applied; try again later");
  else
    file = apply_file_parse (text, strlen (text), name, &error);
  if (file != NULL)
    plan = apply_plan_new (file, api->library, &error);
  if (plan == NULL)
    api_answer_error (invocation, error);
  else if (dry_run)
    api_answer_text (invocation, apply_plan_to_json (plan, false), NULL);
  else
    apply (api, g_steal_pointer (&plan), invocation);
  return TRUE;
}

/* --- events --- */

typedef struct {
  char *path, *machine;
  EventQuery query;
} Search;

static void
search_free (gpointer data)
{
  Search *search = data;

  g_free (search->path);
  g_free (search->machine);
  g_free (search);
}

static char *
make_events (gpointer data, GError **error)
{
  const Search *search = data;
  g_autoptr (GPtrArray) events = event_log_read (search->path, &search->query, error);

  return events != NULL ? events_to_json (events) : NULL;
}

static bool
is_time (gint64 seconds)
{
  return seconds >= 0 && seconds <= G_MAXINT64 / G_USEC_PER_SEC;
}

static gboolean
on_get_events (BonsaiApiLibrary1 *skeleton, GDBusMethodInvocation *invocation, const char *machine,
               gint64 since, gint64 until, gpointer data)
{
  Search *search;

  if (!is_time (since) || !is_time (until))
    {
      g_dbus_method_invocation_return_error (invocation, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                                             "Times are seconds since 1970");
      return TRUE;
    }
  search = g_new0 (Search, 1);
  search->path = g_strdup (((ApiLibrary *)data)->events);
  search->machine = machine[0] != '\0' ? g_strdup (machine) : NULL;
  search->query = (EventQuery){ .machine = search->machine,
                                .since = since * G_USEC_PER_SEC,
                                .until = until * G_USEC_PER_SEC };
  api_answer_from_thread (invocation, make_events, search, search_free);
  return TRUE;
}

static void
on_event (const Event *event, const GError *error, gpointer data)
{
  ApiLibrary *api = data;
  g_autofree char *text = event != NULL ? event_to_json (event) : NULL;

  if (text != NULL)
    bonsai_api_library1_emit_event (api->skeleton, event->machine, event->kind, event->result, text);
  else
    g_warning ("No more events are told of: %s", error->message);
}

/* --- history and reports --- */

static gboolean
on_get_history (BonsaiApiLibrary1 *skeleton, GDBusMethodInvocation *invocation, gint64 from, gint64 to,
                guint step, const char *format, gpointer data)
{
  api_answer_history (invocation, history_store_host_path (), from, to, step, format);
  return TRUE;
}

typedef struct {
  ReportSource *source;
  guint report, format;
  gint64 from, to;
} Reporting;

static void
reporting_free (gpointer data)
{
  report_source_free (((Reporting *)data)->source);
  g_free (data);
}

static char *
make_report (gpointer data, GError **error)
{
  const Reporting *reporting = data;
  g_autoptr (ReportTable) table =
    report_make (reporting->source, (ReportId)reporting->report, reporting->from, reporting->to, NULL, error);

  return table != NULL ? report_write (table, (ReportFormat)reporting->format) : NULL;
}

static bool
choose (const char *name, const char *const *names, const char *what, guint *choice, GError **error)
{
  g_autofree char *all = NULL;

  for (*choice = 0; names[*choice] != NULL; (*choice)++)
    if (g_str_equal (name, names[*choice]))
      return true;
  all = g_strjoinv (", ", (GStrv)names);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is no %s; there are %s", name, what, all);
  return false;
}

static gboolean
on_get_report (BonsaiApiLibrary1 *skeleton, GDBusMethodInvocation *invocation, const char *report,
               gint64 from, gint64 to, const char *format, gpointer data)
{
  g_autofree Reporting *reporting = g_new0 (Reporting, 1);
  GError *error = NULL;

  reporting->from = from;
  reporting->to = to;
  if (from < 0 || from >= to)
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "The beginning comes before the end");
  else if (choose (report, report_names, "report", &reporting->report, &error)
           && choose (format, report_format_names, "format", &reporting->format, &error))
    {
      reporting->source = report_source_new (((ApiLibrary *)data)->library);
      api_answer_from_thread (invocation, make_report, g_steal_pointer (&reporting), reporting_free);
      return TRUE;
    }
  api_answer_error (invocation, error);
  return TRUE;
}

/* --- */

static const ApiMethod methods[] = {
  { "handle-find-machine", G_CALLBACK (on_find_machine) },
  { "handle-list-trash", G_CALLBACK (on_list_trash) },
  { "handle-undelete", G_CALLBACK (on_undelete) },
  { "handle-purge", G_CALLBACK (on_purge) },
  { "handle-apply", G_CALLBACK (on_apply) },
  { "handle-get-events", G_CALLBACK (on_get_events) },
  { "handle-get-history", G_CALLBACK (on_get_history) },
  { "handle-get-report", G_CALLBACK (on_get_report) },
};

ApiLibrary *
api_library_new (BonsaiLibrary *library, GError **error)
{
  const EventQuery news = { .since = g_get_real_time () };
  g_autoptr (ApiLibrary) api = g_new0 (ApiLibrary, 1);

  api->library = library;
  api->events = event_log_path ();
  api->skeleton = bonsai_api_library1_skeleton_new ();
  bonsai_api_library1_set_folder (api->skeleton, bonsai_library_get_folder (library));
  api_connect (api->skeleton, methods, G_N_ELEMENTS (methods), api);
  api->follower = event_follower_new (api->events, &news, on_event, api, error);
  return api->follower != NULL ? g_steal_pointer (&api) : NULL;
}

void
api_library_free (ApiLibrary *api)
{
  g_clear_pointer (&api->follower, event_follower_free);
  g_signal_handlers_disconnect_by_data (api->skeleton, api);
  g_object_unref (api->skeleton);
  g_free (api->events);
  g_free (api);
}

GDBusInterfaceSkeleton *
api_library_get_skeleton (ApiLibrary *api)
{
  return G_DBUS_INTERFACE_SKELETON (api->skeleton);
}
