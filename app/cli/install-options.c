/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/install-options.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/cli/cli.h"
#include "app/install/keyring.h"

#include <string.h>

void
install_options_clear (InstallOptions *options)
{
  char **strings[] = { &options->os,       &options->profile,    &options->user,     &options->real_name,
                       &options->language, &options->keyboard,   &options->timezone, &options->hostname,
                       &options->mirror,   &options->product_key };

  for (unsigned i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (*strings[i]);
  cli_secret_clear (&options->password);
  g_clear_pointer (&options->draft, vm_draft_free);
}

bool
install_options_given (const InstallOptions *options)
{
  return options->os != NULL || options->express;
}

/* --- lists --- */

static void
add_os (JsonBuilder *builder, const OsProfile *os)
{
  json_add_string (builder, "os", os->short_id);
  json_add_string (builder, "id", os->id);
  json_add_string (builder, "name", os->name);
}

static int
list_os (OsCatalog *catalog, bool json)
{
  g_autoptr (GPtrArray) list = os_catalog_list (catalog);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (unsigned i = 0; i < list->len; i++)
    {
      const OsProfile *os = g_ptr_array_index (list, i);

      if (!json)
        g_print ("%-22s %s\n", os->short_id, os->name);
      json_builder_begin_object (builder);
      add_os (builder, os);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

static int
list_media (OsCatalog *catalog, bool json)
{
  g_auto (GStrv) places = os_catalog_usual_places ();
  g_autoptr (GPtrArray) list = os_catalog_scan (catalog, (const char *const *)places, NULL, NULL);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (unsigned i = 0; i < list->len; i++)
    {
      const OsMedium *medium = g_ptr_array_index (list, i);

      if (!json)
        g_print ("%s\n  %s%s\n", medium->path, medium->title,
                 express_is_possible (medium) ? ", installs itself with --express" : "");
      json_builder_begin_object (builder);
      json_add_string (builder, "path", medium->path);
      json_add_string (builder, "title", medium->title);
      json_add_string (builder, "label", medium->label);
      if (medium->os != NULL)
        add_os (builder, medium->os);
      json_add_bool (builder, "express", express_is_possible (medium));
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

int
install_options_list (const InstallOptions *options, bool json)
{
  g_autoptr (OsCatalog) catalog = os_catalog_new ();
  g_autofree char *gaps = os_catalog_describe_gaps (catalog);

  if (gaps != NULL)
    g_printerr ("bonsai: %s\n", gaps);
  return options->list_os ? list_os (catalog, json) : list_media (catalog, json);
}

/* --- what they come to --- */

static bool
take_password (InstallOptions *options, OsExpress *answers, GError **error)
{
  g_autofree char *question = g_strdup_printf ("Password for %s in the new system", answers->user);
  const ImageSecret *secret;

  if (!cli_read_new_secret (&options->password, question, &secret, error))
    return false;
  g_free (answers->password);
  answers->password = g_strndup ((const char *)secret->data, secret->length);
  return true;
}

static void
take (char **member, const char *given)
{
  if (given != NULL)
    vm_config_set (member, given);
}

static bool
take_answers (InstallOptions *options, const char *name, GError **error)
{
  OsExpress *answers = options->draft->answers;
  const OsMedium *medium = options->draft->look.medium;
  g_autofree char *hostname = express_hostname (name);

  take (&answers->profile, options->profile);
  take (&answers->user, options->user);
  take (&answers->real_name, options->real_name);
  take (&answers->language, options->language);
  take (&answers->keyboard, options->keyboard);
  take (&answers->timezone, options->timezone);
  take (&answers->hostname, options->hostname != NULL ? options->hostname : hostname);
  take (&answers->product_key, options->product_key);
  take (&answers->mirror, options->mirror);
  answers->autologin = options->autologin;
  options->draft->express = true;
  if (!vm_draft_can_express (options->draft))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   medium == NULL || medium->os == NULL
                     ? "--express: nobody knows the system on “%s”; install it by hand"
                     : "--express: the system on “%s” can't be installed by itself; install it by hand",
                   options->draft->path);
      return false;
    }
  return take_password (options, answers, error) && express_check (answers, medium, error);
}

bool
install_options_look (InstallOptions *options, OsCatalog *catalog, const char *name, const char *cdrom,
                      const HostReport *host, GError **error)
{
  VmDraft *draft = options->draft = vm_draft_new (host);
  bool is_auto = options->os == NULL || g_str_equal (options->os, "auto");
  g_autoptr (OsProfile) os = NULL;

  if ((is_auto || options->express) && cdrom == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s needs a medium: --cdrom=FILE",
                   options->express ? "--express" : "--os=auto");
      return false;
    }
  if (cdrom != NULL)
    {
      g_auto (SourceLook) look = { 0 };

      vm_draft_set_path (draft, cdrom);
      source_look (&look, VM_SOURCE_CDROM, cdrom, NULL, catalog, NULL);
      vm_draft_take_look (draft, &look);
      if (!vm_draft_check_source (draft, error))
        return false;
    }
  if (!is_auto)
    {
      os = os_catalog_find (catalog, options->os, error);
      if (os == NULL)
        return false;
      vm_draft_set_os (draft, os);
    }
  vm_draft_recommend (draft, host);
  return !options->express || take_answers (options, name, error);
}

/* --- making it --- */

typedef struct {
  OsCatalog *catalog;
  const OsMedium *medium;
  OsAnswers *answers;
} Fill;

static bool
fill_bundle (const char *folder, void *data, GError **error)
{
  const Fill *fill = data;

  return express_write (fill->catalog, fill->medium, fill->answers, folder, NULL, error);
}

/* The keyring may be shut, or not be there: the machine is made all the same. */
static void
keep_password (const VmDraft *draft, BonsaiVm *vm)
{
  g_auto (CliWait) wait = { 0 };
  g_autoptr (GError) error = NULL;

  if (g_getenv ("DBUS_SESSION_BUS_ADDRESS") == NULL)
    return;
  keyring_store_async (bonsai_vm_get_uuid (vm), bonsai_vm_get_name (vm), draft->answers->user,
                       draft->answers->password, NULL, cli_wait_ready, &wait);
  if (!keyring_store_finish (cli_wait (&wait), &error))
    g_printerr ("bonsai: the password isn't kept in a keyring: %s\n", error->message);
}

BonsaiVm *
install_options_create (const InstallOptions *options, OsCatalog *catalog, BonsaiLibrary *library,
                        VmConfig *config, GError **error)
{
  const VmDraft *draft = options->draft;
  Fill fill = { .catalog = catalog, .medium = draft != NULL ? draft->look.medium : NULL };
  BonsaiVm *vm;

  if (draft == NULL || !vm_draft_is_express (draft))
    return bonsai_library_create (library, config, error);
  fill.answers = express_prepare (catalog, fill.medium, draft->answers, config, NULL, error);
  if (fill.answers == NULL)
    return NULL;
  vm = bonsai_library_create_with (library, config, fill_bundle, &fill, error);
  os_answers_free (fill.answers);
  if (vm != NULL)
    keep_password (draft, vm);
  return vm;
}
