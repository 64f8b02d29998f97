/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/apply/apply-json.h"

#include "app/base/json-add.h"

static void
add_value (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  if (value != NULL)
    json_builder_add_value (builder, json_from_string (value, NULL));
  else
    json_builder_add_null_value (builder);
}

static void
add_step (JsonBuilder *builder, const ApplyStep *step)
{
  json_builder_begin_object (builder);
  json_add_string (builder, "name", step->machine->name);
  json_add_string (builder, "action", apply_action_names[step->action]);
  json_builder_set_member_name (builder, "changes");
  json_builder_begin_array (builder);
  for (guint i = 0; i < step->changes->len; i++)
    {
      const ApplyChange *change = g_ptr_array_index (step->changes, i);

      json_builder_begin_object (builder);
      json_add_string (builder, "member", change->member);
      add_value (builder, "from", change->from);
      add_value (builder, "to", change->to);
      json_add_bool (builder, "at-next-start", change->at_start);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

char *
apply_plan_to_json (const ApplyPlan *plan, bool done)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_add_bool (builder, "done", done);
  json_add_int (builder, "due", plan->n_due);
  json_builder_set_member_name (builder, "machines");
  json_builder_begin_array (builder);
  for (guint i = 0; i < plan->steps->len; i++)
    add_step (builder, g_ptr_array_index (plan->steps, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return json_add_finish (builder);
}
