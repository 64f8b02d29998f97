/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/host-time.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* What hosts write often: at shutdown and log-in, and whenever the clock is synchronised. */
static const char *const system_files[] = { "/var/lib/systemd/timesync/clock", "/var/log/wtmp",
                                            "/var/log/journal", "/var/log/syslog" };
static const char *const bundle_folders[] = { "", "disks", "log", "workspace" };

typedef struct {
  int64_t latest;
  char *path;
} Witness;

static void
ask (Witness *witness, const char *path)
{
  struct stat st;

  if (lstat (path, &st) < 0 || st.st_ctim.tv_sec <= witness->latest)
    return;
  witness->latest = st.st_ctim.tv_sec;
  g_free (witness->path);
  witness->path = g_strdup (path);
}

static void
ask_folder (Witness *witness, const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  ask (witness, folder);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      ask (witness, path);
    }
}

static int64_t
read_clock (clockid_t clock)
{
  struct timespec now = { 0 };

  clock_gettime (clock, &now);
  return now.tv_sec;
}

void
host_time_read (const char *bundle, HostTime *time, char **witness)
{
  g_autofree char *boot_id = NULL;
  Witness found = { 0 };

  for (unsigned i = 0; i < G_N_ELEMENTS (bundle_folders); i++)
    {
      g_autofree char *folder = g_build_filename (bundle, bundle_folders[i], NULL);

      ask_folder (&found, folder);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (system_files); i++)
    ask (&found, system_files[i]);
  *time = (HostTime){ .wall = read_clock (CLOCK_REALTIME),
                      .boottime = read_clock (CLOCK_BOOTTIME),
                      .evidence = found.latest };
  if (g_file_get_contents ("/proc/sys/kernel/random/boot_id", &boot_id, NULL, NULL))
    g_strlcpy (time->boot_id, g_strstrip (boot_id), sizeof time->boot_id);
  if (witness != NULL)
    *witness = g_steal_pointer (&found.path);
  g_free (found.path);
}
