/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"
#include "tests/image/peer.h"
#include "tests/image/play.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <glib/gstdio.h>

#define SECTOR ((uint64_t)IMAGE_SECTOR_SIZE)

void
play_open (Play *play)
{
  Run *run = play->run;
  ImageSecret secret = play_secret (play);
  bool must_say = g_str_equal (play->format, "raw"); /* by the look of it nothing is raw */
  ImageOptions options = { .read_only = g_str_equal (play->format, "vhdx"),
                           .exclusive_lock = true,
                           .format = must_say || run_once_in (run, 2) ? play->format : NULL,
                           .direct = run_once_in (run, 4),
                           .write_through = run_once_in (run, 6),
                           .unsafe = run_once_in (run, 8),
                           .no_discard = run_once_in (run, 8),
                           .secret = play->passphrase != NULL ? &secret : NULL };
  g_autoptr (GError) error = NULL;

  run_log (run, "open %s%s%s%s%s", play->path, options.direct ? ", direct" : "",
           options.write_through ? ", write-through" : "", options.unsafe ? ", unsafe" : "",
           options.no_discard ? ", no discard" : "");
  play->image = image_open (play->loop, play->path, &options, &error);
  if (play->image == NULL)
    run_fail (run, "open: %s", error->message);
  if (!g_str_equal (image_format_name (play->image), play->format))
    run_fail (run, "%s was opened as %s", play->path, image_format_name (play->image));
}

void
play_close (Play *play)
{
  if (play->image == NULL)
    return;
  run_log (play->run, "close");
  g_clear_pointer (&play->image, image_close);
}

void
play_resize (Play *play)
{
  Run *run = play->run;
  uint64_t old = image_size (play->image), size;
  g_autoptr (GError) error = NULL;

  if (run_once_in (run, 4))
    size = SECTOR * run_between (run, 1, old / SECTOR);
  else
    size = old + SECTOR * run_scale (run, 17);
  run_log (run, "resize %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, old, size);
  if (!image_resize (play->image, size, &error))
    {
      if (!g_error_matches (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED))
        run_fail (run, "resize: %s", error->message);
      run_log (run, "  %s", error->message);
      size = old;
    }
  if (image_size (play->image) != size)
    run_fail (run, "has %" G_GUINT64_FORMAT " bytes now", image_size (play->image));
  medium_resize (play->model, size);
  if (size > old)
    play->windows[2] = old & ~UINT64_C (0xffff);
}

/* --- the peer writes as well --- */

/* A cluster that the top layer does not hold: only there can the peer store a compressed one. */
static bool
draw_free_cluster (Play *play, unsigned cluster, uint64_t *offset)
{
  uint64_t n = image_size (play->image) / cluster;

  for (unsigned tries = 0; n > 0 && tries < 8; tries++)
    {
      ImageExtent extent = { 0 };

      *offset = cluster * run_between (play->run, 0, MIN (n, 64) - 1);
      if (image_extent (play->image, *offset, cluster, &extent) == 0 && extent.depth > 0
          && extent.length == cluster)
        return true;
    }
  return false;
}

static void
draw_peer_write (Play *play, unsigned cluster, bool compressible, GPtrArray *commands)
{
  Run *run = play->run;
  uint64_t size = image_size (play->image), offset, length = cluster;
  unsigned pattern = (unsigned)run_between (run, 1, 255);
  char *command;

  if (compressible && run_once_in (run, 3) && draw_free_cluster (play, cluster, &offset))
    command = g_strdup_printf ("write -q -c -P %u %" G_GUINT64_FORMAT " %u", pattern, offset, cluster);
  else
    {
      offset = play->windows[run_between (run, 0, PLAY_WINDOWS - 1)] + SECTOR * run_between (run, 0, 2047);
      offset = MIN (offset, size - SECTOR);
      length = SECTOR * run_scale (run, 9);
      length = MIN (length, size - offset);
      if (run_once_in (run, 4))
        {
          pattern = 0;
          command = g_strdup_printf ("write -q -z %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                                     run_once_in (run, 2) ? "-u" : "-f", offset, length);
        }
      else
        command = g_strdup_printf ("write -q %s -P %u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                                   run_once_in (run, 2) ? "-f" : "", pattern, offset, length);
    }
  g_ptr_array_add (commands, command);
  if (pattern == 0)
    medium_zero (play->model, offset, length);
  else
    {
      g_autofree uint8_t *data = g_malloc (length);

      memset (data, (int)pattern, length);
      medium_write (play->model, offset, data, length);
    }
}

void
play_peer_writes (Play *play, unsigned n)
{
  g_autoptr (GPtrArray) commands = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ImageInfo) info = image_info (play->image, 0);
  bool compressible = g_str_equal (play->format, "qcow2") && play->passphrase == NULL;

  if (!play->peer_reads)
    return;
  for (unsigned i = 0; i < n; i++)
    {
      /* The second compressed write might meet the first. */
      draw_peer_write (play, info->cluster_size, compressible && i == 0, commands);
    }
  play_close (play);
  peer_io (play->run, play->format, play->path, play->passphrase, commands);
  play->peer_leaks = g_str_equal (play->format, "vmdk");
  play_open (play);
}

/* --- compressed clusters of ours --- */

/* Data that gets smaller, by more or less. */
static void
draw_compressible (Run *run, uint8_t *data, unsigned length)
{
  uint64_t period = run_between (run, 1, 3000), noise = run_between (run, 0, length);

  for (unsigned i = 0; i < length; i++)
    data[i] = (uint8_t)(i < noise ? run_between (run, 0, 255) : i % period);
}

static void
write_compressed (Play *play, uint64_t offset)
{
  ImageLayer *layer = image_top (play->image);
  g_autofree uint8_t *data = g_malloc (layer->cluster), *code = g_malloc (IMAGE_CODE_ROOM (layer->cluster));
  int size, result;

  draw_compressible (play->run, data, layer->cluster);
  size = layer->format->compress (layer, data, code);
  if (size == -EOPNOTSUPP)
    return;
  run_log (play->run, "compress %u at %" G_GUINT64_FORMAT " to %d", layer->cluster, offset, size);
  result = size == -E2BIG ? image_run (play->image, IMAGE_WRITE, offset, data, layer->cluster)
                          : image_write_code (play->image, offset, code, (size_t)size);
  if (result < 0)
    run_fail (play->run, "compressed write: %s", g_strerror (-result));
  medium_write (play->model, offset, data, layer->cluster);
}

void
play_compress (Play *play, unsigned n)
{
  const ImageLayer *layer = image_top (play->image);
  uint64_t offset;

  if (image_is_read_only (play->image) || layer->format->compress == NULL || layer->format->place == NULL)
    return;
  for (; n > 0 && draw_free_cluster (play, layer->cluster, &offset); n--)
    write_compressed (play, offset);
}
