/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/virtio-disk-fixture.h"

void
virtio_disk_setup (VirtioDisk *f, gconstpointer wanted)
{
  f->wanted = wanted;
  f->folder = scratch_new ();
  f->path = pattern_file_new (f->folder, "disk.img", DISK_SIZE);
  f->cd_path = pattern_file_new (f->folder, "disc.iso", CD_SIZE);
  f->format = "raw";
  f->bench = bench_new_with (f->wanted->furnish, f);
}

void
virtio_disk_teardown (VirtioDisk *f, gconstpointer wanted)
{
  bench_free (f->bench);
  g_free (f->path);
  g_free (f->cd_path);
  scratch_free (f->folder);
}

void
virtio_disk_rebuild (VirtioDisk *f, char *path, const char *format)
{
  bench_free (f->bench);
  g_free (f->path);
  f->path = path;
  f->format = format;
  f->bench = bench_new_with (f->wanted->furnish, f);
}

Image *
virtio_disk_open (VirtioDisk *f, Bench *bench)
{
  f->image = bench_open_image (bench, f->path, f->format, f->wanted->read_only);
  return f->image;
}

void
virtio_disk_negotiate (VirtioDisk *f, uint64_t features)
{
  features |= F_VERSION_1 | f->wanted->ring_features;
  g_assert_cmphex (virtio_guest_negotiate (f->bench, features) & STATUS_FEATURES_OK, !=, 0);
}

void
virtio_disk_add (const char *prefix, const char *name, const VirtioDiskCase cases[2],
                 void (*func) (VirtioDisk *f, gconstpointer wanted))
{
  static const char *const layouts[] = { "split", "packed" };

  for (unsigned i = 0; i < G_N_ELEMENTS (layouts); i++)
    {
      g_autofree char *path = g_strdup_printf ("/%s/%s/%s", prefix, layouts[i], name);

      g_test_add (path, VirtioDisk, &cases[i], virtio_disk_setup, func, virtio_disk_teardown);
    }
}
