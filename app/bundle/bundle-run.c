/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/bundle.h"

#include "app/bundle/json-text.h"

#include <string.h>

static char *
run_file (const char *path)
{
  return g_build_filename (path, "last-run.json", NULL);
}

/* 0 is left out. */
static void
add_number (JsonBuilder *builder, const char *name, gint64 number)
{
  if (number == 0)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, number);
}

bool
bundle_write_run (const char *path, const BundleRun *run, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *file = run_file (path), *text = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "state");
  json_builder_add_string_value (builder, bonsai_state_name (run->state));
  json_builder_set_member_name (builder, "reason");
  json_builder_add_string_value (builder, bonsai_reason_name (run->reason));
  json_builder_set_member_name (builder, "exit-status");
  json_builder_add_int_value (builder, run->exit_status);
  if (run->message != NULL)
    {
      json_builder_set_member_name (builder, "message");
      json_builder_add_string_value (builder, run->message);
    }
  add_number (builder, "failures", run->failures);
  add_number (builder, "restart-at", run->restart_at);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  return bundle_replace_file (file, text, strlen (text), error);
}

static const char *
string_member (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node)
                                                                          : NULL;
}

static gint64
number_member (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_INT64 ? json_node_get_int (node) : 0;
}

void
bundle_read_run (const char *path, BundleRun *run)
{
  g_autofree char *file = run_file (path), *content = NULL;
  g_autoptr (JsonText) text = NULL;
  JsonObject *object;
  gsize length;

  *run = (BundleRun){ 0 };
  if (!g_file_test (file, G_FILE_TEST_IS_REGULAR) || !g_file_get_contents (file, &content, &length, NULL))
    return;
  text = json_text_parse (content, length, "last-run.json", NULL);
  if (text == NULL || !JSON_NODE_HOLDS_OBJECT (json_text_root (text)))
    return;
  object = json_node_get_object (json_text_root (text));
  run->state = bonsai_state_from_name (string_member (object, "state"));
  run->reason = bonsai_reason_from_name (string_member (object, "reason"));
  run->message = g_strdup (string_member (object, "message"));
  run->exit_status = (int)number_member (object, "exit-status");
  run->failures = (unsigned)CLAMP (number_member (object, "failures"), 0, G_MAXINT);
  run->restart_at = MAX (number_member (object, "restart-at"), 0);
}

void
bundle_run_clear (BundleRun *run)
{
  g_clear_pointer (&run->message, g_free);
}
