/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "vmm/device/device.h"

G_BEGIN_DECLS

/* A host without room is no error that a guest should hear of: its owner can mend it. */

/* Whether @error (-errno), of a request that was no read, says so. */
bool is_no_room (ImageRequestKind kind, int error);

/* Asks the machine to pause, and says why. Any lock may be held. */
void pause_for_room (Device *device, const char *disk, const Image *image, int error);

G_END_DECLS
