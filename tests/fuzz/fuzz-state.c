/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A saved state from who knows where: loaded or refused, never believed. */
#include "tests/fuzz/fuzz.h"

#include "devices/legacy/i8042.h"
#include "tests/bench-device/bench.h"

static const I8042Config config = { .hub = NULL };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (Bench) bench = bench_new (&i8042_class, &config);

  board_load (bench_board (bench), data, size, NULL);
  for (unsigned i = 0; i < 16; i++)
    bench_in8 (bench, 0x60);
  return 0;
}
