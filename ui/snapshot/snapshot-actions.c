/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done with the selected snapshot: the actions of the group "tree". One thing at a time; what takes
 * long is a job. */
#include "ui/snapshot/snapshot-page-private.h"

#include "ui/application.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/snapshot/compare-dialog.h"
#include "ui/snapshot/snapshot-dialogs.h"
#include "ui/snapshot/snapshot-text.h"

#define UNDO_SECONDS 6

/* --- work --- */

/* One thing that is being done. */
typedef struct {
  BonsaiSnapshotPage *self;
  BonsaiJob *job;
  GCancellable *cancellable;
  char *trouble; /* the heading if it fails */
} Work;

static GtkWindow *
window_of (BonsaiSnapshotPage *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));

  return GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL;
}

/* @title, @trouble: (transfer full) */
static Work *
begin_work (BonsaiSnapshotPage *self, char *title, char *trouble)
{
  Work *work = g_new0 (Work, 1);

  work->self = g_object_ref (self);
  work->cancellable = g_cancellable_new ();
  work->job = bonsai_job_new (title, bonsai_vm_get_uuid (self->vm), work->cancellable);
  work->trouble = trouble;
  bonsai_snapshot_page_show_job (self, work->job);
  bonsai_jobs_add (bonsai_application_get_jobs (BONSAI_APPLICATION (g_application_get_default ())),
                   work->job);
  g_free (title);
  return work;
}

/* @error: (nullable) */
static void
end_work (Work *work, const GError *error)
{
  BonsaiSnapshotPage *self = work->self;

  bonsai_job_end (work->job, error);
  if (self->job == work->job)
    bonsai_snapshot_page_show_job (self, NULL);
  if (error && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    error_dialog_show (window_of (self), work->trouble, error);
  if (self->vm)
    bonsai_snapshot_page_read (self);
  g_object_unref (work->job);
  g_object_unref (work->cancellable);
  g_object_unref (work->self);
  g_free (work->trouble);
  g_free (work);
}

static void
toast (BonsaiSnapshotPage *self, AdwToast *message)
{
  GtkWidget *overlay = gtk_widget_get_ancestor (GTK_WIDGET (self), ADW_TYPE_TOAST_OVERLAY);

  if (overlay)
    adw_toast_overlay_add_toast (ADW_TOAST_OVERLAY (overlay), message);
  else
    g_object_unref (message);
}

/* --- take --- */

static void
on_taken (GObject *source, GAsyncResult *result, gpointer data)
{
  Work *work = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = bonsai_vm_take_snapshot_finish (BONSAI_VM (source), result, &error);

  end_work (work, error);
}

static void
take (const char *name, const char *note, gpointer data)
{
  BonsaiSnapshotPage *self = data;
  Work *work;

  if (!self->vm)
    return;
  bonsai_snapshot_page_commit_delete (self);
  work = begin_work (self, g_strdup_printf (_ ("Taking the Snapshot “%s”"), name),
                     g_strdup (_ ("Can’t Take the Snapshot")));
  bonsai_vm_take_snapshot_async (self->vm, name, *note != '\0' ? note : NULL, bonsai_job_progress, work->job,
                                 work->cancellable, on_taken, work);
}

static char *
propose_name (BonsaiSnapshotPage *self)
{
  for (guint n = self->tree ? self->tree->nodes->len + 1 : 1;; n++)
    {
      g_autofree char *name = g_strdup_printf (_ ("Snapshot %u"), n);

      if (!self->tree || !snapshot_tree_find (self->tree, name, NULL))
        return g_steal_pointer (&name);
    }
}

static void
on_take (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiSnapshotPage *self = data;
  g_autofree char *name = propose_name (self);

  snapshot_dialog_take (window_of (self), name, take, g_object_ref (self), g_object_unref);
}

/* --- go back --- */

/* Where to, while it is asked how. */
typedef struct {
  BonsaiSnapshotPage *self;
  char *node, *name;
} Target;

static void
target_free (gpointer data)
{
  Target *target = data;

  g_object_unref (target->self);
  g_free (target->node);
  g_free (target->name);
  g_free (target);
}

static Target *
target_new (BonsaiSnapshotPage *self, const SnapshotNode *node)
{
  Target *target = g_new0 (Target, 1);

  target->self = g_object_ref (self);
  target->node = g_strdup (node->id);
  target->name = snapshot_text_name (node);
  return target;
}

static void
on_restored (GObject *source, GAsyncResult *result, gpointer data)
{
  Work *work = data;
  g_autoptr (GError) error = NULL;

  bonsai_vm_restore_snapshot_finish (BONSAI_VM (source), result, NULL, &error);
  end_work (work, error);
}

static void
go_back (const Target *target, bool keeping)
{
  BonsaiSnapshotPage *self = target->self;
  const BonsaiRestore how = {
    .node = target->node,
    .take_first = keeping,
    .discard_suspended = !keeping,
  };
  Work *work;

  if (!self->vm)
    return;
  bonsai_snapshot_page_commit_delete (self);
  work = begin_work (self, g_strdup_printf (_ ("Going Back to “%s”"), target->name),
                     g_strdup_printf (_ ("Can’t Go Back to “%s”"), target->name));
  bonsai_vm_restore_snapshot_async (self->vm, &how, bonsai_job_progress, work->job, work->cancellable,
                                    on_restored, work);
}

static void
on_back_chosen (SnapshotBack how, gpointer data)
{
  go_back (data, how == SNAPSHOT_BACK_KEEPING);
}

static void
on_back (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiSnapshotPage *self = data;
  const SnapshotNode *node = bonsai_snapshot_page_get_node (self);
  bool suspended = bonsai_vm_get_state (self->vm) == BONSAI_STATE_SUSPENDED;

  if (node)
    snapshot_dialog_back (window_of (self), node, bonsai_vm_get_name (self->vm), suspended, on_back_chosen,
                          target_new (self, node), target_free);
}

static void
on_branch (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiSnapshotPage *self = data;
  const SnapshotNode *node = bonsai_snapshot_page_get_node (self);
  Target *target = node ? target_new (self, node) : NULL;

  if (!target)
    return;
  go_back (target, true);
  target_free (target);
}

/* --- delete --- */

static void
on_deleted (GObject *source, GAsyncResult *result, gpointer data)
{
  Work *work = data;
  g_autoptr (GError) error = NULL;

  bonsai_vm_delete_snapshot_finish (BONSAI_VM (source), result, NULL, &error);
  end_work (work, error);
}

static void
drop_toast (BonsaiSnapshotPage *self)
{
  AdwToast *old = self->undo_toast;

  if (!old)
    return;
  self->undo_toast = NULL;
  g_signal_handlers_disconnect_by_data (old, self);
  adw_toast_dismiss (old);
}

void
bonsai_snapshot_page_commit_delete (BonsaiSnapshotPage *self)
{
  g_autofree char *node = g_steal_pointer (&self->deleted);
  Work *work;

  drop_toast (self);
  g_hash_table_remove_all (self->hidden);
  if (!node)
    return;
  bonsai_snapshot_page_update_actions (self);
  work = begin_work (self, g_strdup (_ ("Deleting Snapshots")), g_strdup (_ ("Can’t Delete the Snapshot")));
  bonsai_vm_delete_snapshot_async (self->vm, node, self->delete_how, bonsai_job_progress, work->job,
                                   work->cancellable, on_deleted, work);
}

static void
undo (BonsaiSnapshotPage *self)
{
  g_autofree char *node = g_steal_pointer (&self->deleted);

  if (!node)
    return;
  drop_toast (self);
  g_hash_table_remove_all (self->hidden);
  bonsai_snapshot_page_refill (self);
  bonsai_snapshot_tree_view_select (self->view, node);
}

static void
on_undo (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  undo (data);
}

static void
show_undo (BonsaiSnapshotPage *self, guint n, const char *name)
{
  g_autofree char *title =
    n == 1 ? g_strdup_printf (_ ("“%s” is deleted"), name)
           : g_strdup_printf (ngettext ("%u snapshot is deleted", "%u snapshots are deleted", n), n);

  self->undo_toast = adw_toast_new (title);
  adw_toast_set_button_label (self->undo_toast, _ ("_Undo"));
  adw_toast_set_timeout (self->undo_toast, UNDO_SECONDS);
  g_signal_connect_swapped (self->undo_toast, "button-clicked", G_CALLBACK (undo), self);
  g_signal_connect_swapped (self->undo_toast, "dismissed", G_CALLBACK (bonsai_snapshot_page_commit_delete),
                            self);
  toast (self, self->undo_toast);
}

/* Gone at once, for who looks; done when the time to undo it is over. */
static void delete (BonsaiSnapshotPage *self, SnapshotDeleteHow how)
{
  const SnapshotNode *node = bonsai_snapshot_page_get_node (self);
  g_autoptr (GPtrArray) chosen = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;

  if (!node)
    return;
  bonsai_snapshot_page_commit_delete (self);
  name = snapshot_text_name (node);
  chosen = snapshot_choose_deleted (self->tree, node->id, how, &error);
  if (!chosen)
    {
      g_autofree char *heading = g_strdup_printf (_ ("Can’t Delete “%s”"), name);
      error_dialog_show (window_of (self), heading, error);
      return;
    }
  if (chosen->len == 0)
    return;
  self->deleted = g_strdup (node->id);
  self->delete_how = how;
  for (guint i = 0; i < chosen->len; i++)
    g_hash_table_add (self->hidden, g_strdup (((SnapshotNode *)g_ptr_array_index (chosen, i))->id));
  bonsai_snapshot_page_refill (self);
  show_undo (self, chosen->len, name);
}

static void
on_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  delete (data, SNAPSHOT_DELETE_ONE);
}

static void
on_delete_below (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  delete (data, SNAPSHOT_DELETE_BELOW);
}

static void
on_delete_before (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  delete (data, SNAPSHOT_DELETE_BEFORE);
}

/* --- rename, disposable --- */

static void
on_edited (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiSnapshotPage) self = data;
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_edit_snapshot_finish (BONSAI_VM (source), result, &error))
    error_dialog_show (window_of (self), _ ("Can’t Change the Snapshot"), error);
  if (self->vm)
    bonsai_snapshot_page_read (self);
}

static void
rename_target (const char *name, const char *note, gpointer data)
{
  const Target *target = data;
  BonsaiSnapshotPage *self = target->self;

  if (self->vm)
    bonsai_vm_rename_snapshot_async (self->vm, target->node, name, note, on_edited, g_object_ref (self));
}

static void
on_rename (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiSnapshotPage *self = data;
  const SnapshotNode *node = bonsai_snapshot_page_get_node (self);

  if (node && !node->trouble)
    bonsai_snapshot_tree_view_pop_up (
      self->view, snapshot_popover_rename (node, rename_target, target_new (self, node), target_free));
}

static void
on_disposable (GSimpleAction *action, GVariant *state, gpointer data)
{
  BonsaiSnapshotPage *self = data;
  const SnapshotNode *node = bonsai_snapshot_page_get_node (self);

  if (!node)
    return;
  bonsai_snapshot_page_commit_delete (self);
  bonsai_vm_set_disposable_async (self->vm, g_variant_get_boolean (state) ? node->id : NULL, on_edited,
                                  g_object_ref (self));
}

/* --- compare, clone --- */

static void
on_compare (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiSnapshotPage *self = data;
  const SnapshotNode *node = bonsai_snapshot_page_get_node (self);

  if (node)
    compare_dialog_show (window_of (self), self->vm, self->tree, node->id);
}

static void
on_cloned (GObject *source, GAsyncResult *result, gpointer data)
{
  Work *work = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = bonsai_vm_clone_finish (BONSAI_VM (source), result, &error);

  if (path)
    toast (work->self, adw_toast_new (_ ("The clone is in the library")));
  end_work (work, error);
}

static void
clone_target (const char *name, gboolean linked, gpointer data)
{
  const Target *target = data;
  BonsaiSnapshotPage *self = target->self;
  g_autofree char *unused = self->vm ? bonsai_library_unused_name (self->library, name) : NULL;
  Work *work;

  if (!self->vm)
    return;
  bonsai_snapshot_page_commit_delete (self);
  work = begin_work (self, g_strdup_printf (_ ("Making “%s”"), unused),
                     g_strdup_printf (_ ("Can’t Make “%s”"), unused));
  bonsai_vm_clone_async (self->vm, unused, target->node, linked, bonsai_job_progress, work->job,
                         work->cancellable, on_cloned, work);
}

static void
on_clone (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiSnapshotPage *self = data;
  const SnapshotNode *node = bonsai_snapshot_page_get_node (self);
  g_autofree char *name = node ? g_strdup_printf ("%s %s", bonsai_vm_get_name (self->vm), node->name) : NULL;
  g_autofree char *unused = name ? bonsai_library_unused_name (self->library, name) : NULL;

  if (node)
    snapshot_dialog_clone (window_of (self), unused, clone_target, target_new (self, node), target_free);
}

/* --- the group --- */

static void
enable (BonsaiSnapshotPage *self, const char *name, bool enabled)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), name);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (action), enabled);
}

void
bonsai_snapshot_page_update_actions (BonsaiSnapshotPage *self)
{
  const SnapshotNode *node = bonsai_snapshot_page_get_node (self);
  bool idle = self->vm && !self->job, sound = node && !node->trouble;
  bool sealed = self->tree && self->tree->template_state == VM_TEMPLATE_SEALED;
  bool suspended = self->vm && bonsai_vm_get_state (self->vm) == BONSAI_STATE_SUSPENDED;
  GAction *disposable = g_action_map_lookup_action (G_ACTION_MAP (self->actions), "disposable");

  enable (self, "take", idle && !sealed);
  enable (self, "back", idle && sound && !sealed);
  enable (self, "branch", idle && sound && !sealed && !suspended);
  enable (self, "rename", idle && sound);
  enable (self, "compare", sound);
  enable (self, "clone", idle && sound);
  enable (self, "disposable", idle && sound && !sealed);
  enable (self, "undo", self->deleted != NULL);
  enable (self, "delete", idle && node);
  enable (self, "delete-below", idle && sound && node->children->len > 0);
  enable (self, "delete-before", idle && sound && node->parent);
  g_simple_action_set_state (
    G_SIMPLE_ACTION (disposable),
    g_variant_new_boolean (node && self->tree && g_strcmp0 (self->tree->disposable, node->id) == 0));
}

void
bonsai_snapshot_page_add_actions (BonsaiSnapshotPage *self)
{
  static const GActionEntry entries[] = {
    { .name = "take", .activate = on_take },
    { .name = "back", .activate = on_back },
    { .name = "branch", .activate = on_branch },
    { .name = "rename", .activate = on_rename },
    { .name = "compare", .activate = on_compare },
    { .name = "clone", .activate = on_clone },
    { .name = "disposable", .state = "false", .change_state = on_disposable },
    { .name = "delete", .activate = on_delete },
    { .name = "delete-below", .activate = on_delete_below },
    { .name = "delete-before", .activate = on_delete_before },
    { .name = "undo", .activate = on_undo },
  };

  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "tree", G_ACTION_GROUP (self->actions));
}
