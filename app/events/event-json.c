/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/events/event-json.h"

static char *
stamp_of (const Event *event)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (event->time / G_USEC_PER_SEC);

  return g_date_time_format (time, "%FT%T%:z");
}

void
event_add_json (JsonBuilder *builder, const Event *event)
{
  g_autofree char *stamp = stamp_of (event);

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

char *
event_to_json (const Event *event)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;

  event_add_json (builder, event);
  node = json_builder_get_root (builder);
  return json_to_string (node, false);
}

char *
events_to_json (const GPtrArray *events)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < events->len; i++)
    event_add_json (builder, g_ptr_array_index (events, i));
  json_builder_end_array (builder);
  return json_add_finish (builder);
}
