/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unattended installations: what libosinfo's scripts make of what the owner chose. */
#include "app/os/osinfo/osinfo-private.h"

#include <crypt.h>
#include <string.h>

#define OWN_SCRIPTS   "http://bonsaivm.org/"
#define DEBIAN_MIRROR "http://deb.debian.org/debian"
#define FIRST_PRESEED 10 /* Debian's releases that Bonsai's own answers are for */

/* --- which --- */

static bool
is_usable (OsinfoInstallScript *script, bool has_kernel)
{
  unsigned ways = osinfo_install_script_get_injection_methods (script);

  return (ways & OSINFO_INSTALL_SCRIPT_INJECTION_METHOD_CDROM) != 0
         || (has_kernel && (ways & OSINFO_INSTALL_SCRIPT_INJECTION_METHOD_INITRD) != 0);
}

static void
add_scripts (OsinfoInstallScriptList *list, bool has_kernel, const char *profile, GPtrArray *scripts)
{
  int n = osinfo_list_get_length (OSINFO_LIST (list));

  for (int i = 0; i < n; i++)
    {
      OsinfoInstallScript *script = OSINFO_INSTALL_SCRIPT (osinfo_list_get_nth (OSINFO_LIST (list), i));
      const char *kind = osinfo_install_script_get_profile (script);

      if (kind != NULL && (profile == NULL || g_str_equal (kind, profile)) && is_usable (script, has_kernel))
        g_ptr_array_add (scripts, g_object_ref (script));
    }
}

/* Debian's are in osinfo-db as well, but those of some years ask for the user's name all the same. */
static bool
add_own_scripts (OsDatabase *database, OsinfoOs *os, const char *profile, GPtrArray *scripts)
{
  static const char *const own[] = { "desktop", "jeos" };
  const char *version = osinfo_product_get_version (OSINFO_PRODUCT (os));

  if (g_strcmp0 (osinfo_os_get_distro (os), "debian") != 0
      || (g_strcmp0 (version, "testing") != 0
          && g_ascii_strtoull (version != NULL ? version : "", NULL, 10) < FIRST_PRESEED))
    return false;
  for (unsigned i = 0; i < G_N_ELEMENTS (own); i++)
    {
      g_autofree char *id = g_strconcat (OWN_SCRIPTS "debian/preseed/", own[i], NULL);
      OsinfoInstallScript *script = osinfo_db_get_install_script (database->db, id);

      if (script != NULL && (profile == NULL || g_str_equal (own[i], profile)))
        g_ptr_array_add (scripts, g_object_ref (script));
    }
  return true;
}

GPtrArray *
osinfo_scripts_for (OsDatabase *database, OsinfoMedia *media, const char *profile)
{
  GPtrArray *scripts = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (OsinfoOs) os = osinfo_media_get_os (media);
  g_autoptr (OsinfoInstallScriptList) of_media = NULL, of_os = NULL;
  bool has_kernel = osinfo_media_has_kernel (media);

  if (os == NULL || !osinfo_media_supports_installer_script (media) || !osinfo_media_get_installer (media))
    return scripts;
  if (has_kernel && add_own_scripts (database, os, profile, scripts))
    return scripts;
  of_media = osinfo_media_get_install_script_list (media);
  of_os = osinfo_os_get_install_script_list (os);
  add_scripts (osinfo_list_get_length (OSINFO_LIST (of_media)) > 0 ? of_media : of_os, has_kernel, profile,
               scripts);
  return scripts;
}

/* --- what they are told --- */

/* SHA-512 with a salt of libcrypt's choice: crypt(5). (transfer full) */
static char *
hash_password (const char *password, GError **error)
{
  char salt[CRYPT_GENSALT_OUTPUT_SIZE];
  struct crypt_data data = { 0 };
  const char *hash = NULL;
  char *copy;

  if (crypt_gensalt_rn ("$6$", 0, NULL, 0, salt, sizeof salt) != NULL)
    hash = crypt_rn (password, salt, &data, sizeof data);
  copy = hash != NULL && hash[0] == '$' ? g_strdup (hash) : NULL;
  explicit_bzero (&data, sizeof data);
  if (copy == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                         "This host's libcrypt makes no SHA-512 hashes of passwords");
  return copy;
}

/* For Debian's installer a mirror has two parts. */
static bool
set_mirror (OsinfoInstallConfig *config, const char *mirror, GError **error)
{
  const char *url = mirror != NULL && mirror[0] != '\0' ? mirror : DEBIAN_MIRROR;
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);
  g_autofree char *host = NULL;
  const char *path;

  if (uri == NULL || g_strcmp0 (g_uri_get_scheme (uri), "http") != 0 || g_uri_get_host (uri) == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "“%s” is not a mirror's address; it looks like %s", url, DEBIAN_MIRROR);
      return false;
    }
  host = g_uri_get_port (uri) > 0 ? g_strdup_printf ("%s:%d", g_uri_get_host (uri), g_uri_get_port (uri))
                                  : g_strdup (g_uri_get_host (uri));
  path = g_uri_get_path (uri);
  osinfo_entity_set_param (OSINFO_ENTITY (config), "mirror-host", host);
  osinfo_entity_set_param (OSINFO_ENTITY (config), "mirror-folder", path[0] != '\0' ? path : "/");
  return true;
}

static OsinfoInstallConfig *
make_config (const OsExpress *express, const char *disk, bool is_own, bool is_dos, GError **error)
{
  g_autoptr (OsinfoInstallConfig) config = osinfo_install_config_new (OWN_SCRIPTS "express");
  g_autofree char *hash = NULL;

  if (is_own
      && ((hash = hash_password (express->password, error)) == NULL
          || !set_mirror (config, express->mirror, error)))
    return NULL;
  osinfo_install_config_set_hardware_arch (config, "x86_64");
  osinfo_install_config_set_user_login (config, express->user);
  osinfo_install_config_set_user_realname (
    config, express->real_name != NULL && express->real_name[0] != '\0' ? express->real_name : express->user);
  osinfo_install_config_set_user_password (config, is_own ? hash : express->password);
  osinfo_install_config_set_admin_password (config, is_own ? hash : express->password);
  osinfo_install_config_set_user_administrator (config, TRUE);
  osinfo_install_config_set_user_autologin (config, express->autologin);
  osinfo_install_config_set_l10n_language (config, express->language);
  osinfo_install_config_set_l10n_keyboard (config, express->keyboard);
  osinfo_install_config_set_l10n_timezone (config, express->timezone);
  osinfo_install_config_set_hostname (config, express->hostname);
  osinfo_install_config_set_target_disk (config, is_dos ? "C" : disk);
  osinfo_install_config_set_script_disk (config, is_dos ? "E" : "/dev/sr1");
  if (express->product_key != NULL && express->product_key[0] != '\0')
    osinfo_install_config_set_reg_product_key (config, express->product_key);
  return g_steal_pointer (&config);
}

/* --- what they say --- */

static bool
answer (OsinfoInstallScript *script, OsinfoMedia *media, const OsExpress *express, const char *disk,
        OsAnswers *answers, GCancellable *cancellable, GError **error)
{
  bool is_own = g_str_has_prefix (osinfo_entity_get_id (OSINFO_ENTITY (script)), OWN_SCRIPTS);
  bool is_dos = osinfo_install_script_get_path_format (script) == OSINFO_PATH_FORMAT_DOS;
  g_autoptr (OsinfoInstallConfig) config = make_config (express, disk, is_own, is_dos, error);
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autofree char *text = NULL;

  if (config == NULL)
    return false;
  osinfo_install_script_set_preferred_injection_method (
    script, answers->way == OS_ANSWERS_INITRD ? OSINFO_INSTALL_SCRIPT_INJECTION_METHOD_INITRD
                                              : OSINFO_INSTALL_SCRIPT_INJECTION_METHOD_CDROM);
  osinfo_install_script_set_installation_source (script, OSINFO_INSTALL_SCRIPT_INSTALLATION_SOURCE_MEDIA);
  g_main_context_push_thread_default (context); /* as in osinfo_media_look */
  text = osinfo_install_script_generate_for_media (script, media, config, cancellable, error);
  g_main_context_pop_thread_default (context);
  if (text == NULL)
    return false;
  os_answers_add (answers, osinfo_install_script_get_expected_filename (script), text);
  explicit_bzero (text, strlen (text));
  if (answers->way == OS_ANSWERS_INITRD && answers->append == NULL)
    {
      answers->append = osinfo_install_script_generate_command_line_for_media (script, media, config);
      if (answers->append != NULL)
        g_strstrip (answers->append);
    }
  return true;
}

/* All scripts of one kind belong together, and go the same way. */
OsAnswersWay
osinfo_scripts_way (const GPtrArray *scripts, OsinfoMedia *media)
{
  for (unsigned i = 0; i < scripts->len; i++)
    if ((osinfo_install_script_get_injection_methods (scripts->pdata[i])
         & OSINFO_INSTALL_SCRIPT_INJECTION_METHOD_INITRD)
        == 0)
      return OS_ANSWERS_CDROM;
  return osinfo_media_has_kernel (media) ? OS_ANSWERS_INITRD : OS_ANSWERS_CDROM;
}

OsAnswers *
osinfo_database_answers (OsDatabase *database, const char *path, const OsExpress *express, const char *disk,
                         GCancellable *cancellable, GError **error)
{
  g_autoptr (OsinfoMedia) media = osinfo_media_look (database, path, cancellable, error);
  g_autoptr (GPtrArray) scripts = NULL;
  g_autoptr (OsAnswers) answers = os_answers_new ();

  if (media == NULL)
    return NULL;
  scripts = osinfo_scripts_for (database, media, express->profile);
  if (scripts->len == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "The system on “%s” can't be installed by itself; install it by hand", path);
      return NULL;
    }
  answers->way = osinfo_scripts_way (scripts, media);
  if (answers->way == OS_ANSWERS_INITRD)
    {
      answers->kernel = g_strdup (osinfo_media_get_kernel_path (media));
      answers->initrd = g_strdup (osinfo_media_get_initrd_path (media));
    }
  for (unsigned i = 0; i < scripts->len; i++)
    if (!answer (scripts->pdata[i], media, express, disk, answers, cancellable, error))
      return NULL;
  return g_steal_pointer (&answers);
}
