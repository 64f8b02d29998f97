/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/snapshot/snapshot-page-private.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/texture.h"
#include "ui/snapshot/snapshot-text.h"

G_DEFINE_FINAL_TYPE (BonsaiSnapshotPage, bonsai_snapshot_page, ADW_TYPE_BIN)

/* --- the selected node --- */

const SnapshotNode *
bonsai_snapshot_page_get_node (BonsaiSnapshotPage *self)
{
  const char *id = self->tree ? bonsai_snapshot_tree_view_get_selected (self->view) : NULL;

  return id ? snapshot_tree_find (self->tree, id, NULL) : NULL;
}

static char *
describe (BonsaiSnapshotPage *self, const SnapshotNode *node)
{
  g_autofree char *time = snapshot_text_time (node), *own = snapshot_text_room (node);
  g_autofree char *shared = g_format_size_full (node->shared, G_FORMAT_SIZE_IEC_UNITS);
  g_autoptr (GString) text = g_string_new (time);

  if (node->trouble)
    return g_strdup (node->trouble);
  g_string_append_printf (text, " · %s", snapshot_text_kind (node));
  if (*own != '\0')
    g_string_append_printf (text, " · %s", own);
  if (node->shared > 0)
    {
      g_string_append (text, ", ");
      g_string_append_printf (text, _ ("%s shared with others"), shared);
    }
  if (node->template_version > 0)
    {
      g_string_append (text, " · ");
      g_string_append_printf (text, _ ("version %u of the template"), node->template_version);
    }
  if (g_strcmp0 (self->tree->disposable, node->id) == 0)
    g_string_append_printf (text, " · %s", _ ("the machine goes back here at each power-off"));
  return g_strdup (text->str);
}

static void
show_details (BonsaiSnapshotPage *self)
{
  const SnapshotNode *node = bonsai_snapshot_page_get_node (self);
  g_autofree char *name = node ? snapshot_text_name (node) : g_strdup (_ ("You Are Here"));
  g_autofree char *facts = node       ? describe (self, node)
                           : self->vm ? g_strdup (bonsai_state_label (bonsai_vm_get_state (self->vm)))
                                      : g_strdup ("");

  gtk_label_set_text (self->name_label, name);
  gtk_label_set_text (self->facts_label, facts);
  gtk_label_set_text (self->note_label, node && node->note ? node->note : "");
  gtk_widget_set_visible (GTK_WIDGET (self->note_label), node && node->note);
  gtk_widget_set_visible (self->back_button, node != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->menu_button), node != NULL);
}

static void
on_selection (BonsaiSnapshotPage *self)
{
  show_details (self);
  bonsai_snapshot_page_update_actions (self);
}

/* --- the tree --- */

static void
show_screen (BonsaiSnapshotPage *self)
{
  g_autoptr (Surface) surface = bonsai_vm_get_thumbnail (self->vm);
  g_autoptr (GdkTexture) texture = surface ? texture_from_surface (surface) : NULL;

  bonsai_snapshot_tree_view_set_screen (self->view, texture);
}

void
bonsai_snapshot_page_refill (BonsaiSnapshotPage *self)
{
  bool empty = !self->tree || self->tree->nodes->len <= g_hash_table_size (self->hidden);

  bonsai_snapshot_tree_view_set_tree (self->view, self->tree, self->hidden,
                                      bonsai_state_label (bonsai_vm_get_state (self->vm)));
  gtk_stack_set_visible_child_name (self->stack, !self->tree ? "reading" : empty ? "empty" : "tree");
  gtk_widget_set_visible (self->details, self->tree && !empty);
  show_screen (self);
  on_selection (self);
}

static void
take_tree (BonsaiSnapshotPage *self, SnapshotTree *tree)
{
  SnapshotTree *old = self->tree;

  self->tree = tree;
  bonsai_snapshot_page_refill (self); /* lets go of the old one */
  g_clear_pointer (&old, snapshot_tree_free);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiSnapshotPage) self = data;
  g_autoptr (GError) error = NULL;
  SnapshotTree *tree = bonsai_vm_read_snapshots_finish (BONSAI_VM (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (tree)
    take_tree (self, tree);
  else
    {
      gtk_label_set_text (self->error_label, error->message);
      gtk_stack_set_visible_child_name (self->stack, "error");
      gtk_widget_set_visible (self->details, FALSE);
    }
}

static void
stop_reading (BonsaiSnapshotPage *self)
{
  if (self->reading)
    g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
}

void
bonsai_snapshot_page_read (BonsaiSnapshotPage *self)
{
  stop_reading (self);
  self->reading = g_cancellable_new ();
  bonsai_vm_read_snapshots_async (self->vm, TRUE, self->reading, on_read, g_object_ref (self));
}

/* --- what is under way --- */

static void
on_job (BonsaiSnapshotPage *self)
{
  double fraction = bonsai_job_get_fraction (self->job);

  gtk_label_set_text (self->job_label, bonsai_job_get_title (self->job));
  if (fraction >= 0)
    gtk_progress_bar_set_fraction (self->job_bar, fraction);
  else
    gtk_progress_bar_pulse (self->job_bar);
  gtk_widget_set_sensitive (self->job_cancel, bonsai_job_get_cancellable (self->job));
}

void
bonsai_snapshot_page_show_job (BonsaiSnapshotPage *self, BonsaiJob *job)
{
  if (self->job)
    g_signal_handlers_disconnect_by_data (self->job, self);
  g_set_object (&self->job, job);
  gtk_revealer_set_reveal_child (self->job_revealer, job != NULL);
  if (job)
    {
      g_signal_connect_swapped (job, "notify", G_CALLBACK (on_job), self);
      on_job (self);
    }
  bonsai_snapshot_page_update_actions (self);
}

static void
on_cancel_job (BonsaiSnapshotPage *self)
{
  if (self->job)
    bonsai_job_cancel (self->job);
}

/* --- the machine --- */

static void
update_watch (BonsaiSnapshotPage *self)
{
  bool wanted = self->vm && gtk_widget_get_mapped (GTK_WIDGET (self));

  if (wanted == self->watching)
    return;
  self->watching = wanted;
  bonsai_vm_watch (self->vm, wanted);
  bonsai_vm_watch_snapshots (self->vm, wanted);
  if (wanted)
    bonsai_snapshot_page_read (self);
}

static void
on_state (BonsaiSnapshotPage *self)
{
  if (self->tree)
    bonsai_snapshot_page_refill (self);
}

void
bonsai_snapshot_page_set_vm (BonsaiSnapshotPage *self, BonsaiLibrary *library, BonsaiVm *vm)
{
  if (self->vm)
    {
      bonsai_snapshot_page_commit_delete (self);
      stop_reading (self);
      if (self->watching)
        {
          bonsai_vm_watch (self->vm, FALSE);
          bonsai_vm_watch_snapshots (self->vm, FALSE);
        }
      self->watching = false;
      g_signal_handlers_disconnect_by_data (self->vm, self);
      bonsai_snapshot_page_show_job (self, NULL);
      bonsai_snapshot_tree_view_set_tree (self->view, NULL, NULL, NULL);
      g_clear_pointer (&self->tree, snapshot_tree_free);
    }
  g_set_object (&self->library, library);
  g_set_object (&self->vm, vm);
  if (!vm)
    return;
  gtk_stack_set_visible_child_name (self->stack, "reading");
  g_signal_connect_swapped (vm, "snapshots-changed", G_CALLBACK (bonsai_snapshot_page_read), self);
  g_signal_connect_swapped (vm, "thumbnail-changed", G_CALLBACK (show_screen), self);
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (on_state), self);
  update_watch (self);
}

/* --- the object --- */

static void
bonsai_snapshot_page_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_snapshot_page_parent_class)->map (widget);
  update_watch (BONSAI_SNAPSHOT_PAGE (widget));
}

static void
bonsai_snapshot_page_unmap (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_snapshot_page_parent_class)->unmap (widget);
  update_watch (BONSAI_SNAPSHOT_PAGE (widget));
}

static void
bonsai_snapshot_page_dispose (GObject *object)
{
  BonsaiSnapshotPage *self = BONSAI_SNAPSHOT_PAGE (object);

  if (self->vm)
    bonsai_snapshot_page_set_vm (self, NULL, NULL);
  g_clear_object (&self->actions);
  G_OBJECT_CLASS (bonsai_snapshot_page_parent_class)->dispose (object);
}

static void
bonsai_snapshot_page_finalize (GObject *object)
{
  g_hash_table_unref (BONSAI_SNAPSHOT_PAGE (object)->hidden);
  G_OBJECT_CLASS (bonsai_snapshot_page_parent_class)->finalize (object);
}

static void
bonsai_snapshot_page_class_init (BonsaiSnapshotPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_snapshot_page_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_snapshot_page_finalize;
  widget_class->map = bonsai_snapshot_page_map;
  widget_class->unmap = bonsai_snapshot_page_unmap;
  g_type_ensure (BONSAI_TYPE_SNAPSHOT_TREE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "snapshot/snapshot-page.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, stack);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, view);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, error_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, job_revealer);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, job_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, job_bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, job_cancel);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, details);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, name_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, facts_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, note_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, back_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiSnapshotPage, menu_button);
  gtk_widget_class_bind_template_callback (widget_class, on_selection);
  gtk_widget_class_bind_template_callback (widget_class, on_cancel_job);
}

static void
bonsai_snapshot_page_init (BonsaiSnapshotPage *self)
{
  self->hidden = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  bonsai_snapshot_page_add_actions (self);
  gtk_widget_init_template (GTK_WIDGET (self));
  bonsai_snapshot_tree_view_set_menu (self->view, gtk_menu_button_get_menu_model (self->menu_button));
}
