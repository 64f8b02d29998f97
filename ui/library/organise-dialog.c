/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/organise-dialog.h"

#include "app/bundle/vm-labels.h"
#include "app/library/library-tree.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/spare-title.h"

#include <adwaita.h>

#define BONSAI_TYPE_ORGANISE_DIALOG (bonsai_organise_dialog_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiOrganiseDialog, bonsai_organise_dialog, BONSAI, ORGANISE_DIALOG, AdwWindow)

struct _BonsaiOrganiseDialog {
  AdwWindow parent;
  GPtrArray *vms;
  char *group; /* of all of them; NULL: none, or they differ */
  bool same_group;
  GStrv common; /* tags of all of them */

  GtkWidget *apply_button;
  AdwEntryRow *group_row;
  AdwEntryRow *tags_row;
  GtkLabel *problem_label;
  AdwPreferencesGroup *groups;
};

G_DEFINE_FINAL_TYPE (BonsaiOrganiseDialog, bonsai_organise_dialog, ADW_TYPE_WINDOW)

/* --- what they have now --- */

static const char *
group_of (BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);

  return config ? config->group : NULL;
}

static const char *const *
tags_of (BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);

  return config ? (const char *const *)config->tags : NULL;
}

/* What @vms have in common. */
static void
look (BonsaiOrganiseDialog *self)
{
  BonsaiVm *first = g_ptr_array_index (self->vms, 0);

  self->group = g_strdup (group_of (first));
  self->same_group = true;
  self->common = vm_tags_change (NULL, tags_of (first), NULL);
  for (guint i = 1; i < self->vms->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (self->vms, i);
      g_auto (GStrv) others = vm_tags_change ((const char *const *)self->common, NULL, tags_of (vm));
      GStrv common = vm_tags_change ((const char *const *)self->common, NULL, (const char *const *)others);

      g_strfreev (self->common);
      self->common = common;
      self->same_group = self->same_group && g_strcmp0 (self->group, group_of (vm)) == 0;
    }
  if (!self->same_group)
    g_clear_pointer (&self->group, g_free);
}

/* --- changing --- */

static void
on_labels_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GtkWindow) parent = data;
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_change_labels_finish (BONSAI_VM (source), result, &error))
    return;
  g_autofree char *heading =
    g_strdup_printf (_ ("Can’t Change “%s”"), bonsai_vm_get_name (BONSAI_VM (source)));
  error_dialog_show (gtk_widget_get_realized (GTK_WIDGET (parent)) ? parent : NULL, heading, error);
}

void
organise_move (GtkWindow *parent, GPtrArray *vms, const char *group)
{
  for (guint i = 0; i < vms->len; i++)
    if (g_strcmp0 (group_of (g_ptr_array_index (vms, i)), group) != 0)
      bonsai_vm_set_group_async (g_ptr_array_index (vms, i), group, on_labels_changed, g_object_ref (parent));
}

/* Both wishes go to one machine one after the other: each reads what the other wrote. */
typedef struct {
  GtkWindow *parent;
  GStrv add, remove;
} Wish;

static void
wish_free (Wish *wish)
{
  g_object_unref (wish->parent);
  g_strfreev (wish->add);
  g_strfreev (wish->remove);
  g_free (wish);
}

static void
change_tags (BonsaiVm *vm, Wish *wish)
{
  if (wish->add[0] || wish->remove[0])
    bonsai_vm_change_tags_async (vm, (const char *const *)wish->add, (const char *const *)wish->remove,
                                 on_labels_changed, g_object_ref (wish->parent));
  wish_free (wish);
}

static void
on_moved (GObject *source, GAsyncResult *result, gpointer data)
{
  Wish *wish = data;

  on_labels_changed (source, result, g_object_ref (wish->parent));
  change_tags (BONSAI_VM (source), wish);
}

static void
apply_to (BonsaiOrganiseDialog *self, BonsaiVm *vm, bool move, const char *group, const char *const *tags)
{
  Wish *wish = g_new0 (Wish, 1);

  wish->parent = g_object_ref (gtk_window_get_transient_for (GTK_WINDOW (self)));
  wish->add = vm_tags_change (tags, NULL, (const char *const *)self->common);
  wish->remove = vm_tags_change ((const char *const *)self->common, NULL, tags);
  if (move && g_strcmp0 (group_of (vm), group) != 0)
    bonsai_vm_set_group_async (vm, group, on_moved, wish);
  else
    change_tags (vm, wish);
}

/* --- the dialog --- */

static bool
read_entries (BonsaiOrganiseDialog *self, char **group, GStrv *tags, GError **error)
{
  g_autoptr (GError) wrong = NULL;

  if (!vm_group_parse (gtk_editable_get_text (GTK_EDITABLE (self->group_row)), group, error))
    return false;
  *tags = vm_tags_parse (gtk_editable_get_text (GTK_EDITABLE (self->tags_row)), &wrong);
  if (!wrong)
    return true;
  g_propagate_error (error, g_steal_pointer (&wrong));
  return false;
}

static void
on_changed (BonsaiOrganiseDialog *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *group = NULL;
  g_auto (GStrv) tags = NULL;
  bool right = read_entries (self, &group, &tags, &error);

  gtk_label_set_text (self->problem_label, right ? "" : error->message);
  gtk_widget_set_visible (GTK_WIDGET (self->problem_label), !right);
  gtk_widget_set_sensitive (self->apply_button, right);
}

static void
on_apply (BonsaiOrganiseDialog *self)
{
  g_autofree char *group = NULL;
  g_auto (GStrv) tags = NULL;

  if (!read_entries (self, &group, &tags, NULL))
    return;
  bool move = g_strcmp0 (group, self->group) != 0;
  for (guint i = 0; i < self->vms->len; i++)
    apply_to (self, g_ptr_array_index (self->vms, i), move, group, (const char *const *)tags);
  gtk_window_close (GTK_WINDOW (self));
}

static void
on_group_picked (AdwActionRow *row, BonsaiOrganiseDialog *self)
{
  gtk_editable_set_text (GTK_EDITABLE (self->group_row), g_object_get_data (G_OBJECT (row), "group"));
}

static void
add_group (BonsaiOrganiseDialog *self, const char *title, const char *group)
{
  GtkWidget *row = adw_action_row_new ();

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
  g_object_set_data_full (G_OBJECT (row), "group", g_strdup (group), g_free);
  g_signal_connect_object (row, "activated", G_CALLBACK (on_group_picked), self, 0);
  adw_preferences_group_add (self->groups, row);
}

static void
bonsai_organise_dialog_finalize (GObject *object)
{
  BonsaiOrganiseDialog *self = BONSAI_ORGANISE_DIALOG (object);

  g_clear_pointer (&self->vms, g_ptr_array_unref);
  g_strfreev (self->common);
  g_free (self->group);
  G_OBJECT_CLASS (bonsai_organise_dialog_parent_class)->finalize (object);
}

static void
bonsai_organise_dialog_class_init (BonsaiOrganiseDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = bonsai_organise_dialog_finalize;
  g_type_ensure (BONSAI_TYPE_SPARE_TITLE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/organise-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiOrganiseDialog, apply_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOrganiseDialog, group_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOrganiseDialog, tags_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOrganiseDialog, problem_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOrganiseDialog, groups);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_apply);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
bonsai_organise_dialog_init (BonsaiOrganiseDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
organise_dialog_show (GtkWindow *parent, BonsaiLibrary *library, GPtrArray *vms)
{
  BonsaiOrganiseDialog *self = g_object_new (BONSAI_TYPE_ORGANISE_DIALOG, "transient-for", parent, NULL);
  g_autoptr (BonsaiLibraryTree) tree = bonsai_library_tree_new (library);
  g_auto (GStrv) groups = bonsai_library_tree_list_groups (tree);

  self->vms = g_ptr_array_ref (vms);
  look (self);
  g_autofree char *tags = vm_tags_format ((const char *const *)self->common);
  gtk_editable_set_text (GTK_EDITABLE (self->group_row), self->group ? self->group : "");
  gtk_editable_set_text (GTK_EDITABLE (self->tags_row), tags);
  add_group (self, _ ("None"), "");
  for (unsigned i = 0; groups[i]; i++)
    add_group (self, groups[i], groups[i]);
  gtk_widget_set_visible (GTK_WIDGET (self->groups), groups[0] != NULL);
  gtk_widget_grab_focus (GTK_WIDGET (self->group_row));
  gtk_window_present (GTK_WINDOW (self));
}
