/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm-settings.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * Settings of a machine, shown as rows. Most are members of its description, and need no code but a Setting
 * that says which; what a person changes is checked, and saved at once. What was refused is told below the
 * row, and not saved.
 *
 * Main thread.
 */
typedef struct SettingsSection SettingsSection;

/* A group of rows. */
typedef struct {
  const char *title;                       /* N_ () */
  const char *description;                 /* N_ (); or NULL */
  void (*fill) (SettingsSection *section); /* adds the rows */
  /* Of what the kind and number of rows depends, as a text: when it changes they are made anew. NULL: never.
   */
  char *(*shape) (SettingsSection *section, const VmConfig *config);
} SettingsSectionClass;

/* settings-*.c */
extern const SettingsSectionClass settings_general, settings_processor, settings_disks, settings_drives,
  settings_network, settings_serial, settings_display, settings_guest, settings_boot, settings_policy,
  settings_rules, settings_usb;

/* A new section, whose group (nullable) (transfer none) is to be shown. */
SettingsSection *settings_section_new (const SettingsSectionClass *class, BonsaiVm *vm);
AdwPreferencesGroup *settings_section_get_group (SettingsSection *section);
void settings_section_free (SettingsSection *section);

/* The description, or what the machine does, has changed. */
void settings_section_update (SettingsSection *section);

/* --- for who fills a section --- */

/* What a member is in memory, and how it is shown. */
typedef enum {
  SETTING_BOOL,   /* a switch */
  SETTING_NUMBER, /* unsigned */
  SETTING_SIZE,   /* uint64_t, in units of @unit */
  SETTING_CHOICE, /* an enum, whose values are numbered as @labels */
  SETTING_TEXT,   /* char *; empty: NULL, unless @needed */
} SettingType;

/* Of what a member is one. */
typedef enum { SETTING_OF_MACHINE, SETTING_OF_DISK, SETTING_OF_NIC, SETTING_OF_SERIAL } SettingOwner;

typedef struct {
  SettingOwner owner;
  SettingType type;
  gsize offset;              /* in the owner */
  const char *title;         /* N_ () */
  const char *subtitle;      /* N_ (): in one line */
  const char *const *labels; /* CHOICE: N_ (); NULL ends */
  double min, max, step;     /* NUMBER, SIZE */
  uint64_t unit;             /* SIZE */
  bool inverted;             /* BOOL: the switch shows the opposite */
  bool needed;               /* TEXT */
  bool live;                 /* what it says is so at once, also while the machine runs */
  void (*complete) (
    VmConfig *config); /* (nullable): fills in what the description leaves out, before it is shown */
  void (*adapt) (
    VmConfig *config); /* (nullable): @config has the new value, and what depends on it follows */
  /* (nullable): instead of saving it: @config has the new value. */
  void (*apply) (SettingsSection *section, const char *id, const VmConfig *config);
} Setting;

/* Adds a row for it to @parent, an AdwExpanderRow; NULL: to the group. @id: of the disk or card; of a serial
 * port its number. */
GtkWidget *settings_section_add (SettingsSection *section, GtkWidget *parent, const Setting *setting,
                                 const char *id);

/* Adds a row. */
void settings_section_add_row (SettingsSection *section, GtkWidget *row);
/* A row that can be opened, with a button that removes what it is about (NULL: none). */
GtkWidget *settings_section_add_expander (SettingsSection *section, const char *title, const char *subtitle);
/* A row with a button. @subtitle: (nullable) */
GtkWidget *settings_section_add_button (SettingsSection *section, GtkWidget *parent, const char *title,
                                        const char *subtitle, const char *label, GCallback clicked,
                                        const char *id);
/* A row with a choice of @labels (transfer full), of which number @chosen is shown. @changed (GtkDropDown *,
 * GParamSpec *, SettingsSection *): another one was chosen. */
GtkWidget *settings_section_add_choice (SettingsSection *section, GtkWidget *parent, const char *title,
                                        const char *subtitle, GtkStringList *labels, guint chosen,
                                        GCallback changed, const char *id);
/* In the callback of a button (GtkButton *, SettingsSection *) or a choice: the id that it was made with. */
const char *settings_button_id (gpointer button);

BonsaiVm *settings_section_get_vm (SettingsSection *section);
GtkWindow *settings_section_get_window (SettingsSection *section);
/* The description as it is, or will be when what is being saved is; NULL if the machine is broken. (transfer none) */
const VmConfig *settings_section_get_config (SettingsSection *section);
/* A copy to be changed; NULL if the machine is broken. (transfer full) */
VmConfig *settings_section_copy (SettingsSection *section);
/* Saves it, or says in a dialog why not, also when the section is gone by then. */
void settings_section_apply (SettingsSection *section, const VmConfig *config);
/* What went wrong, in a dialog; unless it was cancelled. */
void settings_section_show_error (SettingsSection *section, const char *heading, const GError *error);
/* For what is answered later: the section, unless it is gone by then. NULL-safe to unref. */
typedef struct SettingsHandle SettingsHandle;
SettingsHandle *settings_section_hold (SettingsSection *section);
/* (nullable): the section, if it is still there; @handle (transfer full). */
SettingsSection *settings_handle_release (SettingsHandle *handle);

G_END_DECLS
