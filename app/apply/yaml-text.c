/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/apply/yaml-text.h"

#include "app/base/error.h"
#include "vmm/base/number.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

typedef struct {
  yaml_parser_t parser;
  JsonText *text;
  const char *file;
  unsigned depth;
  GError **error;
} Reader;

static JsonNode *read_value (Reader *reader, const yaml_event_t *event, const char *pointer);

/* Returns: always false. */
static bool G_GNUC_PRINTF (3, 4) fail_at (Reader *reader, yaml_mark_t at, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (reader->error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s:%zu:%zu: %s", reader->file, at.line + 1,
               at.column + 1, message);
  return false;
}

/* The next part of the text; cleared by yaml_event_delete. False with the error set if there is none. */
static bool
next (Reader *reader, yaml_event_t *event)
{
  const yaml_parser_t *parser = &reader->parser;

  if (yaml_parser_parse (&reader->parser, event))
    return true;
  memset (event, 0, sizeof *event);
  if (parser->context != NULL && parser->error != YAML_READER_ERROR)
    return fail_at (reader, parser->problem_mark, "%s (%s that begins in line %zu)", parser->problem,
                    parser->context, parser->context_mark.line + 1);
  return fail_at (reader, parser->problem_mark, "%s",
                  parser->problem != NULL ? parser->problem : "can't be read");
}

/* --- plain words --- */

static bool
is_integer (const char *word)
{
  const char *digits = word + (word[0] == '-' || word[0] == '+' ? 1 : 0);

  return digits[0] != '\0' && strspn (digits, "0123456789") == strlen (digits);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool
is_float (const char *word)
{
  const char *at = word + (word[0] == '-' || word[0] == '+' ? 1 : 0);
  gsize whole = strspn (at, "0123456789"), fraction = 0;

  at += whole;
  if (at[0] == '.')
    {
      fraction = strspn (at + 1, "0123456789");
      at += 1 + fraction;
    }
  if (whole + fraction == 0)
    return false;
  if (at[0] == 'e' || at[0] == 'E')
    return is_integer (at + 1);
  return at[0] == '\0';
}

/* YAML 1.2, section 10.3.2. */
static JsonNode *
resolve_plain (Reader *reader, const char *word, yaml_mark_t at)
{
  static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
  static const char *const truths[] = { "true", "True", "TRUE", NULL };
  static const char *const lies[] = { "false", "False", "FALSE", NULL };
  int64_t integer;

  if (g_strv_contains (nulls, word))
    return json_node_init_null (json_node_alloc ());
  if (g_strv_contains (truths, word) || g_strv_contains (lies, word))
    return json_node_init_boolean (json_node_alloc (), g_strv_contains (truths, word));
  if (is_integer (word))
    {
      if (number_parse_signed (word + (word[0] == '+' ? 1 : 0), INT64_MIN, INT64_MAX, &integer))
        return json_node_init_int (json_node_alloc (), integer);
      fail_at (reader, at, "the number %s is too large", word);
      return NULL;
    }
  if (is_float (word))
    return json_node_init_double (json_node_alloc (), g_ascii_strtod (word, NULL));
  return json_node_init_string (json_node_alloc (), word);
}

/* --- values --- */

/* What could make a value something else than it looks like. */
static bool
check_plainness (Reader *reader, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag)
{
  if (anchor != NULL)
    return fail_at (reader, event->start_mark,
                    "anchors (“&%s”) aren't understood; write what is meant where it is needed", anchor);
  return tag == NULL
         || fail_at (reader, event->start_mark, "tags (“%s”) aren't understood; leave it out", tag);
}

static JsonNode *
read_scalar (Reader *reader, const yaml_event_t *event)
{
  const char *value = (const char *)event->data.scalar.value;

  if (!check_plainness (reader, event, event->data.scalar.anchor, event->data.scalar.tag))
    return NULL;
  if (strlen (value) != event->data.scalar.length)
    {
      fail_at (reader, event->start_mark, "a string can't contain the character NUL");
      return NULL;
    }
  if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
    return resolve_plain (reader, value, event->start_mark);
  return json_node_init_string (json_node_alloc (), value);
}

static bool
read_member (Reader *reader, const yaml_event_t *key, JsonObject *object, const char *pointer)
{
  const char *name = (const char *)key->data.scalar.value;
  g_autofree char *inner = NULL;
  JsonNode *value = NULL;
  yaml_event_t event;

  if (key->type != YAML_SCALAR_EVENT)
    return fail_at (reader, key->start_mark, "a member's name must be a word");
  if (!check_plainness (reader, key, key->data.scalar.anchor, key->data.scalar.tag))
    return false;
  if (json_object_has_member (object, name))
    return fail_at (reader, key->start_mark, "“%s” is there twice", name);
  inner = json_pointer_member (pointer, name);
  if (!next (reader, &event))
    return false;
  value = read_value (reader, &event, inner);
  yaml_event_delete (&event);
  if (value == NULL)
    return false;
  /* Where its name stands: a value that is missing stands nowhere. */
  json_text_place (reader->text, inner, (guint)key->start_mark.line + 1, (guint)key->start_mark.column + 1);
  json_object_set_member (object, name, value);
  return true;
}

static JsonNode *
read_mapping (Reader *reader, const char *pointer)
{
  g_autoptr (JsonObject) object = json_object_new ();
  bool going = true;

  while (going)
    {
      yaml_event_t event;
      bool done;

      if (!next (reader, &event))
        return NULL;
      going = event.type != YAML_MAPPING_END_EVENT;
      done = !going || read_member (reader, &event, object, pointer);
      yaml_event_delete (&event);
      if (!done)
        return NULL;
    }
  return json_node_init_object (json_node_alloc (), object);
}

static JsonNode *
read_sequence (Reader *reader, const char *pointer)
{
  g_autoptr (JsonArray) array = json_array_new ();
  bool going = true;

  while (going)
    {
      g_autofree char *inner = g_strdup_printf ("%s/%u", pointer, json_array_get_length (array));
      JsonNode *value = NULL;
      yaml_event_t event;

      if (!next (reader, &event))
        return NULL;
      going = event.type != YAML_SEQUENCE_END_EVENT;
      if (going)
        value = read_value (reader, &event, inner);
      yaml_event_delete (&event);
      if (going && value == NULL)
        return NULL;
      if (going)
        json_array_add_element (array, value);
    }
  return json_node_init_array (json_node_alloc (), array);
}

static JsonNode *
read_inner (Reader *reader, const yaml_event_t *event, const char *pointer)
{
  switch (event->type)
    {
    case YAML_SCALAR_EVENT:
      return read_scalar (reader, event);
    case YAML_MAPPING_START_EVENT:
      return check_plainness (reader, event, event->data.mapping_start.anchor, event->data.mapping_start.tag)
               ? read_mapping (reader, pointer)
               : NULL;
    case YAML_SEQUENCE_START_EVENT:
      return check_plainness (reader, event, event->data.sequence_start.anchor,
                              event->data.sequence_start.tag)
               ? read_sequence (reader, pointer)
               : NULL;
    default:
      fail_at (reader, event->start_mark,
               "aliases aren't understood; write what is meant where it is needed");
      return NULL;
    }
}

static JsonNode *
read_value (Reader *reader, const yaml_event_t *event, const char *pointer)
{
  JsonNode *value;

  if (reader->depth == JSON_TEXT_MAX_DEPTH)
    {
      fail_at (reader, event->start_mark, "nested deeper than %d levels", JSON_TEXT_MAX_DEPTH);
      return NULL;
    }
  reader->depth++;
  json_text_place (reader->text, pointer, (guint)event->start_mark.line + 1,
                   (guint)event->start_mark.column + 1);
  value = read_inner (reader, event, pointer);
  reader->depth--;
  return value;
}

/* --- the document --- */

/* Takes the next event, which must be of @type. */
static bool
expect (Reader *reader, yaml_event_type_t type)
{
  yaml_event_t event;
  bool as_expected;

  if (!next (reader, &event))
    return false;
  as_expected = event.type == type;
  if (!as_expected && event.type == YAML_DOCUMENT_START_EVENT)
    fail_at (reader, event.start_mark, "a second document begins; only one is understood");
  else if (!as_expected)
    fail_at (reader, event.start_mark, "there is nothing in it");
  yaml_event_delete (&event);
  return as_expected;
}

static bool
read_document (Reader *reader)
{
  JsonNode *root;
  yaml_event_t event;

  if (!expect (reader, YAML_STREAM_START_EVENT) || !expect (reader, YAML_DOCUMENT_START_EVENT)
      || !next (reader, &event))
    return false;
  root = read_value (reader, &event, "");
  yaml_event_delete (&event);
  if (root == NULL)
    return false;
  json_text_take_root (reader->text, root);
  return expect (reader, YAML_DOCUMENT_END_EVENT) && expect (reader, YAML_STREAM_END_EVENT);
}

static bool
check_encoding (const char *text, gsize length, const char *file, GError **error)
{
  const char *bad;
  guint line = 1;

  if (length > JSON_TEXT_MAX_LENGTH)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s: larger than 1 MiB", file);
      return false;
    }
  if (g_utf8_validate_len (text, length, &bad))
    return true;
  for (const char *at = text; at < bad; at++)
    line += *at == '\n' ? 1 : 0;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s:%u: not text in UTF-8 (byte 0x%02x)", file,
               line, (guchar)*bad);
  return false;
}

JsonText *
yaml_text_parse (const char *text, gsize length, const char *file, GError **error)
{
  g_autoptr (JsonText) result = json_text_new (file);
  Reader reader = { .text = result, .file = file, .error = error };
  bool done;

  if (!check_encoding (text, length, file, error))
    return NULL;
  if (!yaml_parser_initialize (&reader.parser))
    g_error ("libyaml finds no memory");
  yaml_parser_set_encoding (&reader.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string (&reader.parser, (const unsigned char *)text, length);
  done = read_document (&reader);
  yaml_parser_delete (&reader.parser);
  return done ? g_steal_pointer (&result) : NULL;
}
