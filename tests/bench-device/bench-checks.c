/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench-device/bench-private.h"
#include "vmm/base/bytes.h"
#include "vmm/device/device-private.h"

#define N_DAMAGED_STATES 400u
#define FUZZ_SAVE_EVERY  4096u

/* --- states --- */

static void
assert_same_lines (Bench *bench, Bench *twin)
{
  for (unsigned gsi = 0; gsi < BOARD_N_GSIS; gsi++)
    g_assert_cmpint (bench_irq (bench, gsi), ==, bench_irq (twin, gsi));
}

static void
assert_saves_as (Bench *bench, GBytes *state)
{
  g_autoptr (GBytes) again = board_save (bench->board);

  g_assert_cmpmem (g_bytes_get_data (again, NULL), g_bytes_get_size (again), g_bytes_get_data (state, NULL),
                   g_bytes_get_size (state));
}

static void
assert_loads (Bench *bench, GBytes *state)
{
  GError *error = NULL;
  bool loaded = board_load (bench->board, g_bytes_get_data (state, NULL), g_bytes_get_size (state), &error);

  g_assert_no_error (error);
  g_assert_true (loaded);
}

/* A truncated or overwritten copy. */
static GByteArray *
damage (GBytes *state, GRand *rand)
{
  GByteArray *copy = g_byte_array_new ();
  gsize size = g_bytes_get_size (state);

  g_byte_array_append (copy, g_bytes_get_data (state, NULL), (unsigned)size);
  if (g_rand_int_range (rand, 0, 8) == 0)
    g_byte_array_set_size (copy, (unsigned)g_rand_int_range (rand, 0, (gint32)size));
  else
    for (int n = g_rand_int_range (rand, 1, 5); n > 0; n--)
      {
        unsigned at = (unsigned)g_rand_int_range (rand, 0, (gint32)size);

        copy->data[at] = g_rand_int_range (rand, 0, 4) == 0 ? 0xff : (uint8_t)g_rand_int (rand);
      }
  return copy;
}

static void
load_damaged_states (Bench *twin, GBytes *state)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (unsigned i = 0; i < N_DAMAGED_STATES; i++)
    {
      g_autoptr (GByteArray) damaged = damage (state, rand);
      g_autoptr (GError) error = NULL;

      if (!board_load (twin->board, damaged->data, damaged->len, &error))
        {
          g_assert_nonnull (error);
          assert_saves_as (twin, state);
          continue;
        }

      /* Other numbers than were saved, but such as the device says it can live with: does it? */
      for (unsigned n = 0; n < 64; n++)
        bench_fuzz_access (twin, rand);
      bench_advance_clock (twin, NS_PER_MS);
      bench_wait_idle (twin);
      bench_reset (twin);
      bench_wait_idle (twin);
      assert_loads (twin, state);
      assert_saves_as (twin, state);
    }
}

void
bench_round_trip_state (Bench *bench)
{
  g_autoptr (GBytes) state = NULL;
  g_autoptr (Bench) twin = NULL;

  bench_wait_idle (bench);
  state = board_save (bench->board);
  assert_saves_as (bench, state);

  twin = bench_twin (bench);
  assert_loads (twin, state);
  assert_saves_as (twin, state);
  assert_same_lines (bench, twin);
  load_damaged_states (twin, state);
}

/* --- the mad guest --- */

typedef struct {
  Bus *bus;
  uint64_t base, size;
} FuzzRegion;

/* Any region that is visible now. Returns: false if there is none. */
static bool
pick_region (Bench *bench, GRand *rand, FuzzRegion *picked)
{
  unsigned n = 0;

  for (unsigned i = 0; i < bench->board->devices->len; i++)
    {
      Device *device = bench->board->devices->pdata[i];

      device_lock (device);
      for (unsigned r = 0; r < device->regions->len; r++)
        if (g_rand_int_range (rand, 0, (gint32)++n) == 0)
          {
            DeviceRegion *claimed = device->regions->pdata[r];

            picked->bus = claimed->bus;
            bus_region_range (claimed->region, &picked->base, &picked->size);
          }
      device_unlock (device);
    }
  return n > 0;
}

static uint64_t
random_64 (GRand *rand)
{
  return ((uint64_t)g_rand_int (rand) << 32) | g_rand_int (rand);
}

static uint64_t
pick_value (GRand *rand)
{
  switch (g_rand_int_range (rand, 0, 8))
    {
    case 0:
      return 0;
    case 1:
      return UINT64_MAX;
    case 2:
      return (uint64_t)g_rand_int_range (rand, 0, 17);
    case 3:
      return UINT64_C (1) << g_rand_int_range (rand, 0, 64);
    case 4:
      return (uint64_t)g_rand_int_range (rand, 0, BENCH_RAM_SIZE) & ~UINT64_C (0xfff);
    case 5:
      return (uint64_t)g_rand_int_range (rand, 0, 256);
    default:
      return random_64 (rand);
    }
}

void
bench_fuzz_access (Bench *bench, GRand *rand)
{
  FuzzRegion region;
  uint64_t near, offset;
  unsigned size;

  if (!pick_region (bench, rand, &region))
    return;
  near = g_rand_boolean (rand)   ? MIN (region.size, 64)
         : g_rand_boolean (rand) ? MIN (region.size, 4096)
                                 : region.size;
  offset = random_64 (rand) % near;
  size = 1u << g_rand_int_range (rand, 0, region.bus == bench->board->mmio ? 4 : 3);
  if (g_rand_int_range (rand, 0, 4) != 0)
    offset &= ~(uint64_t)(size - 1);

  if (g_rand_int_range (rand, 0, 3) == 0)
    bus_read (region.bus, region.base + offset, size);
  else
    bus_write (region.bus, region.base + offset, low_bytes (pick_value (rand), size), size);
}

/* Rings, descriptors and commands that make some sense: small numbers and addresses inside memory. */
static void
scribble_on_memory (Bench *bench, GRand *rand)
{
  uint64_t start = (uint64_t)g_rand_int_range (rand, 0, BENCH_RAM_SIZE / 4096) * 4096;
  uint8_t *page = bench_memory (bench, start, 4096);
  unsigned n = g_rand_boolean (rand) ? 512 : 16;

  for (unsigned i = 0; i < n; i++)
    store_le64 (page + (size_t)i * 8, pick_value (rand));
}

static void
save_and_load (Bench *bench)
{
  g_autoptr (GBytes) state = NULL;

  bench_wait_idle (bench);
  state = board_save (bench->board);
  assert_loads (bench, state);
}

void
bench_fuzz_with (Bench *bench, uint32_t seed, unsigned n, BenchFuzzStep step, void *data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (unsigned i = 1; i <= n; i++)
    {
      bench_fuzz_access (bench, rand);
      if (step && g_rand_int_range (rand, 0, 8) == 0)
        step (bench, rand, data);
      if (i % 32 == 0)
        scribble_on_memory (bench, rand);
      if (i % 128 == 0)
        bench_settle (bench);
      if (i % 512 == 0)
        bench_advance_clock (bench, g_rand_int_range (rand, 0, 20) * NS_PER_MS);
      if (i % FUZZ_SAVE_EVERY == 0)
        save_and_load (bench);
      if (i % FUZZ_SAVE_EVERY == FUZZ_SAVE_EVERY / 2)
        bench_reset (bench);
    }
  bench_wait_idle (bench);
}

void
bench_fuzz (Bench *bench, uint32_t seed, unsigned n)
{
  bench_fuzz_with (bench, seed, n, NULL, NULL);
}
