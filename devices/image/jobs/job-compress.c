/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/jobs/job-convert.h"

#include "devices/image/image-private.h"
#include "vmm/base/error.h"

#include <errno.h>

struct JobCompressor {
  Image *image;
  ImageLayer *layer;

  GMutex lock;
  GCond turned;
  uint64_t turn;
  bool stopped;
};

/* A piece's codes, until its turn comes. */
typedef struct {
  uint8_t *code;
  int size; /* 0: all zero, not written; -E2BIG: written as it is */
} Code;

JobCompressor *
job_compressor_new (Image *target, GError **error)
{
  ImageLayer *layer = image_top (target);
  JobCompressor *compressor;

  if (layer->format->compress == NULL || layer->format->write_code == NULL
      || layer->cluster > JOB_BUFFER_SIZE)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "Images of format “%s” can't be compressed; leave out compression, or choose qcow2",
                   layer->format->name);
      return NULL;
    }
  compressor = g_new0 (JobCompressor, 1);
  compressor->image = target;
  compressor->layer = layer;
  g_mutex_init (&compressor->lock);
  g_cond_init (&compressor->turned);
  return compressor;
}

void
job_compressor_free (JobCompressor *compressor)
{
  if (compressor == NULL)
    return;
  g_mutex_clear (&compressor->lock);
  g_cond_clear (&compressor->turned);
  g_free (compressor);
}

unsigned
job_compressor_cluster (const JobCompressor *compressor)
{
  return compressor->layer->cluster;
}

void
job_compressor_stop (JobCompressor *compressor)
{
  g_mutex_lock (&compressor->lock);
  compressor->stopped = true;
  g_cond_broadcast (&compressor->turned);
  g_mutex_unlock (&compressor->lock);
}

/* Waits until it is @number's turn; false: never comes. */
static bool
await_turn (JobCompressor *compressor, uint64_t number)
{
  bool mine;

  g_mutex_lock (&compressor->lock);
  while (compressor->turn != number && !compressor->stopped)
    g_cond_wait (&compressor->turned, &compressor->lock);
  mine = !compressor->stopped;
  g_mutex_unlock (&compressor->lock);
  return mine;
}

static void
pass_turn (JobCompressor *compressor)
{
  g_mutex_lock (&compressor->lock);
  compressor->turn++;
  g_cond_broadcast (&compressor->turned);
  g_mutex_unlock (&compressor->lock);
}

static bool
write_cluster (JobCompressor *compressor, uint64_t offset, const uint8_t *data, const Code *code,
               GError **error)
{
  ImageLayer *layer = compressor->layer;
  uint64_t size = image_size (compressor->image);
  int result;

  if (code->size == -E2BIG)
    return job_write (compressor->image, offset, data, MIN (layer->cluster, size - offset), error);
  result = image_write_code (compressor->image, offset, code->code, (size_t)code->size);
  return result == 0 || job_set_io_error (error, result, "write", compressor->image, offset);
}

static bool
compress_all (JobCompressor *compressor, const uint8_t *data, unsigned n, Code *codes, uint64_t *zeroes)
{
  ImageLayer *layer = compressor->layer;
  size_t cluster = layer->cluster;

  for (unsigned i = 0; i < n; i++, data += cluster)
    {
      if (job_is_zero (data, cluster))
        {
          *zeroes += cluster;
          continue;
        }
      codes[i].code = g_malloc (IMAGE_CODE_ROOM (cluster));
      codes[i].size = layer->format->compress (layer, data, codes[i].code);
      if (codes[i].size <= 0 && codes[i].size != -E2BIG)
        return false;
    }
  return true;
}

bool
job_compressor_write (JobCompressor *compressor, uint64_t number, uint64_t offset, uint8_t *data,
                      size_t length, uint64_t *zeroes, GError **error)
{
  size_t cluster = compressor->layer->cluster;
  unsigned n = (unsigned)(length / cluster);
  g_autofree Code *codes = g_new0 (Code, n);
  bool done = true;

  if (!compress_all (compressor, data, n, codes, zeroes))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_FAILED, "Can't compress for disk image “%s”",
                   image_path (compressor->image));
      done = false;
    }
  else if (!await_turn (compressor, number))
    done = false;
  for (unsigned i = 0; i < n && done; i++)
    if (codes[i].size != 0)
      done = write_cluster (compressor, offset + i * cluster, data + i * cluster, &codes[i], error);
  if (done)
    pass_turn (compressor);
  else
    job_compressor_stop (compressor);
  for (unsigned i = 0; i < n; i++)
    g_free (codes[i].code);
  return done;
}
