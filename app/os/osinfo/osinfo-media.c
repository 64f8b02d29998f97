/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libosinfo says about media. */
#include "app/os/osinfo/osinfo-private.h"

#include <string.h>

OsinfoMedia *
osinfo_media_look (OsDatabase *database, const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  OsinfoMedia *media;

  /* It runs a main loop inside: on the default context it would wait for the main thread to leave it. */
  g_main_context_push_thread_default (context);
  media = osinfo_media_create_from_location_with_flags (path, cancellable, 0, error);
  g_main_context_pop_thread_default (context);
  if (media != NULL)
    osinfo_db_identify_media (database->db, media);
  return media;
}

bool
osinfo_media_has_kernel (OsinfoMedia *media)
{
  return osinfo_media_get_kernel_path (media) != NULL && osinfo_media_get_initrd_path (media) != NULL;
}

/* "Debian 12 (Network Installer)": the variant's name, else the system's. (transfer none) (nullable) */
static const char *
name_of (OsinfoMedia *media, OsinfoOs *os)
{
  g_autoptr (OsinfoOsVariantList) variants = osinfo_media_get_os_variants (media);

  if (osinfo_list_get_length (OSINFO_LIST (variants)) == 1)
    {
      OsinfoEntity *variant = osinfo_list_get_nth (OSINFO_LIST (variants), 0);
      const char *name = osinfo_os_variant_get_name (OSINFO_OS_VARIANT (variant));

      if (name != NULL)
        return name;
    }
  return osinfo_product_get_name (OSINFO_PRODUCT (os));
}

static void
read_scripts (OsDatabase *database, OsinfoMedia *media, OsMedium *medium)
{
  g_autoptr (GPtrArray) scripts = osinfo_scripts_for (database, media, NULL);
  g_autoptr (GPtrArray) profiles = g_ptr_array_new ();

  for (unsigned i = 0; i < scripts->len; i++)
    {
      OsinfoInstallScript *script = scripts->pdata[i];
      const char *profile = osinfo_install_script_get_profile (script);
      const char *form = osinfo_install_script_get_product_key_format (script);

      medium->needs_internet |= osinfo_install_script_get_needs_internet (script);
      if (form != NULL && medium->product_key == NULL)
        medium->product_key = g_strdup (form);
      if (!g_ptr_array_find_with_equal_func (profiles, profile, g_str_equal, NULL))
        g_ptr_array_add (profiles, g_strdup (profile));
    }
  medium->boots_kernel = scripts->len > 0 && osinfo_scripts_way (scripts, media) == OS_ANSWERS_INITRD;
  g_ptr_array_add (profiles, NULL);
  medium->profiles = (GStrv)g_ptr_array_steal (profiles, NULL);
}

/* Volumes' names are padded with blanks, and may have any byte. */
static char *
clean_label (const char *label)
{
  char *text = g_utf8_make_valid (label != NULL ? label : "", -1);

  for (char *at = text; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at))
      *at = ' ';
  return g_strstrip (text);
}

OsMedium *
osinfo_database_identify (OsDatabase *database, const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (OsinfoMedia) media = osinfo_media_look (database, path, cancellable, &local_error);
  OsinfoOs *os = media != NULL ? osinfo_media_get_os (media) : NULL; /* (transfer full) */
  OsMedium *medium;

  if (media == NULL && g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_propagate_error (error, g_steal_pointer (&local_error));
  else if (media == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "“%s” is not an ISO image: %s", path,
                 local_error->message);
  if (media == NULL)
    return NULL;
  medium = g_new0 (OsMedium, 1);
  medium->path = g_strdup (path);
  medium->label = clean_label (osinfo_media_get_volume_id (media));
  medium->size = (uint64_t)MAX (osinfo_media_get_volume_size (media), 0);
  medium->bootable = osinfo_media_is_bootable (media);
  medium->restarts = 1;
  medium->os = os != NULL ? osinfo_profile_of (os) : NULL;
  if (os != NULL)
    {
      medium->title = g_strdup (name_of (media, os));
      medium->live = osinfo_media_get_live (media);
      medium->restarts = (unsigned)CLAMP (osinfo_media_get_installer_reboots (media), 1, 8);
    }
  else
    medium->title = medium->label[0] != '\0' ? g_strdup (medium->label) : g_path_get_basename (path);
  read_scripts (database, media, medium);
  g_clear_object (&os);
  return medium;
}

/* --- what the module gives --- */

static bool
is_complete (OsDatabase *database)
{
  return database->is_complete;
}

extern const OsModule bonsai_os_module;

G_MODULE_EXPORT const OsModule bonsai_os_module = {
  .open = osinfo_database_open,
  .close = osinfo_database_close,
  .is_complete = is_complete,
  .list = osinfo_database_list,
  .find = osinfo_database_find,
  .identify = osinfo_database_identify,
  .answers = osinfo_database_answers,
  .extract = iso_extract,
  .write_iso = iso_write,
};
