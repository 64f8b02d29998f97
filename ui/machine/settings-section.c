/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/settings-section.h"

#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/rows.h"

#include <stdlib.h>
#include <string.h>

#define APPLY_MS 400 /* a number that is being turned comes to rest */

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
  bool filling; /* values are shown: it isn't a person who changes them */
};

/* A member and what shows it. */
typedef struct {
  SettingsSection *section;
  const Setting *setting;
  char *id; /* or NULL */
  GtkWidget *row;
  GtkWidget *control;
  guint pending; /* a source, or 0: a change that isn't saved yet */
  char *trouble; /* why the last one was refused; or NULL */
} Binding;

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

VmConfig *
settings_section_copy (SettingsSection *section)
{
  const VmConfig *config = bonsai_vm_get_config (section->vm);

  return config ? vm_config_copy (config) : NULL;
}

void
settings_section_show_error (SettingsSection *section, const char *heading, const GError *error)
{
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    error_dialog_show (settings_section_get_window (section), heading, error);
}

bool
settings_section_apply (SettingsSection *section, const VmConfig *config)
{
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_apply_config (section->vm, config, &error))
    return true;
  settings_section_show_error (section, _ ("Can’t Change the Machine"), error);
  settings_section_update (section);
  return false;
}

/* --- members --- */

/* (nullable): what has the member. */
static void *
owner_in (const Binding *binding, const VmConfig *config)
{
  guint port;

  switch (binding->setting->owner)
    {
    case SETTING_OF_MACHINE:
      return (void *)config;
    case SETTING_OF_DISK:
      return vm_config_find_disk (config, binding->id);
    case SETTING_OF_NIC:
      return vm_config_find_nic (config, binding->id);
    case SETTING_OF_SERIAL:
      port = (guint)atoi (binding->id);
      return port < config->serials->len ? g_ptr_array_index (config->serials, port) : NULL;
    }
  return NULL;
}

#define MEMBER(type, owner, setting) ((type *)(void *)((char *)(owner) + (setting)->offset))

static void
write_member (const Binding *binding, void *owner)
{
  const Setting *setting = binding->setting;
  const char *text;

  switch (setting->type)
    {
    case SETTING_BOOL:
      *MEMBER (bool, owner, setting) =
        gtk_switch_get_active (GTK_SWITCH (binding->control)) != setting->inverted;
      break;
    case SETTING_NUMBER:
      *MEMBER (unsigned, owner, setting) =
        (unsigned)gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (binding->control));
      break;
    case SETTING_SIZE:
      *MEMBER (uint64_t, owner, setting) =
        (uint64_t)gtk_spin_button_get_value (GTK_SPIN_BUTTON (binding->control)) * setting->unit;
      break;
    case SETTING_CHOICE:
      *MEMBER (unsigned, owner, setting) = gtk_drop_down_get_selected (GTK_DROP_DOWN (binding->control));
      break;
    case SETTING_TEXT:
      text = gtk_editable_get_text (GTK_EDITABLE (binding->control));
      vm_config_set (MEMBER (char *, owner, setting), *text != '\0' || setting->needed ? text : NULL);
      break;
    }
}

static void
show_text (GtkEditable *entry, const char *text)
{
  if (g_strcmp0 (gtk_editable_get_text (entry), text ? text : "") != 0)
    gtk_editable_set_text (entry, text ? text : "");
}

static void
read_member (const Binding *binding, void *owner)
{
  const Setting *setting = binding->setting;

  switch (setting->type)
    {
    case SETTING_BOOL:
      gtk_switch_set_active (GTK_SWITCH (binding->control),
                             *MEMBER (bool, owner, setting) != setting->inverted);
      break;
    case SETTING_NUMBER:
      gtk_spin_button_set_value (GTK_SPIN_BUTTON (binding->control), *MEMBER (unsigned, owner, setting));
      break;
    case SETTING_SIZE:
      gtk_spin_button_set_value (GTK_SPIN_BUTTON (binding->control),
                                 (double)(*MEMBER (uint64_t, owner, setting) / setting->unit));
      break;
    case SETTING_CHOICE:
      gtk_drop_down_set_selected (GTK_DROP_DOWN (binding->control), *MEMBER (unsigned, owner, setting));
      break;
    case SETTING_TEXT:
      show_text (GTK_EDITABLE (binding->control), *MEMBER (char *, owner, setting));
      break;
    }
}

/* --- rows --- */

/* What it is about; what is wrong with it; and when it takes effect. */
static void
show_state (const Binding *binding)
{
  const Setting *setting = binding->setting;
  bool later = !setting->live && bonsai_state_is_alive (bonsai_vm_get_state (binding->section->vm));
  g_autoptr (GString) text = g_string_new (binding->trouble ? binding->trouble : _ (setting->subtitle));

  if (later && !binding->trouble)
    g_string_append_printf (text, "\n%s", _ ("At next start"));
  if (ADW_IS_ACTION_ROW (binding->row))
    row_set_subtitle (ADW_ACTION_ROW (binding->row), text->str);
  else
    {
      g_autofree char *title = later || binding->trouble
                                 ? g_strdup_printf ("%s – %s", _ (setting->title),
                                                    binding->trouble ? binding->trouble : _ ("At next start"))
                                 : g_strdup (_ (setting->title));
      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (binding->row), title);
      gtk_widget_set_tooltip_text (binding->row, _ (setting->subtitle));
    }
  if (binding->trouble)
    gtk_widget_add_css_class (binding->row, "error");
  else
    gtk_widget_remove_css_class (binding->row, "error");
}

static void
update_binding (Binding *binding)
{
  const VmConfig *config = bonsai_vm_get_config (binding->section->vm);
  void *owner = config ? owner_in (binding, config) : NULL;

  gtk_widget_set_sensitive (binding->row, owner != NULL);
  show_state (binding);
  if (!owner || binding->pending != 0 || binding->trouble)
    return; /* what somebody is at stays as it is */
  binding->section->filling = true;
  read_member (binding, owner);
  binding->section->filling = false;
}

/* The row says which member it is. */
static const char *
without_member (const char *message)
{
  gsize length = strspn (message, "abcdefghijklmnopqrstuvwxyz0123456789.-[]");

  return length > 0 && g_str_has_prefix (message + length, ": ") ? message + length + 2 : message;
}

static void
save (Binding *binding)
{
  SettingsSection *section = binding->section;
  g_autoptr (VmConfig) config = settings_section_copy (section);
  void *owner = config ? owner_in (binding, config) : NULL;
  g_autoptr (GError) error = NULL;

  g_clear_handle_id (&binding->pending, g_source_remove);
  g_clear_pointer (&binding->trouble, g_free);
  if (!owner)
    return;
  write_member (binding, owner);
  if (binding->setting->apply)
    binding->setting->apply (section, binding->id, config);
  else if (!bonsai_vm_apply_config (section->vm, config, &error))
    binding->trouble = g_strdup (without_member (error->message));
  show_state (binding);
}

static gboolean
on_rest (gpointer data)
{
  Binding *binding = data;

  binding->pending = 0;
  save (binding);
  return G_SOURCE_REMOVE;
}

static void
on_changed (Binding *binding)
{
  if (binding->section->filling)
    return;
  g_clear_handle_id (&binding->pending, g_source_remove);
  binding->pending = g_timeout_add (APPLY_MS, on_rest, binding);
}

static void
on_chosen (Binding *binding)
{
  if (!binding->section->filling)
    save (binding);
}

static void
binding_free (gpointer data)
{
  Binding *binding = data;

  if (binding->pending != 0)
    save (binding);
  g_signal_handlers_disconnect_by_data (binding->control, binding);
  g_object_unref (binding->control);
  g_free (binding->trouble);
  g_free (binding->id);
  g_free (binding);
}

static void
add_control (Binding *binding, GtkWidget *control)
{
  binding->row = adw_action_row_new ();
  binding->control = control;
  gtk_widget_set_valign (control, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (binding->row), control);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (binding->row), control);
  gtk_accessible_update_property (GTK_ACCESSIBLE (control), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ (binding->setting->title), -1);
}

static GtkWidget *
make_choice (const Setting *setting)
{
  GtkStringList *labels = gtk_string_list_new (NULL);

  for (guint i = 0; setting->labels[i]; i++)
    gtk_string_list_append (labels, _ (setting->labels[i]));
  return row_choice_new (labels);
}

static void
make_row (Binding *binding)
{
  const Setting *setting = binding->setting;

  switch (setting->type)
    {
    case SETTING_BOOL:
      add_control (binding, gtk_switch_new ());
      g_signal_connect_swapped (binding->control, "notify::active", G_CALLBACK (on_chosen), binding);
      break;
    case SETTING_NUMBER:
    case SETTING_SIZE:
      add_control (binding, row_number_new (setting->min, setting->max, setting->step));
      g_signal_connect_swapped (binding->control, "value-changed", G_CALLBACK (on_changed), binding);
      break;
    case SETTING_CHOICE:
      add_control (binding, make_choice (setting));
      g_signal_connect_swapped (binding->control, "notify::selected", G_CALLBACK (on_chosen), binding);
      break;
    case SETTING_TEXT:
      binding->row = binding->control = adw_entry_row_new ();
      adw_entry_row_set_show_apply_button (ADW_ENTRY_ROW (binding->row), TRUE);
      g_signal_connect_swapped (binding->row, "apply", G_CALLBACK (on_chosen), binding);
      break;
    }
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (binding->row), _ (setting->title));
  g_object_ref (binding->control);
}

GtkWidget *
settings_section_add (SettingsSection *section, GtkWidget *parent, const Setting *setting, const char *id)
{
  Binding *binding = g_new0 (Binding, 1);

  binding->section = section;
  binding->setting = setting;
  binding->id = g_strdup (id);
  section->filling = true;
  make_row (binding);
  section->filling = false;
  if (parent)
    adw_expander_row_add_row (ADW_EXPANDER_ROW (parent), binding->row);
  else
    settings_section_add_row (section, binding->row);
  g_ptr_array_add (section->bindings, binding);
  update_binding (binding);
  return binding->row;
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
  const VmConfig *config = bonsai_vm_get_config (section->vm);

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
  section->bindings = g_ptr_array_new_with_free_func (binding_free);
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
  const VmConfig *config = bonsai_vm_get_config (section->vm);
  g_autofree char *shape = section->class->shape && config ? section->class->shape (section, config) : NULL;

  /* Not at once: one of the rows may be at work. */
  if (section->refill == 0 && (g_strcmp0 (shape, section->shape) != 0 || (config && section->rows->len == 0)))
    section->refill = g_idle_add (fill, section);
  for (guint i = 0; i < section->bindings->len; i++)
    update_binding (g_ptr_array_index (section->bindings, i));
}
