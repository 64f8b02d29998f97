/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/screen/surface.h"

G_BEGIN_DECLS

/*
 * Scales by area: a target pixel is the average of the source area that it covers. Whole multiples come
 * out sharp, everything else smooth; the same numbers result whatever part is drawn.
 */

/**
 * scale_blit:
 * @pixels: the target's first pixel
 * @stride: the target's bytes per row
 * @to: where all of @surface goes, in target pixels; may reach outside of the target
 * @clip: what to draw, in target pixels; must lie inside of the target (the part outside of @to is left alone)
 */
void scale_blit (const Surface *surface, uint32_t *pixels, int stride, Rect to, Rect clip);

/* The target pixels (of @to) that the source pixels @rect of @surface touch. */
Rect scale_rect (const Surface *surface, Rect to, Rect rect);

G_END_DECLS
