/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a guest's agent answers, to any of the questions. */
#include "tests/fuzz/fuzz.h"

#include "app/agent/agent-json.h"

static void
read_all (JsonNode *node)
{
  static bool (*const readers[]) (JsonNode *, GVariantDict *, GError **) = {
    agent_read_interfaces, agent_read_info,  agent_read_os,
    agent_read_host_name,  agent_read_users, agent_read_zone,
  };
  GVariantDict dict;
  g_autoptr (GVariant) all = NULL;
  g_autoptr (GBytes) piece = NULL;
  bool flag = false;
  gint64 number;

  g_variant_dict_init (&dict, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (readers); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_true (readers[i](node, &dict, &error) || error != NULL);
    }
  agent_read_exec_status (node, &flag, &dict, NULL);
  agent_read_pid (node, &number, NULL);
  if (agent_read_count (node, &number, NULL))
    g_assert_cmpint (number, >=, 0);
  piece = agent_read_file_piece (node, 4096, &flag, NULL);
  all = g_variant_ref_sink (g_variant_dict_end (&dict));
  g_assert_true (g_variant_is_normal_form (all));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  AgentReplyKind kind;
  g_autoptr (JsonNode) node = NULL;
  g_autofree char *reason = NULL;
  g_autoptr (GError) error = NULL;

  if (!agent_reply_parse ((const char *)data, size, &kind, &node, &reason, &error))
    g_assert_nonnull (error);
  else if (kind == AGENT_REPLY_RESULT)
    read_all (node);
  else
    g_assert_true (reason != NULL && g_utf8_validate (reason, -1, NULL));
  return 0;
}
