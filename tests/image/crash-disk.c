/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/crash-disk.h"

#include "tests/image/peer.h"
#include "vmm/base/bytes.h"

#define MIB        UINT64_C (1048576)
#define PASSPHRASE "open sesame"

const ImageSecret crash_secret = { (const uint8_t *)PASSPHRASE, sizeof PASSPHRASE - 1 };

void
crash_disk_init (CrashDisk *disk, const CrashKind *kind, Run *run)
{
  *disk = (CrashDisk){ .kind = kind, .run = run };
}

void
crash_disk_start_loop (CrashDisk *disk)
{
  g_autoptr (GError) error = NULL;

  disk->loop = loop_new ("crash", &error);
  crash_must (disk->run, disk->loop != NULL, &error, "loop");
}

void
crash_disk_clear (CrashDisk *disk)
{
  loop_free (disk->loop);
  medium_unref (disk->medium);
  crash_log_free (disk->log);
  g_free (disk->path);
}

/* --- the image --- */

void
crash_must (Run *run, bool well, GError **error, const char *what)
{
  if (!well)
    run_fail (run, "%s: %s", what, (*error)->message);
}

static const char *
make_base (CrashDisk *disk, uint64_t size)
{
  static const char *const formats[] = { "raw", "qcow2" };
  const char *format =
    g_str_equal (disk->kind->format, "vhd") ? "vhd" : formats[run_between (disk->run, 0, 1)];
  g_autofree char *path = g_build_filename (disk->run->folder, "base.img", NULL);
  ImageCreateOptions options = { .format = format, .size = size };
  ImageOptions open_options = { .exclusive_lock = true, .format = format };
  g_autoptr (GError) error = NULL;
  Image *image;

  crash_must (disk->run, image_create (path, &options, &error), &error, "making the disk below");
  image = image_open (disk->loop, path, &open_options, &error);
  crash_must (disk->run, image != NULL, &error, "opening the disk below");
  crash_log_write_base (disk->log, disk->run, image);
  image_close (image);
  return format;
}

static void
make_by_peer (CrashDisk *disk, uint64_t size)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, size);
  g_autofree char *options = g_strdup_printf (
    "cluster_size=%u,refcount_bits=%u%s%s", 1u << run_between (disk->run, 9, 17),
    1u << run_between (disk->run, 0, 6), run_once_in (disk->run, 2) ? ",lazy_refcounts=on" : "",
    disk->kind->encrypted ? ",encrypt.format=luks,encrypt.key-secret=sec0,encrypt.iter-time=40" : "");

  peer_img (disk->run, "create", "-q", "--object", "secret,id=sec0,data=" PASSPHRASE, "-f", "qcow2", "-o",
            options, disk->path, text, NULL);
}

/* The data of a VDI begins right behind its map: see vdi-private.h. */
static void
tighten_vdi (CrashDisk *disk)
{
  enum { MAP_OFFSET = 340, DATA_OFFSET = 344, N_BLOCKS = 384 };
  g_autoptr (GError) error = NULL;
  StoreOptions options = { .lock = true };
  g_autoptr (ImageStore) store = store_open (NULL, disk->path, &options, &error);
  uint8_t header[512];
  uint32_t end;

  crash_must (disk->run, store != NULL, &error, "opening it");
  store_read (store, 0, header, sizeof header);
  end = load_le32 (header + MAP_OFFSET) + (load_le32 (header + N_BLOCKS) * 4 + 511) / 512 * 512;
  store_le32 (header + DATA_OFFSET, end);
  if (store_write (store, 0, header, sizeof header) < 0 || store_resize (store, end) < 0)
    run_fail (disk->run, "can't write to it");
}

static void
make_by_us (CrashDisk *disk, uint64_t size)
{
  const CrashKind *kind = disk->kind;
  ImageCreateOptions options = { .format = kind->format, .subformat = kind->subformat, .size = size };
  g_autofree char *base = NULL;
  g_autoptr (GError) error = NULL;

  if (g_str_equal (kind->format, "qcow2"))
    {
      options.version = kind->version_2 ? 2 : 3;
      options.cluster_size = 1u << run_between (disk->run, kind->extended ? 14 : 12, 18);
      options.extended_l2 = kind->extended;
      options.lazy_refcounts = kind->lazy;
    }
  if (kind->small && !g_str_equal (kind->format, "vmdk"))
    options.cluster_size = 1u << run_between (disk->run, 12, 14);
  if (kind->overlay)
    {
      options.backing_format = make_base (disk, disk->log->base_size);
      options.backing_path = base = g_build_filename (disk->run->folder, "base.img", NULL);
    }
  crash_must (disk->run, image_create (disk->path, &options, &error), &error, "create");
  if (kind->small && g_str_equal (kind->format, "vdi"))
    tighten_vdi (disk);
}

void
crash_disk_plan (CrashDisk *disk)
{
  uint64_t size = IMAGE_SECTOR_SIZE * run_between (disk->run, 2048, 32768);
  uint64_t base_size = 0;

  /* A table of a VMDK has 512 grains of 64 KiB. */
  if (disk->kind->small && g_str_equal (disk->kind->format, "vmdk"))
    size = 32 * MIB - IMAGE_SECTOR_SIZE * run_scale (disk->run, 12);
  if (disk->kind->overlay)
    base_size = disk->kind->no_peer ? size : IMAGE_SECTOR_SIZE * run_between (disk->run, 2048, 32768);
  disk->log = crash_log_new (size, size + 16 * MIB, base_size);
  disk->path = g_build_filename (disk->run->folder, "disk.img", NULL);
  run_log (disk->run, "%s of %" G_GUINT64_FORMAT " bytes, base %" G_GUINT64_FORMAT, disk->kind->format, size,
           base_size);
}

void
crash_disk_make (CrashDisk *disk)
{
  if (disk->kind->by_peer)
    make_by_peer (disk, disk->log->size);
  else
    make_by_us (disk, disk->log->size);
}

ImageOptions
crash_disk_options (const CrashDisk *disk)
{
  return (ImageOptions){ .exclusive_lock = true,
                         .format = disk->kind->format,
                         .secret = disk->kind->encrypted ? &crash_secret : NULL };
}

Image *
crash_disk_open (CrashDisk *disk, bool lenient, bool read_only)
{
  ImageOptions options = crash_disk_options (disk);
  g_autoptr (GError) error = NULL;
  Image *image;

  options.lenient = lenient;
  options.read_only = read_only;
  if (disk->medium != NULL)
    image = image_open_store (disk->loop, memory_store_new (disk->loop, disk->medium, disk->path, read_only),
                              &options, &error);
  else
    image = image_open (disk->loop, disk->path, &options, &error);
  crash_must (disk->run, image != NULL, &error,
              lenient ? "opening to be checked" : "opening after the crash");
  return image;
}

/* --- what is left --- */

static void
finding (const char *text, void *data)
{
  run_log (data, "check: %s", text);
}

static ImageCheck
check (CrashDisk *disk, bool repair)
{
  ImageCheck check = { .repair = repair, .finding = finding, .data = disk->run };
  g_autoptr (GError) error = NULL;
  Image *image = crash_disk_open (disk, true, !repair);

  run_log (disk->run, repair ? "repair" : "check");
  crash_must (disk->run, image_check (image, &check, &error), &error, "check");
  image_close (image);
  return check;
}

static bool
is_dirty (CrashDisk *disk)
{
  Image *image = crash_disk_open (disk, true, true);
  ImageInfo *info = image_info (image, 0);
  bool dirty = info->dirty;

  image_info_free (info);
  image_close (image);
  return dirty;
}

static void
verify (CrashDisk *disk)
{
  Image *image = crash_disk_open (disk, false, false);

  crash_log_verify (disk->log, disk->run, image);
  image_close (image);
}

void
crash_disk_look (CrashDisk *disk)
{
  ImageCheck found = check (disk, false);

  if (found.corruptions > 0 && g_str_equal (disk->kind->format, "qcow2") && !is_dirty (disk))
    run_fail (disk->run, "%" G_GUINT64_FORMAT " corruptions in an image that is not dirty",
              found.corruptions);
}

bool
crash_disk_repair (CrashDisk *disk)
{
  ImageCheck found = check (disk, false);

  if (found.corruptions + found.leaks == 0)
    return false;
  check (disk, true);
  found = check (disk, false);
  if (found.corruptions + found.leaks > 0)
    run_fail (disk->run, "%" G_GUINT64_FORMAT " corruptions and %" G_GUINT64_FORMAT " leaks after the repair",
              found.corruptions, found.leaks);
  return true;
}

void
crash_disk_examine (CrashDisk *disk)
{
  if (run_once_in (disk->run, 4))
    check (disk, true); /* before anyone opens it */
  verify (disk);
  if (crash_disk_repair (disk))
    verify (disk);
}

void
crash_disk_ask_peer (CrashDisk *disk)
{
  Medium *model = medium_new (UINT64_MAX);
  Image *image = crash_disk_open (disk, false, true);
  g_autofree uint8_t *data = g_malloc (MIB);
  uint64_t size = image_size (image);
  const char *passphrase = disk->kind->encrypted ? PASSPHRASE : NULL;
  const char *path = disk->medium != NULL ? medium_path (disk->medium) : disk->path;

  medium_resize (model, size);
  for (uint64_t offset = 0, n; offset < size; offset += n)
    {
      n = MIN (size - offset, MIB);
      image_run (image, IMAGE_READ, offset, data, n);
      medium_write (model, offset, data, n);
    }
  image_close (image);
  peer_check (disk->run, disk->kind->format, path, passphrase);
  peer_compare (disk->run, disk->kind->format, path, passphrase, model);
  medium_unref (model);
}
