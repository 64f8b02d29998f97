/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workspaces for somebody else, as files: their issuer's side. */
#include "app/cli/template.h"
#include "app/cli/workspace.h"

#include "app/base/error.h"
#include "app/workspace/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* --- files --- */

char *
cli_read_signed (const char *path, gsize *length, GError **error)
{
  g_autofree char *real = g_canonicalize_filename (path, NULL);

  return lease_store_read_file (real, length, error);
}

bool
cli_write_signed (const char *path, const char *text, GError **error)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), saved_errno;
  bool done = fd >= 0 && write (fd, text, strlen (text)) == (ssize_t)strlen (text) && fsync (fd) == 0;

  saved_errno = errno;
  if (fd >= 0)
    close (fd);
  if (fd >= 0 && !done)
    unlink (path);
  return done || bonsai_set_errno_error (error, saved_errno, "Can't write %s", path);
}

/* --- offer --- */

typedef struct {
  char *subject, *profile, *name, *version, *until, *out;
  CliExpiry expiry;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->subject);
  g_free (options->profile);
  g_free (options->name);
  g_free (options->version);
  g_free (options->until);
  g_free (options->out);
  cli_expiry_clear (&options->expiry);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static bool
describe (const Options *options, const CliSnapshots *snapshots, Offer *offer, GError **error)
{
  g_autofree char *folder = profile_folder (g_get_user_config_dir ());
  g_autoptr (Profile) profile =
    profile_load (folder, options->profile != NULL ? options->profile : "test", error);
  g_autoptr (VmConfig) config = profile != NULL ? bundle_load (snapshots->bundle, error) : NULL;
  Terms *terms = offer->terms = g_new0 (Terms, 1);
  Expiry until = { 0 };
  const SnapshotNode *node;

  if (config == NULL || !cli_read_expiry (&options->expiry, &terms->expiry, error)
      || !cli_parse_version (options->version, &terms->version, error)
      || (options->until != NULL && !cli_read_date (options->until, &until, error))
      || (node = template_find_version (snapshots->tree, terms->version, error)) == NULL)
    return false;
  terms->id = g_uuid_string_random ();
  terms->machine = g_uuid_string_random ();
  terms->subject = g_strdup (options->subject);
  terms->origin = g_strdup (config->uuid);
  terms->version = node->template_version;
  terms->issued = g_get_real_time () / G_USEC_PER_SEC;
  profile_apply (profile, terms);
  offer->name = g_strdup (options->name != NULL ? options->name : config->name);
  offer->snapshot = g_strdup (node->id);
  offer->until = until.at;
  return true;
}

static void
print_offer (const Offer *offer, const char *path, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print ("%s offers “%s” to %s, by the profile “%s”. You renew or revoke it as %s.\n", path,
               offer->name, offer->terms->subject, offer->terms->profile, offer->terms->machine);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "path", path);
  json_add_string (builder, "workspace", offer->terms->machine);
  json_add_string (builder, "issuer", offer->terms->issuer);
  json_add_int (builder, "version", offer->terms->version);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_offer (const Verb *verb, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "for", 0, 0, G_OPTION_ARG_STRING, &options.subject, "Whose it is to be", "NAME" },
    { "profile", 'p', 0, G_OPTION_ARG_STRING, &options.profile,
      "What may be done with it: corporate, secure, entertainment, test, or one of your own (test)", "NAME" },
    { "name", 'n', 0, G_OPTION_ARG_STRING, &options.name,
      "What the machine is to be called (as the template)", "NAME" },
    { "version", 'v', 0, G_OPTION_ARG_STRING, &options.version, "Of the template (the newest)", "N" },
    { "until", 'u', 0, G_OPTION_ARG_STRING, &options.until, "It can be accepted until then (always)",
      "DATE" },
    CLI_EXPIRY_OPTIONS (&options.expiry),
    CLI_SIGNED_OUT (&options.out, "The file to write"),
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  g_autoptr (Offer) offer = g_new0 (Offer, 1);
  g_autofree char *text = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (options.subject == NULL || options.out == NULL)
    return cli_usage (verb, "it needs --for and --out");
  if (!cli_open_snapshots (argv[1], &snapshots, &error) || !describe (&options, &snapshots, offer, &error)
      || (text = workspace_offer (g_get_user_data_dir (), offer, &error)) == NULL
      || !cli_write_signed (options.out, text, &error))
    return cli_fail (error);
  print_offer (offer, options.out, json);
  return EXIT_STATUS_OK;
}

/* --- offers --- */

/* (transfer full), or NULL: that can't be read. */
static Offer *
read_issued (const char *folder, const char *uuid)
{
  g_autofree char *path = g_build_filename (folder, uuid, "offer.json", NULL);
  gsize length = 0;
  g_autofree char *text = lease_store_read_file (path, &length, NULL);

  return text != NULL ? offer_read (text, length, path, NULL) : NULL;
}

static void
tell_issued (JsonBuilder *builder, const Offer *offer)
{
  if (builder == NULL)
    {
      g_print ("%s  %-12s  %s\n", offer->terms->machine, offer->terms->subject, offer->name);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "workspace", offer->terms->machine);
  json_add_string (builder, "for", offer->terms->subject);
  json_add_string (builder, "name", offer->name);
  json_add_string (builder, "profile", offer->terms->profile);
  json_add_string (builder, "template", offer->terms->origin);
  json_add_int (builder, "template-version", offer->terms->version);
  json_builder_end_object (builder);
}

static int
run_offers (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autofree char *folder = g_build_filename (g_get_user_data_dir (), "bonsai", "issued", NULL);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *uuid;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  json_builder_begin_array (builder);
  while (dir != NULL && (uuid = g_dir_read_name (dir)) != NULL)
    {
      g_autoptr (Offer) offer = read_issued (folder, uuid);

      if (offer != NULL)
        tell_issued (json ? builder : NULL, offer);
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

const Verb verb_workspace_offer = { "workspace offer", "TEMPLATE",
                                    "Write a file by which somebody else gets a workspace", run_offer };
const Verb verb_workspace_offers = { "workspace offers", "", "List what you have offered", run_offers };
