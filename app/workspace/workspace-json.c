/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/workspace-json.h"

char *
workspace_time_text (int64_t seconds)
{
  g_autoptr (GDateTime) time = seconds > 0 ? g_date_time_new_from_unix_utc (seconds) : NULL;

  return time != NULL ? g_date_time_format_iso8601 (time) : NULL;
}

const char *
workspace_state_name (const Workspace *workspace)
{
  if (workspace->damage != NULL || workspace->step.verdict == LEASE_CLOCK)
    return "locked";
  return lease_stage_names[workspace->step.record.stage];
}

void
workspace_add_json (JsonBuilder *builder, const char *name, const Workspace *workspace)
{
  g_autofree char *trusted = workspace_time_text (workspace->step.record.time.trusted);

  json_add_string (builder, "name", name);
  json_add_string (builder, "state", workspace_state_name (workspace));
  json_add_string (builder, "trouble", workspace->damage != NULL ? workspace->damage : workspace->clock);
  json_add_string (builder, "for", workspace->terms->subject);
  json_builder_set_member_name (builder, "remaining");
  if (workspace->damage != NULL || workspace->step.remaining == G_MAXINT64)
    json_builder_add_null_value (builder);
  else
    json_builder_add_int_value (builder, MAX (0, workspace->step.remaining));
  json_add_string (builder, "trusted-time", trusted);
}

char *
workspace_to_json (const char *name, const Workspace *workspace)
{
  const Terms *terms = workspace->terms;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *issued = workspace_time_text (terms->issued);

  json_builder_begin_object (builder);
  workspace_add_json (builder, name, workspace);
  json_add_string (builder, "id", terms->id);
  json_add_string (builder, "issuer", terms->issuer);
  json_add_string (builder, "issued", issued);
  json_add_string (builder, "template", terms->origin);
  json_add_int (builder, "template-version", terms->version);
  json_add_string (builder, "profile", terms->profile);
  json_add_string (builder, "expiry", expiry_kind_names[workspace->expiry.kind]);
  json_add_int (builder, "expiry-at", workspace->expiry.at);
  json_add_int (builder, "grace", terms->grace);
  json_add_string (builder, "afterwards", afterwards_names[terms->afterwards]);
  json_add_int (builder, "renewals", workspace->renewals);
  json_add_int (builder, "used", workspace->step.record.used);
  json_builder_set_member_name (builder, "permissions");
  {
    JsonNode *node = json_node_new (JSON_NODE_OBJECT);

    json_node_take_object (node, permissions_write (&terms->permissions));
    json_builder_add_value (builder, node);
  }
  json_builder_end_object (builder);
  return json_add_finish (builder);
}
