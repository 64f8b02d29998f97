/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workspaces that come as files, and renewals of them: their user's side. */
#include "app/cli/template.h"
#include "app/cli/workspace.h"

#include "app/base/error.h"
#include "app/library/library-import.h"
#include "app/snapshot/clone.h"

typedef struct {
  BonsaiLibrary *library;
  const Offer *offer;
  char *bundle; /* of the template */
  char *name;
  char *path; /* of what it became */
} Accept;

/* --- the template --- */

/* One that isn't in the library is brought. */
static BonsaiVm *
import_template (BonsaiLibrary *library, const char *folder, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  bonsai_library_import_async (library, folder, NULL, NULL, NULL, cli_wait_ready, &wait);
  return bonsai_library_import_finish (library, cli_wait (&wait), error);
}

static bool
find_template (Accept *accept, const char *folder, GError **error)
{
  const Terms *terms = accept->offer->terms;
  BonsaiVm *vm = bonsai_library_find (accept->library, terms->origin);

  if (vm == NULL && folder != NULL && (vm = import_template (accept->library, folder, error)) == NULL)
    return false;
  if (vm != NULL && g_strcmp0 (bonsai_vm_get_uuid (vm), terms->origin) == 0)
    {
      accept->bundle = g_strdup (bonsai_vm_get_path (vm));
      return true;
    }
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
    "“%s” is made of the template %s, which isn't in the library: bring its folder (--template FOLDER)",
    accept->offer->name, terms->origin);
  return false;
}

/* The snapshot that the issuer meant, not one with its number. */
static bool
check_version (const Accept *accept, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (accept->bundle, error);
  SnapshotNode *node = tree != NULL ? snapshot_tree_find (tree, accept->offer->snapshot, NULL) : NULL;

  if (tree == NULL || (node != NULL && node->template_version == accept->offer->terms->version))
    return tree != NULL;
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
    "The template in %s has no version %u as its issuer meant it (snapshot %s); bring the issuer's",
    accept->bundle, accept->offer->terms->version, accept->offer->snapshot);
  return false;
}

/* --- an offer --- */

static bool
complete (const char *folder, VmConfig *config, void *data, GError **error)
{
  const Offer *offer = data;
  const LeasePlace place = { folder, config->uuid, g_get_user_data_dir () };

  permissions_fit_config (&offer->terms->permissions, config);
  return workspace_accept (&place, offer, error);
}

static bool
run_task (const ImageJob *job, gpointer data, GError **error)
{
  Accept *accept = data;
  const CloneHow how = { .name = accept->name,
                         .node = accept->offer->snapshot,
                         .linked = true,
                         .uuid = accept->offer->terms->machine,
                         .complete = complete,
                         .complete_data = (void *)accept->offer,
                         .job = job };

  accept->path = clone_make (accept->bundle, bonsai_library_get_folder (accept->library), &how, error);
  return accept->path != NULL;
}

static void
tell (const char *name, const Terms *terms, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print ("“%s” is a workspace of %s, issued by %s.\n", name, terms->subject, terms->issuer);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "name", name);
  json_add_string (builder, "workspace", terms->machine);
  json_add_string (builder, "issuer", terms->issuer);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static bool
accept_offer (BonsaiLibrary *library, const Offer *offer, const char *issuer, const char *template, bool json,
              GError **error)
{
  Accept accept = { library, offer, NULL, NULL, NULL };
  bool done = false;

  if (issuer != NULL && !g_str_equal (issuer, offer->terms->issuer))
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "The offer is by %s, and not by %s",
                 offer->terms->issuer, issuer);
  else if (workspace_check_offer (g_get_user_data_dir (), offer, error)
           && find_template (&accept, template, error) && check_version (&accept, error))
    {
      accept.name = bonsai_library_unused_name (library, offer->name);
      done = cli_run_task (run_task, &accept, false, error);
    }
  if (done)
    {
      cli_tell_desktop (library);
      tell (accept.name, offer->terms, json);
    }
  g_free (accept.bundle);
  g_free (accept.name);
  g_free (accept.path);
  return done;
}

/* --- a renewal --- */

/* Which workspace it is of, it says by what it follows. */
static bool
accept_renewal (BonsaiLibrary *library, const char *text, gsize length, const char *file, GError **error)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);
      const VmConfig *config = bonsai_vm_get_config (vm);
      LeasePlace place;

      if (config == NULL)
        continue;
      place = workspace_place (bonsai_vm_get_path (vm), config->uuid);
      if (workspace_accept_renewal (&place, text, length, file, NULL))
        {
          g_print ("“%s” is renewed.\n", config->name);
          return true;
        }
    }
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
    "%s is neither an offer nor the next renewal of a workspace in the library, as its issuer signed it: "
    "it may have been changed, be an old one, or one that others have to come before",
    file);
  return false;
}

static int
run_accept (const Verb *verb, int argc, char **argv)
{
  g_autofree char *issuer = NULL, *template = NULL, *text = NULL;
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "issuer", 0, 0, G_OPTION_ARG_STRING, &issuer, "Only from this one: ed25519:…", "KEY" },
    { "template", 0, 0, G_OPTION_ARG_FILENAME, &template,
      "The folder of the template, if that isn't in the library yet", "FOLDER" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (Offer) offer = NULL;
  gsize length = 0;
  GError *error = NULL;
  bool done;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if ((text = cli_read_signed (argv[1], &length, &error)) == NULL
      || (library = cli_open_library (&error)) == NULL)
    return cli_fail (error);
  if (!offer_is_one (text, length))
    done = accept_renewal (library, text, length, argv[1], &error);
  else
    done = (offer = offer_read (text, length, argv[1], &error)) != NULL
           && accept_offer (library, offer, issuer, template, json, &error);
  return done ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_workspace_accept = { "workspace accept", "FILE",
                                     "Get the workspace that a file offers, or a renewal of one",
                                     run_accept };
