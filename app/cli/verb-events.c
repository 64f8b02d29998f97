/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"
#include "app/cli/time-argument.h"
#include "app/events/event-follower.h"
#include "app/events/event-json.h"

#include <stdio.h>

typedef struct {
  char *path, *machine;
  EventQuery query;
  gboolean json;
  GError *trouble; /* why it is over */
} Listing;

static void
listing_clear (Listing *listing)
{
  g_free (listing->path);
  g_free (listing->machine);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Listing, listing_clear)

/* --- printing --- */

static void
print_text (const Event *event)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (event->time / G_USEC_PER_SEC);
  g_autofree char *stamp = g_date_time_format (time, "%F %T");
  const char *between = event->detail[0] != '\0' && event->cause[0] != '\0' ? ": " : "";

  g_print ("%s  %-20s %-17s %-9s %s%s%s\n", stamp, event->name, event->kind, event->result, event->detail,
           between, event->cause);
}

static void
print_all (const GPtrArray *events, bool json)
{
  g_autofree char *text = json ? events_to_json (events) : NULL;

  if (json)
    g_print ("%s\n", text);
  for (guint i = 0; i < events->len && !json; i++)
    print_text (g_ptr_array_index (events, i));
}

/* --- reading along --- */

static void
print_next (const Event *event, const GError *error, gpointer data)
{
  Listing *listing = data;
  g_autofree char *line = event != NULL && listing->json ? event_to_json (event) : NULL;

  if (event == NULL)
    listing->trouble = g_error_copy (error);
  else if (line != NULL)
    g_print ("%s\n", line);
  else
    print_text (event);
  fflush (stdout);
}

static int
follow (Listing *listing)
{
  GError *error = NULL;
  g_autoptr (EventFollower) follower =
    event_follower_new (listing->path, &listing->query, print_next, listing, &error);

  if (follower == NULL)
    return cli_fail (error);
  while (listing->trouble == NULL)
    g_main_context_iteration (NULL, TRUE);
  return cli_fail (listing->trouble);
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
