/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"
#include "app/bundle/json-text-private.h"
#include "vmm/base/number.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

typedef struct {
  JsonText *text;
  const char *at, *end;
  const char *line_start;
  guint line;
  const char *mark; /* on this line: columns before it are counted */
  guint mark_column;
  unsigned depth;
  GString *pointer; /* of the value being read */
  GError **error;
} Reader;

static JsonNode *read_value (Reader *reader);

static JsonPlace
place_at (Reader *reader, const char *at)
{
  if (reader->mark < reader->line_start || reader->mark > at)
    {
      reader->mark = reader->line_start;
      reader->mark_column = 1;
    }
  reader->mark_column += (guint)g_utf8_strlen (reader->mark, at - reader->mark);
  reader->mark = at;
  return (JsonPlace){ .line = reader->line, .column = reader->mark_column };
}

/* Returns: always NULL. */
static void *G_GNUC_PRINTF (3, 4) fail_at (Reader *reader, const char *at, const char *format, ...)
{
  JsonPlace place = place_at (reader, at);
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (reader->error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s:%u:%u: %s", reader->text->file,
               place.line, place.column, message);
  return NULL;
}

/* What stands at the reader, for messages. (transfer full) */
static char *
describe_next (const Reader *reader)
{
  gunichar c;

  if (reader->at == reader->end)
    return g_strdup ("the end of the file");
  c = g_utf8_get_char (reader->at);
  if (!g_unichar_isprint (c))
    return g_strdup_printf ("character U+%04X", c);
  return g_strdup_printf ("“%.*s”", (int)(g_utf8_next_char (reader->at) - reader->at), reader->at);
}

static void *
fail_expected (Reader *reader, const char *what)
{
  g_autofree char *found = describe_next (reader);

  return fail_at (reader, reader->at, "expected %s, found %s", what, found);
}

/* RFC 8259, section 2: the four white space characters. */
static void
skip_space (Reader *reader)
{
  for (; reader->at < reader->end; reader->at++)
    {
      if (*reader->at == '\n')
        {
          reader->line++;
          reader->line_start = reader->at + 1;
        }
      else if (*reader->at != ' ' && *reader->at != '\t' && *reader->at != '\r')
        return;
    }
}

static bool
take (Reader *reader, char c)
{
  if (reader->at == reader->end || *reader->at != c)
    return false;
  reader->at++;
  return true;
}

static bool
read_hex4 (Reader *reader, gunichar *unit)
{
  *unit = 0;
  for (int i = 0; i < 4; i++, reader->at++)
    {
      if (reader->at == reader->end || !g_ascii_isxdigit (*reader->at))
        return false;
      *unit = *unit << 4 | (gunichar)g_ascii_xdigit_value (*reader->at);
    }
  return true;
}

/* RFC 8259, section 7: \uXXXX, beyond the BMP as a UTF-16 surrogate pair. */
static bool
read_unicode_escape (Reader *reader, GString *string)
{
  const char *start = reader->at - 2;
  gunichar c, low;

  if (!read_hex4 (reader, &c))
    return fail_at (reader, start, "“\\u” needs four hexadecimal digits") != NULL;
  if (c >= 0xd800 && c < 0xdc00)
    {
      if (!take (reader, '\\') || !take (reader, 'u') || !read_hex4 (reader, &low) || low < 0xdc00
          || low > 0xdfff)
        return fail_at (reader, start, "half a surrogate pair") != NULL;
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
  else if (c >= 0xdc00 && c <= 0xdfff)
    return fail_at (reader, start, "half a surrogate pair") != NULL;
  if (c == 0)
    return fail_at (reader, start, "a string can't contain the character NUL") != NULL;
  g_string_append_unichar (string, c);
  return true;
}

static bool
read_escape (Reader *reader, GString *string)
{
  static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  const char *found;

  if (take (reader, 'u'))
    return read_unicode_escape (reader, string);
  found = reader->at < reader->end && *reader->at != '\0' ? strchr (escapes, *reader->at) : NULL;
  if (found == NULL)
    return fail_expected (reader, "an escape such as \\n or \\\"") != NULL;
  g_string_append_c (string, meanings[found - escapes]);
  reader->at++;
  return true;
}

/* At the opening quote. */
static char *
read_string (Reader *reader)
{
  g_autoptr (GString) string = g_string_new (NULL);
  const char *start = reader->at;

  for (reader->at++; reader->at < reader->end;)
    {
      if (take (reader, '"'))
        return g_string_free (g_steal_pointer (&string), FALSE);
      if (take (reader, '\\'))
        {
          if (!read_escape (reader, string))
            return NULL;
        }
      else if ((guchar)*reader->at < 0x20)
        return fail_at (reader, *reader->at == '\n' ? start : reader->at,
                        "the string has no closing quote on its line");
      else
        g_string_append_c (string, *reader->at++);
    }
  return fail_at (reader, start, "the string has no closing quote");
}

static bool
skip_digits (Reader *reader)
{
  const char *start = reader->at;

  while (reader->at < reader->end && g_ascii_isdigit (*reader->at))
    reader->at++;
  return reader->at > start;
}

/* RFC 8259, section 6. Integers beyond 64 bits are refused: they would come back changed. */
static JsonNode *
read_number (Reader *reader)
{
  const char *start = reader->at;
  bool is_integer = true;
  g_autofree char *digits = NULL;
  int64_t integer;

  take (reader, '-');
  if (!take (reader, '0') && !skip_digits (reader))
    return fail_expected (reader, "a digit");
  if (take (reader, '.'))
    {
      is_integer = false;
      if (!skip_digits (reader))
        return fail_expected (reader, "a digit after the decimal point");
    }
  if (take (reader, 'e') || take (reader, 'E'))
    {
      is_integer = false;
      if (!take (reader, '+'))
        take (reader, '-');
      if (!skip_digits (reader))
        return fail_expected (reader, "a digit in the exponent");
    }

  digits = g_strndup (start, reader->at - start);
  if (!is_integer)
    return json_node_init_double (json_node_alloc (), g_ascii_strtod (digits, NULL));
  if (!number_parse_signed (digits, INT64_MIN, INT64_MAX, &integer))
    return fail_at (reader, start, "the number %s is too large", digits);
  return json_node_init_int (json_node_alloc (), integer);
}

static JsonNode *
read_word (Reader *reader)
{
  static const char *const words[] = { "true", "false", "null" };

  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gsize length = strlen (words[i]);

      if ((gsize)(reader->end - reader->at) >= length && memcmp (reader->at, words[i], length) == 0)
        {
          reader->at += length;
          if (i == 2)
            return json_node_init_null (json_node_alloc ());
          return json_node_init_boolean (json_node_alloc (), i == 0);
        }
    }
  return fail_expected (reader, "a value (a string in quotes, a number, true, false, null, [ or {)");
}

static bool
read_member (Reader *reader, JsonObject *object)
{
  const char *start = reader->at;
  gsize outer = reader->pointer->len;
  g_autofree char *name = NULL;
  JsonNode *value;

  if (reader->at == reader->end || *reader->at != '"')
    return fail_expected (reader, "a member name in quotes") != NULL;
  name = read_string (reader);
  if (name == NULL)
    return false;
  if (json_object_has_member (object, name))
    return fail_at (reader, start, "“%s” is there twice", name) != NULL;
  skip_space (reader);
  if (!take (reader, ':'))
    return fail_expected (reader, "“:”") != NULL;
  json_pointer_append (reader->pointer, name);
  value = read_value (reader);
  g_string_truncate (reader->pointer, outer);
  if (value == NULL)
    return false;
  json_object_set_member (object, name, value);
  return true;
}

static JsonNode *
read_object (Reader *reader)
{
  g_autoptr (JsonObject) object = json_object_new ();

  reader->at++;
  skip_space (reader);
  if (!take (reader, '}'))
    {
      do
        {
          skip_space (reader);
          if (!read_member (reader, object))
            return NULL;
          skip_space (reader);
        }
      while (take (reader, ','));
      if (!take (reader, '}'))
        return fail_expected (reader, "“,” or “}”");
    }
  return json_node_init_object (json_node_alloc (), object);
}

static JsonNode *
read_array (Reader *reader)
{
  g_autoptr (JsonArray) array = json_array_new ();
  gsize outer = reader->pointer->len;

  reader->at++;
  skip_space (reader);
  if (!take (reader, ']'))
    {
      do
        {
          JsonNode *value;

          g_string_append_printf (reader->pointer, "/%u", json_array_get_length (array));
          value = read_value (reader);
          g_string_truncate (reader->pointer, outer);
          if (value == NULL)
            return NULL;
          json_array_add_element (array, value);
          skip_space (reader);
        }
      while (take (reader, ','));
      if (!take (reader, ']'))
        return fail_expected (reader, "“,” or “]”");
    }
  return json_node_init_array (json_node_alloc (), array);
}

static JsonNode *
read_string_node (Reader *reader)
{
  g_autofree char *string = read_string (reader);

  return string != NULL ? json_node_init_string (json_node_alloc (), string) : NULL;
}

static JsonNode *
read_value (Reader *reader)
{
  JsonNode *node;
  JsonPlace place;

  skip_space (reader);
  if (reader->depth == JSON_TEXT_MAX_DEPTH)
    return fail_at (reader, reader->at, "nested deeper than %d levels", JSON_TEXT_MAX_DEPTH);
  place = place_at (reader, reader->at);
  json_text_place (reader->text, reader->pointer->str, place.line, place.column);

  reader->depth++;
  switch (reader->at < reader->end ? *reader->at : '\0')
    {
    case '{':
      node = read_object (reader);
      break;
    case '[':
      node = read_array (reader);
      break;
    case '"':
      node = read_string_node (reader);
      break;
    case '-':
    case '0' ... '9':
      node = read_number (reader);
      break;
    default:
      node = read_word (reader);
    }
  reader->depth--;
  return node;
}

static bool
read_text (Reader *reader)
{
  reader->text->root = read_value (reader);
  if (reader->text->root == NULL)
    return false;
  skip_space (reader);
  if (reader->at < reader->end)
    return fail_expected (reader, "the end of the file") != NULL;
  return true;
}

static bool
check_encoding (Reader *reader)
{
  const char *bad;

  if (reader->end - reader->at > JSON_TEXT_MAX_LENGTH)
    {
      g_set_error (reader->error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s: larger than 1 MiB",
                   reader->text->file);
      return false;
    }
  if (g_utf8_validate_len (reader->at, reader->end - reader->at, &bad))
    return true;
  for (const char *at = reader->at; at < bad; at++)
    if (*at == '\n')
      {
        reader->line++;
        reader->line_start = at + 1;
      }
  fail_at (reader, bad, "not text in UTF-8 (byte 0x%02x)", (guchar)*bad);
  return false;
}

JsonText *
json_text_parse (const char *text, gsize length, const char *file, GError **error)
{
  g_autoptr (JsonText) result = json_text_new (file);
  g_autoptr (GString) pointer = g_string_new (NULL);
  Reader reader = { .text = result,
                    .at = text,
                    .end = text + length,
                    .line_start = text,
                    .line = 1,
                    .mark = text,
                    .mark_column = 1,
                    .pointer = pointer,
                    .error = error };

  if (!check_encoding (&reader) || !read_text (&reader))
    return NULL;
  return g_steal_pointer (&result);
}
