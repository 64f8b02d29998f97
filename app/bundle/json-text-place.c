/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the values of a text stand, and which of them somebody asked for. */
#include "app/base/error.h"
#include "app/bundle/json-text-private.h"

#include <stdbool.h>
#include <string.h>

/* A slip is so many letters that were added, left out or changed. */
#define MAX_SLIP   2u
#define MAX_MEMBER 63u

/* --- life --- */

static void
place_free (gpointer data)
{
  JsonPlace *place = data;

  g_free (place->origin);
  g_free (place);
}

JsonText *
json_text_new (const char *file)
{
  JsonText *text = g_new0 (JsonText, 1);

  text->file = g_strdup (file);
  text->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, place_free);
  return text;
}

void
json_text_free (JsonText *text)
{
  g_clear_pointer (&text->root, json_node_unref);
  g_hash_table_unref (text->places);
  g_clear_pointer (&text->known, g_hash_table_unref);
  g_free (text->file);
  g_free (text);
}

const char *
json_text_get_file (JsonText *text)
{
  return text->file;
}

JsonNode *
json_text_root (JsonText *text)
{
  return text->root;
}

void
json_text_take_root (JsonText *text, JsonNode *root)
{
  g_clear_pointer (&text->root, json_node_unref);
  text->root = root;
}

/* --- pointers --- */

void
json_pointer_append (GString *pointer, const char *name)
{
  g_string_append_c (pointer, '/');
  for (; *name != '\0'; name++)
    {
      if (*name == '~' || *name == '/')
        g_string_append (pointer, *name == '~' ? "~0" : "~1");
      else
        g_string_append_c (pointer, *name);
    }
}

char *
json_pointer_member (const char *pointer, const char *name)
{
  GString *inner = g_string_new (pointer);

  json_pointer_append (inner, name);
  return g_string_free (inner, FALSE);
}

char *
json_pointer_for_people (const char *pointer)
{
  g_autoptr (GString) path = g_string_new (NULL);
  g_auto (GStrv) tokens = g_strsplit (pointer, "/", -1);

  for (unsigned i = 1; tokens[0] != NULL && tokens[i] != NULL; i++)
    {
      if (g_ascii_isdigit (tokens[i][0]))
        g_string_append_printf (path, "[%s]", tokens[i]);
      else
        g_string_append_printf (path, "%s%s", path->len > 0 ? "." : "", tokens[i]);
    }
  g_string_replace (path, "~1", "/", 0);
  g_string_replace (path, "~0", "~", 0);
  return g_string_free (g_steal_pointer (&path), FALSE);
}

/* --- places --- */

void
json_text_place (JsonText *text, const char *pointer, guint line, guint column)
{
  JsonPlace *place = g_new0 (JsonPlace, 1);

  *place = (JsonPlace){ .line = line, .column = column };
  g_hash_table_insert (text->places, g_strdup (pointer), place);
}

void
json_text_place_as (JsonText *text, const char *pointer, JsonText *from, const char *from_pointer)
{
  const JsonPlace *known = g_hash_table_lookup (from->places, from_pointer);
  JsonPlace *place;

  if (known == NULL)
    return;
  place = g_new0 (JsonPlace, 1);
  *place = (JsonPlace){ known->line, known->column, g_strdup (from_pointer) };
  g_hash_table_insert (text->places, g_strdup (pointer), place);
}

bool
json_text_has_place (JsonText *text, const char *pointer)
{
  return g_hash_table_contains (text->places, pointer);
}

gboolean
json_text_set_error (JsonText *text, const char *pointer, GError **error, const char *message)
{
  g_autofree char *nearest = g_strdup (pointer), *told = NULL, *member = NULL;
  const JsonPlace *place = g_hash_table_lookup (text->places, nearest);

  while (place == NULL && nearest[0] != '\0')
    {
      *strrchr (nearest, '/') = '\0';
      place = g_hash_table_lookup (text->places, nearest);
    }
  told = place != NULL && place->origin != NULL
           ? g_strconcat (place->origin, pointer + strlen (nearest), NULL)
           : g_strdup (pointer);
  member = json_pointer_for_people (told);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s:%u:%u: %s%s%s", text->file,
               place != NULL ? place->line : 1, place != NULL ? place->column : 1, member,
               member[0] != '\0' ? ": " : "", message);
  return FALSE;
}

/* --- what is known --- */

void
json_text_watch (JsonText *text)
{
  if (text->known == NULL)
    text->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

void
json_text_note_known (JsonText *text, const char *pointer, const char *name)
{
  if (text->known != NULL)
    g_hash_table_add (text->known, json_pointer_member (pointer, name));
}

static bool
is_element (const char *pointer)
{
  const char *slash = strrchr (pointer, '/');

  return slash == NULL || g_ascii_isdigit (slash[1]);
}

static const char *
find_first_unknown (JsonText *text)
{
  const JsonPlace *place, *first = NULL;
  const char *pointer, *found = NULL;
  GHashTableIter iter;

  g_hash_table_iter_init (&iter, text->places);
  while (g_hash_table_iter_next (&iter, (gpointer *)&pointer, (gpointer *)&place))
    if (!is_element (pointer) && !g_hash_table_contains (text->known, pointer)
        && (first == NULL || place->line < first->line
            || (place->line == first->line && place->column < first->column)))
      {
        first = place;
        found = pointer;
      }
  return found;
}

/* How many letters were added, left out or changed (Levenshtein). */
static unsigned
distance (const char *one, const char *other)
{
  unsigned row[MAX_MEMBER + 1];
  unsigned length = (unsigned)strlen (other);

  if (length > MAX_MEMBER)
    return MAX_MEMBER;
  for (unsigned i = 0; i <= length; i++)
    row[i] = i;
  for (unsigned i = 0; one[i] != '\0'; i++)
    {
      unsigned diagonal = row[0];

      row[0] = i + 1;
      for (unsigned j = 0; j < length; j++)
        {
          unsigned changed = diagonal + (one[i] != other[j] ? 1 : 0);

          diagonal = row[j + 1];
          row[j + 1] = MIN (changed, MIN (row[j], diagonal) + 1);
        }
    }
  return row[length];
}

/* What was known beside @pointer, and reads like it. (nullable) (transfer none) */
static const char *
find_similar (JsonText *text, const char *pointer)
{
  const char *name = strrchr (pointer, '/') + 1, *known, *best = NULL;
  gsize folder = (gsize)(name - pointer);
  unsigned least = MAX_SLIP + 1;
  GHashTableIter iter;

  g_hash_table_iter_init (&iter, text->known);
  while (g_hash_table_iter_next (&iter, (gpointer *)&known, NULL))
    if (strncmp (known, pointer, folder) == 0 && strchr (known + folder, '/') == NULL)
      {
        unsigned slip = distance (name, known + folder);

        if (slip < least || (slip == least && best != NULL && strcmp (known + folder, best) < 0))
          best = known + folder;
        least = MIN (least, slip);
      }
  return best;
}

bool
json_text_refuse_unknown (JsonText *text, const char *see, GError **error)
{
  const char *pointer = find_first_unknown (text);
  const char *similar = pointer != NULL ? find_similar (text, pointer) : NULL;
  g_autofree char *message = NULL;

  if (pointer == NULL)
    return true;
  message = similar != NULL ? g_strdup_printf ("is unknown; is “%s” meant?", similar)
                            : g_strdup_printf ("is unknown; %s lists what there is", see);
  return json_text_set_error (text, pointer, error, message);
}
