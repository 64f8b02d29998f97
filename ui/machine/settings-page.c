/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/settings-page.h"

#include "ui/base/i18n.h"
#include "ui/machine/config-view.h"
#include "ui/machine/settings-section.h"

struct _BonsaiSettingsPage {
  AdwBin parent;
  BonsaiVm *vm;        /* or NULL */
  GPtrArray *sections; /* of SettingsSection; empty until they are looked at */
};

G_DEFINE_FINAL_TYPE (BonsaiSettingsPage, bonsai_settings_page, ADW_TYPE_BIN)

static const SettingsSectionClass *const classes[] = {
  &settings_general, &settings_processor, &settings_disks,   &settings_drives,
  &settings_network, &settings_usb,       &settings_display, &settings_boot,
  &settings_guest,   &settings_serial,    &settings_policy,  &settings_rules,
};

static void
on_expert (GtkButton *button, BonsaiSettingsPage *self)
{
  config_view_show (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), self->vm);
}

static GtkWidget *
make_expert_group (BonsaiSettingsPage *self)
{
  GtkWidget *group = adw_preferences_group_new (), *row = adw_action_row_new ();
  GtkWidget *button = gtk_button_new_with_mnemonic (_ ("_Edit…"));

  adw_preferences_group_set_title (ADW_PREFERENCES_GROUP (group), _ ("For Experts"));
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ ("Description"));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), _ ("All settings as a text, vm.json"));
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_expert), self, 0);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), button);
  adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), row);
  return group;
}

static void
clear (BonsaiSettingsPage *self)
{
  g_ptr_array_set_size (self->sections, 0);
  adw_bin_set_child (ADW_BIN (self), NULL);
}

static void
fill (BonsaiSettingsPage *self)
{
  GtkWidget *page;

  if (!self->vm || self->sections->len > 0 || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  page = adw_preferences_page_new ();
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    {
      SettingsSection *section = settings_section_new (classes[i], self->vm);

      g_ptr_array_add (self->sections, section);
      adw_preferences_page_add (ADW_PREFERENCES_PAGE (page), settings_section_get_group (section));
    }
  adw_preferences_page_add (ADW_PREFERENCES_PAGE (page), ADW_PREFERENCES_GROUP (make_expert_group (self)));
  adw_bin_set_child (ADW_BIN (self), page);
}

static void
update (BonsaiSettingsPage *self)
{
  for (guint i = 0; i < self->sections->len; i++)
    settings_section_update (g_ptr_array_index (self->sections, i));
}

void
bonsai_settings_page_set_vm (BonsaiSettingsPage *self, BonsaiVm *vm)
{
  clear (self);
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify::config", G_CALLBACK (update), self);
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (update), self);
  g_signal_connect_swapped (vm, "notify::session", G_CALLBACK (update), self);
  fill (self);
}

static void
bonsai_settings_page_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_settings_page_parent_class)->map (widget);
  fill (BONSAI_SETTINGS_PAGE (widget));
}

static void
bonsai_settings_page_dispose (GObject *object)
{
  BonsaiSettingsPage *self = BONSAI_SETTINGS_PAGE (object);

  if (self->vm)
    bonsai_settings_page_set_vm (self, NULL);
  G_OBJECT_CLASS (bonsai_settings_page_parent_class)->dispose (object);
}

static void
bonsai_settings_page_finalize (GObject *object)
{
  g_ptr_array_unref (BONSAI_SETTINGS_PAGE (object)->sections);
  G_OBJECT_CLASS (bonsai_settings_page_parent_class)->finalize (object);
}

static void
bonsai_settings_page_class_init (BonsaiSettingsPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_settings_page_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_settings_page_finalize;
  GTK_WIDGET_CLASS (klass)->map = bonsai_settings_page_map;
}

static void
bonsai_settings_page_init (BonsaiSettingsPage *self)
{
  self->sections = g_ptr_array_new_with_free_func ((GDestroyNotify)settings_section_free);
}
