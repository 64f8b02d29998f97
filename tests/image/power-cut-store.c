/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/power-cut-store.h"

#include <errno.h>

#define SECTOR 512u
#define BLOCK  4096u /* of a file system, for holes */
#define WORD   8u
#define CHUNK  65536u

typedef enum {
  CHANGE_WRITE,
  CHANGE_ZERO,
  CHANGE_PUNCH,
  CHANGE_SIZE,
} ChangeKind;

typedef struct {
  ChangeKind kind;
  uint64_t offset, length; /* SIZE: the new size in @length */
  uint8_t *data;           /* WRITE */
} Change;

/* What the disks of one machine share. */
typedef struct {
  int references; /* atomic */
  GMutex lock;    /* around the disks too */
  GRand *rand;
  GPtrArray *disks; /* of PowerDisk, not owned */
  uint64_t n_changes, n_syncs;
  uint64_t cut_at;     /* the change that ends it; 0: none */
  unsigned fault_rate; /* one in so many fails; 0: none */
  bool off;
} Power;

struct PowerDisk {
  int references; /* atomic */
  Power *power;
  Medium *stable;     /* what every cut leaves */
  Medium *current;    /* what reads see */
  GPtrArray *changes; /* of Change: done, not synced */
  GPtrArray *waiting; /* of Waiting: asynchronous requests */
};

typedef struct {
  ImageStore store;
  PowerDisk *disk;
} PowerStore;

typedef struct {
  StoreIo *io;
  unsigned n_before; /* SYNC: how many of @changes it promises */
} Waiting;

static void
change_free (gpointer data)
{
  Change *change = data;

  g_free (change->data);
  g_free (change);
}

/* --- the disk --- */

static PowerDisk *
disk_new (Power *power, Medium *medium)
{
  PowerDisk *disk = g_new0 (PowerDisk, 1);

  disk->references = 1;
  disk->power = power;
  disk->stable = medium_ref (medium);
  disk->current = medium_copy (medium);
  disk->changes = g_ptr_array_new_with_free_func (change_free);
  disk->waiting = g_ptr_array_new_with_free_func (g_free);
  g_mutex_lock (&power->lock);
  g_ptr_array_add (power->disks, disk);
  g_mutex_unlock (&power->lock);
  return disk;
}

PowerDisk *
power_disk_new (Medium *medium, uint32_t seed)
{
  Power *power = g_new0 (Power, 1);

  power->references = 1;
  g_mutex_init (&power->lock);
  power->rand = g_rand_new_with_seed (seed);
  power->disks = g_ptr_array_new ();
  return disk_new (power, medium);
}

PowerDisk *
power_disk_new_beside (PowerDisk *other, Medium *medium)
{
  g_atomic_int_inc (&other->power->references);
  return disk_new (other->power, medium);
}

static void
power_unref (Power *power)
{
  if (!g_atomic_int_dec_and_test (&power->references))
    return;
  g_ptr_array_unref (power->disks);
  g_rand_free (power->rand);
  g_mutex_clear (&power->lock);
  g_free (power);
}

void
power_disk_unref (PowerDisk *disk)
{
  if (disk == NULL || !g_atomic_int_dec_and_test (&disk->references))
    return;
  g_mutex_lock (&disk->power->lock);
  g_ptr_array_remove_fast (disk->power->disks, disk);
  g_mutex_unlock (&disk->power->lock);
  g_ptr_array_unref (disk->changes);
  g_ptr_array_unref (disk->waiting);
  medium_unref (disk->stable);
  medium_unref (disk->current);
  power_unref (disk->power);
  g_free (disk);
}

static Change *
change_new (ChangeKind kind, uint64_t offset, uint64_t length)
{
  Change *change = g_new0 (Change, 1);

  change->kind = kind;
  change->offset = offset;
  change->length = length;
  return change;
}

static Change *
change_of (const StoreIo *io)
{
  static const ChangeKind kinds[] = {
    [STORE_WRITE] = CHANGE_WRITE,
    [STORE_PUNCH] = CHANGE_PUNCH,
    [STORE_ZERO] = CHANGE_ZERO,
  };
  Change *change = change_new (kinds[io->kind], io->offset, io->length);
  uint64_t at = 0;

  if (io->kind == STORE_WRITE)
    {
      change->data = g_malloc (io->length);
      for (unsigned i = 0; i < io->n_iov; i++)
        {
          memcpy (change->data + at, io->iov[i].iov_base, io->iov[i].iov_len);
          at += io->iov[i].iov_len;
        }
    }
  return change;
}

/* --- what arrives --- */

static int
apply (Medium *medium, const Change *change, uint64_t offset, uint64_t length)
{
  switch (change->kind)
    {
    case CHANGE_WRITE:
      return medium_write (medium, offset, change->data + (offset - change->offset), length);
    case CHANGE_ZERO:
    case CHANGE_PUNCH:
      return medium_zero (medium, offset, length);
    case CHANGE_SIZE:
      return medium_resize (medium, change->length);
    }
  return 0;
}

static void
settle_locked (PowerDisk *disk, unsigned n)
{
  n = MIN (n, disk->changes->len);
  for (unsigned i = 0; i < n; i++)
    {
      const Change *change = disk->changes->pdata[i];
      int result = apply (disk->stable, change, change->offset, change->length);

      if (result != 0)
        g_error ("the medium can't keep what it took: %s", g_strerror (-result));
    }
  if (n > 0)
    g_ptr_array_remove_range (disk->changes, 0, n);
  for (unsigned i = 0; i < disk->waiting->len; i++)
    {
      Waiting *waiting = disk->waiting->pdata[i];
      waiting->n_before -= MIN (waiting->n_before, n);
    }
}

/* What is on its way may arrive as well. */
static void
take_waiting_locked (PowerDisk *disk)
{
  for (unsigned i = 0; i < disk->waiting->len; i++)
    {
      Waiting *waiting = disk->waiting->pdata[i];

      if (waiting->io->kind != STORE_READ && waiting->io->kind != STORE_SYNC)
        g_ptr_array_add (disk->changes, change_of (waiting->io));
    }
}

static void
off_locked (PowerDisk *disk)
{
  disk->power->off = true;
  for (unsigned i = 0; i < disk->power->disks->len; i++)
    take_waiting_locked (disk->power->disks->pdata[i]);
}

static bool
fails_locked (PowerDisk *disk)
{
  Power *power = disk->power;

  return power->fault_rate > 0 && g_rand_int_range (power->rand, 0, (int)power->fault_rate) == 0;
}

/* Takes @change. False: the power went. */
static int
change_locked (PowerDisk *disk, Change *change)
{
  bool fails = fails_locked (disk);
  int result;

  if (fails && g_rand_boolean (disk->power->rand))
    {
      change_free (change);
      return g_rand_boolean (disk->power->rand) ? -ENOSPC : -EIO;
    }
  result = apply (disk->current, change, change->offset, change->length);

  if (result != 0)
    {
      change_free (change);
      return result;
    }
  g_ptr_array_add (disk->changes, change);
  disk->power->n_changes++;
  if (disk->power->cut_at != 0 && disk->power->n_changes >= disk->power->cut_at)
    {
      off_locked (disk);
      return -EIO;
    }
  return fails ? -EIO : 0;
}

static int
run_locked (PowerDisk *disk, StoreIo *io, unsigned n_before)
{
  int result;

  if (disk->power->off)
    return -EIO;
  if (io->kind == STORE_READ)
    return medium_do (disk->current, io);
  if (io->kind == STORE_SYNC && fails_locked (disk))
    return -EIO;
  if (io->kind == STORE_SYNC)
    {
      disk->power->n_syncs++;
      settle_locked (disk, n_before);
      return 0;
    }
  result = change_locked (disk, change_of (io));
  if (result == 0 && io->kind == STORE_WRITE)
    store_grown (io->store, io->offset + io->length);
  return result;
}

/* --- the power goes --- */

void
power_disk_cut_after (PowerDisk *disk, uint64_t n)
{
  g_mutex_lock (&disk->power->lock);
  disk->power->cut_at = disk->power->n_changes + MAX (n, 1);
  g_mutex_unlock (&disk->power->lock);
}

void
power_disk_cut_now (PowerDisk *disk)
{
  g_mutex_lock (&disk->power->lock);
  if (!disk->power->off)
    off_locked (disk);
  g_mutex_unlock (&disk->power->lock);
}

bool
power_disk_is_off (PowerDisk *disk)
{
  bool off;

  g_mutex_lock (&disk->power->lock);
  off = disk->power->off;
  g_mutex_unlock (&disk->power->lock);
  return off;
}

void
power_disk_set_faults (PowerDisk *disk, unsigned n)
{
  g_mutex_lock (&disk->power->lock);
  disk->power->fault_rate = n;
  g_mutex_unlock (&disk->power->lock);
}

uint64_t
power_disk_changes (PowerDisk *disk)
{
  uint64_t n;

  g_mutex_lock (&disk->power->lock);
  n = disk->power->n_changes;
  g_mutex_unlock (&disk->power->lock);
  return n;
}

uint64_t
power_disk_syncs (PowerDisk *disk)
{
  uint64_t n;

  g_mutex_lock (&disk->power->lock);
  n = disk->power->n_syncs;
  g_mutex_unlock (&disk->power->lock);
  return n;
}

/* Half of a sector: its words before, or from, some point. */
static void
apply_torn (PowerDisk *disk, Medium *medium, const Change *change, uint64_t offset, uint64_t length)
{
  uint64_t cut = length / WORD > 1 ? WORD * g_rand_int_range (disk->power->rand, 1, length / WORD) : length;

  if (g_rand_boolean (disk->power->rand))
    apply (medium, change, offset, cut);
  else if (cut < length)
    apply (medium, change, offset + cut, length - cut);
}

static void
apply_words (PowerDisk *disk, Medium *medium, const Change *change, uint64_t offset, uint64_t length)
{
  uint64_t end = offset + length, next;

  for (; offset < end; offset = next)
    {
      next = MIN ((offset / WORD + 1) * WORD, end);
      if (g_rand_boolean (disk->power->rand))
        apply (medium, change, offset, next - offset);
    }
}

/* A piece that was on its way, within a sector. */
static void
apply_piece (PowerDisk *disk, Medium *medium, const Change *change, uint64_t offset, uint64_t length,
             PowerTearing *tearing)
{
  bool tears = *tearing != POWER_SECTORS && change->kind == CHANGE_WRITE
               && g_rand_int_range (disk->power->rand, 0, 8) == 0;

  if (tears && *tearing == POWER_TORN_ONCE)
    {
      *tearing = POWER_SECTORS;
      apply_torn (disk, medium, change, offset, length);
    }
  else if (tears && offset >= SECTOR)
    apply_words (disk, medium, change, offset, length);
  else
    apply (medium, change, offset, length);
}

/* @share: of 1000, how many pieces arrive. */
static void
apply_pieces (PowerDisk *disk, Medium *medium, const Change *change, int share, PowerTearing *tearing)
{
  uint64_t unit = change->kind == CHANGE_PUNCH ? BLOCK : SECTOR;
  uint64_t end = change->offset + change->length, next;

  /* Large zeroes are not worth a million draws. */
  if (change->length / unit > 4096)
    unit = change->length / 4096 / BLOCK * BLOCK + BLOCK;
  for (uint64_t at = change->offset; at < end; at = next)
    {
      next = MIN ((at / unit + 1) * unit, end);
      if (g_rand_int_range (disk->power->rand, 0, 1000) < share)
        apply_piece (disk, medium, change, at, next - at, tearing);
    }
}

static int
draw_share (PowerDisk *disk)
{
  static const int shares[] = { 0, 50, 300, 500, 700, 950, 1000 };

  return shares[g_rand_int_range (disk->power->rand, 0, G_N_ELEMENTS (shares))];
}

Medium *
power_disk_survivor (PowerDisk *disk, PowerTearing tearing)
{
  Medium *medium = medium_copy (disk->stable);
  unsigned n = disk->changes->len;
  unsigned n_sizes = g_rand_int_range (disk->power->rand, 0, n + 1);
  bool whole = g_rand_boolean (disk->power->rand); /* requests arrive whole, or in pieces */
  int share = draw_share (disk);

  for (unsigned i = 0; i < n; i++)
    {
      const Change *change = disk->changes->pdata[i];

      if (change->kind == CHANGE_SIZE)
        {
          if (i < n_sizes)
            apply (medium, change, 0, 0);
        }
      else if (!whole || i == n - 1)
        apply_pieces (disk, medium, change, share, &tearing);
      else if (g_rand_int_range (disk->power->rand, 0, 1000) < share)
        apply (medium, change, change->offset, change->length);
    }
  return medium;
}

/* --- the store --- */

static PowerDisk *
disk_of (ImageStore *store)
{
  return ((PowerStore *)store)->disk;
}

static int
power_run (ImageStore *store, StoreIo *io)
{
  PowerDisk *disk = disk_of (store);
  int result;

  io->store = store;
  g_mutex_lock (&disk->power->lock);
  result = run_locked (disk, io, disk->changes->len);
  g_mutex_unlock (&disk->power->lock);
  return result;
}

/* One of those that wait. */
static void
power_step (void *data)
{
  PowerDisk *disk = data;
  Waiting *waiting;
  StoreIo *io;
  int result;

  g_mutex_lock (&disk->power->lock);
  waiting =
    g_ptr_array_steal_index_fast (disk->waiting, g_rand_int_range (disk->power->rand, 0, disk->waiting->len));
  io = waiting->io;
  result = run_locked (disk, io, waiting->n_before);
  g_mutex_unlock (&disk->power->lock);
  g_free (waiting);
  io->done (io, result);
  power_disk_unref (disk);
}

static void
power_submit (ImageStore *store, StoreIo *io)
{
  PowerDisk *disk = disk_of (store);
  Waiting *waiting = g_new0 (Waiting, 1);

  io->store = store;
  waiting->io = io;
  g_mutex_lock (&disk->power->lock);
  waiting->n_before = disk->changes->len;
  g_ptr_array_add (disk->waiting, waiting);
  g_mutex_unlock (&disk->power->lock);
  g_atomic_int_inc (&disk->references);
  loop_call (store->loop, power_step, disk);
}

static int
power_resize (ImageStore *store, uint64_t size)
{
  PowerDisk *disk = disk_of (store);
  int result;

  g_mutex_lock (&disk->power->lock);
  result = disk->power->off ? -EIO : change_locked (disk, change_new (CHANGE_SIZE, 0, size));
  g_mutex_unlock (&disk->power->lock);
  if (result == 0)
    __atomic_store_n (&store->size, size, __ATOMIC_RELEASE);
  return result;
}

static uint64_t
power_allocated (ImageStore *store)
{
  return medium_allocated (disk_of (store)->current);
}

static int
power_status (ImageStore *store, uint64_t offset, uint64_t length, bool *is_data, uint64_t *end)
{
  return medium_status (disk_of (store)->current, offset, length, is_data, end);
}

static void
power_close (ImageStore *store)
{
  power_disk_unref (disk_of (store));
  g_free (store->path);
  g_free (store);
}

static const ImageStoreClass power_store_class = {
  .name = "power-cut",
  .submit = power_submit,
  .run = power_run,
  .resize = power_resize,
  .allocated = power_allocated,
  .status = power_status,
  .close = power_close,
};

ImageStore *
power_disk_store (PowerDisk *disk, EventLoop *loop, const char *name)
{
  PowerStore *self = g_new0 (PowerStore, 1);

  g_atomic_int_inc (&disk->references);
  self->disk = disk;
  self->store.klass = &power_store_class;
  self->store.loop = loop;
  self->store.path = g_strdup (name);
  self->store.size = medium_size (disk->current);
  self->store.block_size = 512;
  self->store.alignment = 1;
  return &self->store;
}
