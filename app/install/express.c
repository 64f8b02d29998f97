/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/install/express.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/guests/initrd.h"
#include "app/install/locale-choices.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define KERNEL  VM_INSTALL_FOLDER "/vmlinuz"
#define INITRD  VM_INSTALL_FOLDER "/initrd.img"
#define ANSWERS VM_INSTALL_FOLDER "/answers.iso"

#define MAX_HOSTNAME 63 /* a label: RFC 1035, 2.3.4 */
#define MAX_USER     32 /* useradd(8) */
#define MAX_TEXT     128

bool
express_is_possible (const OsMedium *medium)
{
  return medium != NULL && medium->os != NULL && medium->profiles != NULL && medium->profiles[0] != NULL;
}

/* --- defaults --- */

char *
express_hostname (const char *name)
{
  g_autofree char *slug = bundle_slug (name != NULL ? name : "");

  if (strlen (slug) > MAX_HOSTNAME)
    slug[MAX_HOSTNAME] = '\0';
  return g_steal_pointer (&slug);
}

/* What useradd(8) takes: a lower-case letter, then letters, digits, "-", "_". */
static bool
is_user_name (const char *name)
{
  if (!g_ascii_islower (name[0]) || strlen (name) > MAX_USER)
    return false;
  for (const char *at = name; *at != '\0'; at++)
    if (!g_ascii_islower (*at) && !g_ascii_isdigit (*at) && *at != '-' && *at != '_')
      return false;
  return true;
}

static char *
default_user (void)
{
  g_autofree char *name = g_ascii_strdown (g_get_user_name (), -1);

  return g_strdup (is_user_name (name) && !g_str_equal (name, "root") ? name : "user");
}

static char *
default_real_name (void)
{
  const char *name = g_get_real_name ();

  return g_strdup (name != NULL && !g_str_equal (name, "Unknown") && !g_str_equal (name, "root") ? name : "");
}

OsExpress *
express_new (const OsMedium *medium, const char *name)
{
  OsExpress *express = g_new0 (OsExpress, 1);

  express->profile = g_strdup (express_is_possible (medium) ? medium->profiles[0] : "desktop");
  express->user = default_user ();
  express->real_name = default_real_name ();
  express->password = g_strdup ("");
  express->language = locale_host_language ();
  express->keyboard = locale_host_keyboard ();
  express->timezone = locale_host_timezone ();
  express->hostname = express_hostname (name);
  return express;
}

/* --- checks --- */

/* Answers are lines of text: nothing may end one. */
static bool
is_plain (const char *text)
{
  if (text == NULL)
    return true;
  for (const char *at = text; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at))
      return false;
  return g_utf8_validate (text, -1, NULL) && strlen (text) <= MAX_TEXT;
}

static const char *
problem_of_user (const char *user)
{
  static const char *const taken[] = { "root", "admin", "administrator", "daemon",
                                       "bin",  "sys",   "nobody",        NULL };

  if (user == NULL || user[0] == '\0')
    return "Choose a name to log in by.";
  if (g_strv_contains (taken, user))
    return "The system has a user of that name already. Choose another name.";
  return is_user_name (user)
           ? NULL
           : "A name to log in by has small letters, digits, “-” and “_” only, and begins with a "
             "letter.";
}

/* Other systems' scripts put it between quotes. */
static const char *
problem_of_password (const char *password, const OsMedium *medium)
{
  bool is_hashed = medium != NULL && medium->os != NULL && g_strcmp0 (medium->os->distro, "debian") == 0;

  if (password == NULL || password[0] == '\0')
    return "Choose a password.";
  if (!is_plain (password))
    return "The password is too long, or has characters that can't be typed.";
  return is_hashed || strpbrk (password, "'\"\\`$&<>") == NULL
           ? NULL
           : "This system's installer takes no password with one of ' \" \\ ` $ & < >.";
}

static const char *
problem_of_hostname (const char *name)
{
  size_t length = name != NULL ? strlen (name) : 0;
  bool fine = length > 0 && length <= MAX_HOSTNAME && name[0] != '-' && name[length - 1] != '-';

  if (length == 0)
    return "Choose a name for the computer.";
  for (size_t i = 0; i < length; i++)
    fine = fine && (g_ascii_isalnum (name[i]) || name[i] == '-');
  return fine ? NULL : "A computer's name has letters, digits and “-” only, 63 at most.";
}

static const char *
problem_of_product_key (const char *key, const OsMedium *medium)
{
  const char *form = medium != NULL ? medium->product_key : NULL;

  if (key == NULL || key[0] == '\0' || form == NULL)
    return NULL; /* most systems do without for a while */
  if (strlen (key) != strlen (form))
    return "This is no product key.";
  for (size_t i = 0; key[i] != '\0'; i++)
    if (form[i] == '$' ? !g_ascii_isalnum (key[i]) : key[i] != form[i])
      return "This is no product key.";
  return NULL;
}

static const char *
problem_of_mirror (const char *mirror)
{
  g_autoptr (GUri) uri = NULL;

  if (mirror == NULL || mirror[0] == '\0')
    return NULL;
  uri = is_plain (mirror) ? g_uri_parse (mirror, G_URI_FLAGS_NONE, NULL) : NULL;
  return uri != NULL && g_strcmp0 (g_uri_get_scheme (uri), "http") == 0 && g_uri_get_host (uri) != NULL
             && g_uri_get_host (uri)[0] != '\0'
           ? NULL
           : "A mirror's address begins with “http://”.";
}

char *
express_find_problem (const OsExpress *express, const OsMedium *medium, ExpressField field)
{
  const char *problem = NULL;

  switch (field)
    {
    case EXPRESS_USER:
      problem = problem_of_user (express->user);
      break;
    case EXPRESS_REAL_NAME:
      problem = is_plain (express->real_name)
                    && strpbrk (express->real_name != NULL ? express->real_name : "", "'\"\\`$&<>:,") == NULL
                  ? NULL
                  : "This name is too long, or has characters that a system can't store.";
      break;
    case EXPRESS_PASSWORD:
      problem = problem_of_password (express->password, medium);
      break;
    case EXPRESS_HOSTNAME:
      problem = problem_of_hostname (express->hostname);
      break;
    case EXPRESS_LANGUAGE:
      problem = locale_has_language (express->language) ? NULL : "Choose a language.";
      break;
    case EXPRESS_KEYBOARD:
      problem = locale_is_keyboard (express->keyboard) ? NULL : "Choose a keyboard.";
      break;
    case EXPRESS_TIMEZONE:
      problem = locale_is_timezone (express->timezone) ? NULL : "Choose a time zone.";
      break;
    case EXPRESS_PRODUCT_KEY:
      problem = problem_of_product_key (express->product_key, medium);
      break;
    case EXPRESS_MIRROR:
      problem = problem_of_mirror (express->mirror);
      break;
    case EXPRESS_N_FIELDS:
      break;
    }
  return g_strdup (problem);
}

bool
express_check (const OsExpress *express, const OsMedium *medium, GError **error)
{
  if (!express_is_possible (medium))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   "The system on “%s” can't be installed by itself; install it by hand", medium->path);
      return false;
    }
  if (!g_strv_contains ((const char *const *)medium->profiles, express->profile))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s can't be installed as “%s”",
                   medium->os->name, express->profile);
      return false;
    }
  for (unsigned i = 0; i < EXPRESS_N_FIELDS; i++)
    {
      g_autofree char *problem = express_find_problem (express, medium, i);

      if (problem == NULL)
        continue;
      g_set_error_literal (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, problem);
      return false;
    }
  return true;
}

/* --- making it --- */

/* How Linux calls the machine's first disk; other systems don't ask. */
static const char *
disk_in_guest (const VmConfig *config)
{
  for (unsigned i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);

      if (disk->kind == DISK_KIND_DISK)
        return disk->bus == DISK_BUS_VIRTIO ? "/dev/vda"
               : disk->bus == DISK_BUS_NVME ? "/dev/nvme0n1"
                                            : "/dev/sda";
    }
  return NULL;
}

OsAnswers *
express_prepare (OsCatalog *catalog, const OsMedium *medium, const OsExpress *express, VmConfig *config,
                 GCancellable *cancellable, GError **error)
{
  const char *disk = disk_in_guest (config);
  OsAnswers *answers;

  if (disk == NULL)
    {
      g_set_error_literal (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                           "A system needs a disk to be installed on; add one");
      return NULL;
    }
  if (!express_check (express, medium, error))
    return NULL;
  answers = os_catalog_answers (catalog, medium->path, express, disk, cancellable, error);
  if (answers == NULL)
    return NULL;
  config->install = (VmInstall){ g_strdup (medium->os->name), medium->restarts };
  if (answers->way == OS_ANSWERS_CDROM)
    {
      vm_config_add_cdrom (config, ANSWERS);
      return answers;
    }
  vm_config_set (&config->kernel, KERNEL);
  vm_config_set (&config->initrd, INITRD);
  vm_config_set (&config->append, answers->append);
  config->install.restarts = 1; /* the kernel is booted once */
  return answers;
}

/* Linux unpacks one archive after the other into its first file system; the last one has the answers. */
static bool
append_answers (const OsAnswers *answers, const char *initrd_path, GError **error)
{
  g_autoptr (Initrd) initrd = initrd_new ();

  for (unsigned i = 0; i < answers->files->len; i++)
    {
      const OsAnswerFile *file = g_ptr_array_index (answers->files, i);

      initrd_add (initrd, file->name, 0600, file->content, strlen (file->content));
    }
  return initrd_append_to (initrd, initrd_path, error);
}

bool
express_write (OsCatalog *catalog, const OsMedium *medium, const OsAnswers *answers, const char *folder,
               GCancellable *cancellable, GError **error)
{
  g_autofree char *install = g_build_filename (folder, VM_INSTALL_FOLDER, NULL);
  g_autofree char *kernel = g_build_filename (folder, KERNEL, NULL);
  g_autofree char *initrd = g_build_filename (folder, INITRD, NULL);
  g_autofree char *iso = g_build_filename (folder, ANSWERS, NULL);

  if (mkdir (install, 0700) < 0)
    return bonsai_set_errno_error (error, errno, "Can't create the folder %s", install);
  if (answers->way == OS_ANSWERS_CDROM)
    return os_catalog_write_iso (catalog, iso, "ANSWERS", answers->files, error);
  return os_catalog_extract (catalog, medium->path, answers->kernel, kernel, cancellable, error)
         && os_catalog_extract (catalog, medium->path, answers->initrd, initrd, cancellable, error)
         && append_answers (answers, initrd, error);
}
