/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/settings-section.h"

#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/rows.h"
#include "ui/machine/setting-binding.h"

struct SettingsHandle {
  gatomicrefcount refs;
  SettingsSection *section; /* NULL: it is gone */
};

struct SettingsSection {
  const SettingsSectionClass *class;
  BonsaiVm *vm;
  AdwPreferencesGroup *group;
  GPtrArray *rows;
  GPtrArray *bindings;
  char *shape;  /* or NULL */
  guint refill; /* a source, or 0 */
  SettingsHandle *handle;
};

/* --- the section as an object --- */

BonsaiVm *
settings_section_get_vm (SettingsSection *section)
{
  return section->vm;
}

AdwPreferencesGroup *
settings_section_get_group (SettingsSection *section)
{
  return section->group;
}

GtkWindow *
settings_section_get_window (SettingsSection *section)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (section->group));

  return GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL;
}

SettingsHandle *
settings_section_hold (SettingsSection *section)
{
  g_atomic_ref_count_inc (&section->handle->refs);
  return section->handle;
}

SettingsSection *
settings_handle_release (SettingsHandle *handle)
{
  SettingsSection *section = handle->section;

  if (g_atomic_ref_count_dec (&handle->refs))
    g_free (handle);
  return section;
}

const VmConfig *
settings_section_get_config (SettingsSection *section)
{
  return bonsai_vm_get_wanted_config (section->vm);
}

VmConfig *
settings_section_copy (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);

  return config ? vm_config_copy (config) : NULL;
}

void
settings_section_show_error (SettingsSection *section, const char *heading, const GError *error)
{
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    error_dialog_show (settings_section_get_window (section), heading, error);
}

static void
on_applied (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingsSection *section = settings_handle_release (data);
  GtkWindow *window = section ? settings_section_get_window (section) : error_dialog_find_parent ();
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_save_finish (BONSAI_VM (source), result, &error))
    return;
  error_dialog_show (window, _ ("Can’t Change the Machine"), error);
  if (section)
    settings_section_update (section);
}

void
settings_section_apply (SettingsSection *section, const VmConfig *config)
{
  bonsai_vm_apply_config_async (section->vm, config, on_applied, settings_section_hold (section));
}

/* --- rows --- */

GtkWidget *
settings_section_add (SettingsSection *section, GtkWidget *parent, const Setting *setting, const char *id)
{
  SettingBinding *binding = setting_binding_new (section, setting, id);
  GtkWidget *row = setting_binding_get_row (binding);

  if (parent)
    adw_expander_row_add_row (ADW_EXPANDER_ROW (parent), row);
  else
    settings_section_add_row (section, row);
  g_ptr_array_add (section->bindings, binding);
  return row;
}

void
settings_section_add_row (SettingsSection *section, GtkWidget *row)
{
  adw_preferences_group_add (section->group, row);
  g_ptr_array_add (section->rows, row);
}

GtkWidget *
settings_section_add_expander (SettingsSection *section, const char *title, const char *subtitle)
{
  GtkWidget *row = adw_expander_row_new ();
  g_autofree char *markup = g_markup_escape_text (subtitle, -1);

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_expander_row_set_subtitle (ADW_EXPANDER_ROW (row), markup);
  settings_section_add_row (section, row);
  return row;
}

GtkWidget *
settings_section_add_button (SettingsSection *section, GtkWidget *parent, const char *title,
                             const char *subtitle, const char *label, GCallback clicked, const char *id)
{
  GtkWidget *row = adw_action_row_new (), *button = gtk_button_new_with_mnemonic (label);

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  if (subtitle)
    row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  g_object_set_data_full (G_OBJECT (button), "setting-id", g_strdup (id), g_free);
  g_signal_connect (button, "clicked", clicked, section);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), button);
  if (parent)
    adw_expander_row_add_row (ADW_EXPANDER_ROW (parent), row);
  else
    settings_section_add_row (section, row);
  return row;
}

GtkWidget *
settings_section_add_choice (SettingsSection *section, GtkWidget *parent, const char *title,
                             const char *subtitle, GtkStringList *labels, guint chosen, GCallback changed,
                             const char *id)
{
  GtkWidget *row = adw_action_row_new (), *choice = row_choice_new (labels);

  gtk_drop_down_set_selected (GTK_DROP_DOWN (choice), chosen);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  gtk_accessible_update_property (GTK_ACCESSIBLE (choice), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  g_object_set_data_full (G_OBJECT (choice), "setting-id", g_strdup (id), g_free);
  g_signal_connect (choice, "notify::selected", changed, section);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), choice);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), choice);
  if (parent)
    adw_expander_row_add_row (ADW_EXPANDER_ROW (parent), row);
  else
    settings_section_add_row (section, row);
  return row;
}

const char *
settings_button_id (gpointer button)
{
  return g_object_get_data (G_OBJECT (button), "setting-id");
}

/* --- the life of a section --- */

static gboolean
fill (gpointer data)
{
  SettingsSection *section = data;
  const VmConfig *config = settings_section_get_config (section);

  section->refill = 0;
  g_ptr_array_set_size (section->bindings, 0);
  for (guint i = 0; i < section->rows->len; i++)
    adw_preferences_group_remove (section->group, g_ptr_array_index (section->rows, i));
  g_ptr_array_set_size (section->rows, 0);
  g_free (section->shape);
  section->shape = section->class->shape && config ? section->class->shape (section, config) : NULL;
  if (config)
    section->class->fill (section);
  gtk_widget_set_visible (GTK_WIDGET (section->group), section->rows->len > 0);
  return G_SOURCE_REMOVE;
}

SettingsSection *
settings_section_new (const SettingsSectionClass *class, BonsaiVm *vm)
{
  SettingsSection *section = g_new0 (SettingsSection, 1);

  section->class = class;
  section->vm = g_object_ref (vm);
  section->group = ADW_PREFERENCES_GROUP (g_object_ref_sink (adw_preferences_group_new ()));
  section->rows = g_ptr_array_new ();
  section->bindings = g_ptr_array_new_with_free_func ((GDestroyNotify)setting_binding_free);
  section->handle = g_new0 (SettingsHandle, 1);
  g_atomic_ref_count_init (&section->handle->refs);
  section->handle->section = section;
  adw_preferences_group_set_title (section->group, _ (class->title));
  if (class->description)
    adw_preferences_group_set_description (section->group, _ (class->description));
  fill (section);
  return section;
}

void
settings_section_free (SettingsSection *section)
{
  g_clear_handle_id (&section->refill, g_source_remove);
  g_ptr_array_unref (section->bindings);
  section->handle->section = NULL;
  settings_handle_release (section->handle);
  g_ptr_array_unref (section->rows);
  g_object_unref (section->group);
  g_object_unref (section->vm);
  g_free (section->shape);
  g_free (section);
}

void
settings_section_update (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);
  g_autofree char *shape = section->class->shape && config ? section->class->shape (section, config) : NULL;

  /* Not at once: one of the rows may be at work. */
  if (section->refill == 0 && (g_strcmp0 (shape, section->shape) != 0 || (config && section->rows->len == 0)))
    section->refill = g_idle_add (fill, section);
  for (guint i = 0; i < section->bindings->len; i++)
    setting_binding_update (g_ptr_array_index (section->bindings, i));
}
