/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/desktop/notices.h"

#include "app/workspace/lease-notice.h"
#include "ui/base/i18n.h"

#include <stdbool.h>

/* What takes less is watched by whoever began it. */
#define LONG_JOB_US (10 * G_USEC_PER_SEC)

#define KEY_STATE "bonsai-noticed-state"
#define KEY_BEGUN "bonsai-job-begun"

static char *
machine_id (BonsaiVm *vm)
{
  return g_strconcat ("machine-", bonsai_vm_get_uuid (vm), NULL);
}

static bool
is_watched (GtkApplication *application)
{
  GtkWindow *window = gtk_application_get_active_window (application);

  return window && gtk_window_is_active (window);
}

/* (transfer full) */
static GNotification *
machine_notification (BonsaiVm *vm, const char *format, const char *body)
{
  g_autoptr (GString) title = g_string_new (format);
  g_autoptr (GNotification) notification = NULL;

  g_string_replace (title, "%s", bonsai_vm_get_name (vm), 1);
  notification = g_notification_new (title->str);
  if (body && *body)
    g_notification_set_body (notification, body);
  g_notification_set_default_action_and_target (notification, "app.show-vm", "s", bonsai_vm_get_uuid (vm));
  return g_steal_pointer (&notification);
}

void
notices_tell (GApplication *application, BonsaiVm *vm, const char *format, const char *body)
{
  g_autoptr (GNotification) notification = machine_notification (vm, format, body);
  g_autofree char *id = machine_id (vm);

  g_application_send_notification (application, id, notification);
}

/* --- machines --- */

static void
tell_end (GApplication *application, BonsaiVm *vm)
{
  g_autoptr (GNotification) notification =
    machine_notification (vm, _ ("“%s” Ended Unexpectedly"), bonsai_vm_get_state_text (vm));
  g_autofree char *id = machine_id (vm);

  g_notification_set_priority (notification, G_NOTIFICATION_PRIORITY_HIGH);
  g_notification_add_button_with_target (notification, _ ("Start Again"), "app.start-vm", "s",
                                         bonsai_vm_get_uuid (vm));
  g_application_send_notification (application, id, notification);
}

static void
tell_pause (GApplication *application, BonsaiVm *vm)
{
  g_autoptr (GNotification) notification =
    machine_notification (vm, _ ("“%s” Is Paused"), bonsai_vm_get_state_text (vm));
  g_autofree char *id = machine_id (vm);

  g_notification_set_priority (notification, G_NOTIFICATION_PRIORITY_URGENT);
  g_notification_add_button_with_target (notification, _ ("Resume"), "app.resume-vm", "s",
                                         bonsai_vm_get_uuid (vm));
  g_application_send_notification (application, id, notification);
}

static void
on_state (BonsaiVm *vm, GParamSpec *pspec, GApplication *application)
{
  BonsaiState old = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (vm), KEY_STATE));
  BonsaiState state = bonsai_vm_get_state (vm);
  BonsaiReason reason = bonsai_vm_get_reason (vm);

  g_object_set_data (G_OBJECT (vm), KEY_STATE, GUINT_TO_POINTER (state));
  if (old == state || !bonsai_vm_get_uuid (vm))
    return;
  if (state == BONSAI_STATE_CRASHED && bonsai_state_is_alive (old))
    tell_end (application, vm);
  else if (state == BONSAI_STATE_PAUSED && reason != BONSAI_REASON_USER && reason != BONSAI_REASON_NONE)
    tell_pause (application, vm);
  else if (state == BONSAI_STATE_RUNNING || state == BONSAI_STATE_STARTING)
    {
      g_autofree char *id = machine_id (vm);

      g_application_withdraw_notification (application, id);
    }
}

static void
on_machines (GListModel *library, guint position, guint removed, guint added, GApplication *application)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (library, i);

      g_signal_handlers_disconnect_by_func (vm, on_state, application); /* it may only have moved */
      g_object_set_data (G_OBJECT (vm), KEY_STATE, GUINT_TO_POINTER (bonsai_vm_get_state (vm)));
      g_signal_connect_object (vm, "notify::state", G_CALLBACK (on_state), application, 0);
    }
}

void
notices_follow_library (GtkApplication *application, BonsaiLibrary *library)
{
  g_signal_connect_object (library, "items-changed", G_CALLBACK (on_machines), application, 0);
  on_machines (G_LIST_MODEL (library), 0, 0, g_list_model_get_n_items (G_LIST_MODEL (library)),
               G_APPLICATION (application));
}

/* --- workspaces --- */

void
notices_tell_lease (GApplication *application, BonsaiVm *vm)
{
  const LeasePlace place = workspace_place (bonsai_vm_get_path (vm), bonsai_vm_get_uuid (vm));
  bool runs = bonsai_vm_get_session (vm) != NULL;
  g_autoptr (Workspace) workspace = workspace_read (&place, runs, NULL);
  g_autofree char *text = workspace ? lease_describe (workspace) : NULL;
  g_autoptr (GNotification) notification = NULL;
  g_autofree char *id = g_strconcat ("lease-", bonsai_vm_get_uuid (vm), NULL);

  if (!text)
    return;
  notification = machine_notification (vm, _ ("“%s” Expires Soon"), text);
  g_notification_set_priority (notification, G_NOTIFICATION_PRIORITY_HIGH);
  g_notification_add_button_with_target (notification, _ ("Show"), "app.show-vm", "s", bonsai_vm_get_uuid (vm));
  if (runs)
    g_notification_add_button_with_target (notification, _ ("Suspend Now"), "app.suspend-vm", "s",
                                           bonsai_vm_get_uuid (vm));
  g_application_send_notification (application, id, notification);
}

/* --- jobs --- */

static void
on_job_state (BonsaiJob *job, GParamSpec *pspec, GtkApplication *application)
{
  const gint64 *begun = g_object_get_data (G_OBJECT (job), KEY_BEGUN);
  const GError *error = bonsai_job_get_error (job);
  BonsaiJobState state = bonsai_job_get_state (job);
  g_autoptr (GNotification) notification = NULL;

  if ((state != BONSAI_JOB_DONE && state != BONSAI_JOB_FAILED) || is_watched (application)
      || (state == BONSAI_JOB_DONE && g_get_monotonic_time () - *begun < LONG_JOB_US))
    return;
  notification = g_notification_new (bonsai_job_get_title (job));
  g_notification_set_body (notification, error ? error->message : _ ("Done"));
  if (bonsai_job_get_subject (job))
    g_notification_set_default_action_and_target (notification, "app.show-vm", "s",
                                                  bonsai_job_get_subject (job));
  g_application_send_notification (G_APPLICATION (application), NULL, notification);
}

static void
on_jobs (GListModel *jobs, guint position, guint removed, guint added, GtkApplication *application)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (BonsaiJob) job = g_list_model_get_item (jobs, i);
      gint64 now = g_get_monotonic_time ();

      if (g_object_get_data (G_OBJECT (job), KEY_BEGUN))
        continue;
      g_object_set_data_full (G_OBJECT (job), KEY_BEGUN, g_memdup2 (&now, sizeof now), g_free);
      g_signal_connect_object (job, "notify::state", G_CALLBACK (on_job_state), application, 0);
    }
}

void
notices_follow_jobs (GtkApplication *application, BonsaiJobs *jobs)
{
  g_signal_connect_object (jobs, "items-changed", G_CALLBACK (on_jobs), application, 0);
}

/* --- in the background --- */

void
notices_tell_background (GApplication *application, guint n)
{
  g_autofree char *title = NULL;
  g_autoptr (GNotification) notification = NULL;

  if (n == 0)
    {
      g_application_withdraw_notification (application, "background");
      return;
    }
  title = g_strdup_printf (ngettext ("%u Machine Is Still Running", "%u Machines Are Still Running", n), n);
  notification = g_notification_new (title);
  g_notification_set_body (notification, _ ("Opening Bonsai shows the library again."));
  g_notification_set_default_action (notification, "app.show-library");
  g_notification_add_button (notification, _ ("Show Library"), "app.show-library");
  g_application_send_notification (application, "background", notification);
}
