/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What passes while no workspace runs; bonsai-workspaces.timer asks for it. */
#include "app/cli/workspace.h"

#include "app/base/error.h"
#include "app/workspace/lease-notice.h"
#include "app/workspace/lease-timer.h"

/* What runs is followed by the process that hosts it. */
static bool
look (BonsaiVm *vm, const VmConfig *config, LeaseStep *step, GError **error)
{
  const LeasePlace place = workspace_place (bonsai_vm_get_path (vm), config->uuid);
  g_autoptr (BundleLock) lock = NULL;

  if (!lease_store_exists (&place))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "it is no workspace");
      return false;
    }
  lock = bundle_lock (bonsai_vm_get_path (vm), error);
  return lock != NULL && workspace_look (&place, false, step, error);
}

static void
tell (JsonBuilder *builder, const char *name, const LeaseStep *step, const GError *error)
{
  const char *state = error != NULL ? "locked" : lease_stage_names[step->record.stage];

  if (builder == NULL)
    {
      g_print ("%s: %s%s%s\n", name, state, error != NULL ? ": " : "", error != NULL ? error->message : "");
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "name", name);
  json_add_string (builder, "state", state);
  json_add_string (builder, "trouble", error != NULL ? error->message : NULL);
  json_builder_end_object (builder);
}

static void
enforce (BonsaiVm *vm, JsonBuilder *builder)
{
  const VmConfig *config = bonsai_vm_get_config (vm);
  g_autoptr (GError) error = NULL;
  LeaseStep step;

  if (config == NULL || bonsai_vm_get_session (vm) != NULL)
    return;
  if (!look (vm, config, &step, &error)
      && (g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND)
          || g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_BUSY)))
    return;
  if (error == NULL && (step.actions & LEASE_WARN) != 0)
    lease_notice_send (config->uuid, true);
  if (error == NULL)
    lease_timer_plan (step.again);
  tell (builder, config->name, &step, error);
}

static int
run_enforce (const Verb *verb, int argc, char **argv)
{
  return cli_tell_machines (verb, argc, argv, NULL, enforce);
}

const Verb verb_workspace_enforce = {
  "workspace enforce", "", "Let time pass for the workspaces that don't run; a timer does so by itself",
  run_enforce
};
