/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/guest-service-private.h"

/* What a guest says of itself, as far as its agent can. */

static const struct {
  const char *command;
  bool (*read) (JsonNode *node, GVariantDict *to, GError **error);
} questions[] = {
  { "guest-get-osinfo", agent_read_os },
  { "guest-get-host-name", agent_read_host_name },
  { "guest-get-timezone", agent_read_zone },
  { "guest-get-users", agent_read_users },
};

static void ask_next (GuestJob *job);

/* What one question has no answer to is left out. */
static void
question_answered (GuestJob *job, JsonNode *node)
{
  if (node != NULL)
    questions[job->step].read (node, &job->result, NULL);
  job->step++;
  ask_next (job);
}

static void
ask_next (GuestJob *job)
{
  while (job->step < G_N_ELEMENTS (questions)
         && !g_strv_contains ((const char *const *)job->commands, questions[job->step].command))
    job->step++;
  if (job->step == G_N_ELEMENTS (questions))
    guest_job_done (job);
  else
    guest_job_try (job, questions[job->step].command, NULL, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL,
                   question_answered);
}

static void
info_answered (GuestJob *job, JsonNode *node)
{
  GError *error = NULL;

  if (!agent_read_info (node, &job->result, &error))
    {
      guest_job_fail (job, error);
      return;
    }
  g_variant_dict_lookup (&job->result, "commands", "^as", &job->commands);
  ask_next (job);
}

void
guest_job_info (GuestJob *job)
{
  guest_job_call (job, "guest-info", NULL, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL, info_answered);
}

static void
interfaces_answered (GuestJob *job, JsonNode *node)
{
  GError *error = NULL;

  if (agent_read_interfaces (node, &job->result, &error))
    guest_job_done (job);
  else
    guest_job_fail (job, error);
}

void
guest_job_addresses (GuestJob *job)
{
  guest_job_call (job, "guest-network-get-interfaces", NULL, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL,
                  interfaces_answered);
}
