/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The library and the desktop: entries in its menu, and what starts at log-in. */
#include "app/library/library.h"

#include "app/desktop/desktop-entries.h"
#include "app/library/library-private.h"
#include "app/vm/program-path.h"

#include <string.h>

/* Files come in bursts, and nobody waits for an entry. */
#define FOLLOW_DELAY_MS 500

typedef struct {
  DesktopEntries *entries;
  char *applications, *autostart, *app, *command;
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;

  desktop_entries_free (work->entries);
  g_free (work->applications);
  g_free (work->autostart);
  g_free (work->app);
  g_free (work->command);
  g_free (work);
}

/* Entries lead to the machines of the library that programs open by themselves. A sandbox's folders aren't
 * the desktop's. */
static bool
is_known_to_desktop (BonsaiLibrary *self)
{
  g_autofree char *usual = g_build_filename (g_get_user_data_dir (), "bonsai", "vms", NULL);

  return g_str_equal (self->folder, usual) && !g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS);
}

/* (nullable): there is nothing to tell */
static Work *
prepare (BonsaiLibrary *self)
{
  g_autofree char *command = is_known_to_desktop (self) ? program_path ("bonsai", NULL) : NULL;
  Work *work;

  if (command == NULL)
    return NULL;
  work = g_new0 (Work, 1);
  work->entries = desktop_entries_new ();
  work->applications = g_build_filename (g_get_user_data_dir (), "applications", NULL);
  work->autostart = g_build_filename (g_get_user_config_dir (), "autostart", NULL);
  work->app = program_path ("bonsai-desktop", NULL);
  work->command = g_steal_pointer (&command);
  for (guint i = 0; i < self->vms->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (self->vms, i);

      desktop_entries_add (work->entries, bonsai_vm_get_path (vm), bonsai_vm_get_config (vm));
    }
  return work;
}

static bool
perform (const Work *work, GError **error)
{
  const DesktopPlaces places = { work->applications, work->autostart, work->app, work->command };

  return desktop_entries_write (work->entries, &places, error);
}

gboolean
bonsai_library_update_desktop (BonsaiLibrary *self, GError **error)
{
  Work *work = prepare (self);
  bool done = work == NULL || perform (work, error);

  g_clear_pointer (&work, work_free);
  return done;
}

/* --- beside the main loop --- */

static void
perform_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;

  if (!perform (data, &error))
    g_message ("%s", error->message);
  g_task_return_boolean (task, TRUE);
}

static gboolean
follow_now (gpointer data)
{
  BonsaiLibrary *self = data;
  g_autoptr (GTask) task = NULL;
  Work *work;

  self->desktop_id = 0;
  work = prepare (self);
  if (work == NULL)
    return G_SOURCE_REMOVE;
  task = g_task_new (self, NULL, NULL, NULL);
  g_task_set_task_data (task, work, work_free);
  g_task_run_in_thread (task, perform_in_thread);
  return G_SOURCE_REMOVE;
}

static void
schedule (BonsaiLibrary *self)
{
  if (self->desktop_id == 0)
    self->desktop_id = g_timeout_add (FOLLOW_DELAY_MS, follow_now, self);
}

static void
on_items_changed (BonsaiLibrary *self, guint position, guint removed, guint added)
{
  for (guint i = position; i < position + added; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (self->vms, i);

      g_signal_handlers_disconnect_by_func (vm, schedule, self); /* it only has another place */
      g_signal_connect_object (vm, "notify::config", G_CALLBACK (schedule), self, G_CONNECT_SWAPPED);
    }
  schedule (self);
}

void
bonsai_library_follow_on_desktop (BonsaiLibrary *self)
{
  g_signal_connect (self, "items-changed", G_CALLBACK (on_items_changed), NULL);
  on_items_changed (self, 0, 0, self->vms->len);
}

/* --- log-in --- */

static int
compare_order (gconstpointer a, gconstpointer b)
{
  const VmConfig *left = bonsai_vm_get_config (*(BonsaiVm *const *)a);
  const VmConfig *right = bonsai_vm_get_config (*(BonsaiVm *const *)b);

  if (left->autostart_order != right->autostart_order)
    return left->autostart_order < right->autostart_order ? -1 : 1;
  return strcmp (left->name, right->name);
}

GPtrArray *
bonsai_library_list_autostart (BonsaiLibrary *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->vms->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (self->vms, i);
      const VmConfig *config = bonsai_vm_get_config (vm);

      if (config != NULL && config->autostart && config->template_state != VM_TEMPLATE_SEALED)
        g_ptr_array_add (list, g_object_ref (vm));
    }
  g_ptr_array_sort (list, compare_order);
  return list;
}
