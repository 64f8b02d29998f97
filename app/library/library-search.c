/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/library/library-search.h"

#include "app/bundle/vm-labels.h"

#include <string.h>

const char *const library_sort_names[] = { "name", "state", "last-used", "memory", NULL };

struct LibraryQuery {
  GPtrArray *words;         /* folded */
  GPtrArray *tags, *groups; /* folded */
  GPtrArray *states;        /* as bonsai_state_name has them; "template" */
  GPtrArray *systems;       /* folded: parts of what operating systems are called */
};

/* Without case and accents. */
static char *
fold (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *parts = g_utf8_normalize (valid, -1, G_NORMALIZE_ALL);
  g_autofree char *folded = g_utf8_casefold (parts, -1);
  GString *result = g_string_new (NULL);

  for (const char *at = folded; *at != '\0'; at = g_utf8_next_char (at))
    if (!g_unichar_ismark (g_utf8_get_char (at)))
      g_string_append_unichar (result, g_utf8_get_char (at));
  return g_string_free (result, FALSE);
}

static void
take_word (LibraryQuery *query, const char *word)
{
  const struct {
    const char *prefix;
    GPtrArray *list;
  } places[] = {
    { "tag:", query->tags }, { "group:", query->groups }, { "is:", query->states }, { "os:", query->systems }
  };
  gsize length;

  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    if (g_ascii_strncasecmp (word, places[i].prefix, length = strlen (places[i].prefix)) == 0
        && word[length] != '\0')
      {
        g_ptr_array_add (places[i].list, fold (word + length));
        return;
      }
  g_ptr_array_add (query->words, fold (word));
}

/* Words are parted by blanks, except in quotation marks: tag:"legacy system". */
LibraryQuery *
library_query_new (const char *text)
{
  LibraryQuery *query = g_new0 (LibraryQuery, 1);
  g_autoptr (GString) word = g_string_new (NULL);
  bool quoted = false;

  query->words = g_ptr_array_new_with_free_func (g_free);
  query->tags = g_ptr_array_new_with_free_func (g_free);
  query->groups = g_ptr_array_new_with_free_func (g_free);
  query->states = g_ptr_array_new_with_free_func (g_free);
  query->systems = g_ptr_array_new_with_free_func (g_free);
  for (const char *at = text != NULL ? text : "";; at++)
    {
      if (*at == '"')
        quoted = !quoted;
      else if (*at != '\0' && (quoted || !g_ascii_isspace (*at)))
        g_string_append_c (word, *at);
      else
        {
          if (word->len > 0)
            take_word (query, word->str);
          g_string_truncate (word, 0);
        }
      if (*at == '\0')
        return query;
    }
}

void
library_query_free (LibraryQuery *query)
{
  if (query == NULL)
    return;
  g_ptr_array_unref (query->words);
  g_ptr_array_unref (query->tags);
  g_ptr_array_unref (query->groups);
  g_ptr_array_unref (query->states);
  g_ptr_array_unref (query->systems);
  g_free (query);
}

bool
library_query_is_empty (const LibraryQuery *query)
{
  return query->words->len + query->tags->len + query->groups->len + query->states->len + query->systems->len
         == 0;
}

/* --- matching --- */

static void
append (GString *text, const char *part)
{
  if (part != NULL)
    g_string_append_printf (text, "%s\n", part);
}

/* What people call the system with that id: "http://debian.org/debian/12": "debian", "12" and "debian12"; a
 * short id is such a name itself. */
static void
append_system (GString *text, const char *id)
{
  const char *host = id != NULL ? strstr (id, "://") : NULL;
  g_auto (GStrv) parts = NULL;
  g_autofree char *path = NULL, *short_id = NULL;

  if (host == NULL)
    {
      append (text, id);
      return;
    }
  parts = g_strsplit (host + strlen ("://"), "/", -1);
  path = g_strjoinv (" ", parts + (parts[0] != NULL ? 1 : 0));
  short_id = g_strjoinv ("", parts + (parts[0] != NULL ? 1 : 0));
  append (text, path);
  append (text, short_id);
  if (g_str_has_prefix (short_id, "win"))
    append (text, "windows");
}

static bool
has_words (const LibraryQuery *query, BonsaiVm *vm, const VmConfig *config)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *folded = NULL;

  if (query->words->len == 0)
    return true;
  append (text, bonsai_vm_get_name (vm));
  if (config != NULL)
    {
      append (text, config->notes);
      append (text, config->group);
      append_system (text, config->os);
      for (unsigned i = 0; config->tags != NULL && config->tags[i] != NULL; i++)
        append (text, config->tags[i]);
    }
  folded = fold (text->str);
  for (guint i = 0; i < query->words->len; i++)
    if (strstr (folded, g_ptr_array_index (query->words, i)) == NULL)
      return false;
  return true;
}

static bool
has_tags (const LibraryQuery *query, const VmConfig *config)
{
  for (guint i = 0; i < query->tags->len; i++)
    {
      bool found = false;

      for (unsigned j = 0; config != NULL && config->tags != NULL && config->tags[j] != NULL && !found; j++)
        {
          g_autofree char *tag = fold (config->tags[j]);

          found = g_str_equal (tag, g_ptr_array_index (query->tags, i));
        }
      if (!found)
        return false;
    }
  return true;
}

static bool
is_in_groups (const LibraryQuery *query, const VmConfig *config)
{
  g_autofree char *group = config != NULL && config->group != NULL ? fold (config->group) : NULL;

  for (guint i = 0; i < query->groups->len; i++)
    if (!vm_group_is_within (group, g_ptr_array_index (query->groups, i)))
      return false;
  return true;
}

static bool
has_systems (const LibraryQuery *query, const VmConfig *config)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *folded = NULL;

  if (query->systems->len == 0)
    return true;
  append_system (text, config != NULL ? config->os : NULL);
  folded = fold (text->str);
  for (guint i = 0; i < query->systems->len; i++)
    if (strstr (folded, g_ptr_array_index (query->systems, i)) == NULL)
      return false;
  return true;
}

static bool
is_in_states (const LibraryQuery *query, BonsaiVm *vm, const VmConfig *config)
{
  BonsaiState state = bonsai_vm_get_state (vm);

  for (guint i = 0; i < query->states->len; i++)
    {
      const char *wanted = g_ptr_array_index (query->states, i);
      bool is_template = config != NULL && config->template_state != VM_TEMPLATE_NONE;

      if (g_str_equal (wanted, "template") ? !is_template
          : g_str_equal (wanted, "off")    ? bonsai_state_is_alive (state)
                                           : !g_str_equal (wanted, bonsai_state_name (state)))
        return false;
    }
  return true;
}

bool
library_query_matches (const LibraryQuery *query, BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);

  return is_in_states (query, vm, config) && has_tags (query, config) && is_in_groups (query, config)
         && has_systems (query, config) && has_words (query, vm, config);
}

/* --- order --- */

static int
compare_names (BonsaiVm *a, BonsaiVm *b)
{
  g_autofree char *fold_a = g_utf8_casefold (bonsai_vm_get_name (a), -1);
  g_autofree char *fold_b = g_utf8_casefold (bonsai_vm_get_name (b), -1);
  int order = g_utf8_collate (fold_a, fold_b);

  return order != 0 ? order : strcmp (bonsai_vm_get_path (a), bonsai_vm_get_path (b));
}

static int
state_rank (BonsaiVm *vm)
{
  switch (bonsai_vm_get_state (vm))
    {
    case BONSAI_STATE_RUNNING:
    case BONSAI_STATE_STARTING:
    case BONSAI_STATE_STOPPING:
      return 0;
    case BONSAI_STATE_PAUSED:
      return 1;
    case BONSAI_STATE_CRASHED:
      return 2;
    case BONSAI_STATE_SUSPENDED:
      return 3;
    case BONSAI_STATE_STOPPED:
      return 4;
    case BONSAI_STATE_BROKEN:
      return 5;
    }
  return 6;
}

static int
compare_largest_first (gint64 a, gint64 b)
{
  return a == b ? 0 : a > b ? -1 : 1;
}

static gint64
memory_of (BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);

  return config != NULL ? (gint64)config->memory : 0;
}

int
library_compare (BonsaiVm *a, BonsaiVm *b, LibrarySort sort)
{
  int order = 0;

  switch (sort)
    {
    case LIBRARY_SORT_STATE:
      order = state_rank (a) - state_rank (b);
      break;
    case LIBRARY_SORT_LAST_USED:
      order = compare_largest_first (bonsai_vm_get_last_used (a), bonsai_vm_get_last_used (b));
      break;
    case LIBRARY_SORT_MEMORY:
      order = compare_largest_first (memory_of (a), memory_of (b));
      break;
    case LIBRARY_SORT_NAME:
    case LIBRARY_N_SORTS:
      break;
    }
  return order != 0 ? order : compare_names (a, b);
}
