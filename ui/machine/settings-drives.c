/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"
#include "ui/base/rows.h"
#include "ui/machine/settings-storage.h"

/* --- the disc --- */

static void
on_medium_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingsSection *section = settings_handle_release (data);
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_change_medium_finish (BONSAI_VM (source), result, &error) && section)
    settings_section_show_error (section, _ ("Can’t Change the CD"), error);
}

static void
insert (SettingsSection *section, const char *path, const char *drive)
{
  bonsai_vm_change_medium_async (settings_section_get_vm (section), drive, path, FALSE, NULL,
                                 on_medium_changed, settings_section_hold (section));
}

static void
on_insert (GtkButton *button, SettingsSection *section)
{
  GtkFileFilter *filter = gtk_file_filter_new ();

  gtk_file_filter_set_name (filter, _ ("CD images"));
  gtk_file_filter_add_suffix (filter, "iso");
  settings_storage_choose (section, _ ("Insert a CD"), _ ("_Insert"), filter, insert,
                           settings_button_id (button));
}

static void
on_eject (GtkButton *button, SettingsSection *section)
{
  bonsai_vm_change_medium_async (settings_section_get_vm (section), settings_button_id (button), NULL, FALSE,
                                 NULL, on_medium_changed, settings_section_hold (section));
}

/* --- the drive --- */

static void
on_remove (GtkButton *button, SettingsSection *section)
{
  settings_storage_detach (section, settings_button_id (button), _ ("Can’t Remove the Drive"));
}

static void
on_add (GtkButton *button, SettingsSection *section)
{
  const DiskSpec drive = { .kind = DISK_KIND_CDROM, .bus = DISK_BUS_AHCI, .read_only = true };

  settings_storage_attach (section, &drive, _ ("Can’t Add a Drive"));
}

/* --- the section --- */

static bool
is_drive (const VmDisk *disk)
{
  return disk->kind == DISK_KIND_CDROM;
}

static char *
shape (SettingsSection *section, const VmConfig *config)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      if (is_drive (disk))
        g_string_append_printf (text, "%s=%s ", disk->id, disk->path ? disk->path : "");
    }
  return g_strdup (text->str);
}

static void
add_drive (SettingsSection *section, const VmDisk *drive)
{
  GtkWidget *row =
    settings_section_add_expander (section, drive->id, drive->path ? drive->path : _ ("Empty"));

  settings_section_add_button (section, row, _ ("CD"), drive->path ? drive->path : _ ("None is in"),
                               _ ("_Insert…"), G_CALLBACK (on_insert), drive->id);
  if (drive->path)
    settings_section_add_button (section, row, _ ("Eject the CD"), NULL, _ ("_Eject"), G_CALLBACK (on_eject),
                                 drive->id);
  settings_section_add_button (section, row, _ ("Remove the Drive"), NULL, _ ("_Remove"),
                               G_CALLBACK (on_remove), drive->id);
}

static void
fill (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);

  for (guint i = 0; i < config->disks->len; i++)
    if (is_drive (g_ptr_array_index (config->disks, i)))
      add_drive (section, g_ptr_array_index (config->disks, i));
  settings_section_add_button (section, NULL, _ ("CD Drive"), NULL, _ ("_Add CD Drive"), G_CALLBACK (on_add),
                               NULL);
}

const SettingsSectionClass settings_drives = { .title = N_ ("CD Drives"), .fill = fill, .shape = shape };
