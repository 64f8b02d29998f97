/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"

G_BEGIN_DECLS

/**
 * snapshot_spread_passphrases:
 * @path: of an encrypted image whose passphrases were changed
 * @image: it, still open and unlocked
 *
 * All layers of that disk in the machine's folder, its snapshots' too, are opened by the same passphrases
 * from now on; nothing for an image that lies elsewhere. The caller holds the machine's lock, or nobody runs
 * it. Durable layer by layer: after a power cut some may still want the old passphrase when somebody goes
 * back to them; doing it again mends that. Blocking; any thread.
 */
bool snapshot_spread_passphrases (const char *path, Image *image, GError **error);

G_END_DECLS
