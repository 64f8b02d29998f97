/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/crash-chain.h"

#include "devices/image/layer.h"

#define MIB UINT64_C (1048576)

const char *const crash_chain_names[CHAIN_FILES] = {
  [CHAIN_TOP] = "disk.img",
  [CHAIN_MIDDLE] = "middle.img",
  [CHAIN_BASE] = "base.img",
  [CHAIN_OTHER] = "other.img",
};

bool
crash_chain_is_live (const CrashChain *chain)
{
  return chain->kind->work >= CRASH_LIVE_FLATTEN;
}

/* --- files --- */

void
crash_chain_init (CrashChain *chain, const CrashChainKind *kind, Run *run)
{
  static const CrashKind raw = { .format = "raw" };
  uint64_t size = IMAGE_SECTOR_SIZE * run_between (run, 2048, 24576);
  CrashLog *log = crash_log_new (size, size + 8 * MIB, size);

  *chain = (CrashChain){ .kind = kind, .run = run };
  chain->small = size - IMAGE_SECTOR_SIZE * run_between (run, 1, size / IMAGE_SECTOR_SIZE / 2);
  chain->large = size + IMAGE_SECTOR_SIZE * run_between (run, 1, 8192);
  chain->mixed =
    g_str_equal (kind->layer.format, "qcow2") && kind->work != CRASH_LIVE_MERGE && run_once_in (run, 3);
  for (unsigned i = 0; i < CHAIN_FILES; i++)
    {
      crash_disk_init (&chain->disks[i], i == CHAIN_BASE && chain->mixed ? &raw : &kind->layer, run);
      chain->disks[i].log = log;
      chain->disks[i].path = g_build_filename (run->folder, crash_chain_names[i], NULL);
    }
  run_log (run, "%s, %" G_GUINT64_FORMAT " bytes%s", kind->layer.format, size,
           chain->mixed ? ", on raw" : "");
}

void
crash_chain_start_loop (CrashChain *chain)
{
  crash_disk_start_loop (&chain->disks[0]);
  for (unsigned i = 1; i < CHAIN_FILES; i++)
    chain->disks[i].loop = chain->disks[0].loop;
}

void
crash_chain_stop_loop (CrashChain *chain)
{
  g_clear_pointer (&chain->disks[0].loop, loop_free);
}

void
crash_chain_clear (CrashChain *chain)
{
  crash_log_free (chain->disks[0].log);
  crash_chain_stop_loop (chain);
  for (unsigned i = 0; i < CHAIN_FILES; i++)
    {
      chain->disks[i].loop = NULL;
      g_free (chain->disks[i].path);
    }
}

static void
make_file (CrashChain *chain, CrashChainFile file, bool has_backing)
{
  const CrashDisk *disk = &chain->disks[file];
  const CrashKind *kind = disk->kind;
  const char *subformat =
    g_str_equal (kind->format, "vhd") ? has_backing ? "differencing" : "dynamic" : kind->subformat;
  ImageCreateOptions options = { .format = kind->format, .subformat = subformat, .size = disk->log->size };
  g_autoptr (GError) error = NULL;

  if (g_str_equal (kind->format, "qcow2"))
    {
      options.version = kind->version_2 ? 2 : 3;
      options.cluster_size = 1u << run_between (chain->run, kind->extended ? 14 : 12, 18);
      options.extended_l2 = kind->extended;
      options.lazy_refcounts = kind->lazy;
    }
  if (has_backing)
    {
      options.backing_path = crash_chain_names[file + 1];
      options.backing_format = chain->disks[file + 1].kind->format;
    }
  crash_must (chain->run, image_create (disk->path, &options, &error), &error, "create");
}

static void
write_other (CrashChain *chain)
{
  Image *image = crash_disk_open (&chain->disks[CHAIN_OTHER], false, false);
  g_autofree uint8_t *data = g_malloc (MIB);
  uint64_t size = image_size (image);

  memset (data, 0xee, MIB);
  for (uint64_t at = 0; at < size; at += MIB)
    if (image_run (image, IMAGE_WRITE, at, data, MIN (MIB, size - at)) != 0)
      run_fail (chain->run, "writing the other disk");
  image_close (image);
}

static void
write_layer (CrashChain *chain, CrashChainFile file)
{
  const CrashLoad load = { .acts = (unsigned)run_between (chain->run, 0, 80), .depth = 4 };
  CrashDisk *disk = &chain->disks[file];
  Image *image = crash_disk_open (disk, false, false);

  crash_load_run (&load, disk->log, chain->run, image);
  image_close (image);
  for (uint32_t i = disk->log->first; i < disk->log->n_acts; i++)
    crash_log_mark (disk->log, i, ACT_FLUSHED);
}

static void
verify (CrashChain *chain)
{
  CrashDisk *disk = &chain->disks[CHAIN_TOP];
  Image *image = crash_disk_open (disk, false, false);

  crash_log_verify (disk->log, chain->run, image);
  image_close (image);
}

/* What a disk that is to shrink may still hold there is nobody's. */
static void
clear_end (CrashChain *chain)
{
  CrashLog *log = chain->disks[CHAIN_TOP].log;
  Image *image = crash_disk_open (&chain->disks[CHAIN_TOP], false, false);
  uint64_t length = image_size (image) - chain->small;
  ImageRequestKind kind = run_once_in (chain->run, 2) ? IMAGE_DISCARD : IMAGE_WRITE_ZEROES;

  crash_log_mark (log,
                  crash_log_add (log, kind == IMAGE_DISCARD ? ACT_DISCARD : ACT_ZERO, chain->small, length),
                  ACT_FLUSHED);
  if (image_run (image, kind, chain->small, NULL, length) != 0)
    run_fail (chain->run, "clearing the end");
  image_close (image);
}

void
crash_chain_make (CrashChain *chain)
{
  Image *image;

  make_file (chain, CHAIN_OTHER, false);
  write_other (chain);
  make_file (chain, CHAIN_BASE, false);
  image = crash_disk_open (&chain->disks[CHAIN_BASE], false, false);
  crash_log_write_base (chain->disks[CHAIN_BASE].log, chain->run, image);
  image_close (image);
  make_file (chain, CHAIN_MIDDLE, true);
  write_layer (chain, CHAIN_MIDDLE);
  make_file (chain, CHAIN_TOP, true);
  write_layer (chain, CHAIN_TOP);
  if (chain->kind->work == CRASH_RESIZE)
    clear_end (chain);
  verify (chain);
}

/* --- what a crash left --- */

/* A disk that shrank, and perhaps grew again, has lost its end. */
static void
settle_size (CrashChain *chain)
{
  CrashLog *log = chain->disks[CHAIN_TOP].log;
  Image *image = crash_disk_open (&chain->disks[CHAIN_TOP], false, true);
  uint64_t size = image_size (image);

  image_close (image);
  if (size == log->size)
    return;
  if (size != chain->small && size != chain->large)
    run_fail (chain->run, "the disk has %" G_GUINT64_FORMAT " bytes", size);
  for (uint64_t word = chain->small / CRASH_WORD; word < log->limit / CRASH_WORD; word++)
    log->promised[word] = ACT_NOTHING;
  log->base_shown = MIN (log->base_shown, chain->small);
  log->size = size;
}

void
crash_chain_look (CrashChain *chain)
{
  for (unsigned i = 0; i < CHAIN_FILES; i++)
    crash_disk_look (&chain->disks[i]);
  if (chain->kind->work == CRASH_RESIZE)
    settle_size (chain);
  verify (chain);
}

/* --- the end --- */

static void
must_lie_on (CrashChain *chain, unsigned n_layers, CrashChainFile file)
{
  Image *image = crash_disk_open (&chain->disks[CHAIN_TOP], false, true);
  ImageInfo *info = image_info (image, 0);
  const char *below = info->backing_resolved;

  if (image_n_layers (image) != n_layers)
    run_fail (chain->run, "%u layers, not %u", image_n_layers (image), n_layers);
  if (n_layers > 1 && g_strcmp0 (below, chain->disks[file].path) != 0)
    run_fail (chain->run, "it lies on %s", below);
  image_info_free (info);
  image_close (image);
}

static void
must_be_empty (CrashChain *chain)
{
  Image *image = crash_disk_open (&chain->disks[CHAIN_TOP], false, true);
  ImageExtent extent;

  for (uint64_t at = 0; at < image_size (image); at += extent.length)
    if (image_extent (image, at, image_size (image) - at, &extent) != 0 || extent.depth == 0)
      run_fail (chain->run, "the top still holds something at %" G_GUINT64_FORMAT, at);
  image_close (image);
}

static void
must_be_copied (CrashChain *chain)
{
  CrashDisk *disk = &chain->disks[CHAIN_TOP];
  g_autofree char *part = g_build_filename (chain->run->folder, ".copy.img.part", NULL);
  g_autofree char *path = g_build_filename (chain->run->folder, "copy.img", NULL);
  const ImageOptions options = { .exclusive_lock = true, .read_only = true };
  g_autoptr (GError) error = NULL;
  Image *image = image_open (disk->loop, path, &options, &error);

  crash_must (chain->run, image != NULL, &error, "the copy");
  crash_log_verify (disk->log, chain->run, image);
  image_close (image);
  if (g_file_test (part, G_FILE_TEST_EXISTS))
    run_fail (chain->run, "%s was left", part);
}

void
crash_chain_finish (CrashChain *chain)
{
  static const struct {
    unsigned n_layers;
    CrashChainFile file;
  } ends[] = {
    [CRASH_COMMIT] = { 3, CHAIN_MIDDLE },
    [CRASH_REBASE] = { 2, CHAIN_OTHER },
    [CRASH_FLATTEN] = { 1, 0 },
    [CRASH_COMPACT] = { 3, CHAIN_MIDDLE },
    [CRASH_CONVERT] = { 3, CHAIN_MIDDLE },
    [CRASH_RESIZE] = { 3, CHAIN_MIDDLE },
    [CRASH_LIVE_FLATTEN] = { 1, 0 },
    [CRASH_LIVE_COMMIT] = { 3, CHAIN_MIDDLE },
    [CRASH_LIVE_MERGE] = { 2, CHAIN_BASE },
    [CRASH_LIVE_REBASE] = { 2, CHAIN_OTHER },
  };
  CrashWork work = chain->kind->work;
  g_autoptr (GError) error = NULL;

  run_log (chain->run, "the work goes on");
  crash_must (chain->run, crash_chain_work (chain, NULL, NULL, NULL, &error), &error, "once more");
  if (work == CRASH_RESIZE)
    settle_size (chain);
  verify (chain);
  must_lie_on (chain, ends[work].n_layers, ends[work].file);
  if (work == CRASH_COMMIT || work == CRASH_LIVE_COMMIT)
    must_be_empty (chain);
  if (work == CRASH_CONVERT)
    must_be_copied (chain);
  for (unsigned i = 0; i < CHAIN_FILES; i++)
    crash_disk_repair (&chain->disks[i]);
  verify (chain);
}
