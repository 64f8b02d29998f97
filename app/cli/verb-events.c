/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"
#include "app/cli/time-argument.h"
#include "app/events/event-log.h"

#include <stdio.h>

typedef struct {
  char *path, *machine, *folder;
  EventQuery query;
  gboolean json;
} Listing;

static void
listing_clear (Listing *listing)
{
  g_free (listing->path);
  g_free (listing->machine);
  g_free (listing->folder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Listing, listing_clear)

/* --- printing --- */

static char *
stamp_of (const Event *event, const char *format)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (event->time / G_USEC_PER_SEC);

  return g_date_time_format (time, format);
}

static void
add_json (JsonBuilder *builder, const Event *event)
{
  g_autofree char *stamp = stamp_of (event, "%FT%T%:z");

  json_builder_begin_object (builder);
  json_add_int (builder, "id", event->id);
  json_add_string (builder, "time", stamp);
  json_add_string (builder, "machine", event->machine[0] != '\0' ? event->machine : NULL);
  json_add_string (builder, "name", event->name);
  json_add_string (builder, "kind", event->kind);
  json_add_string (builder, "result", event->result);
  json_add_string (builder, "detail", event->detail);
  json_add_string (builder, "cause", event->cause);
  json_add_string (builder, "who", event->who);
  json_builder_end_object (builder);
}

static void
print_text (const Event *event)
{
  g_autofree char *stamp = stamp_of (event, "%F %T");
  const char *between = event->detail[0] != '\0' && event->cause[0] != '\0' ? ": " : "";

  g_print ("%s  %-20s %-17s %-9s %s%s%s\n", stamp, event->name, event->kind, event->result, event->detail,
           between, event->cause);
}

static void
print_all (const GPtrArray *events, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < events->len; i++)
    if (json)
      add_json (builder, g_ptr_array_index (events, i));
    else
      print_text (g_ptr_array_index (events, i));
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
}

/* One on each line, for programs that read along. */
static void
print_json_line (const Event *event)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;
  g_autofree char *text = NULL;

  add_json (builder, event);
  node = json_builder_get_root (builder);
  text = json_to_string (node, false);
  g_print ("%s\n", text);
}

/* --- reading along --- */

static void
note_change (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer data)
{
  g_autofree char *name = g_file_get_basename (file);

  if (g_str_has_prefix (name, "events.db"))
    *(bool *)data = true;
}

static int
follow (Listing *listing)
{
  g_autoptr (GFile) folder = g_file_new_for_path (listing->folder);
  g_autoptr (EventReader) reader = NULL;
  g_autoptr (GFileMonitor) monitor = NULL;
  bool changed = false;
  GError *error = NULL;

  reader = event_reader_new (listing->path, &error);
  if (reader != NULL)
    monitor = g_file_monitor_directory (folder, G_FILE_MONITOR_NONE, NULL, &error);
  if (monitor == NULL)
    return cli_fail (error);
  g_file_monitor_set_rate_limit (monitor, 100);
  g_signal_connect (monitor, "changed", G_CALLBACK (note_change), &changed);
  for (;;)
    {
      g_autoptr (GPtrArray) events = event_reader_read (reader, &listing->query, &error);

      if (events == NULL)
        return cli_fail (error);
      for (guint i = 0; i < events->len; i++)
        {
          const Event *event = g_ptr_array_index (events, i);

          listing->query.after = event->id;
          if (listing->json)
            print_json_line (event);
          else
            print_text (event);
        }
      fflush (stdout);
      changed = false;
      while (!changed)
        g_main_context_iteration (NULL, TRUE);
    }
}

/* A name's machine, as long as there is one; else what had that name. */
static void
choose_machine (Listing *listing, const char *key)
{
  g_autoptr (BonsaiLibrary) library = bonsai_library_new (NULL, NULL);
  BonsaiVm *vm = library != NULL ? bonsai_library_find (library, key) : NULL;
  const char *uuid = vm != NULL ? bonsai_vm_get_uuid (vm) : NULL;

  listing->machine = g_strdup (uuid != NULL ? uuid : key);
  listing->query.machine = listing->machine;
}

static int
run_events (const Verb *verb, int argc, char **argv)
{
  g_autofree char *machine = NULL, *since = NULL;
  gboolean json = false, following = false;
  g_auto (Listing) listing = { 0 };
  int status;
  const GOptionEntry entries[] = {
    { "machine", 0, 0, G_OPTION_ARG_STRING, &machine, "Only of this machine; also of one that is gone",
      "NAME" },
    { "since", 0, 0, G_OPTION_ARG_STRING, &since,
      "Only from then on: how long ago (90m, 3h, 7d), or a date (2026-11-02, 2026-11-02T17:30)", "TIME" },
    { "follow", 0, 0, G_OPTION_ARG_NONE, &following, "Go on with what comes", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GPtrArray) events = NULL;
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  listing.path = event_log_path ();
  listing.folder = g_path_get_dirname (listing.path);
  listing.json = json;
  if (since != NULL && !cli_parse_time (since, &listing.query.since, &error))
    return cli_fail (error);
  listing.query.since *= G_USEC_PER_SEC;
  if (machine != NULL)
    choose_machine (&listing, machine);
  if (following)
    return follow (&listing);
  events = event_log_read (listing.path, &listing.query, &error);
  if (events == NULL)
    return cli_fail (error);
  print_all (events, json);
  return EXIT_STATUS_OK;
}

const Verb verb_events = { "events", "", "List what happened to machines, when, and why", run_events };
