/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What drawing alone costs the SVGA card, without KVM or a window: "name value unit" lines, each the best of several
 * rounds. "idle" is a refresh that finds nothing to draw, "full" one that draws everything.
 */
#include "devices/graphics/svga-private.h"
#include "tests/devices/svga-bench.h"

#include <stdio.h>

#define ROUNDS  9
#define REPEATS 20

typedef enum { NOTHING, ONE_WRITE, EVERYTHING } Work;

static double
time_refresh (Bench *bench, Work work)
{
  Svga *svga = SVGA (bench_find (bench, "svga0"));
  Surface *shown = NULL;
  double best = G_MAXDOUBLE;

  for (unsigned round = 0; round < ROUNDS; round++)
    {
      gint64 start = g_get_monotonic_time ();

      for (unsigned i = 0; i < REPEATS; i++)
        {
          Surface *surface = shown;
          Damage damage;

          damage_clear (&damage);
          if (work == ONE_WRITE)
            memory_bank_set_dirty (svga->vram, 4096, 1);
          svga_screen_source.refresh (svga, &surface, &damage, work == EVERYTHING);
          if (surface != shown)
            {
              g_clear_pointer (&shown, surface_unref);
              shown = surface;
            }
        }
      best = MIN (best, (double)(g_get_monotonic_time () - start) / REPEATS);
    }
  surface_unref (shown);
  return best;
}

static void
measure (Bench *bench, const char *mode)
{
  time_refresh (bench, EVERYTHING);
  printf ("%s-idle %.2f us\n", mode, time_refresh (bench, NOTHING));
  printf ("%s-one-write %.2f us\n", mode, time_refresh (bench, ONE_WRITE));
  printf ("%s-full %.2f us\n", mode, time_refresh (bench, EVERYTHING));
}

int
main (void)
{
  g_autoptr (Bench) bench = svga_bench_new ();

  vga_set_mode (bench, MODE_03);
  measure (bench, "text");
  vga_set_mode (bench, MODE_12);
  measure (bench, "planar-640x480");
  vga_set_mode (bench, MODE_13);
  measure (bench, "mode-13h");
  vbe_set_mode (bench, 1024, 768, 8, 0);
  measure (bench, "vbe-1024x768x8");
  vbe_set_mode (bench, 1024, 768, 16, 0);
  measure (bench, "vbe-1024x768x16");
  vbe_set_mode (bench, 1024, 768, 24, 0);
  measure (bench, "vbe-1024x768x24");
  vbe_set_mode (bench, 1280, 800, 32, 0);
  measure (bench, "vbe-1280x800x32");
  return 0;
}
