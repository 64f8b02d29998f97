/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"
#include "ui/machine/settings-section.h"

/* As VmAtShutdown. */
static const char *const at_shutdown[] = { N_ ("Suspend to disk"), N_ ("Shut the guest down"),
                                           N_ ("Power off"), NULL };

static const Setting settings[] = {
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_CHOICE,
    .offset = offsetof (VmConfig, at_host_shutdown),
    .labels = at_shutdown,
    .live = true,
    .title = N_ ("At Log-Out"),
    .subtitle = N_ ("What becomes of the machine when you log out or the computer shuts down") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_BOOL,
    .offset = offsetof (VmConfig, autostart),
    .live = true,
    .title = N_ ("Start at Log-In"),
    .subtitle = N_ ("Without a window, when you log in") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_NUMBER,
    .offset = offsetof (VmConfig, autostart_order),
    .max = 1000,
    .step = 1,
    .live = true,
    .title = N_ ("Order at Log-In"),
    .subtitle = N_ ("Machines with lower numbers start earlier") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_BOOL,
    .offset = offsetof (VmConfig, launcher),
    .live = true,
    .title = N_ ("In the Menu of Applications"),
    .subtitle = N_ ("The machine can be started from there") },
};

#define KEEP(which, name, what)                                                                              \
  {                                                                                                          \
    .owner = SETTING_OF_MACHINE, .type = SETTING_NUMBER,                                                     \
    .offset = offsetof (VmConfig, schedule.keep[which]), .max = VM_SCHEDULE_MAX_KEEP, .step = 1,             \
    .live = true, .title = name, .subtitle = what                                                            \
  }

static const Setting keep[] = {
  KEEP (VM_KEEP_LAST, N_ ("Newest"), N_ ("So many, whenever they were taken")),
  KEEP (VM_KEEP_HOURLY, N_ ("Hours"), N_ ("The newest of each, for so many hours")),
  KEEP (VM_KEEP_DAILY, N_ ("Days"), N_ ("The newest of each, for so many days")),
  KEEP (VM_KEEP_WEEKLY, N_ ("Weeks"), N_ ("The newest of each, for so many weeks")),
  KEEP (VM_KEEP_MONTHLY, N_ ("Months"), N_ ("The newest of each, for so many months")),
};

static const Setting with_memory = {
  .owner = SETTING_OF_MACHINE,
  .type = SETTING_BOOL,
  .offset = offsetof (VmConfig, schedule.disks_only),
  .inverted = true,
  .live = true,
  .title = N_ ("Snapshots with Memory"),
  .subtitle = N_ ("Going back goes on where the guest was; without it the guest boots, as after a power cut"),
};

/* How often, as people choose it; seconds. */
static const struct {
  unsigned every;
  const char *label;
} choices[] = {
  { 0, N_ ("Never") },
  { 15 * 60, N_ ("Every quarter of an hour") },
  { 3600, N_ ("Every hour") },
  { 6 * 3600, N_ ("Every six hours") },
  { 24 * 3600, N_ ("Every day") },
  { 7 * 24 * 3600, N_ ("Every week") },
};

static guint
choice_of (unsigned every)
{
  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    if (choices[i].every == every)
      return i;
  return G_N_ELEMENTS (choices); /* its own */
}

static void
on_every (GtkDropDown *choice, GParamSpec *pspec, SettingsSection *section)
{
  g_autoptr (VmConfig) config = settings_section_copy (section);
  guint chosen = gtk_drop_down_get_selected (choice);

  if (!config || chosen >= G_N_ELEMENTS (choices) || config->schedule.every == choices[chosen].every)
    return;
  if (config->schedule.every == 0)
    vm_schedule_set_default_keep (&config->schedule);
  config->schedule.every = choices[chosen].every;
  settings_section_apply (section, config);
}

static void
add_schedule (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);
  GtkStringList *labels = gtk_string_list_new (NULL);
  g_autofree char *own = vm_schedule_format_every (config->schedule.every);
  guint chosen = choice_of (config->schedule.every);

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    gtk_string_list_append (labels, _ (choices[i].label));
  if (chosen == G_N_ELEMENTS (choices))
    gtk_string_list_append (labels, own);
  settings_section_add_choice (section, NULL, _ ("Snapshots by the Clock"),
                               _ ("While it runs; old ones go by themselves"), labels, chosen,
                               G_CALLBACK (on_every), NULL);
}

static void
add_schedule_details (SettingsSection *section)
{
  GtkWidget *row =
    settings_section_add_expander (section, _ ("Which of Them Stay"),
                                   _ ("With those that have a name or a note, and those that are needed"));

  for (guint i = 0; i < G_N_ELEMENTS (keep); i++)
    settings_section_add (section, row, &keep[i], NULL);
  settings_section_add (section, NULL, &with_memory, NULL);
}

static char *
shape (SettingsSection *section, const VmConfig *config)
{
  return g_strdup_printf ("%u", config->schedule.every);
}

static void
fill (SettingsSection *section)
{
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    settings_section_add (section, NULL, &settings[i], NULL);
  add_schedule (section);
  if (settings_section_get_config (section)->schedule.every != 0)
    add_schedule_details (section);
}

const SettingsSectionClass settings_policy = { .title = N_ ("Coming and Going"),
                                               .fill = fill,
                                               .shape = shape };
