/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/screen/surface.h"

#include <gdk/gdk.h>

G_BEGIN_DECLS

/* A guest's picture for GTK: a copy, without what its pixels' top bytes hold. (transfer full) Any thread. */
GdkTexture *texture_from_surface (const Surface *surface);

G_END_DECLS
