/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/devices/disk-checks.h"
#include "tests/devices/virtio-guest.h"
#include "tests/image/small-disk.h"

G_BEGIN_DECLS

/* A virtio controller with a disk on a bench; a SCSI one has a disc as well. Their files' bytes are
 * pattern_byte's. */
#define DISK_SIZE (UINT64_C (1) << 20)
#define CD_SIZE   (2048u * 100 - 1024)

/* What a test wants, the data of g_test_add. */
typedef struct {
  BenchSetup furnish;     /* with the fixture: puts the controller on the bench, its images by @path */
  uint64_t ring_features; /* F_PACKED, or 0 for split rings */
  bool read_only;
  bool plain; /* neither a cache nor discards */
  unsigned n_queues;
} VirtioDiskCase;

typedef struct {
  const VirtioDiskCase *wanted;
  char *folder, *path, *cd_path;
  const char *format; /* of the disk */
  Image *image;       /* the disk's, the controller's */
  Bench *bench;
  GuestQueue control, event, queue;
} VirtioDisk;

void virtio_disk_setup (VirtioDisk *f, gconstpointer wanted);
void virtio_disk_teardown (VirtioDisk *f, gconstpointer wanted);

/* Makes the bench anew with another disk: @path (transfer full) of @format. */
void virtio_disk_rebuild (VirtioDisk *f, char *path, const char *format);

/* Opens the disk's image as the test wants it. */
Image *virtio_disk_open (VirtioDisk *f, Bench *bench);

/* The driver's way to FEATURES_OK, in the layout that the test wants. Queues and DRIVER_OK follow. */
void virtio_disk_negotiate (VirtioDisk *f, uint64_t features);

/* Adds @func for either layout of rings: cases[0] split, cases[1] packed. */
void virtio_disk_add (const char *prefix, const char *name, const VirtioDiskCase cases[2],
                      void (*func) (VirtioDisk *f, gconstpointer wanted));

G_END_DECLS
