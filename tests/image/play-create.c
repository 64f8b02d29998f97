/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/peer.h"
#include "tests/image/play.h"

#include <glib/gstdio.h>

#define KIB UINT64_C (1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

uint64_t
play_draw_size (Play *play, const char *format)
{
  Run *run = play->run;
  /* The peer takes minutes to compare a larger VMDK. */
  uint64_t most = g_str_equal (format, "vhd")    ? 2040 * GIB
                  : g_str_equal (format, "vmdk") ? 16 * GIB
                                                 : 2 * TIB;

  switch (run_between (run, 0, 19))
    {
    case 0 ... 7:
      return IMAGE_SECTOR_SIZE * run_scale (run, 14);
    case 8 ... 15:
      return IMAGE_SECTOR_SIZE * run_between (run, 1, 64 * MIB / IMAGE_SECTOR_SIZE);
    case 16 ... 18:
      return IMAGE_SECTOR_SIZE * run_scale (run, g_str_equal (format, "vmdk") ? 25 : 27);
    default:
      return run_once_in (run, 3) ? most : IMAGE_SECTOR_SIZE * run_between (run, 1, most / IMAGE_SECTOR_SIZE);
    }
}

static void
draw_windows (Play *play, uint64_t size)
{
  play->windows[0] = 0;
  play->windows[1] = run_between (play->run, 0, size / 2) & ~UINT64_C (0xffff);
  play->windows[2] = size > MIB ? size - MIB : 0;
}

/* Ends with the model being what @play->image is. */
static void
begin (Play *play)
{
  uint64_t size;

  play_open (play);
  size = image_size (play->image);
  medium_resize (play->model, size);
  draw_windows (play, size);
}

/* --- by us --- */

static void
draw_qcow2 (Play *play, ImageCreateOptions *options)
{
  static const char *const preallocations[] = { NULL, "off", "metadata", "full" };
  Run *run = play->run;

  options->version = run_once_in (run, 4) ? 2 : 3;
  options->cluster_size = run_once_in (run, 3) ? 0 : 1u << run_between (run, 12, 21);
  if (options->version == 3)
    {
      options->extended_l2 =
        run_once_in (run, 3) && (options->cluster_size == 0 || options->cluster_size >= 16 * KIB);
      options->lazy_refcounts = run_once_in (run, 3);
      options->compression = run_once_in (run, 3) ? "zstd" : run_once_in (run, 2) ? "zlib" : NULL;
    }
  if (options->backing_path == NULL && run_once_in (run, 5))
    options->preallocation = preallocations[run_between (run, 0, options->size <= 64 * MIB ? 3 : 2)];
  if (options->size > GIB * 64 && options->preallocation != NULL)
    options->preallocation = "off";
}

static const char *
draw_subformat (Play *play, const char *format, uint64_t size)
{
  static const struct {
    const char *format, *subformats[4];
    unsigned n;
  } table[] = {
    { "vhd", { NULL, "dynamic", "fixed" }, 3 },
    { "vdi", { NULL, "dynamic", "fixed" }, 3 },
    { "vmdk", { NULL, "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse" }, 4 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_str_equal (table[i].format, format))
      {
        const char *subformat = table[i].subformats[run_between (play->run, 0, table[i].n - 1)];

        /* A fixed image takes all its room at once, and the peer reads all of a flat one. */
        if (size > 64 * MIB
            && (g_strcmp0 (subformat, "fixed") == 0 || g_strcmp0 (subformat, "monolithicFlat") == 0))
          return NULL;
        return subformat;
      }
  return NULL;
}

static void
log_create (Play *play, const ImageCreateOptions *o)
{
  run_log (play->run,
           "create %s: %s %s, %" G_GUINT64_FORMAT " bytes, on %s (%s), clusters %u%s%s, version %u, %s, %s%s",
           play->path, o->format, o->subformat, o->size, o->backing_path, o->backing_format, o->cluster_size,
           o->extended_l2 ? ", extended L2" : "", o->lazy_refcounts ? ", lazy" : "", o->version,
           o->compression, o->preallocation, o->secret != NULL ? ", encrypted" : "");
}

static void
create (Play *play, ImageCreateOptions *options)
{
  g_autoptr (GError) error = NULL;
  ImageSecret secret;

  if (play->passphrase != NULL)
    {
      secret = play_secret (play);
      options->secret = &secret;
    }
  log_create (play, options);
  if (!image_create (play->path, options, &error))
    run_fail (play->run, "create: %s", error->message);
}

void
play_create (Play *play, const char *format)
{
  ImageCreateOptions options = { .format = format, .size = play_draw_size (play, format) };

  play->format = format;
  play->path = play_new_path (play, ".img");
  if (g_str_equal (format, "qcow2"))
    {
      draw_qcow2 (play, &options);
      if (options.size <= 64 * MIB
          && run_once_in (play->run, 40)) /* the peer's own assertions fail on large ones */
        play->passphrase = g_strdup ("correct horse");
    }
  options.subformat = draw_subformat (play, format, options.size);
  create (play, &options);
  begin (play);
  if (image_size (play->image) != options.size)
    run_fail (play->run, "%s has %" G_GUINT64_FORMAT " bytes", play->path, image_size (play->image));
}

/* --- another layer --- */

static void
shift_model (Play *play, uint64_t size)
{
  Medium *top = medium_copy (play->model);

  g_ptr_array_add (play->below, play->model);
  play->model = top;
  medium_resize (top, size);
  draw_windows (play, size);
}

bool
play_push (Play *play, const char *format)
{
  Run *run = play->run;
  ImageCreateOptions options = { .format = format, .backing_format = play->format };
  g_autofree char *backing = NULL;
  uint64_t size;

  if (play->passphrase != NULL || play->below->len >= PLAY_MAX_DEPTH)
    return false;
  play_close (play);
  backing = g_steal_pointer (&play->path);
  options.backing_path = run_once_in (run, 2) ? backing : strrchr (backing, '/') + 1;
  play->path = play_new_path (play, ".img");
  play->format = format;
  if (g_str_equal (format, "vhd"))
    {
      options.subformat = "differencing";
      play->peer_reads = false; /* it has no differencing VHD */
    }
  else
    {
      draw_qcow2 (play, &options);
      if (run_once_in (run, 3))
        options.size = play_draw_size (play, format);
    }
  create (play, &options);
  size = options.size != 0 ? options.size : medium_size (play->model);
  shift_model (play, size);
  play_open (play);
  if (image_size (play->image) != size)
    run_fail (run, "%s has %" G_GUINT64_FORMAT " bytes", play->path, image_size (play->image));
  return true;
}

/* --- by the peer --- */

static char *
draw_peer_qcow2 (Play *play, uint64_t size)
{
  Run *run = play->run;
  GString *options = g_string_new (NULL);
  unsigned cluster_bits = run_between (run, 9, 21);
  bool old = run_once_in (run, 4);

  g_string_append_printf (options, "cluster_size=%u,compat=%s", 1u << cluster_bits, old ? "0.10" : "1.1");
  if (!old)
    {
      g_string_append_printf (options, ",refcount_bits=%u", 1u << run_between (run, 0, 6));
      if (run_once_in (run, 3))
        g_string_append (options, ",lazy_refcounts=on");
      if (cluster_bits >= 14 && run_once_in (run, 3))
        g_string_append (options, ",extended_l2=on");
      if (run_once_in (run, 3))
        g_string_append (options, ",compression_type=zstd");
      if (size <= 64 * MIB && run_once_in (run, 6)) /* the peer's own assertions fail on large ones */
        {
          g_free (play->passphrase);
          play->passphrase = g_strdup ("battery staple");
          g_string_append (options, ",encrypt.format=luks,encrypt.key-secret=sec0,encrypt.iter-time=40");
        }
    }
  return g_string_free (options, FALSE);
}

static char *
draw_peer_options (Play *play, const char *format, uint64_t size)
{
  static const char *const vmdk[] = { "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse",
                                      "twoGbMaxExtentFlat" };
  Run *run = play->run;
  bool small = size <= 64 * MIB;

  if (g_str_equal (format, "qcow2"))
    return draw_peer_qcow2 (play, size);
  if (g_str_equal (format, "vhd"))
    return g_strdup_printf ("subformat=%s%s", small && run_once_in (run, 3) ? "fixed" : "dynamic",
                            run_once_in (run, 2) ? ",force_size=on" : "");
  if (g_str_equal (format, "vhdx"))
    return g_strdup_printf ("subformat=%s,block_size=%" G_GUINT64_FORMAT,
                            small && run_once_in (run, 3) ? "fixed" : "dynamic",
                            MIB << run_between (run, 0, 8));
  if (g_str_equal (format, "vdi"))
    return g_strdup_printf ("static=%s", small && run_once_in (run, 3) ? "on" : "off");
  if (g_str_equal (format, "vmdk"))
    {
      unsigned subformat = run_between (run, 0, 3);

      if (!small)
        subformat &= ~1u; /* the peer reads all of a flat one */

      return g_strdup_printf ("subformat=%s%s", vmdk[subformat],
                              subformat % 2 == 0 && run_once_in (run, 2) ? ",zeroed_grain=on" : "");
    }
  return g_strdup ("");
}

void
play_create_by_peer (Play *play, const char *format)
{
  uint64_t size = play_draw_size (play, format);
  g_autofree char *size_text = NULL, *options = NULL, *secret = NULL;

  if (g_str_equal (format, "vmdk") || g_str_equal (format, "vhdx") || g_str_equal (format, "qcow2"))
    size = MIN (size, 64 * GIB); /* small clusters, many files, or the peer takes long */
  options = draw_peer_options (play, format, size);
  play->format = format;
  play->path = play_new_path (play, g_str_equal (format, "vmdk") ? ".vmdk" : ".img");
  size_text = g_strdup_printf ("%" G_GUINT64_FORMAT, size);
  secret = g_strdup_printf ("secret,id=sec0,data=%s", play->passphrase != NULL ? play->passphrase : "-");
  if (*options != '\0')
    peer_img (play->run, "create", "-q", "--object", secret, "-f", peer_format (format), "-o", options,
              play->path, size_text, NULL);
  else
    peer_img (play->run, "create", "-q", "-f", peer_format (format), play->path, size_text, NULL);
  begin (play);
}
