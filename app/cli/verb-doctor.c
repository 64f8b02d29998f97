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
  cli_add_string (builder, "machine", name);
  json_builder_set_member_name (builder, "findings");
  json_builder_begin_array (builder);
  for (guint i = 0; i < findings->len; i++)
    {
      const DoctorFinding *finding = g_ptr_array_index (findings, i);

      json_builder_begin_object (builder);
      cli_add_string (builder, "kind", doctor_kind_names[finding->kind]);
      cli_add_string (builder, "snapshot", finding->node);
      cli_add_string (builder, "path", finding->path);
      cli_add_string (builder, "message", finding->message);
      cli_add_int (builder, "bytes", (gint64)finding->bytes);
      cli_add_bool (builder, "repaired", finding->repaired);
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

static bool
visit_one (Doctor *doctor, BonsaiVm *vm, GError **error)
{
  g_autofree char *bundle = g_strdup (bonsai_vm_get_path (vm)), *name = g_strdup (bonsai_vm_get_name (vm));
  Visit visit = { .bundle = bundle, .how = doctor->how };

  if (!cli_run_task (run_task, &visit, doctor->progress, error))
    return false;
  doctor->status = worst (doctor->status, visit.findings);
  if (doctor->json)
    add_json (doctor->builder, name, visit.findings);
  else
    print_text (name, visit.findings);
  g_ptr_array_unref (visit.findings);
  return true;
}

/* All that can be; who runs, or can't be read, doesn't keep the others waiting. */
static void
visit_all (Doctor *doctor, BonsaiLibrary *library)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);
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
