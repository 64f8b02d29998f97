/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The passphrases that a start needs: found out, tried, and kept until it comes. */
#include "app/base/error.h"
#include "app/vm/vm-private.h"
#include "devices/image/image.h"
#include "vmm/base/error.h"

#include <glib/gi18n.h>

/* A disk that may be encrypted. */
typedef struct {
  char *id, *path, *format;
} Candidate;

static void
candidate_free (gpointer data)
{
  Candidate *candidate = data;

  g_free (candidate->id);
  g_free (candidate->path);
  g_free (candidate->format);
  g_free (candidate);
}

/* What a worker thread is given, and what it finds. */
typedef struct {
  GPtrArray *candidates;
  GBytes *secret;
  ImageKeys *keys;
  GPtrArray *ids; /* those that wait for a passphrase, or that it opens */
} Search;

static void
search_free (gpointer data)
{
  Search *search = data;

  g_ptr_array_unref (search->candidates);
  g_ptr_array_unref (search->ids);
  g_clear_pointer (&search->secret, g_bytes_unref);
  image_keys_free (search->keys);
  g_free (search);
}

/* A disk without a recorded format is raw. */
static Search *
search_new (BonsaiVm *self)
{
  Search *search = g_new0 (Search, 1);
  g_autoptr (MachineSpec) spec = self->config != NULL ? vm_config_to_spec (self->config, self->path) : NULL;

  search->candidates = g_ptr_array_new_with_free_func (candidate_free);
  search->ids = g_ptr_array_new_with_free_func (g_free);
  for (unsigned i = 0; spec != NULL && i < spec->disks->len; i++)
    {
      const DiskSpec *disk = g_ptr_array_index (spec->disks, i);
      const DiskOptions *options = &disk->options;
      Candidate *candidate;

      if (disk->kind != DISK_KIND_DISK || options->secret_file != NULL || options->format == NULL
          || g_str_equal (options->format, "raw") || g_hash_table_contains (self->secrets, disk->id))
        continue;
      candidate = g_new (Candidate, 1);
      *candidate = (Candidate){ g_strdup (disk->id), g_strdup (disk->path), g_strdup (options->format) };
      g_ptr_array_add (search->candidates, candidate);
    }
  return search;
}

static Image *
open_candidate (EventLoop *loop, const Candidate *candidate, GBytes *secret, ImageKeys *keys, GError **error)
{
  ImageSecret key = { 0 };
  ImageOptions options = { .read_only = true, .format = candidate->format, .lenient = true };

  if (secret != NULL)
    {
      key.data = g_bytes_get_data (secret, &key.length);
      options.secret = &key;
      options.keys = keys;
    }
  return image_open (loop, candidate->path, &options, error);
}

/* Whether it, or a backing file, is encrypted. One that can't be opened is the start's to complain of. */
static bool
is_encrypted (EventLoop *loop, const Candidate *candidate)
{
  g_autoptr (Image) image = open_candidate (loop, candidate, NULL, NULL, NULL);
  bool encrypted = false;

  for (unsigned i = 0; image != NULL && i < image_n_layers (image) && !encrypted; i++)
    {
      g_autoptr (ImageInfo) info = image_info (image, i);

      encrypted = info != NULL && info->encrypted;
    }
  return encrypted;
}

/* --- which disks wait --- */

static bool
find_locked (Search *search, GError **error)
{
  g_autoptr (EventLoop) loop = search->candidates->len > 0 ? loop_new ("image-look", error) : NULL;

  if (search->candidates->len > 0 && loop == NULL)
    return false;
  for (unsigned i = 0; i < search->candidates->len; i++)
    {
      const Candidate *candidate = g_ptr_array_index (search->candidates, i);

      if (is_encrypted (loop, candidate))
        g_ptr_array_add (search->ids, g_strdup (candidate->id));
    }
  return true;
}

static void
find_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Search *search = data;
  GError *error = NULL;
  GStrv ids;

  if (!find_locked (search, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  ids = g_new0 (char *, search->ids->len + 1);
  for (unsigned i = 0; i < search->ids->len; i++)
    ids[i] = g_strdup (g_ptr_array_index (search->ids, i));
  g_task_return_pointer (task, ids, (GDestroyNotify)g_strfreev);
}

void
bonsai_vm_find_locked_async (BonsaiVm *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_vm_find_locked_async);
  if (!self->starting && self->lock == NULL)
    bonsai_vm_reload (self); /* it may have been edited a moment ago */
  g_task_set_task_data (task, search_new (self), search_free);
  g_task_run_in_thread (task, find_in_thread);
}

char **
bonsai_vm_find_locked_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- trying a passphrase --- */

static char *
join_ids (const Search *search)
{
  GString *text = g_string_new (NULL);

  for (unsigned i = 0; i < search->candidates->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "",
                            ((const Candidate *)g_ptr_array_index (search->candidates, i))->id);
  return g_string_free (text, FALSE);
}

/* Another disk's passphrase is as good: each that fits is one question less. */
static bool
try_secret (Search *search, GError **error)
{
  g_autoptr (EventLoop) loop = loop_new ("image-unlock", error);
  g_autofree char *ids = NULL;

  if (loop == NULL)
    return false;
  for (unsigned i = 0; i < search->candidates->len;)
    {
      const Candidate *candidate = g_ptr_array_index (search->candidates, i);
      g_autoptr (GError) failure = NULL;
      g_autoptr (Image) image = NULL;

      if (!is_encrypted (loop, candidate))
        {
          g_ptr_array_remove_index (search->candidates, i);
          continue;
        }
      image = open_candidate (loop, candidate, search->secret, search->keys, &failure);
      if (image != NULL)
        g_ptr_array_add (search->ids, g_strdup (candidate->id));
      else if (!g_error_matches (failure, VMM_ERROR, VMM_ERROR_PERMISSION))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return false;
        }
      i++;
    }
  if (search->ids->len > 0)
    return true;
  ids = join_ids (search);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               _ ("That passphrase does not open %s; mind the keyboard layout and Caps Lock"), ids);
  return false;
}

static void
try_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (try_secret (data, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_unlock_async (BonsaiVm *self, DiskSecret *secret, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  Search *search = search_new (self);

  /* The start derives no key again. */
  if (self->keys == NULL)
    self->keys = image_keys_new ();
  search->keys = image_keys_ref (self->keys);
  search->secret = disk_secret_to_bytes (secret);
  g_task_set_source_tag (task, bonsai_vm_unlock_async);
  g_task_set_task_data (task, search, search_free);
  g_task_run_in_thread (task, try_in_thread);
}

gboolean
bonsai_vm_unlock_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  const Search *search = g_task_get_task_data (G_TASK (result));

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  for (unsigned i = 0; i < search->ids->len; i++)
    bonsai_vm_keep_secret (self, g_ptr_array_index (search->ids, i), g_bytes_ref (search->secret));
  return TRUE;
}

/* --- keeping them --- */

void
bonsai_vm_keep_secret (BonsaiVm *self, const char *disk, GBytes *secret)
{
  g_hash_table_replace (self->secrets, g_strdup (disk), secret);
}

void
bonsai_vm_forget_secrets (BonsaiVm *self)
{
  g_hash_table_remove_all (self->secrets);
  g_clear_pointer (&self->keys, image_keys_free);
}

void
bonsai_vm_put_secrets (BonsaiVm *self, MachineSpec *spec)
{
  for (unsigned i = 0; i < spec->disks->len; i++)
    {
      DiskSpec *disk = g_ptr_array_index (spec->disks, i);
      GBytes *secret = g_hash_table_lookup (self->secrets, disk->id);

      if (secret == NULL)
        continue;
      disk->options.secret = g_bytes_ref (secret);
      if (self->keys != NULL)
        disk->options.keys = image_keys_ref (self->keys);
    }
}
