/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/os/os-catalog.h"

#include "app/base/error.h"
#include "app/os/os-module-place.h"
#include "app/os/os-module.h"

#include <dlfcn.h>
#include <glob.h>
#include <string.h>

#define MODULE_FILE "bonsai-os.so"

/* A folder with more files than this is no place where people look for a medium. */
#define MAX_FILES 2000

struct OsCatalog {
  gatomicrefcount refs;
  GMutex lock;
  const OsModule *module; /* NULL: not loaded (yet) */
  OsDatabase *database;
  char *trouble; /* why the module can't be loaded, or NULL */
};

/* From the folder of the program that runs: beside it, installed, then within a build tree. */
static const char *const places[] = { ".", ("../" OS_MODULE_FOLDER), "../app/os", "../../app/os", "../os" };

static char *
find_module (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self != NULL ? g_path_get_dirname (self) : NULL;

  for (unsigned i = 0; folder != NULL && i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_build_filename (folder, places[i], MODULE_FILE, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&path);
    }
  return g_build_filename (OS_MODULE_PREFIX, OS_MODULE_FOLDER, MODULE_FILE, NULL);
}

/* Locked. It stays loaded: GObject types can't go. */
static bool
load (OsCatalog *catalog)
{
  g_autofree char *path = NULL;
  void *module;

  if (catalog->module != NULL || catalog->trouble != NULL)
    return catalog->module != NULL;
  path = find_module ();
  module = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  catalog->module = module != NULL ? dlsym (module, OS_MODULE_SYMBOL) : NULL;
  if (catalog->module != NULL)
    catalog->database = catalog->module->open ();
  else
    catalog->trouble = g_strdup_printf (
      "Operating systems can't be recognised: %s. Install libosinfo and libarchive: sudo apt install "
      "libosinfo-1.0-0 osinfo-db libarchive13",
      dlerror ());
  return catalog->module != NULL;
}

/* Locks on success; false with @error set. */
static bool
begin (OsCatalog *catalog, GError **error)
{
  g_mutex_lock (&catalog->lock);
  if (load (catalog))
    return true;
  g_set_error_literal (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, catalog->trouble);
  g_mutex_unlock (&catalog->lock);
  return false;
}

static void
end (OsCatalog *catalog)
{
  g_mutex_unlock (&catalog->lock);
}

/* The module's errors (transfer full) as those of this program; cancelling stays what it is. */
static void
give (GError **error, GError *from)
{
  BonsaiError code = BONSAI_ERROR_FAILED;

  if (from == NULL || g_error_matches (from, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      if (from != NULL)
        g_propagate_error (error, from);
      return;
    }
  if (g_error_matches (from, G_IO_ERROR, G_IO_ERROR_INVALID_DATA))
    code = BONSAI_ERROR_INVALID;
  else if (g_error_matches (from, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    code = BONSAI_ERROR_NOT_FOUND;
  g_set_error_literal (error, BONSAI_ERROR, code, from->message);
  g_error_free (from);
}

OsCatalog *
os_catalog_new (void)
{
  OsCatalog *catalog = g_new0 (OsCatalog, 1);

  g_atomic_ref_count_init (&catalog->refs);
  g_mutex_init (&catalog->lock);
  return catalog;
}

OsCatalog *
os_catalog_ref (OsCatalog *catalog)
{
  g_atomic_ref_count_inc (&catalog->refs);
  return catalog;
}

void
os_catalog_unref (OsCatalog *catalog)
{
  if (!g_atomic_ref_count_dec (&catalog->refs))
    return;
  if (catalog->database != NULL)
    catalog->module->close (catalog->database);
  g_mutex_clear (&catalog->lock);
  g_free (catalog->trouble);
  g_free (catalog);
}

char *
os_catalog_describe_gaps (OsCatalog *catalog)
{
  char *text = NULL;

  g_mutex_lock (&catalog->lock);
  if (!load (catalog))
    text = g_strdup (catalog->trouble);
  else if (!catalog->module->is_complete (catalog->database))
    text =
      g_strdup ("Few operating systems are recognised, as their database is missing; install it: sudo apt "
                "install osinfo-db");
  g_mutex_unlock (&catalog->lock);
  return text;
}

OsProfile *
os_catalog_find (OsCatalog *catalog, const char *id, GError **error)
{
  OsProfile *os;

  if (!begin (catalog, error))
    return NULL;
  os = catalog->module->find (catalog->database, id);
  end (catalog);
  if (os == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                 "No operating system is called “%s”; see “bonsai create --list-os”", id);
  return os;
}

static void
free_profile (gpointer data)
{
  os_profile_unref (data);
}

GPtrArray *
os_catalog_list (OsCatalog *catalog)
{
  GPtrArray *list;

  if (!begin (catalog, NULL))
    return g_ptr_array_new_with_free_func (free_profile);
  list = catalog->module->list (catalog->database);
  end (catalog);
  return list;
}

/* --- media --- */

OsMedium *
os_catalog_identify (OsCatalog *catalog, const char *path, GCancellable *cancellable, GError **error)
{
  GError *failure = NULL;
  OsMedium *medium;

  if (!begin (catalog, error))
    return NULL;
  medium = catalog->module->identify (catalog->database, path, cancellable, &failure);
  end (catalog);
  give (error, failure);
  return medium;
}

static void
free_medium (gpointer data)
{
  os_medium_free (data);
}

static void
add_medium (OsCatalog *catalog, const char *path, GPtrArray *media, GCancellable *cancellable)
{
  OsMedium *medium = os_catalog_identify (catalog, path, cancellable, NULL);

  if (medium == NULL)
    return;
  if (medium->bootable)
    g_ptr_array_add (media, medium);
  else
    os_medium_free (medium);
}

static bool
looks_like_iso (const char *name)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);

  return g_str_has_suffix (lower, ".iso");
}

static void
add_folder (OsCatalog *catalog, const char *folder, GPtrArray *media, GCancellable *cancellable)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  unsigned n = 0;

  while (dir != NULL && n++ < MAX_FILES && !g_cancellable_is_cancelled (cancellable)
         && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (looks_like_iso (name) && g_file_test (path, G_FILE_TEST_IS_REGULAR))
        add_medium (catalog, path, media, cancellable);
    }
}

/* What is recognised first, the newest release of each first; then by title. */
static int
compare_media (gconstpointer a, gconstpointer b)
{
  const OsMedium *left = *(OsMedium *const *)a, *right = *(OsMedium *const *)b;

  if ((left->os != NULL) != (right->os != NULL))
    return left->os != NULL ? -1 : 1;
  if (left->os != NULL && g_strcmp0 (left->os->distro, right->os->distro) == 0 && left->os != right->os)
    {
      g_autofree char *left_key = g_utf8_collate_key_for_filename (left->os->id, -1);
      g_autofree char *right_key = g_utf8_collate_key_for_filename (right->os->id, -1);
      int order = strcmp (right_key, left_key);

      if (order != 0)
        return order;
    }
  return g_utf8_collate (left->title, right->title);
}

GPtrArray *
os_catalog_scan (OsCatalog *catalog, const char *const *where, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) media = g_ptr_array_new_with_free_func (free_medium);

  for (unsigned i = 0; where[i] != NULL && !g_cancellable_is_cancelled (cancellable); i++)
    if (g_file_test (where[i], G_FILE_TEST_IS_DIR))
      add_folder (catalog, where[i], media, cancellable);
    else if (g_file_test (where[i], G_FILE_TEST_EXISTS))
      add_medium (catalog, where[i], media, cancellable);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  g_ptr_array_sort (media, compare_media);
  return g_steal_pointer (&media);
}

static void
add_place (GPtrArray *list, const char *path)
{
  if (path != NULL && !g_ptr_array_find_with_equal_func (list, path, g_str_equal, NULL))
    g_ptr_array_add (list, g_strdup (path));
}

GStrv
os_catalog_usual_places (void)
{
  static const char *const in_home[] = { "Downloads", "ISO", "isos" };
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  glob_t drives = { 0 };

  if (glob ("/dev/sr[0-9]*", 0, NULL, &drives) == 0)
    for (size_t i = 0; i < drives.gl_pathc; i++)
      add_place (list, drives.gl_pathv[i]);
  globfree (&drives);
  add_place (list, g_get_user_special_dir (G_USER_DIRECTORY_DOWNLOAD));
  for (unsigned i = 0; i < G_N_ELEMENTS (in_home); i++)
    {
      g_autofree char *path = g_build_filename (g_get_home_dir (), in_home[i], NULL);

      add_place (list, path);
    }
  g_ptr_array_add (list, NULL);
  return (GStrv)g_ptr_array_steal (list, NULL);
}

/* --- in a worker --- */

typedef struct {
  OsCatalog *catalog;
  GStrv paths;
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;

  os_catalog_unref (question->catalog);
  g_strfreev (question->paths);
  g_free (question);
}

static void
ask (OsCatalog *catalog, const char *const *paths, GTaskThreadFunc func, GCancellable *cancellable,
     GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);
  Question *question = g_new (Question, 1);

  *question = (Question){ os_catalog_ref (catalog), g_strdupv ((GStrv)paths) };
  g_task_set_task_data (task, question, question_free);
  g_task_set_return_on_cancel (task, TRUE); /* an optical drive may take its time */
  g_task_run_in_thread (task, func);
}

static void
identify_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Question *question = data;
  GError *error = NULL;
  OsMedium *medium = os_catalog_identify (question->catalog, question->paths[0], cancellable, &error);

  if (medium != NULL)
    g_task_return_pointer (task, medium, free_medium);
  else
    g_task_return_error (task, error);
}

void
os_catalog_identify_async (OsCatalog *catalog, const char *path, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer data)
{
  ask (catalog, (const char *const[]){ path, NULL }, identify_in_thread, cancellable, callback, data);
}

OsMedium *
os_catalog_identify_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
scan_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Question *question = data;
  GError *error = NULL;
  GPtrArray *media =
    os_catalog_scan (question->catalog, (const char *const *)question->paths, cancellable, &error);

  if (media != NULL)
    g_task_return_pointer (task, media, (GDestroyNotify)g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

void
os_catalog_scan_async (OsCatalog *catalog, const char *const *where, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer data)
{
  ask (catalog, where, scan_in_thread, cancellable, callback, data);
}

GPtrArray *
os_catalog_scan_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- express installation --- */

OsAnswers *
os_catalog_answers (OsCatalog *catalog, const char *path, const OsExpress *express, const char *disk,
                    GCancellable *cancellable, GError **error)
{
  GError *failure = NULL;
  OsAnswers *answers;

  if (!begin (catalog, error))
    return NULL;
  answers = catalog->module->answers (catalog->database, path, express, disk, cancellable, &failure);
  end (catalog);
  give (error, failure);
  return answers;
}

bool
os_catalog_extract (OsCatalog *catalog, const char *iso, const char *name, const char *to,
                    GCancellable *cancellable, GError **error)
{
  GError *failure = NULL;
  const OsModule *module;
  bool done;

  if (!begin (catalog, error))
    return false;
  module = catalog->module;
  end (catalog);
  done = module->extract (iso, name, to, cancellable, &failure);
  give (error, failure);
  return done;
}

bool
os_catalog_write_iso (OsCatalog *catalog, const char *path, const char *label, GPtrArray *files,
                      GError **error)
{
  GError *failure = NULL;
  const OsModule *module;
  bool done;

  if (!begin (catalog, error))
    return false;
  module = catalog->module;
  end (catalog);
  done = module->write_iso (path, label, files, &failure);
  give (error, failure);
  return done;
}
