/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/capacity/host-room.h"

#include "app/bundle/bundle.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KSM_FOLDER "/sys/kernel/mm/ksm"

/* --- memory --- */

HostMemory
host_room_read_memory (void)
{
  HostMemory memory = { 0 };
  const struct {
    const char *name;
    uint64_t *value;
  } wanted[] = { { "MemTotal:", &memory.total },
                 { "MemAvailable:", &memory.available },
                 { "SwapFree:", &memory.swap_free } };
  g_autofree char *text = NULL;

  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return memory;
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      const char *at = strstr (text, wanted[i].name);

      if (at != NULL)
        *wanted[i].value = g_ascii_strtoull (at + strlen (wanted[i].name), NULL, 10) << 10;
    }
  return memory;
}

/* --- neighbours --- */

/* proc(5): the second number of statm, pages. */
static uint64_t
resident_of (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/statm", pid), *text = NULL;
  unsigned long long pages = 0;

  if (!g_file_get_contents (path, &text, NULL, NULL) || sscanf (text, "%*u %llu", &pages) != 1)
    return 0;
  return (uint64_t)pages * (uint64_t)sysconf (_SC_PAGESIZE);
}

static void
clear_neighbour (gpointer data)
{
  g_free (((Neighbour *)data)->name);
}

static void
add_if_running (GArray *neighbours, const char *path)
{
  int pid = bundle_lock_holder (path);
  g_auto (BundleRun) run = { 0 };
  g_autoptr (VmConfig) config = NULL;
  Neighbour one;

  if (pid == 0)
    return;
  bundle_read_run (path, &run);
  config = bonsai_state_is_alive (run.state) ? bundle_load (path, NULL) : NULL;
  if (config == NULL)
    return;
  one = (Neighbour){ g_strdup (config->name), config->cpus, config->memory, pid > 0 ? resident_of (pid) : 0 };
  g_array_append_val (neighbours, one);
}

GArray *
host_room_find_neighbours (const char *library, const char *but)
{
  GArray *neighbours = g_array_new (FALSE, FALSE, sizeof (Neighbour));
  g_autoptr (GDir) folder = g_dir_open (library, 0, NULL);
  const char *name;

  g_array_set_clear_func (neighbours, clear_neighbour);
  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (library, name, NULL);

      if (g_str_has_suffix (name, ".bonsai") && g_strcmp0 (path, but) != 0)
        add_if_running (neighbours, path);
    }
  return neighbours;
}

/* --- merging --- */

static uint64_t
read_number (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? g_ascii_strtoull (text, NULL, 10) : 0;
}

KsmState
host_room_read_ksm (const char *folder)
{
  if (folder == NULL)
    folder = KSM_FOLDER;
  return (KsmState){ .exists = g_file_test (folder, G_FILE_TEST_IS_DIR),
                     .runs = read_number (folder, "run") == 1,
                     .saved = read_number (folder, "pages_sharing") * (uint64_t)sysconf (_SC_PAGESIZE) };
}
