/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/bus/bus.h"

#include "vmm/base/bytes.h"
#include "vmm/device/device.h"

#define N_LOG 16u

/* A device as far as a bus knows one: a lock and registers. */
typedef struct {
  Device device;
  unsigned n;
  uint64_t offsets[N_LOG], values[N_LOG];
  unsigned sizes[N_LOG];
  uint8_t bytes[64];
} Chip;

static void
chip_init (Chip *chip, const char *name)
{
  memset (chip, 0, sizeof *chip);
  chip->device.name = (char *)name;
  g_mutex_init (&chip->device.lock);
  for (unsigned i = 0; i < sizeof chip->bytes; i++)
    chip->bytes[i] = (uint8_t)(i + 1);
}

static uint64_t
chip_read (Device *device, uint64_t offset, unsigned size)
{
  Chip *chip = (Chip *)device;

  g_assert_cmpuint (offset + size, <=, sizeof chip->bytes);
  return load_le (chip->bytes + offset, size) | (size < 8 ? UINT64_MAX << (size * 8) : 0);
}

static void
chip_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Chip *chip = (Chip *)device;

  g_assert_cmpuint (chip->n, <, N_LOG);
  chip->offsets[chip->n] = offset;
  chip->values[chip->n] = value;
  chip->sizes[chip->n] = size;
  chip->n++;
}

static const BusOps chip_ops = { .read = chip_read, .write = chip_write };
static const BusOps word_ops = { .read = chip_read, .write = chip_write, .max_size = 2 };
static const BusOps deaf_ops = { 0 };

static void
test_bounds (void)
{
  g_autoptr (Bus) bus = bus_new ("ports", 0x10000);
  Chip chip;

  chip_init (&chip, "chip");
  g_assert_null (bus_add (bus, &chip.device, &chip_ops, 0xfff0, 0x11, 0));
  g_assert_null (bus_add (bus, &chip.device, &chip_ops, 0x10000, 1, 0));
  g_assert_null (bus_add (bus, &chip.device, &chip_ops, 8, UINT64_MAX, 0));
  g_assert_null (bus_add (bus, &chip.device, &chip_ops, 8, 0, 0));
  g_assert_nonnull (bus_add (bus, &chip.device, &chip_ops, 0xfff0, 0x10, 0));
  g_assert_cmphex (bus_read (bus, 0xffff, 1), ==, 16);
  g_assert_cmphex (bus_read (bus, 0xffff, 4), ==, 0xffffff10);
  g_assert_cmphex (bus_read (bus, UINT64_MAX, 8), ==, UINT64_MAX);
  bus_write (bus, UINT64_MAX - 1, 0, 8);
  g_assert_cmphex (bus_read (bus, 0xffee, 4), ==, 0x0201ffff);
  g_assert_cmphex (bus_read (bus, 0, 2), ==, 0xffff);
}

static void
test_splitting (void)
{
  g_autoptr (Bus) bus = bus_new ("mmio", UINT64_MAX);
  Chip a, b;

  chip_init (&a, "a");
  chip_init (&b, "b");
  bus_add (bus, &a.device, &word_ops, 0x1000, 6, 0);
  bus_add (bus, &b.device, &chip_ops, 0x1006, 10, 0);
  g_assert_cmphex (bus_read (bus, 0x1000, 4), ==, 0x04030201);
  g_assert_cmphex (bus_read (bus, 0x1002, 8), ==, UINT64_C (0x0403020106050403));

  bus_write (bus, 0x1002, UINT64_C (0x8877665544332211), 8);
  g_assert_cmpuint (a.n, ==, 2);
  g_assert_cmphex (a.values[0], ==, 0x2211);
  g_assert_cmphex (a.values[1], ==, 0x4433);
  g_assert_cmpuint (a.offsets[1], ==, 4);
  g_assert_cmpuint (b.n, ==, 1);
  g_assert_cmpuint (b.sizes[0], ==, 4);
  g_assert_cmphex (b.values[0], ==, 0x88776655);

  /* What KVM hands over when an access straddles two pages. */
  bus_write (bus, 0x1008, 0xaabbcc, 3);
  g_assert_cmpuint (b.n, ==, 3);
  g_assert_cmphex (b.values[1], ==, 0xbbcc);
  g_assert_cmphex (b.values[2], ==, 0xaa);
}

static void
test_priorities (void)
{
  g_autoptr (Bus) bus = bus_new ("mmio", UINT64_MAX);
  Chip low, high, late;
  g_autofree char *text = NULL;
  BusRegion *overlay, *last;
  uint64_t base, size;

  chip_init (&low, "low");
  chip_init (&high, "high");
  chip_init (&late, "late");
  overlay = bus_add (bus, &high.device, &chip_ops, 0x1010, 0x10, 1);
  bus_add (bus, &low.device, &chip_ops, 0x1000, 0x30, 0);
  g_assert_cmphex (bus_read (bus, 0x100f, 1), ==, 16);
  g_assert_cmphex (bus_read (bus, 0x1010, 1), ==, 1);
  g_assert_cmphex (bus_read (bus, 0x1020, 1), ==, 33);
  text = bus_describe (bus);
  g_assert_cmpstr (text, ==, "00001000-0000100f low\n00001010-0000101f high\n00001020-0000102f low\n");

  last = bus_add (bus, &late.device, &deaf_ops, 0x1000, 0x30, 0);
  g_assert_cmphex (bus_read (bus, 0x1000, 1), ==, 0xff);
  g_assert_cmphex (bus_read (bus, 0x1010, 1), ==, 1);
  bus_write (bus, 0x1000, 1, 1);
  bus_region_range (last, &base, &size);
  g_assert_cmphex (base, ==, 0x1000);
  g_assert_cmphex (size, ==, 0x30);
  bus_remove (bus, last);
  bus_remove (bus, overlay);
  g_assert_cmphex (bus_read (bus, 0x1010, 1), ==, 17);
}

/* --- threads --- */

/* A device whose region moves from inside a write, as a BAR does. */
typedef struct {
  Device device;
  Bus *bus;
  BusRegion *region;
  uint64_t base;
  bool mapped;
  uint64_t n_accesses; /* guarded by the device's lock */
} Mover;

static uint64_t
mover_read (Device *device, uint64_t offset, unsigned size)
{
  Mover *mover = (Mover *)device;

  /* A dispatch that waited while the region went away must not arrive. */
  g_assert_true (mover->mapped);
  mover->n_accesses++;
  return offset;
}

static const BusOps mover_ops = { .read = mover_read };

static void
control_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Mover *mover = (Mover *)device;

  mover->n_accesses++;
  if (mover->mapped)
    bus_remove (mover->bus, mover->region);
  mover->mapped = value % 4 != 0;
  if (mover->mapped)
    mover->region = bus_add (mover->bus, device, &mover_ops, 0x10000 + value % 4 * 0x1000, 0x1000, 1);
}

static const BusOps control_ops = { .write = control_write };

typedef struct {
  Bus *bus;
  int n_reading; /* threads that are at it */
  int stop;
} BusRace;

static gpointer
read_for_long (gpointer data)
{
  BusRace *race = data;

  g_atomic_int_inc (&race->n_reading);
  for (uint64_t i = 0; !g_atomic_int_get (&race->stop); i++)
    {
      uint64_t offset = i % 1024 * 4;
      uint64_t value = bus_read (race->bus, 0x10000 + i % 4 * 0x1000 + offset, 4);

      g_assert_true (value == 0xffffffff || value == offset);
    }
  return NULL;
}

static gpointer
move_for_long (gpointer data)
{
  BusRace *race = data;

  for (uint64_t i = 0; i < 15000; i++)
    bus_write (race->bus, 0x100, i * 7, 4);
  return NULL;
}

static void
test_threads (void)
{
  BusRace race = { .bus = bus_new ("mmio", UINT64_MAX) };
  Mover mover = { .bus = race.bus };
  GThread *readers[2], *movers[2];

  mover.device.name = (char *)"mover";
  g_mutex_init (&mover.device.lock);
  bus_add (race.bus, &mover.device, &control_ops, 0x100, 4, 0);
  for (unsigned i = 0; i < 2; i++)
    readers[i] = g_thread_new ("read", read_for_long, &race);
  while (g_atomic_int_get (&race.n_reading) < 2)
    g_thread_yield ();
  for (unsigned i = 0; i < 2; i++)
    movers[i] = g_thread_new ("move", move_for_long, &race);
  for (unsigned i = 0; i < 2; i++)
    g_thread_join (movers[i]);
  g_atomic_int_set (&race.stop, 1);
  for (unsigned i = 0; i < 2; i++)
    g_thread_join (readers[i]);
  g_assert_cmpuint (mover.n_accesses, >=, 30000);
  bus_free (race.bus);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus/bounds", test_bounds);
  g_test_add_func ("/bus/splitting", test_splitting);
  g_test_add_func ("/bus/priorities", test_priorities);
  g_test_add_func ("/bus/threads", test_threads);
  return g_test_run ();
}
