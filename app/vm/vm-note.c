/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens to a machine is written into the log of events. */
#include "app/vm/vm-private.h"

#include "app/snapshot/snapshot-diff.h"

#define MAX_DETAIL 600 /* bytes, about */

void
bonsai_vm_note (BonsaiVm *self, const char *kind, const char *detail, const char *cause, const GError *error)
{
  event_log_add (self->events, bonsai_vm_get_uuid (self), bonsai_vm_get_name (self), kind, detail, cause,
                 error);
}

void
bonsai_vm_note_settings (BonsaiVm *self, const VmConfig *before, const VmConfig *now)
{
  g_autoptr (SnapshotDiff) diff = snapshot_diff_new ();
  g_autoptr (GString) text = g_string_new (NULL);

  if (before != NULL)
    snapshot_diff_settings (diff, before, now);
  for (guint i = 0; i < diff->settings->len && text->len < MAX_DETAIL; i++)
    {
      const SnapshotSetting *setting = g_ptr_array_index (diff->settings, i);

      g_string_append_printf (text, "%s%s: %s → %s", i > 0 ? "; " : "", setting->member,
                              setting->from != NULL ? setting->from : "-",
                              setting->to != NULL ? setting->to : "-");
    }
  if (text->len > MAX_DETAIL)
    {
      g_string_truncate (text,
                         (gsize)(g_utf8_find_prev_char (text->str, text->str + MAX_DETAIL) - text->str));
      g_string_append (text, "…");
    }
  if (before == NULL || text->len > 0)
    bonsai_vm_note (self, "settings", text->str, NULL, NULL);
}

void
bonsai_vm_note_pause (BonsaiVm *self)
{
  BonsaiReason reason = bonsai_session_get_reason (self->session);

  if (reason != BONSAI_REASON_NONE && reason != BONSAI_REASON_USER)
    bonsai_vm_note (self, "pause", bonsai_reason_name (reason), bonsai_session_get_message (self->session), NULL);
}

void
bonsai_vm_note_end (BonsaiVm *self)
{
  const BundleRun *run = &self->last_run;
  bool crashed = run->state == BONSAI_STATE_CRASHED;

  bonsai_vm_note (self, crashed ? "crash" : "stop", bonsai_reason_name (run->reason), run->message, NULL);
}
