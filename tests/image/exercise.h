/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/image/memory-store.h"

G_BEGIN_DECLS

/*
 * Does with an image, of which nothing is known to be sound, all that programs do: tells about it, checks,
 * maps and reads it, writes to it, repairs it. Layers below are left out. What it must not do is crash, hang,
 * or ask for memory without bound; errors must name the image.
 *
 * @medium is left as it is. @format: (nullable): its look decides.
 */
void exercise_image (EventLoop *loop, const Medium *medium, const char *format);

G_END_DECLS
