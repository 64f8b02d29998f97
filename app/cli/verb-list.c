/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/library/library-search.h"

static void
add_tags (JsonBuilder *builder, const VmConfig *config)
{
  json_builder_set_member_name (builder, "tags");
  json_builder_begin_array (builder);
  for (unsigned i = 0; config->tags != NULL && config->tags[i] != NULL; i++)
    json_builder_add_string_value (builder, config->tags[i]);
  json_builder_end_array (builder);
}

static void
add_vm (JsonBuilder *builder, BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);

  json_builder_begin_object (builder);
  json_add_string (builder, "name", bonsai_vm_get_name (vm));
  json_add_string (builder, "uuid", bonsai_vm_get_uuid (vm));
  json_add_string (builder, "state", bonsai_state_name (bonsai_vm_get_state (vm)));
  json_add_string (builder, "reason", bonsai_reason_name (bonsai_vm_get_reason (vm)));
  json_add_string (builder, "message", bonsai_vm_get_state_text (vm));
  json_add_string (builder, "path", bonsai_vm_get_path (vm));
  if (config != NULL)
    {
      json_add_int (builder, "memory", (gint64)config->memory);
      json_add_int (builder, "cpus", config->cpus);
      json_add_string (builder, "group", config->group);
      add_tags (builder, config);
    }
  json_builder_end_object (builder);
}

static void
add_stray (JsonBuilder *builder, BonsaiSession *session)
{
  json_builder_begin_object (builder);
  json_add_string (builder, "name", bonsai_session_get_name (session));
  json_add_string (builder, "uuid", bonsai_session_get_uuid (session));
  json_add_string (builder, "state", bonsai_state_name (bonsai_session_get_state (session)));
  json_add_string (builder, "reason", bonsai_reason_name (bonsai_session_get_reason (session)));
  json_add_string (builder, "message", bonsai_session_get_message (session));
  json_add_string (builder, "path", NULL);
  json_builder_end_object (builder);
}

static void
print_json (BonsaiLibrary *library, const LibraryQuery *query, GPtrArray *strays)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);

      if (library_query_matches (query, vm))
        add_vm (builder, vm);
    }
  for (guint i = 0; i < strays->len; i++)
    add_stray (builder, g_ptr_array_index (strays, i));
  json_builder_end_array (builder);
  cli_print_json (builder);
}

static void
print_line (const char *name, BonsaiState state, const char *memory, const char *cpus, const char *message)
{
  int pad = 24 - (int)g_utf8_strlen (name, -1);

  g_print ("%s%*s %-9s %7s %4s  %s\n", name, MAX (pad, 0), "", bonsai_state_name (state), memory, cpus,
           message != NULL ? message : "");
}

static void
print_table (BonsaiLibrary *library, const LibraryQuery *query, GPtrArray *strays)
{
  g_print ("%-24s %-9s %7s %4s\n", "NAME", "STATE", "MEMORY", "CPUS");
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);
      const VmConfig *config = bonsai_vm_get_config (vm);
      g_autofree char *memory = config != NULL ? vm_format_size (config->memory) : g_strdup ("");
      g_autofree char *cpus = config != NULL ? g_strdup_printf ("%u", config->cpus) : g_strdup ("");

      if (library_query_matches (query, vm))
        print_line (bonsai_vm_get_name (vm), bonsai_vm_get_state (vm), memory, cpus,
                    bonsai_vm_get_state_text (vm));
    }
  for (guint i = 0; i < strays->len; i++)
    {
      BonsaiSession *session = g_ptr_array_index (strays, i);

      print_line (bonsai_session_get_name (session), bonsai_session_get_state (session), "", "",
                  "Without a bundle (bonsai run)");
    }
}

static void
print_trash (BonsaiLibrary *library, bool json)
{
  g_auto (GStrv) items = bonsai_library_list_trash (library);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (unsigned i = 0; items[i] != NULL; i++)
    {
      if (!json)
        g_print ("%s\n", items[i]);
      json_builder_add_string_value (builder, items[i]);
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
}

/* What is asked for, as people would type it. */
static LibraryQuery *
make_query (const char *words, const char *group, char **tags)
{
  g_autoptr (GString) text = g_string_new (words);

  if (group != NULL)
    g_string_append_printf (text, " group:\"%s\"", group);
  for (unsigned i = 0; tags != NULL && tags[i] != NULL; i++)
    g_string_append_printf (text, " tag:\"%s\"", tags[i]);
  return library_query_new (text->str);
}

static int
run_list (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, deleted = false;
  g_autofree char *group = NULL, *words = NULL;
  g_auto (GStrv) tags = NULL;
  int status;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    { "deleted", 0, 0, G_OPTION_ARG_NONE, &deleted, "List what “bonsai undelete” can bring back", NULL },
    { "group", 0, 0, G_OPTION_ARG_STRING, &group, "Only what is in this group, and the groups in it",
      "GROUP" },
    { "tag", 0, 0, G_OPTION_ARG_STRING_ARRAY, &tags, "Only what has this tag", "TAG" },
    { "search", 0, 0, G_OPTION_ARG_STRING, &words,
      "Only what has these words in its name, tags, notes, group or system, as os:debian", "WORDS" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (LibraryQuery) query = NULL;
  g_autoptr (GPtrArray) strays = NULL;
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  library = cli_open_library (&error);
  if (library == NULL)
    return cli_fail (error);
  if (deleted)
    {
      print_trash (library, json);
      return EXIT_STATUS_OK;
    }
  query = make_query (words, group, tags);
  /* What has no bundle has no labels. */
  strays = library_query_is_empty (query) ? cli_list_strays (library) : g_ptr_array_new ();
  if (json)
    print_json (library, query, strays);
  else if (g_list_model_get_n_items (G_LIST_MODEL (library)) == 0 && strays->len == 0)
    g_print ("There are no machines yet; “bonsai create” makes one.\n");
  else
    print_table (library, query, strays);
  return EXIT_STATUS_OK;
}

const Verb verb_list = { "list", "", "List the machines and what they do", run_list };
