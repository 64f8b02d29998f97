/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/agent-json.h"

#include "app/base/error.h"

/* What each command answers (QEMU Guest Agent Protocol Reference 7.2). */

#define MAX_NAME       200u
#define MAX_INTERFACES 128u
#define MAX_ADDRESSES  128u
#define MAX_USERS      256u
#define MAX_COMMANDS   512u
#define MAX_SIGNAL     127

static bool
refuse (GError **error, const char *command)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED,
               "The guest's agent answered %s with something that makes no sense", command);
  return false;
}

static void
put_text (GVariantDict *to, const char *key, JsonObject *object, const char *name)
{
  g_autofree char *text = agent_json_text (object, name, MAX_NAME);

  if (text != NULL && text[0] != '\0')
    g_variant_dict_insert (to, key, "s", text);
}

static void
put_bytes (GVariantDict *to, const char *key, GBytes *bytes)
{
  g_variant_dict_insert_value (to, key, g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE));
}

/* --- the network --- */

static bool
is_hardware_address (const char *text)
{
  size_t length = strlen (text);

  for (size_t i = 0; i < length; i++)
    if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit (text[i]))
      return false;
  return length >= 2 && length <= 59 && length % 3 == 2;
}

static void
add_address (GVariantBuilder *addresses, JsonObject *object)
{
  g_autofree char *text = agent_json_text (object, "ip-address", 64);
  g_autoptr (GInetAddress) address = text != NULL ? g_inet_address_new_from_string (text) : NULL;
  g_autofree char *plain = address != NULL ? g_inet_address_to_string (address) : NULL;
  gint64 prefix = 0, max;

  if (plain == NULL)
    return;
  max = (gint64)g_inet_address_get_native_size (address) * 8;
  if (!agent_json_int (object, "prefix", &prefix) || prefix < 0 || prefix > max)
    prefix = max;
  g_variant_builder_add (addresses, "(su)", plain, (guint32)prefix);
}

static void
add_interface (GVariantBuilder *interfaces, JsonObject *object)
{
  g_autofree char *name = agent_json_text (object, "name", MAX_NAME);
  g_autofree char *hardware = agent_json_text (object, "hardware-address", 64);
  JsonArray *list = agent_json_array (object, "ip-addresses");
  unsigned n = list != NULL ? MIN (json_array_get_length (list), MAX_ADDRESSES) : 0;
  GVariantBuilder addresses;

  if (name == NULL || name[0] == '\0')
    return;
  g_variant_builder_init (&addresses, G_VARIANT_TYPE ("a(su)"));
  for (unsigned i = 0; i < n; i++)
    add_address (&addresses, agent_json_object (json_array_get_element (list, i)));
  g_variant_builder_add (interfaces, "(ssa(su))", name,
                         hardware != NULL && is_hardware_address (hardware) ? hardware : "", &addresses);
}

/* What isn't an interface, or an address, is left out. */
bool
agent_read_interfaces (JsonNode *node, GVariantDict *to, GError **error)
{
  GVariantBuilder interfaces;
  JsonArray *list;

  if (!JSON_NODE_HOLDS_ARRAY (node))
    return refuse (error, "guest-network-get-interfaces");
  list = json_node_get_array (node);
  g_variant_builder_init (&interfaces, G_VARIANT_TYPE ("a(ssa(su))"));
  for (unsigned i = 0; i < MIN (json_array_get_length (list), MAX_INTERFACES); i++)
    add_interface (&interfaces, agent_json_object (json_array_get_element (list, i)));
  g_variant_dict_insert_value (to, "interfaces", g_variant_builder_end (&interfaces));
  return true;
}

/* --- who it is --- */

bool
agent_read_info (JsonNode *node, GVariantDict *to, GError **error)
{
  JsonObject *object = agent_json_object (node);
  JsonArray *list = agent_json_array (object, "supported_commands");
  GVariantBuilder commands;

  if (list == NULL)
    return refuse (error, "guest-info");
  put_text (to, "agent-version", object, "version");
  g_variant_builder_init (&commands, G_VARIANT_TYPE_STRING_ARRAY);
  for (unsigned i = 0; i < MIN (json_array_get_length (list), MAX_COMMANDS); i++)
    {
      JsonObject *command = agent_json_object (json_array_get_element (list, i));
      g_autofree char *name = agent_json_text (command, "name", MAX_NAME);

      if (name != NULL && agent_json_bool (command, "enabled", false))
        g_variant_builder_add (&commands, "s", name);
    }
  g_variant_dict_insert_value (to, "commands", g_variant_builder_end (&commands));
  return true;
}

bool
agent_read_os (JsonNode *node, GVariantDict *to, GError **error)
{
  JsonObject *object = agent_json_object (node);

  if (object == NULL)
    return refuse (error, "guest-get-osinfo");
  put_text (to, "os-name", object, json_object_has_member (object, "pretty-name") ? "pretty-name" : "name");
  put_text (to, "os-id", object, "id");
  put_text (to, "os-version", object,
            json_object_has_member (object, "version-id") ? "version-id" : "version");
  put_text (to, "kernel", object, "kernel-release");
  put_text (to, "machine", object, "machine");
  return true;
}

bool
agent_read_host_name (JsonNode *node, GVariantDict *to, GError **error)
{
  JsonObject *object = agent_json_object (node);

  if (object == NULL)
    return refuse (error, "guest-get-host-name");
  put_text (to, "host-name", object, "host-name");
  return true;
}

bool
agent_read_zone (JsonNode *node, GVariantDict *to, GError **error)
{
  JsonObject *object = agent_json_object (node);
  gint64 offset = 0;

  if (object == NULL)
    return refuse (error, "guest-get-timezone");
  put_text (to, "zone", object, "zone");
  if (agent_json_int (object, "offset", &offset) && offset >= -86400 && offset <= 86400)
    g_variant_dict_insert (to, "offset", "i", (gint32)offset);
  return true;
}

bool
agent_read_users (JsonNode *node, GVariantDict *to, GError **error)
{
  GVariantBuilder users;
  JsonArray *list;

  if (!JSON_NODE_HOLDS_ARRAY (node))
    return refuse (error, "guest-get-users");
  list = json_node_get_array (node);
  g_variant_builder_init (&users, G_VARIANT_TYPE ("a(sd)"));
  for (unsigned i = 0; i < MIN (json_array_get_length (list), MAX_USERS); i++)
    {
      JsonObject *user = agent_json_object (json_array_get_element (list, i));
      g_autofree char *name = agent_json_text (user, "user", MAX_NAME);
      JsonNode *since = user != NULL ? json_object_get_member (user, "login-time") : NULL;

      if (name != NULL)
        g_variant_builder_add (&users, "(sd)", name,
                               since != NULL && JSON_NODE_HOLDS_VALUE (since) ? json_node_get_double (since)
                                                                              : 0.0);
    }
  g_variant_dict_insert_value (to, "users", g_variant_builder_end (&users));
  return true;
}

/* --- programs, files --- */

bool
agent_read_pid (JsonNode *node, gint64 *pid, GError **error)
{
  return agent_json_int (agent_json_object (node), "pid", pid) || refuse (error, "guest-exec");
}

bool
agent_read_exec_status (JsonNode *node, bool *ended, GVariantDict *to, GError **error)
{
  JsonObject *object = agent_json_object (node);
  bool out_valid, err_valid;
  g_autoptr (GBytes) out = agent_json_bytes (object, "out-data", &out_valid);
  g_autoptr (GBytes) err = agent_json_bytes (object, "err-data", &err_valid);
  g_autoptr (GBytes) none = g_bytes_new (NULL, 0);
  gint64 status;

  if (object == NULL || !json_object_has_member (object, "exited") || !out_valid || !err_valid)
    return refuse (error, "guest-exec-status");
  *ended = agent_json_bool (object, "exited", false);
  if (!*ended)
    return true;
  if (agent_json_int (object, "signal", &status) && status > 0 && status <= MAX_SIGNAL)
    g_variant_dict_insert (to, "signal", "i", (gint32)status);
  else if (agent_json_int (object, "exitcode", &status))
    g_variant_dict_insert (to, "exit-status", "i", (gint32)status);
  else
    return refuse (error, "guest-exec-status");
  put_bytes (to, "output", out != NULL ? out : none);
  put_bytes (to, "errors", err != NULL ? err : none);
  g_variant_dict_insert (to, "truncated", "b",
                         agent_json_bool (object, "out-truncated", false)
                           || agent_json_bool (object, "err-truncated", false));
  return true;
}

bool
agent_read_count (JsonNode *node, gint64 *count, GError **error)
{
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64
      || json_node_get_int (node) < 0)
    return refuse (error, "a request for a number");
  *count = json_node_get_int (node);
  return true;
}

GBytes *
agent_read_file_piece (JsonNode *node, gsize max, bool *eof, GError **error)
{
  JsonObject *object = agent_json_object (node);
  bool valid;
  g_autoptr (GBytes) bytes = agent_json_bytes (object, "buf-b64", &valid);

  *eof = agent_json_bool (object, "eof", false);
  if (bytes != NULL && g_bytes_get_size (bytes) <= max)
    return g_steal_pointer (&bytes);
  refuse (error, "guest-file-read");
  return NULL;
}
