/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include "app/base/error.h"

static bool
take_bytes (const char *option, const char *text, uint64_t *bytes, GError **error)
{
  if (text == NULL)
    return true;
  *bytes = vm_parse_size (text, error);
  if (*bytes == 0)
    g_prefix_error (error, "%s: ", option);
  return *bytes != 0;
}

static int
run_limit (const Verb *verb, int argc, char **argv)
{
  g_autofree char *bytes = NULL, *burst = NULL;
  int iops = 0, iops_burst = 0, status;
  const GOptionEntry entries[] = {
    { "iops", 0, 0, G_OPTION_ARG_INT, &iops, "Requests per second (any number)", "N" },
    { "iops-burst", 0, 0, G_OPTION_ARG_INT, &iops_burst, "So many at once after idleness", "N" },
    { "bps", 0, 0, G_OPTION_ARG_STRING, &bytes, "Bytes per second (any number)", "SIZE" },
    { "bps-burst", 0, 0, G_OPTION_ARG_STRING, &burst, "So many at once after idleness", "SIZE" },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliDisk) disk = { 0 };
  g_auto (CliWait) wait = { 0 };
  ImageLimits limits = { 0 };
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (iops < 0 || iops_burst < 0)
    return cli_usage (verb, "a number of requests can't be negative");
  limits.iops = (uint64_t)iops;
  limits.iops_burst = (uint64_t)iops_burst;
  if (!take_bytes ("--bps", bytes, &limits.bytes_per_second, &error)
      || !take_bytes ("--bps-burst", burst, &limits.bytes_burst, &error)
      || !cli_find_disk (argv[1], &disk, &error))
    return cli_fail (error);
  if (disk.session == NULL)
    {
      g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING,
                   "“%s” is no disk of a machine that runs; limits that last are “limits” in its vm.json",
                   argv[1]);
      return cli_fail (error);
    }
  bonsai_session_change_disk_async (disk.session, disk.drive, 0, &limits, NULL, cli_wait_ready, &wait);
  if (!bonsai_session_change_disk_finish (disk.session, cli_wait (&wait), &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_limit = {
  "disk limit", "MACHINE:DISK",
  "Hold a running machine's disk to a rate, until its end; without options: free it", run_limit
};
