/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

G_BEGIN_DECLS

#define SERVICE_BUS_NAME "org.bonsaivm.Library"

/*
 * BonsaiService: a library on a bus, as org.bonsaivm.Library1.xml says. Each machine that it starts has a
 * process of its own, which outlives it.
 *
 * Threading: the library's context.
 */
typedef struct BonsaiService BonsaiService;

/* @ended: called once nobody that called is still on the bus, after @rest_ms (0: never), or when another
 * program takes the name. */
BonsaiService *bonsai_service_new (BonsaiLibrary *library, GDBusConnection *bus, guint rest_ms,
                                   void (*ended) (gpointer data), gpointer data, GError **error);
void bonsai_service_free (BonsaiService *service);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BonsaiService, bonsai_service_free)

G_END_DECLS
