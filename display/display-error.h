/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The display layer's one error domain. A message names the thing, the cause and the remedy. */
#define DISPLAY_ERROR (display_error_quark ())

typedef enum {
  DISPLAY_ERROR_FAILED,     /* a library call failed where it should not have */
  DISPLAY_ERROR_NO_DISPLAY, /* no X or Wayland display to open a window on */
} DisplayError;

GQuark display_error_quark (void);

G_END_DECLS
