/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/agent-json.h"

#include "app/base/error.h"

#include <string.h>

#define MAX_DEPTH    16u
#define MAX_ELEMENTS 65536u
#define MAX_REASON   500u

static bool G_GNUC_PRINTF (2, 3) complain (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The guest's agent gave an answer that %s", text);
  return false;
}

/* How deep it is and how much there is in it, before anything is built from it. More than one object, or
 * another value beside it, is none: json-glib (1.6) never frees what it makes of that. */
static bool
is_bounded (const char *text, gsize size)
{
  unsigned depth = 0, elements = 0;
  bool quoted = false, begun = false;

  for (gsize i = 0; i < size; i++)
    {
      char c = text[i];

      if (depth == 0 && !g_ascii_isspace (c) && (begun || c != '{'))
        return false;
      begun |= depth == 0 && c == '{';
      if (quoted && c == '\\')
        i++;
      else if (c == '"')
        quoted = !quoted;
      else if (quoted)
        continue;
      else if (c == '[' || c == '{')
        depth++;
      else if ((c == ']' || c == '}') && depth > 0)
        depth--;
      if (!quoted && (c == ',' || c == ':' || c == '[' || c == '{'))
        elements++;
      if (depth > MAX_DEPTH || elements > MAX_ELEMENTS)
        return false;
    }
  return true;
}

static JsonNode *
parse_text (const char *text, gsize size, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();

  if (size > AGENT_REPLY_MAX || !is_bounded (text, size))
    {
      complain (error, "is too long, too deep, or not one object");
      return NULL;
    }
  if (size == 0 || memchr (text, '\0', size) != NULL || !g_utf8_validate (text, (gssize)size, NULL)
      || !json_parser_load_from_data (parser, text, (gssize)size, NULL))
    {
      complain (error, "is no JSON");
      return NULL;
    }
  return json_parser_steal_root (parser);
}

bool
agent_reply_parse (const char *text, gsize size, AgentReplyKind *kind, JsonNode **node, char **reason,
                   GError **error)
{
  g_autoptr (JsonNode) root = parse_text (text, size, error);
  JsonObject *object, *failure;

  *node = NULL;
  *reason = NULL;
  if (root == NULL && error != NULL && *error != NULL)
    return false;
  object = agent_json_object (root);
  if (object != NULL && json_object_has_member (object, "return"))
    {
      *kind = AGENT_REPLY_RESULT;
      *node = json_object_dup_member (object, "return");
      return true;
    }
  failure = object != NULL && json_object_has_member (object, "error")
              ? agent_json_object (json_object_get_member (object, "error"))
              : NULL;
  if (failure == NULL)
    return complain (error, "is neither a result nor an error");
  *kind = AGENT_REPLY_ERROR;
  *reason = agent_json_text (failure, "desc", MAX_REASON);
  if (*reason == NULL)
    *reason = g_strdup ("it does not say why");
  return true;
}

/* --- members --- */

JsonObject *
agent_json_object (JsonNode *node)
{
  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

char *
agent_clean_text (const char *text, unsigned max)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *clean = g_string_new (NULL);
  unsigned n = 0;

  for (const char *p = valid; *p != '\0' && n < max; p = g_utf8_next_char (p), n++)
    {
      gunichar c = g_utf8_get_char (p);

      g_string_append_unichar (clean, g_unichar_isprint (c) ? c : '?');
    }
  return g_string_free (clean, FALSE);
}

static JsonNode *
value_of (JsonObject *object, const char *name, GType type)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type ? node
                                                                                                 : NULL;
}

char *
agent_json_text (JsonObject *object, const char *name, unsigned max)
{
  JsonNode *node = value_of (object, name, G_TYPE_STRING);

  return node != NULL ? agent_clean_text (json_node_get_string (node), max) : NULL;
}

bool
agent_json_int (JsonObject *object, const char *name, gint64 *value)
{
  JsonNode *node = value_of (object, name, G_TYPE_INT64);

  if (node != NULL)
    *value = json_node_get_int (node);
  return node != NULL;
}

bool
agent_json_bool (JsonObject *object, const char *name, bool fallback)
{
  JsonNode *node = value_of (object, name, G_TYPE_BOOLEAN);

  return node != NULL ? json_node_get_boolean (node) : fallback;
}

JsonArray *
agent_json_array (JsonObject *object, const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

/* RFC 4648, section 4: whole groups of four, with padding at the end only. */
static bool
is_base64 (const char *text, gsize size)
{
  gsize padding = size >= 1 && text[size - 1] == '=' ? (size >= 2 && text[size - 2] == '=' ? 2 : 1) : 0;

  if (size % 4 != 0)
    return false;
  for (gsize i = 0; i < size - padding; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '+' && text[i] != '/')
      return false;
  return true;
}

GBytes *
agent_json_bytes (JsonObject *object, const char *name, bool *valid)
{
  JsonNode *node = value_of (object, name, G_TYPE_STRING);
  const char *text = node != NULL ? json_node_get_string (node) : NULL;
  guchar *bytes;
  gsize size = 0;

  *valid =
    text != NULL ? is_base64 (text, strlen (text)) : object == NULL || !json_object_has_member (object, name);
  if (text == NULL || !*valid)
    return NULL;
  if (text[0] == '\0')
    return g_bytes_new (NULL, 0);
  bytes = g_base64_decode (text, &size);
  return g_bytes_new_take (bytes, size);
}
