/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-section.h"
#include "devices/net/net-forward.h"

G_BEGIN_DECLS

/*
 * "forwards" of a network card in vm.json: which ports of the host lead to the guest. Threading: none.
 */

/* Reads one of the list; @data: (element-type NetForward): a GArray that it is added to. */
bool vm_forward_read (const JsonSection *section, void *data);

/* Sets the member "forwards" of @object, or removes it if there are none. */
void vm_forwards_write (JsonObject *object, const GArray *forwards);

G_END_DECLS
