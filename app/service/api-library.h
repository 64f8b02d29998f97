/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "app/service/service-bus.h"

G_BEGIN_DECLS

/*
 * ApiLibrary: org.bonsaivm.Library1: what isn't one machine's.
 *
 * Threading: the library's context.
 */
typedef struct ApiLibrary ApiLibrary;

/* @library outlives it. NULL with @error set: the log of events can't be followed. */
ApiLibrary *api_library_new (BonsaiLibrary *library, GError **error);
void api_library_free (ApiLibrary *api);
/* (transfer none) */
GDBusInterfaceSkeleton *api_library_get_skeleton (ApiLibrary *api);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ApiLibrary, api_library_free)

G_END_DECLS
