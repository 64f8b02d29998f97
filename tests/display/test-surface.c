/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/screen/scale.h"
#include "display/screen/surface.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <png.h>

/* --- damage, against a model that marks every pixel --- */

#define FIELD 64

static void
mark (bool field[FIELD][FIELD], Rect rect)
{
  for (int y = rect.y; y < rect.y + rect.height; y++)
    for (int x = rect.x; x < rect.x + rect.width; x++)
      field[y][x] = true;
}

static Rect
random_rect (int side_max)
{
  Rect rect = { .x = g_test_rand_int_range (0, FIELD), .y = g_test_rand_int_range (0, FIELD) };

  rect.width = g_test_rand_int_range (0, side_max);
  rect.height = g_test_rand_int_range (0, side_max);
  return rect_intersect (rect, (Rect) { .width = FIELD, .height = FIELD });
}

static void
test_damage_covers_what_was_added (void)
{
  for (int round = 0; round < 500; round++)
    {
      bool added[FIELD][FIELD] = { 0 }, covered[FIELD][FIELD] = { 0 };
      int n = g_test_rand_int_range (0, 100);
      Damage damage;

      damage_clear (&damage);
      for (int i = 0; i < n; i++)
        {
          Rect rect = random_rect (round % 20 + 2);

          mark (added, rect);
          damage_add (&damage, rect);
          g_assert_cmpuint (damage.n, <=, DAMAGE_MAX);
        }
      for (unsigned i = 0; i < damage.n; i++)
        {
          g_assert_cmpint (damage.rects[i].x, >=, 0);
          g_assert_cmpint (damage.rects[i].x + damage.rects[i].width, <=, FIELD);
          mark (covered, damage.rects[i]);
        }
      for (int y = 0; y < FIELD; y++)
        for (int x = 0; x < FIELD; x++)
          g_assert_true (!added[y][x] || covered[y][x]);
    }
}

static void
test_damage_is_exact_while_rectangles_are_few (void)
{
  Damage damage;

  damage_clear (&damage);
  g_assert_true (damage_is_empty (&damage));
  for (int i = 0; i < 10; i++)
    damage_add (&damage, (Rect) { .x = i * 100, .y = i * 100, .width = 10, .height = 10 });
  g_assert_cmpuint (damage.n, ==, 10);
  damage_add (&damage, (Rect) { .x = 202, .y = 202, .width = 3, .height = 3 });
  g_assert_cmpuint (damage.n, ==, 10);
  damage_add (&damage, (Rect) { .x = 0, .y = 0, .width = 2000, .height = 2000 });
  g_assert_cmpuint (damage.n, ==, 1);
}

static void
test_damage_merges_neighbours (void)
{
  Damage damage;

  damage_clear (&damage);
  for (int y = 0; y < 1000; y++)
    damage_add (&damage, (Rect) { .x = 0, .y = y, .width = 640, .height = 1 });
  g_assert_cmpuint (damage.n, ==, 1);
  g_assert_cmpint (damage.rects[0].height, ==, 1000);
}

static void
test_damage_survives_extremes (void)
{
  Rect bounds = { .width = 100, .height = 50 };
  Damage damage;

  damage_clear (&damage);
  damage_add (&damage, (Rect) { .x = G_MAXINT, .y = G_MAXINT, .width = G_MAXINT, .height = G_MAXINT });
  damage_add (&damage, (Rect) { .x = G_MININT, .y = G_MININT, .width = G_MAXINT, .height = G_MAXINT });
  damage_add (&damage, (Rect) { .x = 5, .y = 5, .width = -7, .height = 7 });
  damage_clip (&damage, bounds);
  g_assert_true (damage_is_empty (&damage));

  damage_add (&damage, (Rect) { .x = -10, .y = -10, .width = G_MAXINT, .height = G_MAXINT });
  damage_clip (&damage, bounds);
  g_assert_cmpuint (damage.n, ==, 1);
  g_assert_cmpint (damage_bounds (&damage).x, ==, 0);
  g_assert_cmpint (damage_bounds (&damage).width, ==, 100);
  g_assert_cmpint (damage_bounds (&damage).height, ==, 50);
}

/* --- scaling --- */

static Surface *
noise_surface (int width, int height)
{
  Surface *surface = surface_new (width, height);

  for (int i = 0; i < width * height; i++)
    surface->pixels[i] = (uint32_t) g_test_rand_int ();
  return surface;
}

/* The average over the covered area, in floating point: what the scaler must come close to. */
static double
covered_average (const Surface *surface, int width, int height, int x, int y, int shift)
{
  double left = (double) x * surface->width / width, right = (double) (x + 1) * surface->width / width;
  double top = (double) y * surface->height / height, bottom = (double) (y + 1) * surface->height / height;
  double sum = 0, area = 0;

  for (int j = (int) top; j < bottom && j < surface->height; j++)
    for (int i = (int) left; i < right && i < surface->width; i++)
      {
        double w = MAX (0, MIN (right, i + 1) - MAX (left, i)) * MAX (0, MIN (bottom, j + 1) - MAX (top, j));

        sum += w * (surface->pixels[j * surface->width + i] >> shift & 0xff);
        area += w;
      }
  return sum / area;
}

static void
check_scaled (int width, int height, int to_width, int to_height)
{
  g_autoptr (Surface) source = noise_surface (width, height);
  g_autoptr (Surface) target = surface_new (to_width, to_height);

  scale_blit (source, target->pixels, target->stride, surface_rect (target), surface_rect (target));
  for (int y = 0; y < to_height; y++)
    for (int x = 0; x < to_width; x++)
      for (int shift = 0; shift <= 16; shift += 8)
        {
          int got = target->pixels[y * to_width + x] >> shift & 0xff;

          g_assert_cmpfloat_with_epsilon (got, covered_average (source, to_width, to_height, x, y, shift), 3.0);
        }
}

static void
test_scaling_averages_the_covered_area (void)
{
  check_scaled (64, 48, 64, 48);
  check_scaled (64, 48, 128, 96);
  check_scaled (64, 48, 100, 50);
  check_scaled (64, 48, 33, 17);
  check_scaled (64, 48, 7, 200);
  check_scaled (3, 2, 1, 1);
  check_scaled (1, 1, 9, 5);
}

static void
test_whole_multiples_stay_sharp (void)
{
  g_autoptr (Surface) source = noise_surface (20, 10);
  g_autoptr (Surface) target = surface_new (60, 30);

  scale_blit (source, target->pixels, target->stride, surface_rect (target), surface_rect (target));
  for (int i = 0; i < 60 * 30; i++)
    g_assert_cmphex (target->pixels[i] & 0xffffff, ==,
                     source->pixels[i / 60 / 3 * 20 + i % 60 / 3] & 0xffffff);
}

/* Drawing only what damage touches must leave the same picture as drawing everything. */
static void
test_partial_scaling_equals_whole (void)
{
  for (int round = 0; round < 200; round++)
    {
      int width = g_test_rand_int_range (1, 70), height = g_test_rand_int_range (1, 70);
      Rect to = { .x = g_test_rand_int_range (-20, 20), .y = g_test_rand_int_range (-20, 20) };
      g_autoptr (Surface) source = noise_surface (width, height);
      g_autoptr (Surface) whole = surface_new (80, 80);
      g_autoptr (Surface) part = NULL;
      Rect rect;

      to.width = g_test_rand_int_range (1, 120);
      to.height = g_test_rand_int_range (1, 120);
      scale_blit (source, whole->pixels, whole->stride, to, surface_rect (whole));
      part = surface_copy (whole);

      rect.x = g_test_rand_int_range (0, width);
      rect.y = g_test_rand_int_range (0, height);
      rect.width = g_test_rand_int_range (1, width - rect.x + 1);
      rect.height = g_test_rand_int_range (1, height - rect.y + 1);
      for (int y = rect.y; y < rect.y + rect.height; y++)
        for (int x = rect.x; x < rect.x + rect.width; x++)
          source->pixels[y * width + x] = (uint32_t) g_test_rand_int ();

      scale_blit (source, whole->pixels, whole->stride, to, surface_rect (whole));
      scale_blit (source, part->pixels, part->stride, to,
                  rect_intersect (scale_rect (source, to, rect), surface_rect (part)));
      for (int i = 0; i < 80 * 80; i++)
        g_assert_cmphex (part->pixels[i] & 0xffffff, ==, whole->pixels[i] & 0xffffff);
    }
}

static void
test_thumbnail_fits_and_keeps_the_aspect (void)
{
  g_autoptr (Surface) wide = surface_new (1920, 1080);
  g_autoptr (Surface) tall = surface_new (1, 16384);
  g_autoptr (Surface) small = surface_new (80, 50);
  g_autoptr (Surface) a = surface_thumbnail (wide, 320, 320);
  g_autoptr (Surface) b = surface_thumbnail (tall, 320, 180);
  g_autoptr (Surface) c = surface_thumbnail (small, 320, 180);

  g_assert_cmpint (a->width, ==, 320);
  g_assert_cmpint (a->height, ==, 180);
  g_assert_cmpint (b->width, ==, 1);
  g_assert_cmpint (b->height, ==, 180);
  g_assert_cmpint (c->width, ==, 80);
}

/* --- memory and files --- */

static void
count_free (void *count)
{
  ++*(int *) count;
}

static void
test_borrowed_memory_is_given_back_once (void)
{
  uint32_t pixels[8 * 4] = { 0 };
  int frees = 0;
  Surface *surface = surface_new_for_memory (6, 4, 32, pixels, count_free, &frees);

  surface_ref (surface);
  surface_unref (surface);
  g_assert_cmpint (frees, ==, 0);
  surface_unref (surface);
  g_assert_cmpint (frees, ==, 1);
}

static void
test_png_shows_the_same_pixels (void)
{
  g_autofree char *dir = g_dir_make_tmp ("bonsai-surface-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "shot.png", NULL);
  g_autoptr (Surface) surface = noise_surface (123, 45);
  g_autofree uint32_t *back = g_new (uint32_t, 123 * 45);
  g_autoptr (GError) error = NULL;
  png_image image = { .version = PNG_IMAGE_VERSION };

  g_assert_true (surface_save_png (surface, path, &error));
  g_assert_no_error (error);
  g_assert_true (png_image_begin_read_from_file (&image, path));
  g_assert_cmpuint (image.width, ==, 123);
  g_assert_cmpuint (image.height, ==, 45);
  image.format = PNG_FORMAT_BGRA;
  g_assert_true (png_image_finish_read (&image, NULL, back, 0, NULL));
  for (int i = 0; i < 123 * 45; i++)
    g_assert_cmphex (back[i], ==, surface->pixels[i] | 0xff000000);

  g_unlink (path);
  g_rmdir (dir);
}

static void
test_png_errors_name_the_file (void)
{
  g_autoptr (Surface) surface = surface_new (4, 4);
  g_autoptr (GError) error = NULL;

  g_assert_false (surface_save_png (surface, "/nonexistent/shot.png", &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_assert_nonnull (strstr (error->message, "/nonexistent/shot.png"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/damage/covers", test_damage_covers_what_was_added);
  g_test_add_func ("/damage/exact", test_damage_is_exact_while_rectangles_are_few);
  g_test_add_func ("/damage/neighbours", test_damage_merges_neighbours);
  g_test_add_func ("/damage/extremes", test_damage_survives_extremes);
  g_test_add_func ("/scale/average", test_scaling_averages_the_covered_area);
  g_test_add_func ("/scale/sharp", test_whole_multiples_stay_sharp);
  g_test_add_func ("/scale/partial", test_partial_scaling_equals_whole);
  g_test_add_func ("/surface/thumbnail", test_thumbnail_fits_and_keeps_the_aspect);
  g_test_add_func ("/surface/borrowed", test_borrowed_memory_is_given_back_once);
  g_test_add_func ("/png/round-trip", test_png_shows_the_same_pixels);
  g_test_add_func ("/png/errors", test_png_errors_name_the_file);
  return g_test_run ();
}
