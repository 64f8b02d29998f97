/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/doctor.h"

#include "app/bundle/bundle.h"
#include "app/cli/disk.h"

/* What “bonsai doctor” ends with when something is wrong that it hasn't put right; odd, as errors are even.
 */
enum { DOCTOR_STATUS_LEFTOVERS = 1, DOCTOR_STATUS_BROKEN = 3 };

typedef struct {
  const char *bundle;
  DoctorHow how;
  GPtrArray *findings;
} Visit;

static bool
run_task (const ImageJob *job, gpointer data, GError **error)
{
  Visit *visit = data;
  g_autoptr (BundleLock) lock = NULL;

  visit->how.job = job;
  if (visit->how.repair && (lock = bundle_lock (visit->bundle, error)) == NULL)
    return false;
  visit->findings = doctor_examine (visit->bundle, &visit->how, error);
  return visit->findings != NULL;
}

static int
worst (int status, const GPtrArray *findings)
{
  for (guint i = 0; i < findings->len; i++)
    {
      const DoctorFinding *finding = g_ptr_array_index (findings, i);

      if (finding->kind == DOCTOR_BROKEN)
        status = DOCTOR_STATUS_BROKEN;
      else if (finding->kind == DOCTOR_LEFTOVER && !finding->repaired)
        status = MAX (status, DOCTOR_STATUS_LEFTOVERS);
    }
  return status;
}

static void
print_text (const char *name, const GPtrArray *findings)
{
  if (findings->len == 0)
    g_print ("%s: sound\n", name);
  for (guint i = 0; i < findings->len; i++)
    {
      const DoctorFinding *finding = g_ptr_array_index (findings, i);
      g_autofree char *size = disk_size_short (finding->bytes);

      g_print ("%s: %s: %s%s%s%s%s%s%s\n", name, doctor_kind_names[finding->kind],
               finding->path != NULL ? finding->path : "", finding->path != NULL ? ": " : "",
               finding->message, finding->bytes > 0 ? " (" : "", finding->bytes > 0 ? size : "",
               finding->bytes > 0 ? ")" : "", finding->repaired ? ": put right" : "");
    }
}

static void
add_json (JsonBuilder *builder, const char *name, const GPtrArray *findings)
{
  json_builder_begin_object (builder);
  json_add_string (builder, "machine", name);
  json_builder_set_member_name (builder, "findings");
  json_builder_begin_array (builder);
  for (guint i = 0; i < findings->len; i++)
    {
      const DoctorFinding *finding = g_ptr_array_index (findings, i);

      json_builder_begin_object (builder);
      json_add_string (builder, "kind", doctor_kind_names[finding->kind]);
      json_add_string (builder, "snapshot", finding->node);
      json_add_string (builder, "path", finding->path);
      json_add_string (builder, "message", finding->message);
      json_add_int (builder, "bytes", (gint64)finding->bytes);
      json_add_bool (builder, "repaired", finding->repaired);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

typedef struct {
  DoctorHow how;
  gboolean json, progress;
  JsonBuilder *builder;
  int status;
} Doctor;

/* @name: (nullable): a machine's */
static void
report (Doctor *doctor, const char *name, GPtrArray *findings)
{
  doctor->status = worst (doctor->status, findings);
  if (doctor->json)
    add_json (doctor->builder, name, findings);
  else
    print_text (name != NULL ? name : "The library", findings);
  g_ptr_array_unref (findings);
}

static bool
visit_one (Doctor *doctor, BonsaiVm *vm, GError **error)
{
  g_autofree char *bundle = g_strdup (bonsai_vm_get_path (vm)), *name = g_strdup (bonsai_vm_get_name (vm));
  Visit visit = { .bundle = bundle, .how = doctor->how };

  if (!cli_run_task (run_task, &visit, doctor->progress, error))
    return false;
  report (doctor, name, visit.findings);
  return true;
}

/* How many machines it is a clone of a clone of. */
static guint
depth_of (BonsaiLibrary *library, BonsaiVm *vm)
{
  guint depth = 0, most = g_list_model_get_n_items (G_LIST_MODEL (library));

  while (vm != NULL && depth < most)
    {
      const VmConfig *config = bonsai_vm_get_config (vm);

      vm =
        config != NULL && config->clone_of != NULL ? bonsai_library_find (library, config->clone_of) : NULL;
      depth += vm != NULL;
    }
  return depth;
}

static int
compare_depths (gconstpointer a, gconstpointer b, gpointer library)
{
  return (int)depth_of (library, *(BonsaiVm *const *)b) - (int)depth_of (library, *(BonsaiVm *const *)a);
}

/* Clones first: what is finished there, their origins need no longer. (transfer full): of BonsaiVm */
static GPtrArray *
machines_by_depth (BonsaiLibrary *library)
{
  GPtrArray *machines = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    g_ptr_array_add (machines, g_list_model_get_item (G_LIST_MODEL (library), i));
  g_ptr_array_sort_with_data (machines, compare_depths, library);
  return machines;
}

/* All that can be; who runs, or can't be read, doesn't keep the others waiting. */
static void
visit_all (Doctor *doctor, BonsaiLibrary *library)
{
  g_autoptr (GPtrArray) machines = NULL;
  GPtrArray *unfinished = doctor_examine_library (bonsai_library_get_folder (library), &doctor->how);

  if (unfinished->len > 0)
    report (doctor, NULL, unfinished);
  else
    g_ptr_array_unref (unfinished);
  machines = machines_by_depth (library);
  for (guint i = 0; i < machines->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (machines, i);
      g_autoptr (GError) error = NULL;

      if (visit_one (doctor, vm, &error))
        continue;
      g_printerr ("bonsai: %s: %s\n", bonsai_vm_get_name (vm), error->message);
      doctor->status = EXIT_STATUS_ERROR;
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    }
}

static int
run_doctor (const Verb *verb, int argc, char **argv)
{
  gboolean repair = false, thorough = false;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  Doctor doctor = { .builder = builder };
  const GOptionEntry entries[] = {
    { "repair", 'r', 0, G_OPTION_ARG_NONE, &repair,
      "Remove what is left over, and finish what was interrupted; the machine must be off", NULL },
    { "thorough", 't', 0, G_OPTION_ARG_NONE, &thorough, "Check all sums and all images: reads everything",
      NULL },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &doctor.progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &doctor.json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 0, -1, &status))
    return status;
  doctor.how = (DoctorHow){ .repair = repair, .thorough = thorough };
  library = cli_open_library (&error);
  if (library == NULL)
    return cli_fail (error);
  json_builder_begin_array (builder);
  for (int i = 1; i < argc; i++)
    {
      BonsaiVm *vm = cli_find_vm (library, argv[i], &error);

      if (vm == NULL || !visit_one (&doctor, vm, &error))
        return cli_fail (error);
    }
  if (argc == 1)
    visit_all (&doctor, library);
  json_builder_end_array (builder);
  if (doctor.json)
    cli_print_json (builder);
  return doctor.status;
}

const Verb verb_doctor = { "doctor", "[MACHINE…]",
                           "Look for what is damaged or left over in machines' folders, and put it right",
                           run_doctor };
