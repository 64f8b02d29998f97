/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of a machine by itself: the parts of its policy that need no rule to be written. */
#include "ui/base/i18n.h"
#include "ui/machine/settings-section.h"

#include <string.h>

/* A part of the policy as people choose it. @value: what stands there, as JSON; NULL: nothing does. */
typedef struct {
  const char *label, *value;
} Choice;

typedef struct {
  const char *member, *title, *subtitle;
  Choice choices[6]; /* a label of NULL ends */
} Part;

static const Part parts[] = {
  { "restart",
    N_ ("After a Crash"),
    N_ ("Also when its kernel panics, or its watchdog runs out"),
    { { N_ ("Stay off"), NULL }, { N_ ("Start again, after pauses that grow"), "{}" } } },
  { "start-on-demand",
    N_ ("Start on Demand"),
    N_ ("The first connection to one of its forwarded ports starts or resumes it"),
    { { N_ ("Never"), NULL }, { N_ ("When somebody connects"), "true" } } },
  { "idle-suspend",
    N_ ("Suspend When Idle"),
    N_ ("When it has nothing to do, and no window"),
    { { N_ ("Never"), NULL },
      { N_ ("After a quarter of an hour"), "{\"after\":\"15m\"}" },
      { N_ ("After half an hour"), "{\"after\":\"30m\"}" },
      { N_ ("After an hour"), "{\"after\":\"1h\"}" } } },
  { "cpu-cap",
    N_ ("Processor Time"),
    N_ ("How much of its processors it gets"),
    { { N_ ("All"), NULL },
      { N_ ("Three quarters"), "\"75%\"" },
      { N_ ("Half"), "\"50%\"" },
      { N_ ("A quarter"), "\"25%\"" } } },
};

/* What stands there, without spaces. (transfer full); NULL: nothing */
static char *
value_of (const VmConfig *config, const Part *part)
{
  JsonNode *node = json_object_get_member (config->policy->source, part->member);

  return node != NULL ? json_to_string (node, FALSE) : NULL;
}

static guint
count (const Part *part)
{
  guint n = 0;

  while (n < G_N_ELEMENTS (part->choices) && part->choices[n].label != NULL)
    n++;
  return n;
}

/* The number of choices: none of them, but its own. */
static guint
choice_of (const VmConfig *config, const Part *part)
{
  g_autofree char *value = value_of (config, part);
  guint i = 0;

  while (i < count (part) && g_strcmp0 (part->choices[i].value, value) != 0)
    i++;
  return i;
}

static const Part *
find (const char *member)
{
  guint i = 0;

  while (i + 1 < G_N_ELEMENTS (parts) && !g_str_equal (parts[i].member, member))
    i++;
  return &parts[i];
}

static void
on_chosen (GtkDropDown *choice, GParamSpec *pspec, SettingsSection *section)
{
  const Part *part = find (settings_button_id (choice));
  g_autoptr (VmConfig) config = settings_section_copy (section);
  guint chosen = gtk_drop_down_get_selected (choice);
  g_autoptr (VmPolicy) policy = NULL;
  const char *value;

  if (config == NULL || chosen >= count (part) || choice_of (config, part) == chosen)
    return;
  value = part->choices[chosen].value;
  policy = vm_policy_with (config->policy, part->member,
                           value != NULL ? json_from_string (value, NULL) : NULL, NULL);
  if (policy == NULL)
    return;
  vm_config_set_policy (config, policy);
  settings_section_apply (section, config);
}

static void
add_part (SettingsSection *section, const VmConfig *config, const Part *part)
{
  GtkStringList *labels = gtk_string_list_new (NULL);
  guint chosen = choice_of (config, part);

  for (guint i = 0; i < count (part); i++)
    gtk_string_list_append (labels, _ (part->choices[i].label));
  if (chosen == count (part))
    gtk_string_list_append (labels, _ ("As its policy says"));
  settings_section_add_choice (section, NULL, _ (part->title), _ (part->subtitle), labels, chosen,
                               G_CALLBACK (on_chosen), part->member);
}

static char *
shape (SettingsSection *section, const VmConfig *config)
{
  return vm_policy_to_json (config->policy);
}

static void
fill (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    add_part (section, config, &parts[i]);
}

const SettingsSectionClass settings_rules = { .title = N_ ("By Itself"),
                                              .description =
                                                N_ ("Rules of its own are given by “bonsai policy”"),
                                              .fill = fill,
                                              .shape = shape };
