/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/platform/machine-spec.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

/*
 * A DiskSpec as AttachDisk has it (org.bonsaivm.Session1.xml): settings by name, with a passphrase in a pipe
 * beside them.
 */

/* @any_bus: leaves the bus out. @fds: takes the passphrase. (transfer floating), or NULL with @error set. */
GVariant *disk_message_new (const DiskSpec *disk, bool any_bus, GUnixFDList *fds, GError **error);

/* @settings: of type a{sv}, from anybody. @fds: (nullable). A setting that isn't known is refused rather than
 * left out. (transfer full), or NULL with @error set. */
DiskSpec *disk_message_parse (GVariant *settings, GUnixFDList *fds, bool *any_bus, GError **error);

G_END_DECLS
