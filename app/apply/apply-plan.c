/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/apply/apply-plan.h"

#include "app/apply/apply-compare.h"
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/bundle/vm-limits.h"
#include "app/disk/disk-look.h"
#include "app/snapshot/clone.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/snapshot/template.h"

#include <string.h>

#define SECTOR 512u

const char *const apply_action_names[] = { "nothing", "create", "change", "remove", NULL };

typedef struct {
  ApplyPlan *plan;
  BonsaiLibrary *library;
  HostReport *host;
  GError **error;
} Planner;

/* --- life --- */

static void
step_free (gpointer data)
{
  ApplyStep *step = data;

  g_clear_object (&step->vm);
  g_clear_pointer (&step->wish, apply_wish_free);
  g_clear_pointer (&step->changes, g_ptr_array_unref);
  g_free (step);
}

void
apply_plan_free (ApplyPlan *plan)
{
  g_ptr_array_unref (plan->steps);
  apply_file_free (plan->file);
  g_free (plan);
}

/* --- errors --- */

/* Puts the place of @pointer in the file in front of the error that there is. Returns: always false. */
static bool
place_error (const Planner *planner, JsonText *text, const char *pointer, GError *cause)
{
  g_autoptr (GError) keep = cause;

  return json_text_set_error (text, pointer, planner->error, keep->message);
}

static bool G_GNUC_PRINTF (3, 4)
  fail (const Planner *planner, const ApplyMachine *machine, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  return json_text_set_error (planner->plan->file->text, machine->pointer, planner->error, message);
}

/* --- files --- */

static char *
pointer_to (const char *list, guint index, const char *member)
{
  return g_strdup_printf ("/%s/%u/%s", list, index, member);
}

/* A file that isn't there now is more likely a slip than a plan. */
static bool
check_file (const Planner *planner, const ApplyWish *wish, const char *pointer, const char *path)
{
  GError *missing = NULL;

  if (path == NULL || !g_path_is_absolute (path) || !json_text_has_place (wish->text, pointer)
      || g_file_test (path, G_FILE_TEST_EXISTS))
    return true;
  g_set_error (&missing, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "there is no file %s", path);
  return place_error (planner, wish->text, pointer, missing);
}

/* An image that there is: what it is by the look of it is recorded now, by its owner's order. */
static bool
look_at_image (const Planner *planner, const ApplyWish *wish, guint index, VmDisk *disk)
{
  g_autofree char *pointer = pointer_to ("disks", index, "path");
  g_auto (DiskLook) look = { 0 };
  GError *cause = NULL;

  if (disk->kind != DISK_KIND_DISK || disk->create > 0 || disk->options.format != NULL
      || !json_text_has_place (wish->text, pointer))
    return true;
  if (!disk_look (&look, disk->path, NULL, &cause))
    return place_error (planner, wish->text, pointer, cause);
  vm_config_set (&disk->options.format, look.format);
  return true;
}

static bool
check_new_size (const Planner *planner, const ApplyWish *wish, const VmDisk *disk)
{
  const ApplyDisk *wanted = apply_wish_find_disk (wish, disk->id);
  g_autofree char *pointer = wanted != NULL ? json_pointer_member (wanted->pointer, "size") : NULL;
  GError *cause = NULL;

  return disk->create == 0 || bundle_check_disk_size (disk->id, disk->create / SECTOR * SECTOR, &cause)
         || place_error (planner, planner->plan->file->text, pointer, cause);
}

static bool
check_files (const Planner *planner, const ApplyWish *wish)
{
  const VmConfig *config = wish->config;

  if (!check_file (planner, wish, "/boot/kernel", config->kernel)
      || !check_file (planner, wish, "/boot/initrd", config->initrd))
    return false;
  for (guint i = 0; i < config->disks->len; i++)
    {
      VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *pointer = pointer_to ("disks", i, "path");

      if (!check_file (planner, wish, pointer, disk->path) || !look_at_image (planner, wish, i, disk)
          || !check_new_size (planner, wish, disk))
        return false;
    }
  return true;
}

/* --- whether it can be --- */

static bool
check_machine (const Planner *planner, const ApplyWish *wish)
{
  g_autoptr (MachineSpec) spec =
    vm_config_to_spec (wish->config, bonsai_library_get_folder (planner->library));
  GError *cause = NULL;

  if (!machine_spec_check (spec, &cause))
    return place_error (planner, wish->text, "", cause);
  if (!vm_limits_check (planner->host, wish->config->memory, 1, &cause))
    return place_error (planner, wish->text, "/memory", cause);
  if (!vm_limits_check (planner->host, wish->config->memory, wish->config->cpus, &cause))
    return place_error (planner, wish->text, "/cpus", cause);
  return check_files (planner, wish);
}

/* --- sizes of disks that there are --- */

static char *
size_text (uint64_t size)
{
  g_autofree char *text = vm_format_size (size);

  return g_strconcat ("\"", text, "\"", NULL);
}

static bool
compare_size (const Planner *planner, ApplyStep *step, ApplyDisk *wanted, uint64_t size)
{
  g_autofree char *from = size_text (size), *to = size_text (wanted->size);
  g_autofree char *member = g_strdup_printf ("disks.%s.size", wanted->id);
  g_autofree char *pointer = json_pointer_member (wanted->pointer, "size"), *message = NULL;

  if (wanted->size / SECTOR == size / SECTOR)
    return true;
  if (wanted->size > size)
    {
      wanted->grows = true;
      apply_add_change (step->changes, member, from, to, false);
      return true;
    }
  message = g_strdup_printf (
    "the disk has %s already, and what lies beyond would be lost; “bonsai disk resize --shrink” does it",
    from);
  return json_text_set_error (planner->plan->file->text, pointer, planner->error, message);
}

/* The image that it is said to have is what it began with, or what it has. */
static bool
check_path (const Planner *planner, const ApplyStep *step, const ApplyDisk *wanted, const VmDisk *disk)
{
  g_autoptr (VmConfig) copy = vm_config_copy (bonsai_vm_get_config (step->vm));
  g_autofree char *pointer = json_pointer_member (wanted->pointer, "path"), *message = NULL;

  if (disk->kind == DISK_KIND_CDROM || wanted->path == NULL || g_strcmp0 (wanted->path, disk->path) == 0)
    return true;
  vm_config_set (&vm_config_find_disk (copy, disk->id)->path, wanted->path);
  if (!snapshot_guard_config (bonsai_vm_get_path (step->vm), copy, NULL))
    return true;
  message =
    g_strdup_printf ("disk %s is %s; give the new one another id, and if this one is to go “state: absent”",
                     disk->id, disk->path);
  return json_text_set_error (planner->plan->file->text, pointer, planner->error, message);
}

static bool
check_sizes (const Planner *planner, ApplyStep *step)
{
  const VmConfig *now = bonsai_vm_get_config (step->vm);

  for (guint i = 0; i < step->wish->disks->len; i++)
    {
      ApplyDisk *wanted = g_ptr_array_index (step->wish->disks, i);
      const VmDisk *disk = wanted->absent ? NULL : vm_config_find_disk (now, wanted->id);
      g_auto (DiskLook) look = { 0 };
      g_autofree char *path = NULL;
      GError *cause = NULL;

      if (disk == NULL)
        continue;
      if (!check_path (planner, step, wanted, disk))
        return false;
      if (wanted->size == 0 || disk->path == NULL)
        continue;
      path = g_path_is_absolute (disk->path) || vm_path_is_uri (disk->path)
               ? g_strdup (disk->path)
               : g_build_filename (bonsai_vm_get_path (step->vm), disk->path, NULL);
      if (!disk_look (&look, path, disk->options.format, &cause))
        return place_error (planner, planner->plan->file->text, wanted->pointer, cause);
      if (!compare_size (planner, step, wanted, look.size))
        return false;
    }
  return true;
}

/* --- steps --- */

/* Disks come and go while it runs, if they can. */
static void
tell_hot_disks (ApplyStep *step)
{
  for (guint i = 0; i < step->changes->len; i++)
    {
      ApplyChange *change = g_ptr_array_index (step->changes, i);
      const char *id =
        g_str_has_prefix (change->member, "disks.") ? change->member + strlen ("disks.") : NULL;
      const VmDisk *disk = id != NULL ? vm_config_find_disk (step->wish->config, id) : NULL;

      if (id != NULL && strchr (id, '.') == NULL && (disk == NULL || apply_wish_is_hot (step->wish, disk)))
        change->at_start = false;
    }
}

static bool
plan_change (const Planner *planner, ApplyStep *step)
{
  const VmConfig *now = bonsai_vm_get_config (step->vm);
  GError *cause = NULL;

  if (now == NULL)
    return fail (planner, step->machine, "“%s” is broken: %s", step->machine->name,
                 bonsai_vm_get_state_text (step->vm));
  step->wish = apply_merge (planner->plan->file, step->machine, now, planner->error);
  if (step->wish == NULL || !check_machine (planner, step->wish))
    return false;
  step->changes = apply_compare (now, step->wish->config, bonsai_vm_get_session (step->vm) != NULL);
  if (!check_sizes (planner, step))
    return false;
  tell_hot_disks (step);
  step->action = step->changes->len > 0 ? APPLY_CHANGE : APPLY_NOTHING;
  return step->action == APPLY_NOTHING
         || template_check_change (bonsai_vm_get_path (step->vm), step->wish->config, &cause)
         || place_error (planner, step->wish->text, "", cause);
}

static bool
plan_create (const Planner *planner, ApplyStep *step)
{
  step->action = APPLY_CREATE;
  step->wish = apply_merge (planner->plan->file, step->machine, NULL, planner->error);
  if (step->wish == NULL || !check_machine (planner, step->wish))
    return false;
  step->changes = apply_compare (NULL, step->wish->config, false);
  for (guint i = 0; i < step->wish->config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (step->wish->config->disks, i);
      g_autofree char *member = g_strdup_printf ("disks.%s.size", disk->id), *size = size_text (disk->create);

      if (disk->create > 0)
        apply_add_change (step->changes, member, NULL, size, false);
    }
  return true;
}

static bool
goes_too (const ApplyFile *file, const char *name)
{
  for (guint i = 0; i < file->machines->len; i++)
    {
      const ApplyMachine *machine = g_ptr_array_index (file->machines, i);

      if (machine->absent && g_str_equal (machine->name, name))
        return true;
    }
  return false;
}

static bool
plan_remove (const Planner *planner, ApplyStep *step)
{
  g_autoptr (GPtrArray) clones = NULL;
  GError *cause = NULL;

  step->changes = g_ptr_array_new ();
  if (step->vm == NULL)
    return true;
  step->action = APPLY_REMOVE;
  if (bonsai_vm_get_session (step->vm) != NULL)
    return fail (planner, step->machine, "“%s” is running; power it off first", step->machine->name);
  clones = clone_list (bonsai_vm_get_path (step->vm), &cause);
  if (clones == NULL)
    return place_error (planner, planner->plan->file->text, step->machine->pointer, cause);
  for (guint i = 0; i < clones->len; i++)
    {
      const CloneRecord *clone = g_ptr_array_index (clones, i);
      BonsaiVm *vm = bonsai_library_find (planner->library, clone->uuid);

      if (vm != NULL && !goes_too (planner->plan->file, bonsai_vm_get_name (vm)))
        return fail (
          planner, step->machine,
          "“%s” can't go alone: the disks of its linked clone “%s” lie on its own; say “state: absent” of "
          "that, too, or make it independent (bonsai disk rebase --no-backing)",
          step->machine->name, bonsai_vm_get_name (vm));
    }
  return true;
}

/* By name only: two machines may not share one. */
static bool
find_machine (const Planner *planner, ApplyStep *step)
{
  GListModel *vms = G_LIST_MODEL (planner->library);

  for (guint i = 0; i < g_list_model_get_n_items (vms); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (vms, i);

      if (!g_str_equal (bonsai_vm_get_name (vm), step->machine->name))
        continue;
      if (step->vm != NULL)
        return fail (planner, step->machine, "there are several machines named “%s”: %s and %s; rename one",
                     step->machine->name, bonsai_vm_get_path (step->vm), bonsai_vm_get_path (vm));
      step->vm = g_steal_pointer (&vm);
    }
  return true;
}

static bool
plan_machine (const Planner *planner, const ApplyMachine *machine)
{
  ApplyStep *step = g_new0 (ApplyStep, 1);
  bool done;

  step->machine = machine;
  g_ptr_array_add (planner->plan->steps, step);
  if (!find_machine (planner, step))
    return false;
  done = machine->absent    ? plan_remove (planner, step)
         : step->vm == NULL ? plan_create (planner, step)
                            : plan_change (planner, step);
  planner->plan->n_due += step->action != APPLY_NOTHING ? 1 : 0;
  return done;
}

ApplyPlan *
apply_plan_new (ApplyFile *file, BonsaiLibrary *library, GError **error)
{
  g_autoptr (ApplyPlan) plan = g_new0 (ApplyPlan, 1);
  g_autoptr (HostReport) host = host_check (NULL);
  const Planner planner = { plan, library, host, error };

  plan->file = file;
  plan->steps = g_ptr_array_new_with_free_func (step_free);
  for (guint i = 0; i < file->machines->len; i++)
    if (!plan_machine (&planner, g_ptr_array_index (file->machines, i)))
      return NULL;
  return g_steal_pointer (&plan);
}
