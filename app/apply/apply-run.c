/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/apply/apply-run.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/vm/vm-settings.h"
#include "devices/image/image.h"

#include <errno.h>
#include <string.h>

typedef struct Run Run;

/* What is done with a device of a machine, as its owner would by hand. */
typedef struct {
  void (*begin) (Run *run, const char *id);
  void (*end) (GObject *source, GAsyncResult *result, gpointer run);
  char *id;
} Act;

struct Run {
  GTask *task;
  ApplyPlan *plan;
  BonsaiLibrary *library;
  ApplyToldFunc told;
  gpointer told_data;
  GPtrArray *steps; /* of ApplyStep: what is left to do, the plan's */
  GQueue acts;      /* of Act: of the first of them */
};

static void go_on (Run *run, GError *error);

static void
act_free (gpointer data)
{
  Act *act = data;

  g_free (act->id);
  g_free (act);
}

static void
run_free (gpointer data)
{
  Run *run = data;

  g_queue_clear_full (&run->acts, act_free);
  g_ptr_array_unref (run->steps);
  g_object_unref (run->library);
  g_free (run);
}

static const ApplyStep *
current (const Run *run)
{
  return g_ptr_array_index (run->steps, 0);
}

/* --- new images --- */

/* A name that is taken belongs to an image that somebody may want again. (transfer full) */
static char *
find_unused_path (const char *bundle, const VmDisk *disk)
{
  const char *dot = strrchr (disk->path, '.');

  for (unsigned n = 2;; n++)
    {
      g_autofree char *path =
        n == 2 ? g_strdup (disk->path)
               : g_strdup_printf ("%.*s-%u%s", (int)(dot - disk->path), disk->path, n - 1, dot);
      g_autofree char *whole = g_build_filename (bundle, path, NULL);

      if (!g_file_test (whole, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&path);
    }
}

static bool
make_image (const char *bundle, VmDisk *disk, GError **error)
{
  g_autofree char *path = find_unused_path (bundle, disk), *whole = g_build_filename (bundle, path, NULL);
  g_autofree char *folder = g_path_get_dirname (whole);
  const ImageCreateOptions options = { .format = disk->options.format, .size = disk->create / 512 * 512 };

  vm_config_set (&disk->path, path);
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return bonsai_set_errno_error (error, errno, "Can't create the folder %s", folder);
  return image_create (whole, &options, error);
}

/* --- devices --- */

static void
grow (Run *run, const char *id)
{
  const ApplyStep *step = current (run);
  const ApplyDisk *disk = apply_wish_find_disk (step->wish, id);

  bonsai_vm_grow_disk_async (step->vm, id, disk->size, NULL, ((Act *)g_queue_peek_head (&run->acts))->end,
                             run);
}

static void
attach (Run *run, const char *id)
{
  const ApplyStep *step = current (run);
  VmDisk *disk = vm_config_find_disk (step->wish->config, id);
  const char *bundle = bonsai_vm_get_path (step->vm);
  DiskSpec spec = { .id = disk->id, .kind = disk->kind, .bus = disk->bus, .read_only = disk->read_only };
  g_autofree char *path = NULL;
  GError *error = NULL;

  if (disk->create > 0 && !make_image (bundle, disk, &error))
    {
      go_on (run, error);
      return;
    }
  if (disk->path != NULL)
    path = g_path_is_absolute (disk->path) || vm_path_is_uri (disk->path)
             ? g_strdup (disk->path)
             : g_build_filename (bundle, disk->path, NULL);
  spec.path = path;
  disk_options_copy (&spec.options, &disk->options);
  bonsai_vm_attach_disk_async (step->vm, &spec, !apply_wish_find_disk (step->wish, id)->has_bus, NULL,
                               ((Act *)g_queue_peek_head (&run->acts))->end, run);
  disk_options_clear (&spec.options);
}

static void
detach (Run *run, const char *id)
{
  bonsai_vm_detach_disk_async (current (run)->vm, id, FALSE, NULL,
                               ((Act *)g_queue_peek_head (&run->acts))->end, run);
}

static void
change_medium (Run *run, const char *id)
{
  const VmDisk *disk = vm_config_find_disk (current (run)->wish->config, id);

  bonsai_vm_change_medium_async (current (run)->vm, id, disk->path, FALSE, NULL,
                                 ((Act *)g_queue_peek_head (&run->acts))->end, run);
}

static void
limit (Run *run, const char *id)
{
  const VmDisk *disk = vm_config_find_disk (current (run)->wish->config, id);

  bonsai_vm_limit_disk_async (current (run)->vm, id, &disk->options.limits, NULL,
                              ((Act *)g_queue_peek_head (&run->acts))->end, run);
}

static void
set_link (Run *run, const char *id)
{
  const VmNic *nic = vm_config_find_nic (current (run)->wish->config, id);

  bonsai_vm_set_link_async (current (run)->vm, id, !nic->link_down, NULL,
                            ((Act *)g_queue_peek_head (&run->acts))->end, run);
}

static void
set_forwards (Run *run, const char *id)
{
  const VmNic *nic = vm_config_find_nic (current (run)->wish->config, id);

  bonsai_vm_set_forwards_async (current (run)->vm, id, nic->forwards, NULL,
                                ((Act *)g_queue_peek_head (&run->acts))->end, run);
}

#define DEFINE_END(verb, finish)                                                                             \
  static void verb##_ended (GObject *source, GAsyncResult *result, gpointer run)                             \
  {                                                                                                          \
    GError *error = NULL;                                                                                    \
                                                                                                             \
    finish (BONSAI_VM (source), result, &error);                                                             \
    go_on (run, error);                                                                                      \
  }

DEFINE_END (grow, bonsai_vm_grow_disk_finish)
DEFINE_END (detach, bonsai_vm_detach_disk_finish)
DEFINE_END (change_medium, bonsai_vm_change_medium_finish)
DEFINE_END (limit, bonsai_vm_limit_disk_finish)
DEFINE_END (set_link, bonsai_vm_set_link_finish)
DEFINE_END (set_forwards, bonsai_vm_set_forwards_finish)

static void
attach_ended (GObject *source, GAsyncResult *result, gpointer run)
{
  GError *error = NULL;
  DiskSpec *disk = bonsai_vm_attach_disk_finish (BONSAI_VM (source), result, &error);

  g_clear_pointer (&disk, disk_spec_free);
  go_on (run, error);
}

#define ADD_ACT(run, verb, device) add_act (run, verb, verb##_ended, device)

static void
add_act (Run *run, void (*begin) (Run *run, const char *id), GAsyncReadyCallback end, const char *id)
{
  Act *act = g_new0 (Act, 1);

  *act = (Act){ begin, end, g_strdup (id) };
  g_queue_push_tail (&run->acts, act);
}

static bool
has_other_limits (const VmDisk *one, const VmDisk *other)
{
  const ImageLimits *a = &one->options.limits, *b = &other->options.limits;

  return a->iops != b->iops || a->iops_burst != b->iops_burst || a->bytes_per_second != b->bytes_per_second
         || a->bytes_burst != b->bytes_burst;
}

/* What is done to a machine that runs; of one that doesn't, its description has it. */
static void
add_live_acts (Run *run, const VmConfig *now, const ApplyWish *wish)
{
  for (guint i = 0; i < now->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (now->disks, i),
                   *wanted = vm_config_find_disk (wish->config, disk->id);

      if (wanted == NULL)
        ADD_ACT (run, detach, disk->id);
      else if (disk->kind == DISK_KIND_CDROM && g_strcmp0 (disk->path, wanted->path) != 0)
        ADD_ACT (run, change_medium, disk->id);
      if (wanted != NULL && has_other_limits (disk, wanted))
        ADD_ACT (run, limit, disk->id);
    }
  for (guint i = 0; i < wish->config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (wish->config->disks, i);

      if (vm_config_find_disk (now, disk->id) == NULL && apply_wish_is_hot (wish, disk))
        ADD_ACT (run, attach, disk->id);
    }
  for (guint i = 0; i < wish->config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (wish->config->nics, i),
                  *before = vm_config_find_nic (now, nic->id);

      if (before != NULL && before->link_down != nic->link_down)
        ADD_ACT (run, set_link, nic->id);
      if (before != NULL && !net_forwards_equal (before->forwards, nic->forwards))
        ADD_ACT (run, set_forwards, nic->id);
    }
}

/* --- the description --- */

/* As the file is anew laid over what devices have become. */
static bool
save (const Run *run, const ApplyStep *step, GError **error)
{
  const char *bundle = bonsai_vm_get_path (step->vm);
  g_autoptr (VmConfig) now = bundle_load (bundle, error);
  g_autoptr (ApplyWish) wish = now != NULL ? apply_merge (run->plan->file, step->machine, now, error) : NULL;
  g_autofree char *before = NULL, *after = NULL;

  if (wish == NULL)
    return false;
  for (guint i = 0; i < wish->config->disks->len; i++)
    {
      VmDisk *disk = g_ptr_array_index (wish->config->disks, i);
      const VmDisk *looked_at = vm_config_find_disk (step->wish->config, disk->id);

      if (disk->create > 0 && !make_image (bundle, disk, error))
        return false;
      if (disk->options.format == NULL && looked_at != NULL)
        vm_config_set (&disk->options.format, looked_at->options.format);
    }
  before = vm_config_to_json (now);
  after = vm_config_to_json (wish->config);
  return g_str_equal (before, after) || bonsai_vm_apply_config (step->vm, wish->config, error);
}

/* --- steps --- */

static void
begin_change (Run *run, const ApplyStep *step)
{
  for (guint i = 0; i < step->wish->disks->len; i++)
    {
      const ApplyDisk *disk = g_ptr_array_index (step->wish->disks, i);

      if (disk->grows)
        ADD_ACT (run, grow, disk->id);
    }
  if (bonsai_vm_get_session (step->vm) != NULL)
    add_live_acts (run, bonsai_vm_get_config (step->vm), step->wish);
}

static bool
end_step (const Run *run, const ApplyStep *step, GError **error)
{
  g_autofree char *item = NULL;

  switch (step->action)
    {
    case APPLY_CREATE:
      return bonsai_library_create (run->library, step->wish->config, error) != NULL;
    case APPLY_CHANGE:
      return save (run, step, error);
    default:
      item = bonsai_library_delete (run->library, step->vm, error);
      return item != NULL;
    }
}

static void
conclude (Run *run, GError *error)
{
  g_autoptr (GTask) task = run->task;

  if (error != NULL)
    {
      g_prefix_error (&error, "“%s” is not as the file says yet: ", current (run)->machine->name);
      g_task_return_error (task, error);
    }
  else
    g_task_return_boolean (task, TRUE);
}

/* Begins the next act, or ends the step when there is none. False: all is done, or it waits. */
static bool
do_next (Run *run)
{
  const ApplyStep *step = run->steps->len > 0 ? current (run) : NULL;
  GError *error = NULL;

  if (!g_queue_is_empty (&run->acts))
    {
      const Act *act = g_queue_peek_head (&run->acts);

      act->begin (run, act->id);
      return false;
    }
  if (step == NULL || !end_step (run, step, &error))
    {
      conclude (run, error);
      return false;
    }
  if (run->told != NULL)
    run->told (step, run->told_data);
  g_ptr_array_remove_index (run->steps, 0);
  if (run->steps->len > 0 && current (run)->action == APPLY_CHANGE)
    begin_change (run, current (run));
  return true;
}

/* An act has ended. @error: (nullable) (transfer full) */
static void
go_on (Run *run, GError *error)
{
  act_free (g_queue_pop_head (&run->acts));
  if (error != NULL)
    {
      conclude (run, error);
      return;
    }
  while (do_next (run))
    ;
}

/* Those that go come last, linked clones before what they lie on. (transfer full) */
static GPtrArray *
order (ApplyPlan *plan, BonsaiLibrary *library)
{
  GPtrArray *steps = g_ptr_array_new ();
  g_autoptr (GPtrArray) going = g_ptr_array_new ();

  for (guint i = 0; i < plan->steps->len; i++)
    {
      ApplyStep *step = g_ptr_array_index (plan->steps, i);

      if (step->action == APPLY_REMOVE)
        g_ptr_array_add (going, step->vm);
      else if (step->action != APPLY_NOTHING)
        g_ptr_array_add (steps, step);
    }
  bonsai_library_order_for_delete (library, going);
  for (guint n = 0; n < going->len; n++)
    for (guint i = 0; i < plan->steps->len; i++)
      {
        ApplyStep *step = g_ptr_array_index (plan->steps, i);

        if (step->action == APPLY_REMOVE && step->vm == g_ptr_array_index (going, n))
          g_ptr_array_add (steps, step);
      }
  return steps;
}

void
apply_run_async (ApplyPlan *plan, BonsaiLibrary *library, ApplyToldFunc told, gpointer told_data,
                 GAsyncReadyCallback callback, gpointer data)
{
  Run *run = g_new0 (Run, 1);

  run->task = g_task_new (NULL, NULL, callback, data);
  run->plan = plan;
  run->library = g_object_ref (library);
  run->told = told;
  run->told_data = told_data;
  run->steps = order (plan, library);
  g_task_set_task_data (run->task, run, run_free);
  if (run->steps->len > 0 && current (run)->action == APPLY_CHANGE)
    begin_change (run, current (run));
  while (do_next (run))
    ;
}

gboolean
apply_run_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
