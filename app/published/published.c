/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/published/published.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/bundle/json-section.h"
#include "app/published/publish.h"
#include "app/snapshot/clone.h"
#include "devices/image/image.h"

#include <sys/stat.h>
#include <unistd.h>

#define USUAL_FOLDER "/var/lib/bonsai/templates"

PublishedTemplate *
published_template_copy (const PublishedTemplate *published)
{
  PublishedTemplate *copy = g_new (PublishedTemplate, 1);

  *copy = (PublishedTemplate){
    .name = g_strdup (published->name),
    .notes = g_strdup (published->notes),
    .path = g_strdup (published->path),
    .publisher = g_strdup (published->publisher),
    .version = published->version,
    .time = published->time,
  };
  return copy;
}

void
published_template_free (PublishedTemplate *published)
{
  g_free (published->name);
  g_free (published->notes);
  g_free (published->path);
  g_free (published->publisher);
  g_free (published);
}

char *
published_folder (void)
{
  const char *folder = g_getenv ("BONSAI_TEMPLATES");

  return folder != NULL && g_path_is_absolute (folder) ? g_canonicalize_filename (folder, NULL)
                                                       : g_strdup (USUAL_FOLDER);
}

/* --- looking --- */

/* Nobody but root, or who asks, can have changed what is in it. */
static bool
is_safe (const char *folder)
{
  struct stat st;

  return lstat (folder, &st) == 0 && S_ISDIR (st.st_mode) && (st.st_uid == 0 || st.st_uid == geteuid ())
         && (st.st_mode & 022) == 0;
}

static bool
read_record (const char *path, PublishedTemplate *published, GError **error)
{
  g_autofree char *file = g_build_filename (path, PUBLISHED_RECORD, NULL), *content = NULL;
  g_autoptr (JsonText) text = NULL;
  JsonSection section = { .pointer = "", .error = error };
  uint64_t version = 0, time = 0;
  gsize length;

  if (!g_file_get_contents (file, &content, &length, error)
      || (text = json_text_parse (content, length, PUBLISHED_RECORD, error)) == NULL)
    return false;
  if (!JSON_NODE_HOLDS_OBJECT (json_text_root (text)))
    return json_text_set_error (text, "", error, "there is no object");
  section.text = text;
  section.object = json_node_get_object (json_text_root (text));
  if (!json_section_require (&section, "publisher")
      || !json_read_string (&section, "publisher", &published->publisher)
      || !json_read_count (&section, "version", &version) || !json_read_count (&section, "time", &time))
    return false;
  published->version = (unsigned)MIN (version, G_MAXUINT);
  published->time = (gint64)MIN (time, (uint64_t)G_MAXINT64);
  return true;
}

static PublishedTemplate *
read_one (const char *path, GError **error)
{
  g_autoptr (PublishedTemplate) published = g_new0 (PublishedTemplate, 1);
  g_autoptr (VmConfig) config = NULL;

  if (!is_safe (path))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   "%s isn't root's, or others can change it; publish it again", path);
      return NULL;
    }
  config = bundle_load (path, error);
  if (config == NULL || !read_record (path, published, error))
    return NULL;
  published->name = g_strdup (config->name);
  published->notes = g_strdup (config->notes);
  published->path = g_strdup (path);
  return g_steal_pointer (&published);
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return g_utf8_collate ((*(PublishedTemplate *const *)a)->name, (*(PublishedTemplate *const *)b)->name);
}

GPtrArray *
published_list (void)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify)published_template_free);
  g_autofree char *folder = published_folder ();
  g_autoptr (GDir) dir = is_safe (folder) ? g_dir_open (folder, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr (GError) error = NULL;
      PublishedTemplate *published =
        name[0] != '.' && g_str_has_suffix (name, BUNDLE_SUFFIX) ? read_one (path, &error) : NULL;

      if (published != NULL)
        g_ptr_array_add (list, published);
      else if (error != NULL)
        g_info ("Not offered: %s", error->message);
    }
  g_ptr_array_sort (list, by_name);
  return list;
}

PublishedTemplate *
published_find (const char *name, GError **error)
{
  g_autoptr (GPtrArray) list = published_list ();

  for (guint i = 0; i < list->len; i++)
    if (g_str_equal (((PublishedTemplate *)g_ptr_array_index (list, i))->name, name))
      return g_ptr_array_steal_index (list, i);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
               "No template “%s” is offered on this computer; see “bonsai template published”", name);
  return NULL;
}

/* --- using --- */

/* An image that leads out of the folder would bring its user's other files into the machine. */
static bool
check_image (EventLoop *loop, const char *path, const char *format, GError **error)
{
  const ImageOptions options = { .read_only = true, .format = format, .no_backing = true };
  g_autoptr (Image) image = image_open (loop, path, &options, error);
  g_autoptr (ImageInfo) info = image != NULL ? image_info (image, 0) : NULL;

  if (info == NULL)
    return false;
  if (info->backing_path == NULL)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "%s needs other files, which isn't allowed here",
               path);
  return false;
}

static bool
check_disks (const PublishedTemplate *published, GError **error)
{
  g_autoptr (VmConfig) config = bundle_load (published->path, error);
  g_autoptr (EventLoop) loop = NULL;

  if (config == NULL || !publish_check (config, error) || (loop = loop_new ("published", error)) == NULL)
    return false;
  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *path =
        disk->path != NULL ? g_build_filename (published->path, disk->path, NULL) : NULL;

      if (path != NULL && !check_image (loop, path, disk->options.format, error))
        return false;
    }
  return true;
}

char *
published_clone (const PublishedTemplate *published, const char *parent, const char *name,
                 const ImageJob *job, GError **error)
{
  const CloneHow how = { .name = name, .job = job };
  struct stat before, after;
  g_autofree char *path = NULL;

  if (!is_safe (published->path) || stat (published->path, &before) < 0)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "“%s” isn't offered any more",
                   published->name);
      return NULL;
    }
  if (!check_disks (published, error) || (path = clone_make (published->path, parent, &how, error)) == NULL)
    return NULL;
  if (stat (published->path, &after) == 0 && after.st_ino == before.st_ino && after.st_dev == before.st_dev)
    return g_steal_pointer (&path);
  bundle_remove_tree (path);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
               "Another version of “%s” was published meanwhile; try again", published->name);
  return NULL;
}
