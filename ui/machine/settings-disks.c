/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/disk/disk-report.h"
#include "ui/base/i18n.h"
#include "ui/base/rows.h"
#include "ui/machine/settings-storage.h"

#define GIB     (UINT64_C (1) << 30)
#define MIB     (UINT64_C (1) << 20)
#define MAX_GIB 65536

/* As DiskBus, DiskCache and DiskDiscard. */
static const char *const buses[] = { N_ ("virtio"), N_ ("SATA"), N_ ("SCSI"), N_ ("NVMe"), N_ ("USB"), NULL };
static const char *const caches[] = { N_ ("Write back"), N_ ("Write through"), N_ ("Direct"), N_ ("Unsafe"),
                                      NULL };
static const char *const discards[] = { N_ ("Goes back to this computer"), N_ ("Is ignored"), NULL };

static bool
is_disk (const VmDisk *disk)
{
  return disk->kind != DISK_KIND_CDROM;
}

/* --- limits --- */

static void
on_limited (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingsSection *section = settings_handle_release (data);
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_limit_disk_finish (BONSAI_VM (source), result, &error) && section)
    settings_section_show_error (section, _ ("Can’t Limit the Disk"), error);
}

static void
apply_limits (SettingsSection *section, const char *id, const VmConfig *config)
{
  bonsai_vm_limit_disk_async (settings_section_get_vm (section), id,
                              &vm_config_find_disk (config, id)->options.limits, NULL, on_limited,
                              settings_section_hold (section));
}

/* --- members --- */

static const Setting settings[] = {
  { .owner = SETTING_OF_DISK,
    .type = SETTING_CHOICE,
    .offset = offsetof (VmDisk, bus),
    .labels = buses,
    .title = N_ ("Connection"),
    .subtitle = N_ ("virtio is quickest; guests without a driver for it know SATA") },
  { .owner = SETTING_OF_DISK,
    .type = SETTING_BOOL,
    .offset = offsetof (VmDisk, read_only),
    .title = N_ ("Read-Only"),
    .subtitle = N_ ("The guest can’t write to it") },
  { .owner = SETTING_OF_DISK,
    .type = SETTING_CHOICE,
    .offset = offsetof (VmDisk, options.cache),
    .labels = caches,
    .title = N_ ("Cache"),
    .subtitle = N_ ("Write back is quick and safe; unsafe loses data when this computer does") },
  { .owner = SETTING_OF_DISK,
    .type = SETTING_CHOICE,
    .offset = offsetof (VmDisk, options.discard),
    .labels = discards,
    .title = N_ ("What the Guest Discards"),
    .subtitle = N_ ("Room of deleted files") },
  { .owner = SETTING_OF_DISK,
    .type = SETTING_SIZE,
    .offset = offsetof (VmDisk, options.limits.iops),
    .max = 10000000,
    .step = 100,
    .unit = 1,
    .live = true,
    .apply = apply_limits,
    .title = N_ ("Requests per Second"),
    .subtitle = N_ ("At most; 0: as many as it can") },
  { .owner = SETTING_OF_DISK,
    .type = SETTING_SIZE,
    .offset = offsetof (VmDisk, options.limits.iops_burst),
    .max = 10000000,
    .step = 100,
    .unit = 1,
    .live = true,
    .apply = apply_limits,
    .title = N_ ("Requests at Once"),
    .subtitle = N_ ("After idleness; 0: as many as in a tenth of a second") },
  { .owner = SETTING_OF_DISK,
    .type = SETTING_SIZE,
    .offset = offsetof (VmDisk, options.limits.bytes_per_second),
    .max = 1000000,
    .step = 10,
    .unit = MIB,
    .live = true,
    .apply = apply_limits,
    .title = N_ ("MiB per Second"),
    .subtitle = N_ ("At most; 0: as much as it can") },
  { .owner = SETTING_OF_DISK,
    .type = SETTING_SIZE,
    .offset = offsetof (VmDisk, options.limits.bytes_burst),
    .max = 1000000,
    .step = 10,
    .unit = MIB,
    .live = true,
    .apply = apply_limits,
    .title = N_ ("MiB at Once"),
    .subtitle = N_ ("After idleness; 0: as much as in a tenth of a second") },
  { .owner = SETTING_OF_DISK,
    .type = SETTING_TEXT,
    .offset = offsetof (VmDisk, options.serial),
    .title = N_ ("Serial Number"),
    .subtitle = N_ ("What the guest sees, up to 20 characters; empty: the disk’s name here") },
  { .owner = SETTING_OF_DISK,
    .type = SETTING_TEXT,
    .offset = offsetof (VmDisk, options.secret_file),
    .title = N_ ("Passphrase File"),
    .subtitle = N_ ("Of an encrypted image, readable by you alone; empty: it is asked for at each start") },
};

/* --- what it is --- */

static void
on_looked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (AdwExpanderRow) row = data;
  g_autoptr (GError) error = NULL;
  DiskLook *look = bonsai_vm_look_at_disk_finish (BONSAI_VM (source), result, &error);
  g_autofree char *text = look ? disk_look_text (look) : g_strdup (error->message);
  g_autofree char *markup = g_markup_escape_text (text, -1);
  GtkSpinButton *spin = g_object_get_data (G_OBJECT (row), "size");

  adw_expander_row_set_subtitle (row, markup);
  if (look && spin)
    gtk_spin_button_set_range (spin, (double)((look->size + GIB - 1) / GIB), MAX_GIB);
  if (look)
    disk_look_clear (look);
  g_free (look);
}

/* --- size --- */

static void
on_grown (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (AdwExpanderRow) row = data;
  SettingsSection *section = settings_handle_release (g_object_get_data (G_OBJECT (row), "handle"));
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_grow_disk_finish (BONSAI_VM (source), result, &error))
    bonsai_vm_look_at_disk_async (BONSAI_VM (source), g_object_get_data (G_OBJECT (row), "disk"), NULL,
                                  on_looked, g_object_ref (row));
  else if (section)
    settings_section_show_error (section, _ ("Can’t Make the Disk Larger"), error);
}

static void
on_grow (GtkButton *button, SettingsSection *section)
{
  GtkWidget *row = gtk_widget_get_ancestor (GTK_WIDGET (button), ADW_TYPE_EXPANDER_ROW);
  GtkSpinButton *spin = g_object_get_data (G_OBJECT (row), "size");

  g_object_set_data (G_OBJECT (row), "handle", settings_section_hold (section));
  bonsai_vm_grow_disk_async (settings_section_get_vm (section), settings_button_id (button),
                             (guint64)gtk_spin_button_get_value_as_int (spin) * GIB, NULL, on_grown,
                             g_object_ref (row));
}

static GtkWidget *
add_size_spin (GtkWidget *row, const char *title, int value)
{
  GtkWidget *spin = row_number_new (1, MAX_GIB, 1);

  gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), value);
  gtk_widget_set_valign (spin, GTK_ALIGN_CENTER);
  gtk_accessible_update_property (GTK_ACCESSIBLE (spin), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), spin);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), NULL);
  return spin;
}

/* --- one disk --- */

static void
on_remove (GtkButton *button, SettingsSection *section)
{
  settings_storage_detach (section, settings_button_id (button), _ ("Can’t Remove the Disk"));
}

static void
add_disk (SettingsSection *section, const VmDisk *disk)
{
  GtkWidget *row = settings_section_add_expander (section, disk->id, disk->path ? disk->path : ""), *grow;

  g_object_set_data_full (G_OBJECT (row), "disk", g_strdup (disk->id), g_free);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    settings_section_add (section, row, &settings[i], disk->id);
  if (disk->kind == DISK_KIND_DISK)
    {
      grow = settings_section_add_button (section, row, _ ("GiB"), NULL, _ ("_Grow"), G_CALLBACK (on_grow),
                                          disk->id);
      g_object_set_data (G_OBJECT (row), "size", add_size_spin (grow, _ ("Size of the Disk (GiB)"), 1));
      bonsai_vm_look_at_disk_async (settings_section_get_vm (section), disk->id, NULL, on_looked,
                                    g_object_ref (row));
    }
  settings_section_add_button (section, row, _ ("Remove the Disk"), _ ("Its image stays where it is"),
                               _ ("_Remove"), G_CALLBACK (on_remove), disk->id);
}

/* --- more of them --- */

static void
on_added (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingsSection *section = settings_handle_release (data);
  g_autoptr (GError) error = NULL;
  g_autofree char *id = bonsai_vm_add_disk_finish (BONSAI_VM (source), result, &error);

  if (!id && section)
    settings_section_show_error (section, _ ("Can’t Add a Disk"), error);
}

static void
on_add (GtkButton *button, SettingsSection *section)
{
  GtkSpinButton *spin =
    g_object_get_data (G_OBJECT (gtk_widget_get_ancestor (GTK_WIDGET (button), ADW_TYPE_ACTION_ROW)), "size");

  bonsai_vm_add_disk_async (settings_section_get_vm (section),
                            (guint64)gtk_spin_button_get_value_as_int (spin) * GIB, NULL, on_added,
                            settings_section_hold (section));
}

static void
use_image (SettingsSection *section, const char *path, const char *id)
{
  const DiskSpec disk = { .kind = DISK_KIND_DISK, .path = (char *)path };

  settings_storage_attach (section, &disk, _ ("Can’t Use the Image"));
}

static void
on_add_image (GtkButton *button, SettingsSection *section)
{
  settings_storage_choose (section, _ ("Use a Disk Image"), _ ("_Use"), NULL, use_image, NULL);
}

static char *
shape (SettingsSection *section, const VmConfig *config)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      if (is_disk (disk))
        g_string_append_printf (text, "%s ", disk->id);
    }
  return g_strdup (text->str);
}

static void
fill (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);
  GtkWidget *row;

  for (guint i = 0; i < config->disks->len; i++)
    if (is_disk (g_ptr_array_index (config->disks, i)))
      add_disk (section, g_ptr_array_index (config->disks, i));
  row = settings_section_add_button (section, NULL, _ ("GiB"), NULL, _ ("_Add"), G_CALLBACK (on_add), NULL);
  gtk_accessible_update_property (
    GTK_ACCESSIBLE (adw_action_row_get_activatable_widget (ADW_ACTION_ROW (row))),
    GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Add Disk"), -1);
  g_object_set_data (G_OBJECT (row), "size", add_size_spin (row, _ ("Size of the New Disk (GiB)"), 16));
  settings_section_add_button (section, NULL, _ ("Disk Image"), _ ("One that there is already"),
                               _ ("_Choose…"), G_CALLBACK (on_add_image), NULL);
}

const SettingsSectionClass settings_disks = { .title = N_ ("Disks"),
                                              .description =
                                                N_ ("Can be put in and taken out while the machine runs"),
                                              .fill = fill,
                                              .shape = shape };
