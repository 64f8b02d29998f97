/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Methods of org.bonsaivm.Machine1 about snapshots and clones. */
#include "app/service/api-machine.h"

#include "app/base/error.h"
#include "app/service/api-answer.h"
#include "app/snapshot/snapshot-json.h"
#include "app/vm/vm-snapshots.h"

static const char *
or_null (const char *text)
{
  return text[0] != '\0' ? text : NULL;
}

static void
list_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  g_autoptr (SnapshotTree) tree = bonsai_vm_read_snapshots_finish (BONSAI_VM (source), result, &error);

  api_answer_text (invocation, tree != NULL ? snapshot_tree_to_json (tree) : NULL, error);
}

static gboolean
on_list (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  bonsai_vm_read_snapshots_async (((ApiMachine *)data)->vm, true, NULL, list_done, invocation);
  return TRUE;
}

static void
take_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  char *id = bonsai_vm_take_snapshot_finish (BONSAI_VM (source), result, &error);

  api_answer_text (invocation, id, error);
}

static gboolean
on_take (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, const char *name, const char *note,
         gpointer data)
{
  bonsai_vm_take_snapshot_async (((ApiMachine *)data)->vm, or_null (name), or_null (note), NULL, NULL, NULL,
                                 take_done, invocation);
  return TRUE;
}

static void
restore_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  char *taken = NULL;
  gboolean done = bonsai_vm_restore_snapshot_finish (BONSAI_VM (source), result, &taken, &error);

  if (done && taken == NULL)
    taken = g_strdup ("");
  api_answer_text (invocation, taken, error);
}

static gboolean
on_restore (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, const char *node,
            GVariant *options, gpointer data)
{
  static const char *const names[] = { "take-first", "paused", "discard-suspended", NULL };
  BonsaiRestore how = { .node = node };
  gboolean paused = FALSE, discard = FALSE;
  GError *error = NULL;

  if (!api_check_options (options, names, "sbb", &error))
    {
      api_answer_error (invocation, error);
      return TRUE;
    }
  g_variant_lookup (options, "paused", "b", &paused);
  g_variant_lookup (options, "discard-suspended", "b", &discard);
  how.take_first = g_variant_lookup (options, "take-first", "&s", &how.first_name);
  how.paused = paused;
  how.discard_suspended = discard;
  bonsai_vm_restore_snapshot_async (((ApiMachine *)data)->vm, &how, NULL, NULL, NULL, restore_done,
                                    invocation);
  return TRUE;
}

static void
delete_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  guint n = 0;

  if (bonsai_vm_delete_snapshot_finish (BONSAI_VM (source), result, &n, &error))
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(u)", n));
  else
    api_answer_error (invocation, error);
}

static gboolean
on_delete (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, const char *node, const char *how,
           gpointer data)
{
  SnapshotDeleteHow which;
  GError *error = NULL;

  if (!snapshot_parse_delete_how (how, &which, &error))
    api_answer_error (invocation, error);
  else
    bonsai_vm_delete_snapshot_async (((ApiMachine *)data)->vm, node, which, NULL, NULL, NULL, delete_done,
                                     invocation);
  return TRUE;
}

/* --- clones --- */

typedef struct {
  BonsaiLibrary *library;
  GDBusMethodInvocation *invocation;
} Cloning;

static void
clone_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Cloning *cloning = data;
  GError *error = NULL;
  g_autofree char *path = bonsai_vm_clone_finish (BONSAI_VM (source), result, &error);

  BonsaiVm *vm = path != NULL ? bonsai_library_adopt (cloning->library, path) : NULL;

  if (path != NULL && vm == NULL)
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "%s was made, and is gone again", path);
  api_answer_vm (cloning->invocation, vm, error);
  g_object_unref (cloning->library);
}

static gboolean
on_clone (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, const char *name, const char *node,
          gboolean linked, gpointer data)
{
  ApiMachine *machine = data;
  Cloning *cloning = g_new (Cloning, 1);

  *cloning = (Cloning){ g_object_ref (machine->library), invocation };
  bonsai_vm_clone_async (machine->vm, name, or_null (node), linked, NULL, NULL, NULL, clone_done, cloning);
  return TRUE;
}

static const ApiMethod methods[] = {
  { "handle-list-snapshots", G_CALLBACK (on_list) },
  { "handle-take-snapshot", G_CALLBACK (on_take) },
  { "handle-restore-snapshot", G_CALLBACK (on_restore) },
  { "handle-delete-snapshot", G_CALLBACK (on_delete) },
  { "handle-clone", G_CALLBACK (on_clone) },
};

void
api_machine_connect_snapshots (ApiMachine *machine)
{
  api_connect (machine->machine, methods, G_N_ELEMENTS (methods), machine);
}
