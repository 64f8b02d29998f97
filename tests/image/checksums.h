/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/image/memory-store.h"

G_BEGIN_DECLS

/* Makes the checksums of a VHD's or a VHDX's structures right, wherever they are found. Returns whether any
 * was wrong. Other formats have none. */
bool checksums_mend (Medium *medium, const char *format);

G_END_DECLS
