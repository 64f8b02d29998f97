/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/store.h"
#include "tests/image/memory-store.h"

G_BEGIN_DECLS

/*
 * PowerDisk: a disk with a volatile cache whose power fails.
 *
 * The medium. What was done before a sync began is stable when the sync ends. Of everything later, the moment
 * the power goes, any part may have arrived, in sectors of 512 bytes:
 *
 *   write, zero  each sector by itself: old or new. Where several writes meet, none overtakes a later one
 * that arrived. A write whose completion nobody has seen yet may have arrived too punch        each block of
 * 4 KiB by itself: still there, or zero size         a file system journals it: sizes arrive in order up to
 * some moment. What arrives beyond the size makes the file that long, with zeroes between torn words
 * (optional) one of the sectors that were on their way is half old, half new, cut between words of 8 bytes:
 * disks promise more, but journals of hypervisors below may not. Or: of any sector but the medium's first (a
 * header) any words arrived, in whatever order
 *
 * How much arrives is drawn for each cut: all, nothing, or any share.
 *
 * Asynchronous requests that wait together are carried out in random order.
 *
 * Threading: power_disk_new and power_disk_unref: the owner. Stores: as store.h says. power_disk_survivor:
 * once the power is off or no store is open.
 */
typedef struct PowerDisk PowerDisk;

/* @medium (transfer none) is what is on it; the disk changes it. @seed decides everything random. */
PowerDisk *power_disk_new (Medium *medium, uint32_t seed);
void power_disk_unref (PowerDisk *disk);

/* Another disk of the same machine: their power goes at one moment, and changes are counted together. */
PowerDisk *power_disk_new_beside (PowerDisk *other, Medium *medium);

/* The disk as a store; as many as are wanted. (transfer full) */
ImageStore *power_disk_store (PowerDisk *disk, EventLoop *loop, const char *name);

/* The power goes in the middle of the @n-th change (1: the next) from now. From then on all fails with -EIO.
 */
void power_disk_cut_after (PowerDisk *disk, uint64_t n);
void power_disk_cut_now (PowerDisk *disk);
bool power_disk_is_off (PowerDisk *disk);

/* From now on one in @n changes and syncs fails, with -ENOSPC or -EIO; the change may have arrived all the
 * same. 0: none does. */
void power_disk_set_faults (PowerDisk *disk, unsigned n);

/* Changes and syncs so far. */
uint64_t power_disk_changes (PowerDisk *disk);
uint64_t power_disk_syncs (PowerDisk *disk);

typedef enum {
  POWER_SECTORS,   /* whole ones arrive, or none */
  POWER_TORN_ONCE, /* one sector is half old, half new */
  POWER_WORDS,     /* of any sector but the first, any words */
} PowerTearing;

/* What the power cut left. (transfer full) */
Medium *power_disk_survivor (PowerDisk *disk, PowerTearing tearing);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PowerDisk, power_disk_unref)

G_END_DECLS
