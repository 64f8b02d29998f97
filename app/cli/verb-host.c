/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/capacity/host-room.h"
#include "app/library/library.h"
#include "app/host/host-session.h"
#include "vmm/kvm/cpuid.h"
#include "vmm/kvm/host-check.h"

static const char *const kinds[] = {
  [HOST_KVM_NONE] = "none",
  [HOST_KVM_PVM] = "pvm",
  [HOST_KVM_HARDWARE] = "hardware",
};

static const char *const meanings[] = {
  [HOST_KVM_NONE] = "no KVM: no machine can run",
  [HOST_KVM_PVM] = "KVM without VT-x or AMD-V: firmware and boot loaders run, stock kernels don't",
  [HOST_KVM_HARDWARE] = "hardware KVM: everything runs",
};

static const char *const levels[] = {
  [HOST_FINDING_NOTE] = "note",
  [HOST_FINDING_WARNING] = "warning",
  [HOST_FINDING_ERROR] = "error",
};

/* --- what is promised --- */

typedef struct {
  Promises promises;
  KsmState ksm;
} Capacity;

static Capacity
look_at_capacity (void)
{
  g_autoptr (BonsaiLibrary) library = bonsai_library_new (NULL, NULL);
  g_autoptr (GArray) neighbours =
    library != NULL ? host_room_find_neighbours (bonsai_library_get_folder (library), NULL) : NULL;
  Capacity capacity = { .ksm = host_room_read_ksm (NULL) };

  if (neighbours != NULL)
    capacity.promises = promises_sum_up (neighbours);
  return capacity;
}

static void
add_capacity (JsonBuilder *builder, const Capacity *capacity)
{
  json_add_int (builder, "running", capacity->promises.machines);
  json_add_int (builder, "promised-cpus", capacity->promises.cpus);
  json_add_int (builder, "promised-memory", (gint64)capacity->promises.size);
  json_add_int (builder, "claimable-memory", (gint64)capacity->promises.claims);
  json_add_bool (builder, "ksm", capacity->ksm.runs);
  json_add_int (builder, "ksm-saved", (gint64)capacity->ksm.saved);
}

static void
print_capacity (const HostReport *report, const Capacity *capacity)
{
  const Promises *promises = &capacity->promises;
  g_autofree char *size = g_format_size_full (promises->size, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *claims = g_format_size_full (promises->claims, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *saved = g_format_size_full (capacity->ksm.saved, G_FORMAT_SIZE_IEC_UNITS);

  if (promises->machines > 0)
    g_print ("Promised:   %u of %u processors and %s to %u that run, which may still claim %s of it\n",
             promises->cpus, report->n_cpus, size, promises->machines, claims);
  else
    g_print ("Promised:   nothing; no machine runs\n");
  if (capacity->ksm.runs)
    g_print ("Merging:    on (KSM); saves %s\n", saved);
  else if (capacity->ksm.exists)
    g_print ("Merging:    off (KSM); as root: %s\n", HOST_ROOM_KSM_COMMAND);
}

/* --- the report --- */

static void
print_json (const HostReport *report, const Capacity *capacity)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_add_string (builder, "kvm", kinds[report->kind]);
  json_add_string (builder, "cpu-model", report->cpu_model);
  json_add_int (builder, "cpus", report->n_cpus);
  json_add_int (builder, "max-vcpus", report->max_vcpus);
  json_add_int (builder, "memory-total", (gint64)report->memory_total);
  json_add_int (builder, "memory-available", (gint64)report->memory_available);
  add_capacity (builder, capacity);
  json_builder_set_member_name (builder, "findings");
  json_builder_begin_array (builder);
  for (guint i = 0; i < report->findings->len; i++)
    {
      const HostFinding *finding = g_ptr_array_index (report->findings, i);

      json_builder_begin_object (builder);
      json_add_string (builder, "id", finding->id);
      json_add_string (builder, "level", levels[finding->level]);
      json_add_string (builder, "text", finding->text);
      json_add_string (builder, "remedy", finding->remedy);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static void
print_text (const HostReport *report, const Capacity *capacity)
{
  g_autofree char *total = g_format_size_full (report->memory_total, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *available = g_format_size_full (report->memory_available, G_FORMAT_SIZE_IEC_UNITS);

  g_print ("KVM:        %s\n", meanings[report->kind]);
  g_print ("Processor:  %s, %u online; a machine may have %u\n", report->cpu_model, report->n_cpus,
           report->max_vcpus);
  g_print ("Memory:     %s, %s available\n", total, available);
  print_capacity (report, capacity);
  for (guint i = 0; i < report->findings->len; i++)
    {
      const HostFinding *finding = g_ptr_array_index (report->findings, i);

      g_print ("\n%s (%s): %s\n", levels[finding->level], finding->id, finding->text);
      if (finding->remedy != NULL)
        g_print ("    → %s\n", finding->remedy);
    }
}

/* --- processor models --- */

static void
add_model (JsonBuilder *builder, const CpuModelReport *model)
{
  g_auto (GStrv) missing = g_strsplit (model->missing, " ", -1);

  json_builder_begin_object (builder);
  json_add_string (builder, "name", model->name);
  json_add_string (builder, "summary", model->summary);
  json_add_string (builder, "vendor", model->vendor);
  json_add_bool (builder, "runs-here", model->obstacle == NULL);
  json_add_string (builder, "obstacle", model->obstacle);
  json_builder_set_member_name (builder, "missing");
  json_builder_begin_array (builder);
  for (unsigned i = 0; missing[i] != NULL && *missing[i] != '\0'; i++)
    json_builder_add_string_value (builder, missing[i]);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
print_model (const CpuModelReport *model)
{
  g_print ("%-15s %s\n", model->name, model->summary);
  if (model->foreign)
    g_print ("%-15s not here: this host's processor is of another maker\n", "");
  else if (model->obstacle != NULL)
    g_print ("%-15s not here: this host lacks %s\n", "", model->missing);
}

static int
list_models (bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  GError *error = NULL;
  g_autoptr (GPtrArray) models = cpuid_report_models (&error);

  if (models == NULL)
    return cli_fail (error);
  json_builder_begin_array (builder);
  for (guint i = 0; i < models->len; i++)
    {
      if (json)
        add_model (builder, g_ptr_array_index (models, i));
      else
        print_model (g_ptr_array_index (models, i));
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

static int
run_host (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, cpus = false;
  int status;
  const GOptionEntry entries[] = {
    { "cpus", 0, 0, G_OPTION_ARG_NONE, &cpus, "List processor models and whether they run here", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (HostReport) report = NULL;
  Capacity capacity;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  if (cpus)
    return list_models (json);
  report = host_check (NULL);
  host_session_check (report);
  capacity = look_at_capacity ();
  if (json)
    print_json (report, &capacity);
  else
    print_text (report, &capacity);
  return report->kind == HOST_KVM_NONE ? EXIT_STATUS_ERROR : EXIT_STATUS_OK;
}

const Verb verb_host = { "host", "", "Check what this host can run, and say what is missing", run_host };
