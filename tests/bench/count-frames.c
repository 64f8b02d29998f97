/* SPDX-License-Identifier: GPL-3.0-or-later */
/* count-frames WINDOW SECONDS: how many times a second the pixel in the middle of an X window changes: what
 * a person would see, whoever draws it. */
#include <X11/Xlib.h>
#include <X11/Xutil.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static unsigned long
middle_pixel (Display *display, Window window, const XWindowAttributes *at)
{
  XImage *image = XGetImage (display, window, at->width / 2, at->height / 2, 1, 1, AllPlanes, ZPixmap);
  unsigned long pixel = image ? XGetPixel (image, 0, 0) : 0;

  if (image)
    XDestroyImage (image);
  return pixel;
}

int
main (int argc, char **argv)
{
  Display *display = XOpenDisplay (NULL);
  XWindowAttributes attributes;

  if (argc != 3 || !display)
    {
      fprintf (stderr, "usage: count-frames WINDOW SECONDS (with DISPLAY set)\n");
      return 2;
    }
  Window window = strtoul (argv[1], NULL, 0);
  double seconds = strtod (argv[2], NULL);
  if (!XGetWindowAttributes (display, window, &attributes))
    return 1;

  unsigned long last = middle_pixel (display, window, &attributes);
  unsigned changes = 0;
  for (double end = now () + seconds; now () < end;)
    {
      unsigned long pixel = middle_pixel (display, window, &attributes);

      changes += pixel != last;
      last = pixel;
      nanosleep (&(struct timespec) { .tv_nsec = 1000000 }, NULL); /* sample at 1 kHz */
    }
  printf ("%.2f\n", changes / seconds);
  return 0;
}
