/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench-device/bench-private.h"

#include "vmm/base/bytes.h"
#include "vmm/device/device-private.h"

/* One action of the guest; all bytes mean something. */
typedef struct {
  uint8_t action;
  uint8_t region;
  uint16_t offset;
  uint32_t value;
} PlayStep;

#define STEP_SIZE 8

enum {
  ACTION_READ,
  ACTION_WRITE,
  ACTION_WRITE_AGAIN, /* writes are what most bugs need */
  ACTION_BUS_STEP,
  ACTION_MEMORY, /* the bytes that follow go to guest memory */
  ACTION_TIME,
  ACTION_SETTLE,
  ACTION_RESET,
  N_ACTIONS,
};

static PlayStep
parse_step (const uint8_t *bytes)
{
  return (PlayStep){ bytes[0], bytes[1], load_le16 (bytes + 2), load_le32 (bytes + 4) };
}

static bool
find_region (Bench *bench, unsigned number, Bus **bus, uint64_t *base, uint64_t *size)
{
  Device *device = bench->device;
  bool found = false;

  device_lock (device);
  if (device->regions->len > 0)
    {
      DeviceRegion *claimed = device->regions->pdata[number % device->regions->len];

      *bus = claimed->bus;
      bus_region_range (claimed->region, base, size);
      found = true;
    }
  device_unlock (device);
  return found;
}

static void
access_register (Bench *bench, const PlayStep *step, bool write)
{
  uint64_t base, region_size;
  unsigned size;
  Bus *bus;

  if (!find_region (bench, step->region, &bus, &base, &region_size))
    return;
  size = 1u << (step->action / N_ACTIONS % (bus == bench->board->mmio ? 4 : 3));
  if (write)
    bus_write (bus, base + step->offset % region_size, low_bytes (step->value, size), size);
  else
    bus_read (bus, base + step->offset % region_size, size);
}

/* Returns: how many of the @left bytes after the step were used. */
static size_t
write_memory (Bench *bench, const PlayStep *step, const uint8_t *bytes, size_t left)
{
  size_t n = MIN (left, (size_t)step->region + 1);
  uint64_t address = step->value % (BENCH_RAM_SIZE - 256);

  memcpy (bench_memory (bench, address, n), bytes, n);
  return n;
}

void
bench_play (Bench *bench, const uint8_t *data, size_t size, BenchPlayStep step)
{
  for (size_t at = 0; at + STEP_SIZE <= size;)
    {
      PlayStep now = parse_step (data + at);

      at += STEP_SIZE;
      switch (now.action % N_ACTIONS)
        {
        case ACTION_READ:
          access_register (bench, &now, false);
          break;
        case ACTION_WRITE:
        case ACTION_WRITE_AGAIN:
          access_register (bench, &now, true);
          break;
        case ACTION_BUS_STEP:
          if (step)
            step (bench, now.offset, now.value);
          break;
        case ACTION_MEMORY:
          at += write_memory (bench, &now, data + at, size - at);
          break;
        case ACTION_TIME:
          bench_advance_clock (bench, now.value % (100 * NS_PER_MS));
          break;
        case ACTION_SETTLE:
          bench_settle (bench);
          break;
        case ACTION_RESET:
          bench_reset (bench);
          break;
        }
    }
  bench_wait_idle (bench);
}
