/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/library/library-offer.h"

#include "app/base/error.h"
#include "app/library/library-import.h"
#include "app/snapshot/clone.h"
#include "app/snapshot/snapshot-tree.h"

#include <glib/gi18n.h>

/* One that is being accepted; the data of its task. */
typedef struct {
  const Offer *offer;
  char *parent; /* the library's folder */
  char *bundle; /* of the template */
  char *name;   /* of the machine */
  char *path;   /* of what it became */
  DiskProgressFunc progress;
  gpointer progress_data;
} Accept;

static void
accept_free (gpointer data)
{
  Accept *accept = data;

  g_free (accept->parent);
  g_free (accept->bundle);
  g_free (accept->name);
  g_free (accept->path);
  g_free (accept);
}

/* --- any thread --- */

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
    _ ("The template in %s has no version %u as its issuer meant it (snapshot %s); bring the issuer's"),
    accept->bundle, accept->offer->terms->version, accept->offer->snapshot);
  return false;
}

static bool
complete (const char *folder, VmConfig *config, void *data, GError **error)
{
  const Offer *offer = data;
  const LeasePlace place = { folder, config->uuid, g_get_user_data_dir () };

  permissions_fit_config (&offer->terms->permissions, config);
  return workspace_accept (&place, offer, error);
}

static bool
make (const ImageJob *job, gpointer data, GError **error)
{
  Accept *accept = data;
  const CloneHow how = { .name = accept->name,
                         .node = accept->offer->snapshot,
                         .linked = true,
                         .uuid = accept->offer->terms->machine,
                         .complete = complete,
                         .complete_data = (void *)accept->offer,
                         .job = job };

  accept->path =
    check_version (accept, error) ? clone_make (accept->bundle, accept->parent, &how, error) : NULL;
  return accept->path != NULL;
}

/* --- the library's thread --- */

static void
made (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Accept *accept = g_task_get_task_data (task);
  GError *error = NULL;
  BonsaiVm *vm = NULL;

  if (disk_task_run_finish (result, &error))
    {
      vm = bonsai_library_adopt (g_task_get_source_object (task), accept->path);
      if (vm == NULL)
        g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                     "“%s” was made, but is not in the library any more", accept->path);
    }
  if (vm != NULL)
    g_task_return_pointer (task, vm, NULL);
  else
    g_task_return_error (task, error);
}

static BonsaiVm *
find_template (BonsaiLibrary *library, const Offer *offer)
{
  BonsaiVm *vm = bonsai_library_find (library, offer->terms->origin);

  return vm != NULL && g_strcmp0 (bonsai_vm_get_uuid (vm), offer->terms->origin) == 0 ? vm : NULL;
}

bool
library_has_template_of (BonsaiLibrary *library, const Offer *offer)
{
  return find_template (library, offer) != NULL;
}

/* @task: (transfer full) */
static void
go_on (BonsaiLibrary *library, GTask *task)
{
  Accept *accept = g_task_get_task_data (task);
  BonsaiVm *template = find_template (library, accept->offer);

  if (template == NULL)
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                               _ ("“%s” is made of the template %s, which isn't in the library: bring its "
                                  "folder (bonsai workspace accept "
                                  "--template FOLDER)"),
                               accept->offer->name, accept->offer->terms->origin);
      g_object_unref (task);
      return;
    }
  accept->bundle = g_strdup (bonsai_vm_get_path (template));
  accept->name = bonsai_library_unused_name (library, accept->offer->name);
  disk_task_run_async (make, accept, accept->progress, accept->progress_data, g_task_get_cancellable (task),
                       made, task);
}

static void
on_imported (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiLibrary *library = BONSAI_LIBRARY (source);
  GError *error = NULL;

  if (bonsai_library_import_finish (library, result, &error) != NULL)
    {
      go_on (library, data);
      return;
    }
  g_task_return_error (data, error);
  g_object_unref (data);
}

void
library_accept_offer_async (BonsaiLibrary *library, const Offer *offer, const char *template,
                            DiskProgressFunc progress, gpointer progress_data, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (library, cancellable, callback, data);
  Accept *accept = g_new0 (Accept, 1);
  GError *error = NULL;

  g_task_set_source_tag (task, library_accept_offer_async);
  *accept = (Accept){ .offer = offer,
                      .parent = g_strdup (bonsai_library_get_folder (library)),
                      .progress = progress,
                      .progress_data = progress_data };
  g_task_set_task_data (task, accept, accept_free);
  if (!workspace_check_offer (g_get_user_data_dir (), offer, &error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
    }
  else if (template == NULL || library_has_template_of (library, offer))
    go_on (library, task);
  else
    bonsai_library_import_async (library, template, progress, progress_data, cancellable, on_imported, task);
}

BonsaiVm *
library_accept_offer_finish (BonsaiLibrary *library, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- renewals --- */

/* Which workspace it is of, it says by what it follows. */
BonsaiVm *
library_accept_renewal (BonsaiLibrary *library, const char *text, gsize length, const char *file,
                        GError **error)
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
        return vm;
    }
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
    _ ("%s is neither an offer nor the next renewal of a workspace in the library, as its issuer signed it: "
       "it may have been changed, be an old one, or one that others have to come before"),
    file);
  return NULL;
}
