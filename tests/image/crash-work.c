/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/jobs/job-private.h"
#include "tests/image/crash-chain.h"

static ImageSource
source_of (const CrashChain *chain)
{
  return (ImageSource){ .path = chain->disks[CHAIN_TOP].path, .format = chain->kind->layer.format };
}

/* --- on an image that nobody uses --- */

static bool
commit (CrashChain *chain, GError **error)
{
  const ImageSource source = source_of (chain);

  return image_commit (&source, false, NULL, error);
}

static bool
rebase (CrashChain *chain, GError **error)
{
  const ImageSource source = source_of (chain);
  const ImageRebase how = { .backing_path = crash_chain_names[CHAIN_OTHER],
                            .backing_format = chain->disks[CHAIN_OTHER].kind->format };

  return image_rebase (&source, &how, NULL, error);
}

static bool
flatten (CrashChain *chain, GError **error)
{
  const ImageSource source = source_of (chain);

  return image_rebase (&source, &(ImageRebase){ 0 }, NULL, error);
}

static bool
compact (CrashChain *chain, GError **error)
{
  const ImageSource source = source_of (chain);
  ImageCompacted compacted;

  return image_compact (&source, NULL, &compacted, error);
}

static bool
convert (CrashChain *chain, GError **error)
{
  const ImageSource source = source_of (chain);
  g_autofree char *path = g_build_filename (chain->run->folder, "copy.img", NULL);
  const ImageConvert how = { .create = { .format = "qcow2" }, .verify = true, .replace = true };

  return image_convert (&source, path, &how, NULL, NULL, error);
}

static bool
resize (CrashChain *chain, GError **error)
{
  const CrashDisk *disk = &chain->disks[CHAIN_TOP];
  ImageOptions options = crash_disk_options (disk);
  Image *image = image_open (disk->loop, disk->path, &options, error);
  bool done;

  if (image == NULL)
    return false;
  done = image_size (image) == chain->large
         || ((image_size (image) == chain->small || image_resize (image, chain->small, error))
             && image_resize (image, chain->large, error));
  image_close (image);
  return done;
}

/* --- on one in use --- */

typedef struct {
  Image *image;
  const ImageWork *work;
  GError *error;
} LiveWork;

static void *
run_live_work (void *data)
{
  LiveWork *live = data;

  image_work_run (live->image, live->work, NULL, &live->error);
  return NULL;
}

static ImageWork
plan_live_work (const CrashChain *chain)
{
  static const ImageWorkKind kinds[] = {
    [CRASH_LIVE_FLATTEN] = IMAGE_WORK_FLATTEN,
    [CRASH_LIVE_COMMIT] = IMAGE_WORK_COMMIT,
    [CRASH_LIVE_MERGE] = IMAGE_WORK_MERGE,
    [CRASH_LIVE_REBASE] = IMAGE_WORK_REBASE,
  };
  ImageWork work = { .kind = kinds[chain->kind->work] };

  if (work.kind == IMAGE_WORK_MERGE)
    work.layer = 1;
  if (work.kind == IMAGE_WORK_REBASE)
    {
      work.backing_path = g_strdup (crash_chain_names[CHAIN_OTHER]);
      work.backing_format = g_strdup (chain->disks[CHAIN_OTHER].kind->format);
    }
  return work;
}

static bool
work_live (CrashChain *chain, const ImageWork *work, const CrashLoad *load, void (*begun) (void *data),
           void *data, GError **error)
{
  CrashDisk *disk = &chain->disks[CHAIN_TOP];
  ImageOptions options = crash_disk_options (disk);
  LiveWork live = { .work = work };
  GThread *thread;

  options.write_through = load != NULL && load->write_through;
  live.image = image_open (disk->loop, disk->path, &options, error);
  if (live.image == NULL)
    return false;
  if (begun != NULL)
    begun (data);
  thread = g_thread_new ("work", run_live_work, &live);
  if (load != NULL)
    crash_load_run (load, disk->log, chain->run, live.image);
  g_thread_join (thread);
  image_close (live.image);
  if (live.error != NULL)
    g_propagate_error (error, live.error);
  return live.error == NULL;
}

/* Done before, and nothing is noted any more. */
static bool
is_merged (CrashChain *chain)
{
  Image *image = crash_disk_open (&chain->disks[CHAIN_TOP], false, true);
  unsigned n = image_n_layers (image);

  image_close (image);
  return chain->kind->work == CRASH_LIVE_MERGE && n == 2;
}

/* What was begun is in a record. A process that was killed before it got that far is asked anew. */
static bool
begin_or_resume (CrashChain *chain, const CrashLoad *load, void (*begun) (void *data), void *data,
                 GError **error)
{
  g_auto (ImageWork) work = { 0 };

  if (image_work_pending (chain->disks[CHAIN_TOP].path, &work))
    run_log (chain->run, "resumed: %s", image_work_name (work.kind));
  else if (is_merged (chain))
    return true;
  else
    work = plan_live_work (chain);
  return work_live (chain, &work, load, begun, data, error);
}

void
crash_chain_record (const CrashChain *chain)
{
  g_auto (ImageWork) work = plan_live_work (chain);
  g_autoptr (GError) error = NULL;

  if (work.kind == IMAGE_WORK_MERGE)
    work.layer_path = g_strdup (chain->disks[CHAIN_MIDDLE].path);
  crash_must (chain->run, job_work_record (chain->disks[CHAIN_TOP].path, &work, &error), &error,
              "the record");
}

bool
crash_chain_work (CrashChain *chain, const CrashLoad *load, void (*begun) (void *data), void *data,
                  GError **error)
{
  static bool (*const works[]) (CrashChain * chain, GError * *error) = {
    [CRASH_COMMIT] = commit,   [CRASH_REBASE] = rebase,   [CRASH_FLATTEN] = flatten,
    [CRASH_COMPACT] = compact, [CRASH_CONVERT] = convert, [CRASH_RESIZE] = resize,
  };

  if (crash_chain_is_live (chain))
    return begin_or_resume (chain, load, begun, data, error);
  if (begun != NULL)
    begun (data);
  return works[chain->kind->work](chain, error);
}
