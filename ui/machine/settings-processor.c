/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-limits.h"
#include "ui/base/i18n.h"
#include "ui/base/rows.h"
#include "ui/machine/settings-section.h"
#include "vmm/kvm/cpu-model.h"
#include "vmm/kvm/cpu-topology.h"

#define MIB (UINT64_C (1) << 20)

/* --- how processors are arranged: their number and the arrangement follow each other --- */

static void
complete_topology (VmConfig *config)
{
  if (config->topology.sockets == 0)
    config->topology = cpu_topology_flat (config->cpus);
}

/* The usual arrangement isn't written down. */
static void
count_processors (VmConfig *config)
{
  CpuTopology flat;

  config->cpus = cpu_topology_count (&config->topology);
  flat = cpu_topology_flat (config->cpus);
  if (config->topology.sockets == flat.sockets && config->topology.threads == flat.threads)
    config->topology = (CpuTopology){ 0 };
}

static void
arrange_processors (VmConfig *config)
{
  if (config->topology.sockets != 0 && cpu_topology_count (&config->topology) != config->cpus)
    config->topology = (CpuTopology){ 0 };
}

#define ARRANGEMENT(member, name, what)                                                                      \
  {                                                                                                          \
    .owner = SETTING_OF_MACHINE, .type = SETTING_NUMBER, .offset = offsetof (VmConfig, topology.member),     \
    .min = 1, .max = 255, .step = 1, .complete = complete_topology, .adapt = count_processors,               \
    .title = name, .subtitle = what                                                                          \
  }

static const Setting arrangement[] = {
  ARRANGEMENT (sockets, N_ ("Sockets"), N_ ("Chips that the guest sees; some systems are licensed by them")),
  ARRANGEMENT (cores, N_ ("Cores of a Socket"), N_ ("Each is a processor of its own")),
  ARRANGEMENT (threads, N_ ("Threads of a Core"),
               N_ ("Processors that share a core, as with hyper-threading")),
};

/* --- members --- */

static const Setting processors = {
  .owner = SETTING_OF_MACHINE,
  .type = SETTING_NUMBER,
  .offset = offsetof (VmConfig, cpus),
  .min = 1,
  .max = 255,
  .step = 1,
  .adapt = arrange_processors,
  .title = N_ ("Processors"),
  .subtitle = N_ ("How many the guest has; as many as this computer at most"),
};

static const Setting memory = {
  .owner = SETTING_OF_MACHINE,
  .type = SETTING_SIZE,
  .offset = offsetof (VmConfig, memory),
  .min = 1,
  .max = 16777216,
  .step = 64,
  .unit = MIB,
  .title = N_ ("Memory (MiB)"),
  .subtitle = N_ ("What the guest has; this computer gives it as it is used"),
};

static const Setting balloon = {
  .owner = SETTING_OF_MACHINE,
  .type = SETTING_BOOL,
  .offset = offsetof (VmConfig, balloon),
  .title = N_ ("Memory Balloon"),
  .subtitle = N_ ("Memory that the guest frees goes back to this computer"),
};

static const Setting merging = {
  .owner = SETTING_OF_MACHINE,
  .type = SETTING_BOOL,
  .offset = offsetof (VmConfig, merge_memory),
  .title = N_ ("Merge Equal Memory"),
  .subtitle = N_ ("With other machines, if KSM is on here; saves memory where alike guests run"),
};

/* --- the model --- */

/* (transfer full): names, of which "baseline" is there once for each maker. */
static GPtrArray *
model_names (void)
{
  GPtrArray *names = g_ptr_array_new ();

  g_ptr_array_add (names, (gpointer)CPU_MODEL_HOST);
  for (const CpuModel *model = cpu_models; model->name; model++)
    if (!g_ptr_array_find_with_equal_func (names, model->name, g_str_equal, NULL))
      g_ptr_array_add (names, (gpointer)model->name);
  return names;
}

static void
on_model (GtkDropDown *choice, GParamSpec *pspec, SettingsSection *section)
{
  g_autoptr (VmConfig) config = settings_section_copy (section);
  g_autoptr (GPtrArray) names = model_names ();
  const char *name = g_ptr_array_index (names, gtk_drop_down_get_selected (choice));

  if (!config || g_strcmp0 (config->cpu_model ? config->cpu_model : CPU_MODEL_HOST, name) == 0)
    return;
  vm_config_set (&config->cpu_model, g_str_equal (name, CPU_MODEL_HOST) ? NULL : name);
  settings_section_apply (section, config);
}

static void
add_model (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);
  GtkStringList *labels = gtk_string_list_new (NULL);
  g_autoptr (GPtrArray) names = model_names ();
  guint chosen = 0;

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      gtk_string_list_append (labels, i == 0 ? _ ("This computer’s") : name);
      if (g_strcmp0 (config->cpu_model, name) == 0)
        chosen = i;
    }
  settings_section_add_choice (
    section, NULL, _ ("Processor Model"),
    _ ("For a machine that moves between computers: “baseline”, or one that all have"), labels, chosen,
    G_CALLBACK (on_model), NULL);
}

/* --- while it runs --- */

static void
on_memory_set (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingsSection *section = settings_handle_release (data);
  g_autoptr (GError) error = NULL;

  if (!bonsai_session_set_memory_finish (BONSAI_SESSION (source), result, &error) && section)
    settings_section_show_error (section, _ ("Can’t Change the Guest’s Memory"), error);
}

static void
on_memory_now (GtkSpinButton *spin, SettingsSection *section)
{
  BonsaiSession *session = bonsai_vm_get_session (settings_section_get_vm (section));

  if (session)
    bonsai_session_set_memory_async (session, (uint64_t)gtk_spin_button_get_value (spin) * MIB, NULL,
                                     on_memory_set, settings_section_hold (section));
}

static void
on_memory_known (GObject *source, GAsyncResult *result, gpointer data)
{
  GtkSpinButton *spin = data;
  g_autoptr (GVariant) answer = bonsai_session_get_memory_finish (BONSAI_SESSION (source), result, NULL);
  guint64 target = 0;
  gpointer section = g_object_get_data (G_OBJECT (spin), "section");

  if (section && answer && g_variant_lookup (answer, "target", "t", &target))
    {
      g_signal_handlers_block_by_func (spin, on_memory_now, section);
      gtk_spin_button_set_value (spin, (double)(target / MIB));
      g_signal_handlers_unblock_by_func (spin, on_memory_now, section);
    }
  g_object_unref (spin);
}

static void
add_memory_now (SettingsSection *section, const VmConfig *config)
{
  BonsaiSession *session = bonsai_vm_get_session (settings_section_get_vm (section));
  double size = (double)(config->memory / MIB);
  GtkWidget *row = adw_action_row_new (), *spin = row_number_new (16, MAX (size, 17), 64);

  gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), size);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ ("Memory for Now (MiB)"));
  row_set_subtitle (ADW_ACTION_ROW (row),
                    _ ("What the guest is asked to make do with until it is switched off"));
  gtk_widget_set_valign (spin, GTK_ALIGN_CENTER);
  gtk_accessible_update_property (GTK_ACCESSIBLE (spin), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Memory for Now (MiB)"), -1);
  g_object_set_data (G_OBJECT (spin), "section", section);
  g_signal_connect (spin, "value-changed", G_CALLBACK (on_memory_now), section);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), spin);
  settings_section_add_row (section, row);
  bonsai_session_get_memory_async (session, NULL, on_memory_known, g_object_ref (spin));
}

/* --- the section --- */

static char *
shape (SettingsSection *section, const VmConfig *config)
{
  bool alive = bonsai_vm_get_session (settings_section_get_vm (section)) != NULL;

  return g_strdup (alive && config->balloon ? "now" : "");
}

static void
fill (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);
  GtkWidget *row;

  settings_section_add (section, NULL, &processors, NULL);
  row = settings_section_add_expander (section, _ ("Arrangement of Processors"),
                                       _ ("Sockets, cores and threads; their number follows"));
  for (guint i = 0; i < G_N_ELEMENTS (arrangement); i++)
    settings_section_add (section, row, &arrangement[i], NULL);
  settings_section_add (section, NULL, &memory, NULL);
  if (bonsai_vm_get_session (settings_section_get_vm (section)) && config->balloon)
    add_memory_now (section, config);
  settings_section_add (section, NULL, &balloon, NULL);
  settings_section_add (section, NULL, &merging, NULL);
  add_model (section);
}

const SettingsSectionClass settings_processor = { .title = N_ ("Processor and Memory"),
                                                  .fill = fill,
                                                  .shape = shape };
