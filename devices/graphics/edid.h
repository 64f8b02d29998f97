/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define EDID_SIZE 128u

typedef struct {
  unsigned width,
    height;        /* of the preferred mode, in pixels: 64 or more; what EDID can't say is cut to 4088x4095 */
  unsigned serial; /* the monitor's; so is its name: "Bonsai", "Bonsai 2", ... */
} EdidConfig;

/* An EDID 1.4 block of a digital monitor. */
void edid_fill (uint8_t edid[EDID_SIZE], const EdidConfig *config);

G_END_DECLS
