/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/report/reports.h"

#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-tree.h"

#include <sys/stat.h>

#define BLOCK     512u /* of stat.st_blocks */
#define MAX_DEPTH 8

static const ReportColumn columns[] = {
  { "name", "Machine", REPORT_TEXT },
  { "total", "All", REPORT_BYTES },
  { "disks", "Disks", REPORT_BYTES },
  { "snapshots", "Snapshots", REPORT_BYTES },
  { "snapshot-count", "How many", REPORT_NUMBER },
  { "other", "Other", REPORT_BYTES },
  { "place", "Place", REPORT_TEXT },
};

/* --- measuring --- */

typedef struct {
  const VmConfig *config; /* or NULL */
  ReportStorage *storage;
} Walk;

/* @path: in the bundle. */
static bool
is_written_to (const Walk *walk, const char *path)
{
  for (guint i = 0; walk->config != NULL && i < walk->config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (walk->config->disks, i);

      if (g_strcmp0 (disk->path, path) == 0)
        return true;
    }
  return false;
}

static void
add_file (Walk *walk, const char *path, guint64 size)
{
  if (is_written_to (walk, path))
    walk->storage->disks += size;
  else if (g_str_has_prefix (path, "disks/") || g_str_has_prefix (path, SNAPSHOT_FOLDER "/"))
    walk->storage->snapshots += size;
  else
    walk->storage->other += size;
}

static void
walk_folder (Walk *walk, const char *bundle, const char *folder, unsigned depth)
{
  g_autofree char *full = g_build_filename (bundle, folder, NULL);
  g_autoptr (GDir) dir = g_dir_open (full, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = folder[0] != '\0' ? g_build_filename (folder, name, NULL) : g_strdup (name);
      g_autofree char *file = g_build_filename (bundle, path, NULL);
      struct stat info;

      if (lstat (file, &info) < 0)
        continue;
      if (S_ISDIR (info.st_mode) && depth < MAX_DEPTH)
        walk_folder (walk, bundle, path, depth + 1);
      else if (S_ISREG (info.st_mode))
        add_file (walk, path, (guint64)info.st_blocks * BLOCK);
    }
}

ReportStorage *
report_storage_measure (const char *bundle, const char *name, bool deleted)
{
  ReportStorage *storage = g_new0 (ReportStorage, 1);
  g_autoptr (VmConfig) config = bundle_load (bundle, NULL);
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, NULL);
  Walk walk = { config, storage };

  storage->name = g_strdup (name);
  storage->deleted = deleted;
  storage->n_snapshots = tree != NULL ? tree->nodes->len : 0;
  walk_folder (&walk, bundle, "", 0);
  return storage;
}

void
report_storage_free (ReportStorage *storage)
{
  g_free (storage->name);
  g_free (storage);
}

/* --- the table --- */

static guint64
total (const ReportStorage *storage)
{
  return storage->disks + storage->snapshots + storage->other;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  guint64 left = total (*(const ReportStorage *const *)a), right = total (*(const ReportStorage *const *)b);

  return left == right ? 0 : left < right ? 1 : -1;
}

static void
add_row (ReportTable *table, const ReportStorage *storage, const char *place)
{
  report_table_add_text (table, storage->name);
  report_table_add_number (table, (double)total (storage));
  report_table_add_number (table, (double)storage->disks);
  report_table_add_number (table, (double)storage->snapshots);
  report_table_add_number (table, storage->n_snapshots);
  report_table_add_number (table, (double)storage->other);
  report_table_add_text (table, place);
}

ReportTable *
report_storage (const GPtrArray *machines)
{
  ReportTable *table = report_table_new ("Storage", columns, G_N_ELEMENTS (columns));
  g_autoptr (GPtrArray) sorted = g_ptr_array_copy ((GPtrArray *)machines, NULL, NULL);
  ReportStorage sum = { .name = (char *)"All" };

  g_ptr_array_set_free_func (sorted, NULL);
  g_ptr_array_sort (sorted, compare);
  for (guint i = 0; i < sorted->len; i++)
    {
      const ReportStorage *storage = g_ptr_array_index (sorted, i);

      add_row (table, storage, storage->deleted ? "trash" : "library");
      sum.disks += storage->disks;
      sum.snapshots += storage->snapshots;
      sum.other += storage->other;
      sum.n_snapshots += storage->n_snapshots;
    }
  add_row (table, &sum, "");
  return table;
}
