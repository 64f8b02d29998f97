/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/store.h"

G_BEGIN_DECLS

/* The class "file": regular files and block devices of the host. See store_open and store_create. */
ImageStore *store_file_open (EventLoop *loop, const char *path, const StoreOptions *options, GError **error);
ImageStore *store_file_create (const char *path, GError **error);

G_END_DECLS
