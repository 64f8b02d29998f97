/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"
#include "ui/base/rows.h"
#include "ui/machine/settings-section.h"

/* As FirmwareKind; Secure Boot isn't there yet. */
static const char *const kinds[] = { N_ ("BIOS"), N_ ("UEFI"), NULL };

static const Setting firmware = {
  .owner = SETTING_OF_MACHINE,
  .type = SETTING_CHOICE,
  .offset = offsetof (VmConfig, firmware),
  .labels = kinds,
  .title = N_ ("Firmware"),
  .subtitle = N_ ("An installed system starts only with the kind it was installed with, as a rule"),
};

static const Setting direct[] = {
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_TEXT,
    .offset = offsetof (VmConfig, kernel),
    .title = N_ ("Kernel"),
    .subtitle = N_ ("Started without firmware; empty: the firmware boots") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_TEXT,
    .offset = offsetof (VmConfig, initrd),
    .title = N_ ("Initial RAM Disk"),
    .subtitle = N_ ("What the kernel starts from") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_TEXT,
    .offset = offsetof (VmConfig, append),
    .title = N_ ("Kernel’s Command Line"),
    .subtitle = N_ ("What the kernel is told") },
};

/* --- order --- */

/* What can be booted, in the order in which it is tried: (transfer full): of char *. @n_tried: (out): cards
 * beyond it aren't tried. */
static GPtrArray *
boot_order (const VmConfig *config, guint *n_tried)
{
  GPtrArray *order = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; config->boot_order && config->boot_order[i]; i++)
    if (vm_config_find_disk (config, config->boot_order[i])
        || vm_config_find_nic (config, config->boot_order[i]))
      g_ptr_array_add (order, g_strdup (config->boot_order[i]));
  for (guint i = 0; i < config->disks->len; i++)
    {
      const char *id = ((VmDisk *)g_ptr_array_index (config->disks, i))->id;
      if (!g_ptr_array_find_with_equal_func (order, id, g_str_equal, NULL))
        g_ptr_array_add (order, g_strdup (id));
    }
  *n_tried = order->len;
  for (guint i = 0; i < config->nics->len; i++)
    {
      const char *id = ((VmNic *)g_ptr_array_index (config->nics, i))->id;
      if (!g_ptr_array_find_with_equal_func (order, id, g_str_equal, NULL))
        g_ptr_array_add (order, g_strdup (id));
    }
  return order;
}

static void
on_earlier (GtkButton *button, SettingsSection *section)
{
  g_autoptr (VmConfig) config = settings_section_copy (section);
  g_autoptr (GPtrArray) order = NULL;
  guint n_tried, place;
  gpointer moved;

  if (!config)
    return;
  order = boot_order (config, &n_tried);
  if (!g_ptr_array_find_with_equal_func (order, settings_button_id (button), g_str_equal, &place)
      || place == 0)
    return;
  /* A card that isn't tried yet becomes the last that is. */
  moved = g_ptr_array_steal_index (order, place);
  g_ptr_array_insert (order, (int)MIN (place - 1, n_tried), moved);
  g_ptr_array_set_size (order, (int)(place >= n_tried ? n_tried + 1 : n_tried));
  g_ptr_array_add (order, NULL);
  g_strfreev (config->boot_order);
  config->boot_order = g_strdupv ((char **)order->pdata);
  settings_section_apply (section, config);
}

static char *
title_of (const VmConfig *config, const char *id)
{
  const VmDisk *disk = vm_config_find_disk (config, id);

  if (!disk)
    return g_strdup_printf (_ ("Network Card %s"), id);
  return g_strdup_printf (disk->kind == DISK_KIND_CDROM ? _ ("CD Drive %s") : _ ("Disk %s"), id);
}

static void
add_order (SettingsSection *section, const VmConfig *config)
{
  guint n_tried;
  g_autoptr (GPtrArray) order = boot_order (config, &n_tried);

  for (guint i = 0; i < order->len; i++)
    {
      const char *id = g_ptr_array_index (order, i);
      g_autofree char *title = title_of (config, id);
      g_autofree char *place =
        i < n_tried ? g_strdup_printf (_ ("Tried as number %u"), i + 1) : g_strdup (_ ("Not tried"));
      GtkWidget *row = adw_action_row_new (), *button = gtk_button_new_from_icon_name ("go-up-symbolic");
      g_autofree char *label = g_strdup_printf (_ ("Try %s Earlier"), title);

      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
      row_set_subtitle (ADW_ACTION_ROW (row), place);
      gtk_widget_set_tooltip_text (button, label);
      gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
      gtk_widget_add_css_class (button, "flat");
      gtk_widget_set_sensitive (button, i > 0);
      g_object_set_data_full (G_OBJECT (button), "setting-id", g_strdup (id), g_free);
      g_signal_connect (button, "clicked", G_CALLBACK (on_earlier), section);
      adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
      settings_section_add_row (section, row);
    }
}

/* --- the section --- */

static char *
shape (SettingsSection *section, const VmConfig *config)
{
  guint n_tried;
  g_autoptr (GPtrArray) order = boot_order (config, &n_tried);
  g_autoptr (GString) text = g_string_new (config->kernel ? "kernel" : "");

  for (guint i = 0; i < order->len; i++)
    g_string_append_printf (text, " %s%s", (char *)g_ptr_array_index (order, i), i < n_tried ? "" : "-");
  return g_strdup (text->str);
}

static void
fill (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);

  if (config->kernel)
    for (guint i = 0; i < G_N_ELEMENTS (direct); i++)
      settings_section_add (section, NULL, &direct[i], NULL);
  else
    {
      settings_section_add (section, NULL, &firmware, NULL);
      add_order (section, config);
      settings_section_add (section, NULL, &direct[0], NULL);
    }
}

const SettingsSectionClass settings_boot = { .title = N_ ("Start"),
                                             .description = N_ ("At next start, if the machine runs now"),
                                             .fill = fill,
                                             .shape = shape };
