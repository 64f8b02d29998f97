/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/apply/apply-json.h"
#include "app/apply/apply-run.h"
#include "app/base/error.h"

#include <errno.h>
#include <stdio.h>

typedef struct {
  gboolean dry_run, json;
} Options;

/* --- reading --- */

static bool
read_text (const char *path, char **text, gsize *length, GError **error)
{
  bool is_input = g_str_equal (path, "-");
  GString *content;
  FILE *file;

  if (!is_input && !g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "There is no file %s", path);
      return false;
    }
  file = is_input ? stdin : fopen (path, "re");
  if (file == NULL)
    return bonsai_set_errno_error (error, errno, "Can't read %s", path);
  content = g_string_sized_new (4096);
  /* What is too long is refused by who reads it. */
  while (!feof (file) && !ferror (file) && content->len <= JSON_TEXT_MAX_LENGTH)
    {
      char buffer[4096];

      g_string_append_len (content, buffer, (gssize)fread (buffer, 1, sizeof buffer, file));
    }
  if (!is_input)
    fclose (file);
  *length = content->len;
  *text = g_string_free (content, FALSE);
  return true;
}

static ApplyFile *
read_file (const char *path, GError **error)
{
  g_autofree char *name = g_str_equal (path, "-") ? g_strdup ("standard input") : g_path_get_basename (path);
  g_autofree char *text = NULL;
  gsize length;

  return read_text (path, &text, &length, error) ? apply_file_parse (text, length, name, error) : NULL;
}

/* --- telling --- */

static void
print_change (const ApplyChange *change)
{
  if (change->from == NULL)
    g_print ("  %s: %s", change->member, change->to);
  else if (change->to == NULL)
    g_print ("  %s: %s goes", change->member, change->from);
  else
    g_print ("  %s: %s → %s", change->member, change->from, change->to);
  g_print ("%s\n", change->at_start ? "  (at the next start)" : "");
}

static void
print_step (const ApplyStep *step, bool done)
{
  static const char *const coming[] = { NULL, "will be made", "will be changed", "will go to the trash" };
  static const char *const past[] = { NULL, "is made", "is changed", "is in the trash" };

  g_print ("“%s” %s%s\n", step->machine->name, (done ? past : coming)[step->action],
           step->changes->len > 0 ? ":" : "");
  for (guint i = 0; i < step->changes->len; i++)
    print_change (g_ptr_array_index (step->changes, i));
}

static void
step_done (const ApplyStep *step, gpointer json)
{
  if (!*(const gboolean *)json)
    print_step (step, true);
}

/* --- */

static void
print_plan (const ApplyPlan *plan)
{
  for (guint i = 0; i < plan->steps->len; i++)
    {
      const ApplyStep *step = g_ptr_array_index (plan->steps, i);

      if (step->action != APPLY_NOTHING)
        print_step (step, false);
    }
}

static bool
carry_out (ApplyPlan *plan, BonsaiLibrary *library, gboolean json, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  apply_run_async (plan, library, step_done, &json, cli_wait_ready, &wait);
  if (!apply_run_finish (cli_wait (&wait), error))
    return false;
  return plan->n_due == 0 || bonsai_library_update_desktop (library, error);
}

static int
apply (const char *path, const Options *options)
{
  GError *error = NULL;
  ApplyFile *file = read_file (path, &error);
  g_autoptr (BonsaiLibrary) library = file != NULL ? cli_open_library (&error) : NULL;
  g_autoptr (ApplyPlan) plan = NULL;
  g_autofree char *text = NULL;

  if (library == NULL)
    {
      g_clear_pointer (&file, apply_file_free);
      return cli_fail (error);
    }
  plan = apply_plan_new (file, library, &error);
  if (plan == NULL || (!options->dry_run && !carry_out (plan, library, options->json, &error)))
    return cli_fail (error);
  if (options->json)
    g_print ("%s\n", text = apply_plan_to_json (plan, !options->dry_run));
  else if (plan->n_due == 0)
    g_print ("Nothing is to be done: all is as %s says.\n", path);
  else if (options->dry_run)
    print_plan (plan);
  return EXIT_STATUS_OK;
}

static int
run_apply (const Verb *verb, int argc, char **argv)
{
  Options options = { 0 };
  const GOptionEntry entries[] = {
    { "dry-run", 'n', 0, G_OPTION_ARG_NONE, &options.dry_run, "Only say what would be done", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  return apply (argv[1], &options);
}

const Verb verb_apply = { "apply", "FILE", "Make machines as a file says that they are to be", run_apply };
