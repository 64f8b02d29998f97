/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * IrqRoutes: KVM's GSI routing table. KVM takes it only as a whole and waits for running vCPUs
 * to let go of the old one, so unchanged messages and freed routes are not sent.
 *
 * Threading: any thread.
 */
typedef struct IrqRoutes IrqRoutes;

/* @capacity: the number of GSIs KVM knows. The PIC's and IOAPIC's routes stand at once.
 * Returns: (transfer full): NULL with errno set on failure. */
IrqRoutes *irq_routes_new (int vm_fd, unsigned capacity);
void irq_routes_free (IrqRoutes *routes);

/* As HypervisorOps.route_msi and unroute_msi. */
int irq_routes_set_msi (IrqRoutes *routes, int gsi, int fd, uint64_t address, uint32_t data);
void irq_routes_drop_msi (IrqRoutes *routes, int gsi, int fd);

G_END_DECLS
