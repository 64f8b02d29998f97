/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The power goes at a random moment of a random load. Then the image must open, hold every byte that was
 * flushed, and be clean once it is repaired; sometimes the power goes in the middle of the repair as well.
 */
#include "devices/image/layer.h"
#include "tests/image/crash-load.h"
#include "tests/image/peer.h"
#include "tests/image/power-cut-store.h"

#include <glib/gstdio.h>

#define MIB         UINT64_C (1048576)
#define MEDIUM_MOST (512 * MIB)
#define PASSPHRASE  "open sesame"

typedef struct {
  const char *format, *subformat;
  bool overlay, lazy, extended, version_2, by_peer, encrypted;
  bool fixed_size; /* it can't grow */
  bool no_peer;    /* which can't read it */
  bool torn_words; /* not even sectors arrive as a whole */
} Kind;

typedef struct {
  const Kind *kind;
  Run *run;
  EventLoop *loop;
  CrashLog *log;
  Medium *medium; /* what is on the disk now */
  char *path;     /* that it believes to have */
} Cut;

/* --- the image --- */

static void
must (Run *run, bool well, const GError *error, const char *what)
{
  if (!well)
    run_fail (run, "%s: %s", what, error->message);
}

static const char *
make_base (Cut *cut, uint64_t size)
{
  static const char *const formats[] = { "raw", "qcow2" };
  const char *format = g_str_equal (cut->kind->format, "vhd") ? "vhd" : formats[run_between (cut->run, 0, 1)];
  g_autofree char *path = g_build_filename (cut->run->folder, "base.img", NULL);
  ImageCreateOptions options = { .format = format, .size = size };
  ImageOptions open_options = { .exclusive_lock = true, .format = format };
  g_autoptr (GError) error = NULL;
  Image *image;

  must (cut->run, image_create (path, &options, &error), error, "making the disk below");
  image = image_open (cut->loop, path, &open_options, &error);
  must (cut->run, image != NULL, error, "opening the disk below");
  crash_log_write_base (cut->log, cut->run, image);
  image_close (image);
  return format;
}

static void
make_by_peer (Cut *cut, uint64_t size)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, size);
  g_autofree char *options = g_strdup_printf (
    "cluster_size=%u,refcount_bits=%u%s%s", 1u << run_between (cut->run, 9, 17),
    1u << run_between (cut->run, 0, 6), run_once_in (cut->run, 2) ? ",lazy_refcounts=on" : "",
    cut->kind->encrypted ? ",encrypt.format=luks,encrypt.key-secret=sec0,encrypt.iter-time=10" : "");

  peer_img (cut->run, "create", "-q", "--object", "secret,id=sec0,data=" PASSPHRASE, "-f", "qcow2", "-o",
            options, cut->path, text, NULL);
}

static void
make_by_us (Cut *cut, uint64_t size)
{
  const Kind *kind = cut->kind;
  ImageCreateOptions options = { .format = kind->format, .subformat = kind->subformat, .size = size };
  g_autofree char *base = NULL;
  g_autoptr (GError) error = NULL;

  if (g_str_equal (kind->format, "qcow2"))
    {
      options.version = kind->version_2 ? 2 : 3;
      options.cluster_size = 1u << run_between (cut->run, kind->extended ? 14 : 12, 18);
      options.extended_l2 = kind->extended;
      options.lazy_refcounts = kind->lazy;
    }
  if (kind->overlay)
    {
      options.backing_format = make_base (cut, cut->log->base_size);
      options.backing_path = base = g_build_filename (cut->run->folder, "base.img", NULL);
    }
  must (cut->run, image_create (cut->path, &options, &error), error, "create");
}

static void
make (Cut *cut)
{
  uint64_t size = IMAGE_SECTOR_SIZE * run_between (cut->run, 2048, 32768);
  uint64_t base_size = 0;

  if (cut->kind->overlay)
    base_size = cut->kind->no_peer ? size : IMAGE_SECTOR_SIZE * run_between (cut->run, 2048, 32768);
  cut->log = crash_log_new (size, size + 16 * MIB, base_size);
  cut->path = g_build_filename (cut->run->folder, "disk.img", NULL);
  if (cut->kind->by_peer)
    make_by_peer (cut, size);
  else
    make_by_us (cut, size);
  cut->medium = medium_new_from_file (cut->path, MEDIUM_MOST);
  g_unlink (cut->path);
  run_log (cut->run, "%s of %" G_GUINT64_FORMAT " bytes, base %" G_GUINT64_FORMAT, cut->kind->format, size,
           base_size);
}

static Image *
open_on (Cut *cut, ImageStore *store, bool lenient, bool read_only, bool write_through, GError **error)
{
  static const ImageSecret secret = { (const uint8_t *)PASSPHRASE, sizeof PASSPHRASE - 1 };
  ImageOptions options = { .format = cut->kind->format,
                           .lenient = lenient,
                           .read_only = read_only,
                           .write_through = write_through,
                           .secret = cut->kind->encrypted ? &secret : NULL };

  return image_open_store (cut->loop, store, &options, error);
}

static Image *
open_memory (Cut *cut, bool lenient, bool read_only)
{
  g_autoptr (GError) error = NULL;
  ImageStore *store = memory_store_new (cut->loop, cut->medium, cut->path, read_only);
  Image *image = open_on (cut, store, lenient, read_only, false, &error);

  must (cut->run, image != NULL, error, lenient ? "opening to be checked" : "opening after the power cut");
  return image;
}

/* --- the power goes --- */

static void
replace_by_survivor (Cut *cut, PowerDisk *disk)
{
  Medium *survivor = power_disk_survivor (disk, cut->kind->torn_words && run_once_in (cut->run, 2));

  run_log (cut->run, "power off after %" G_GUINT64_FORMAT " changes, %" G_GUINT64_FORMAT " syncs, %u acts",
           power_disk_changes (disk), power_disk_syncs (disk), cut->log->n_acts);
  power_disk_unref (disk);
  medium_unref (cut->medium);
  cut->medium = survivor;
}

static void
play_until_cut (Cut *cut)
{
  Run *run = cut->run;
  CrashLoad load = { .acts = (unsigned)run_between (run, 1, 600),
                     .depth = run_once_in (run, 3) ? 1 : (unsigned)run_between (run, 1, 16),
                     .grows = !cut->kind->fixed_size,
                     .write_through = run_once_in (run, 8),
                     .may_fail = true };
  PowerDisk *disk = power_disk_new (cut->medium, g_rand_int (run->rand));
  ImageStore *store = power_disk_store (disk, cut->loop, cut->path);
  uint64_t changes = run_scale (run, 12);
  Image *image;

  run_log (run, "load: %u acts, depth %u%s, power for %" G_GUINT64_FORMAT " changes", load.acts, load.depth,
           load.write_through ? ", write-through" : "", changes);
  power_disk_cut_after (disk, changes);
  image = open_on (cut, store, false, false, load.write_through, NULL);
  if (image != NULL)
    crash_load_run (&load, cut->log, run, image);
  else if (!power_disk_is_off (disk))
    run_fail (run, "it can't be opened");
  if (run_once_in (run, 2))
    power_disk_cut_now (disk);
  image_close (image);
  power_disk_cut_now (disk);
  replace_by_survivor (cut, disk);
}

/* The repair loses its power too. */
static void
cut_while_opening (Cut *cut)
{
  PowerDisk *disk = power_disk_new (cut->medium, g_rand_int (cut->run->rand));
  ImageStore *store = power_disk_store (disk, cut->loop, cut->path);
  g_autoptr (GError) error = NULL;
  Image *image;

  power_disk_cut_after (disk, run_scale (cut->run, 5));
  image = open_on (cut, store, false, false, false, &error);
  if (image == NULL && !power_disk_is_off (disk))
    run_fail (cut->run, "opening: %s", error->message);
  image_close (image);
  power_disk_cut_now (disk);
  replace_by_survivor (cut, disk);
}

/* --- what is left --- */

static void
finding (const char *text, void *data)
{
  run_log (data, "check: %s", text);
}

static ImageCheck
check (Cut *cut, bool repair)
{
  ImageCheck check = { .repair = repair, .finding = finding, .data = cut->run };
  g_autoptr (GError) error = NULL;
  Image *image = open_memory (cut, true, !repair);

  run_log (cut->run, repair ? "repair" : "check");
  must (cut->run, image_check (image, &check, &error), error, "check");
  image_close (image);
  return check;
}

static bool
is_dirty (Cut *cut)
{
  Image *image = open_memory (cut, true, true);
  ImageInfo *info = image_info (image, 0);
  bool dirty = info->dirty;

  image_info_free (info);
  image_close (image);
  return dirty;
}

static void
verify (Cut *cut)
{
  Image *image = open_memory (cut, false, false);

  crash_log_verify (cut->log, cut->run, image);
  image_close (image);
}

/* Leaks are what a crash may leave; wrong entries, only where the image says that it is dirty. */
static void
examine (Cut *cut)
{
  ImageCheck found = check (cut, false);

  if (found.corruptions > 0 && g_str_equal (cut->kind->format, "qcow2") && !is_dirty (cut))
    run_fail (cut->run, "%" G_GUINT64_FORMAT " corruptions in an image that is not dirty", found.corruptions);
  if (run_once_in (cut->run, 3))
    cut_while_opening (cut);
  if (run_once_in (cut->run, 4))
    check (cut, true); /* before anyone opens it */
  verify (cut);
  found = check (cut, false);
  if (found.corruptions + found.leaks > 0)
    {
      check (cut, true);
      found = check (cut, false);
      if (found.corruptions + found.leaks > 0)
        run_fail (cut->run,
                  "%" G_GUINT64_FORMAT " corruptions and %" G_GUINT64_FORMAT " leaks after the repair",
                  found.corruptions, found.leaks);
      verify (cut);
    }
}

static void
ask_peer (Cut *cut)
{
  Medium *model = medium_new (UINT64_MAX);
  Image *image = open_memory (cut, false, true);
  g_autofree uint8_t *data = g_malloc (MIB);
  uint64_t size = image_size (image);

  medium_resize (model, size);
  for (uint64_t offset = 0, n; offset < size; offset += n)
    {
      n = MIN (size - offset, MIB);
      image_run (image, IMAGE_READ, offset, data, n);
      medium_write (model, offset, data, n);
    }
  image_close (image);
  peer_check (cut->run, cut->kind->format, medium_path (cut->medium));
  peer_compare (cut->run, cut->kind->format, medium_path (cut->medium),
                cut->kind->encrypted ? PASSPHRASE : NULL, model);
  medium_unref (model);
}

static void
run_cuts (Run *run, const void *data)
{
  Cut cut = { .kind = data, .run = run };
  g_autoptr (GError) error = NULL;

  cut.loop = loop_new ("power-cut", &error);
  must (run, cut.loop != NULL, error, "loop");
  make (&cut);
  for (unsigned n = run_once_in (run, 4) ? 3 : 1; n > 0; n--)
    {
      play_until_cut (&cut);
      examine (&cut);
    }
  if (!cut.kind->no_peer && run_once_in (run, 4))
    ask_peer (&cut);
  loop_free (cut.loop);
  medium_unref (cut.medium);
  crash_log_free (cut.log);
  g_free (cut.path);
}

static const Kind raw = { .format = "raw", .torn_words = true };
static const Kind qcow2 = { .format = "qcow2" };
static const Kind qcow2_old = { .format = "qcow2", .version_2 = true };
static const Kind qcow2_lazy = { .format = "qcow2", .lazy = true };
static const Kind qcow2_extended = { .format = "qcow2", .extended = true };
static const Kind qcow2_overlay = { .format = "qcow2", .overlay = true };
static const Kind qcow2_overlay_extended = {
  .format = "qcow2", .overlay = true, .extended = true, .lazy = true
};
static const Kind qcow2_peer = { .format = "qcow2", .by_peer = true };
static const Kind qcow2_encrypted = { .format = "qcow2", .by_peer = true, .encrypted = true };
static const Kind vhd = { .format = "vhd", .subformat = "dynamic" };
static const Kind vhd_fixed = { .format = "vhd", .subformat = "fixed" };
static const Kind vhd_differencing = {
  .format = "vhd", .subformat = "differencing", .overlay = true, .no_peer = true
};
static const Kind vmdk = { .format = "vmdk", .subformat = "monolithicSparse" };
static const Kind vdi = { .format = "vdi", .subformat = "dynamic" };

static const RunCase cases[] = {
  { "raw", run_cuts, &raw, 8 },
  { "qcow2", run_cuts, &qcow2, 16 },
  { "qcow2-version-2", run_cuts, &qcow2_old, 8 },
  { "qcow2-lazy", run_cuts, &qcow2_lazy, 8 },
  { "qcow2-extended", run_cuts, &qcow2_extended, 8 },
  { "qcow2-overlay", run_cuts, &qcow2_overlay, 8 },
  { "qcow2-overlay-extended", run_cuts, &qcow2_overlay_extended, 8 },
  { "qcow2-of-the-peer", run_cuts, &qcow2_peer, 8 },
  { "qcow2-encrypted", run_cuts, &qcow2_encrypted, 4 },
  { "vhd-dynamic", run_cuts, &vhd, 8 },
  { "vhd-fixed", run_cuts, &vhd_fixed, 4 },
  { "vhd-differencing", run_cuts, &vhd_differencing, 8 },
  { "vmdk", run_cuts, &vmdk, 8 },
  { "vdi", run_cuts, &vdi, 8 },
};

int
main (int argc, char **argv)
{
  return runner_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
