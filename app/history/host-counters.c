/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/history/host-counters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512u /* of /proc/diskstats, whatever the disk has */

static char **
read_lines (const char *path)
{
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? g_strsplit (text, "\n", -1) : g_new0 (char *, 1);
}

/* The first line has all processors: user nice system idle iowait irq softirq steal, in ticks. */
static void
read_processors (Counters *counters)
{
  unsigned long long user = 0, nice = 0, system = 0, idle, iowait, irq = 0, softirq = 0, steal = 0;
  g_autofree char *text = NULL;
  long ticks = sysconf (_SC_CLK_TCK);

  if (!g_file_get_contents ("/proc/stat", &text, NULL, NULL))
    return;
  sscanf (text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq,
          &softirq, &steal);
  counters->values[COUNTER_CPU_TIME] =
    (user + nice + system + irq + softirq + steal) * UINT64_C (1000000000) / (uint64_t)MAX (ticks, 1);
}

/* Disks, not what is made of others. */
static bool
is_disk (const char *name)
{
  static const char *const made[] = { "loop", "ram", "dm-", "md", "zram", "sr", "fd", "nbd" };
  g_autofree char *folder = g_build_filename ("/sys/block", name, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (made); i++)
    if (g_str_has_prefix (name, made[i]))
      return false;
  return access (folder, F_OK) == 0; /* partitions are elsewhere */
}

static void
read_disks (Counters *counters)
{
  g_auto (GStrv) lines = read_lines ("/proc/diskstats");

  for (guint i = 0; lines[i] != NULL; i++)
    {
      unsigned long long reads, read, writes, written;
      char name[64];

      if (sscanf (lines[i], "%*u %*u %63s %llu %*u %llu %*u %llu %*u %llu", name, &reads, &read, &writes,
                  &written)
            != 5
          || !is_disk (name))
        continue;
      counters->values[COUNTER_DISK_READS] += reads;
      counters->values[COUNTER_DISK_READ_BYTES] += read * SECTOR;
      counters->values[COUNTER_DISK_WRITES] += writes;
      counters->values[COUNTER_DISK_WRITTEN_BYTES] += written * SECTOR;
    }
}

static void
read_networks (Counters *counters)
{
  g_auto (GStrv) lines = read_lines ("/proc/net/dev");

  for (guint i = 0; lines[i] != NULL; i++)
    {
      unsigned long long received_bytes, received, sent_bytes, sent;
      char *colon = strchr (lines[i], ':');

      if (colon == NULL || g_str_has_prefix (g_strchug (lines[i]), "lo:"))
        continue;
      colon = strchr (lines[i], ':');
      if (sscanf (colon + 1, "%llu %llu %*u %*u %*u %*u %*u %*u %llu %llu", &received_bytes, &received,
                  &sent_bytes, &sent)
          != 4)
        continue;
      counters->values[COUNTER_NET_RECEIVED] += received;
      counters->values[COUNTER_NET_RECEIVED_BYTES] += received_bytes;
      counters->values[COUNTER_NET_SENT] += sent;
      counters->values[COUNTER_NET_SENT_BYTES] += sent_bytes;
    }
}

static void
read_memory (HistoryMemory *memory)
{
  g_auto (GStrv) lines = read_lines ("/proc/meminfo");
  unsigned long long total = 0, available = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      sscanf (lines[i], "MemTotal: %llu kB", &total);
      sscanf (lines[i], "MemAvailable: %llu kB", &available);
    }
  memory->given = memory->used = total > 0 ? (double)(total - MIN (available, total)) * 1024 : NAN;
}

void
host_counters_read (Counters *counters, HistoryMemory *memory)
{
  *counters = (Counters){ { [COUNTER_TIME] = (uint64_t)g_get_monotonic_time () * 1000 } };
  read_processors (counters);
  read_disks (counters);
  read_networks (counters);
  read_memory (memory);
}
