/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/input/input.h"
#include "display/window/view.h"

/* Which of @width pixels guests take a position for: those that divide the range evenly (evdev, libinput,
 * Windows), and those for whom its ends are the first and the last pixel, and who round. */
static void
assert_pixel (unsigned position, int width, int expected)
{
  g_assert_cmpint ((int)((int64_t)position * width / (POINTER_POSITION_MAX + 1)), ==, expected);
  if (width <= 1920)
    g_assert_cmpint (
      (int)((2 * (int64_t)position * (width - 1) + POINTER_POSITION_MAX) / (2 * POINTER_POSITION_MAX)), ==,
      expected);
}

/* Where the picture is as large as the guest's, each pixel leads to itself. */
static void
test_same_size (void)
{
  static const int widths[] = {
    1, 2, 320, 640, 720, 800, 1024, 1280, 1366, 1920, 2560, 3440, 3840, 5120, 7680
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (widths); i++)
    for (int x = 0; x < widths[i]; x++)
      {
        const Rect picture = { .x = 7, .y = 3, .width = widths[i], .height = widths[i] };
        unsigned position_x, position_y;

        view_position (picture, 7 + x, 3 + x, &position_x, &position_y);
        g_assert_cmpuint (position_x, ==, position_y);
        assert_pixel (position_x, widths[i], x);
      }
}

/* Where it is drawn larger or smaller, to the guest's pixel that is seen in the middle of the window's. */
static void
test_scaled (void)
{
  static const struct {
    int guest, drawn;
  } scales[] = { { 640, 960 },   { 800, 1600 },  { 1280, 1000 }, { 1366, 1707 },
                 { 1920, 1280 }, { 1920, 3840 }, { 3840, 1366 } };

  for (unsigned i = 0; i < G_N_ELEMENTS (scales); i++)
    for (int x = 0; x < scales[i].drawn; x++)
      {
        const Rect picture = { .width = scales[i].drawn, .height = scales[i].drawn };
        int64_t twice_middle = (2 * (int64_t)x + 1) * scales[i].guest;
        unsigned position_x, position_y;
        int pixel;

        if (twice_middle % (2 * scales[i].drawn) == 0)
          continue; /* between two */
        view_position (picture, x, x, &position_x, &position_y);
        pixel = (int)((int64_t)position_x * scales[i].guest / (POINTER_POSITION_MAX + 1));
        /* The range has steps: a middle that is nearer to an edge than one may come to the neighbour. */
        if (twice_middle % (2 * scales[i].drawn)
            > 2 * (int64_t)scales[i].drawn * scales[i].guest / POINTER_POSITION_MAX)
          g_assert_cmpint (pixel, ==, (int)(twice_middle / (2 * scales[i].drawn)));
        else
          g_assert_cmpint (ABS (pixel - (int)(twice_middle / (2 * scales[i].drawn))), <=, 1);
      }
}

static void
test_outside (void)
{
  const Rect picture = { .x = 10, .y = 10, .width = 100, .height = 50 };
  unsigned inside_x, inside_y, outside_x, outside_y;

  view_position (picture, 109, 10, &inside_x, &inside_y);
  view_position (picture, 5000, -5000, &outside_x, &outside_y);
  g_assert_cmpuint (outside_x, ==, inside_x);
  g_assert_cmpuint (outside_y, ==, inside_y);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/view/position/same-size", test_same_size);
  g_test_add_func ("/view/position/scaled", test_scaled);
  g_test_add_func ("/view/position/outside", test_outside);
  return g_test_run ();
}
