/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/policy/try-out.h"

#include "app/base/json-add.h"
#include "app/history/history-store.h"
#include "vmm/kvm/host-check.h"

GArray *
policy_try_out (VmPolicy *policy, const VmConfig *config, gint64 from, gint64 to, GError **error)
{
  g_autoptr (HostReport) host = host_check (NULL);
  g_autofree char *history = history_store_path (config->uuid), *of_host = history_store_host_path ();
  const PolicySize size = { config->cpus, g_get_num_processors (), (double)config->memory,
                            (double)host->memory_total };

  return policy_dry_run (policy, history, of_host, &size, from, to, g_get_real_time () / G_USEC_PER_SEC,
                         error);
}

static char *
format_time (gint64 time)
{
  g_autoptr (GDateTime) moment = g_date_time_new_from_unix_utc (time);

  return g_date_time_format_iso8601 (moment);
}

char *
would_fire_to_json (const GArray *found)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < found->len; i++)
    {
      const WouldFire *one = &g_array_index (found, WouldFire, i);
      g_autofree char *time = format_time (one->time);
      g_autofree char *end = one->end != 0 ? format_time (one->end) : NULL;

      json_builder_begin_object (builder);
      json_add_string (builder, "rule", one->rule);
      json_add_string (builder, "time", time);
      json_add_string (builder, "end", end);
      json_add_int (builder, "step", one->step);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  return json_add_finish (builder);
}
