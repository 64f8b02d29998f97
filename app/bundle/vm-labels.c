/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-labels.h"

#include "app/base/error.h"

#include <glib/gi18n.h>
#include <string.h>

/* --- words --- */

static bool
word_is_valid (const char *word, gsize max, const char *separators, char **why)
{
  if (word[0] == '\0')
    *why = g_strdup ("empty");
  else if (strlen (word) > max)
    *why = g_strdup_printf (_ ("“%.20s…” is longer than %zu bytes"), word, max);
  else if (!g_utf8_validate (word, -1, NULL))
    *why = g_strdup (_ ("not text in UTF-8"));
  else if (strpbrk (word, separators) != NULL)
    *why = g_strdup_printf (_ ("“%s” contains “%s”"), word, separators);
  else if (g_unichar_isspace (g_utf8_get_char (word))
           || g_unichar_isspace (g_utf8_get_char (g_utf8_prev_char (word + strlen (word)))))
    *why = g_strdup_printf (_ ("“%s” begins or ends with a blank"), word);
  else
    {
      for (const char *at = word; *at != '\0'; at = g_utf8_next_char (at))
        if (g_unichar_iscntrl (g_utf8_get_char (at)))
          {
            *why = g_strdup (_ ("contains a control character"));
            return false;
          }
      return true;
    }
  return false;
}

/* The words of @text that aren't empty, without blanks around them. */
static GPtrArray *
split (const char *text, const char *separator)
{
  g_auto (GStrv) parts = g_strsplit (text, separator, -1);
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);

  for (unsigned i = 0; parts[i] != NULL; i++)
    if (g_strstrip (parts[i])[0] != '\0')
      g_ptr_array_add (words, g_strdup (parts[i]));
  g_ptr_array_add (words, NULL);
  return words;
}

/* --- groups --- */

bool
vm_group_is_valid (const char *group, char **why)
{
  g_auto (GStrv) names = g_strsplit (group, "/", -1);

  if (g_strv_length (names) > VM_GROUP_MAX_DEPTH)
    {
      *why = g_strdup_printf (_ ("more than %d groups in each other"), VM_GROUP_MAX_DEPTH);
      return false;
    }
  if (names[0] == NULL)
    {
      *why = g_strdup ("empty");
      return false;
    }
  for (unsigned i = 0; names[i] != NULL; i++)
    if (!word_is_valid (names[i], VM_GROUP_MAX_NAME, "/", why))
      return false;
  return true;
}

bool
vm_group_parse (const char *text, char **group, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1), *why = NULL;
  g_autoptr (GPtrArray) names = split (valid, "/");

  *group = NULL;
  if (names->len == 1)
    return true;
  *group = g_strjoinv ("/", (char **)names->pdata);
  if (vm_group_is_valid (*group, &why))
    return true;
  g_clear_pointer (group, g_free);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("The group can't be called that: %s"), why);
  return false;
}

bool
vm_group_is_within (const char *group, const char *ancestor)
{
  gsize length = strlen (ancestor);

  return group != NULL && strncmp (group, ancestor, length) == 0
         && (group[length] == '\0' || group[length] == VM_GROUP_SEPARATOR);
}

/* --- tags --- */

static int
compare_tags (const char *a, const char *b)
{
  g_autofree char *fold_a = g_utf8_casefold (a, -1), *fold_b = g_utf8_casefold (b, -1);

  return strcmp (fold_a, fold_b);
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  return compare_tags (*(const char *const *)a, *(const char *const *)b);
}

bool
vm_tags_contain (const char *const *tags, const char *tag)
{
  for (unsigned i = 0; tags != NULL && tags[i] != NULL; i++)
    if (compare_tags (tags[i], tag) == 0)
      return true;
  return false;
}

bool
vm_tags_are_valid (const char *const *tags, char **why)
{
  unsigned n = 0;

  for (; tags != NULL && tags[n] != NULL; n++)
    {
      if (n == VM_TAGS_MAX)
        {
          *why = g_strdup_printf (_ ("more than %d"), VM_TAGS_MAX);
          return false;
        }
      if (!word_is_valid (tags[n], VM_TAG_MAX, ",", why))
        return false;
      if (vm_tags_contain (tags + n + 1, tags[n]))
        {
          *why = g_strdup_printf (_ ("“%s” is there twice"), tags[n]);
          return false;
        }
    }
  return true;
}

GStrv
vm_tags_change (const char *const *tags, const char *const *add, const char *const *remove)
{
  GPtrArray *result = g_ptr_array_new ();

  for (unsigned i = 0; tags != NULL && tags[i] != NULL; i++)
    if (!vm_tags_contain (remove, tags[i]))
      g_ptr_array_add (result, g_strdup (tags[i]));
  for (unsigned i = 0; add != NULL && add[i] != NULL; i++)
    if (!vm_tags_contain (tags, add[i]) && !vm_tags_contain (remove, add[i])
        && !vm_tags_contain (add + i + 1, add[i]))
      g_ptr_array_add (result, g_strdup (add[i]));
  g_ptr_array_sort (result, compare_entries);
  g_ptr_array_add (result, NULL);
  return (GStrv)g_ptr_array_free (result, FALSE);
}

GStrv
vm_tags_parse (const char *text, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1), *why = NULL;
  g_autoptr (GPtrArray) words = split (valid, ",");
  g_auto (GStrv) tags = vm_tags_change (NULL, (const char *const *)words->pdata, NULL);

  if (tags[0] == NULL)
    return NULL;
  if (vm_tags_are_valid ((const char *const *)tags, &why))
    return g_steal_pointer (&tags);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("These can't be tags: %s"), why);
  return NULL;
}

char *
vm_tags_format (const char *const *tags)
{
  return tags != NULL ? g_strjoinv (", ", (char **)tags) : g_strdup ("");
}
