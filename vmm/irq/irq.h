/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/hypervisor.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * IrqLine: one input pin (GSI) of the interrupt controllers, wired-OR of up to 64 sources.
 * IrqPin: one device's connection to a line. Setting a level that it already has costs nothing.
 *
 * Threading: irq_pin_set: any thread, device locks may be held.
 */
typedef struct IrqLine IrqLine;

typedef struct {
  IrqLine *line; /* NULL: not connected, ignored */
  uint64_t mask;
} IrqPin;

IrqLine *irq_line_new (Hypervisor *hypervisor, unsigned gsi);
void irq_line_free (IrqLine *line);

/* Connects a further source; level low. */
IrqPin irq_line_connect (IrqLine *line);
void irq_pin_set (const IrqPin *pin, bool level);

/* Low, high, low: an edge for lines in edge mode (ISA interrupts that nobody acknowledges). */
void irq_pin_pulse (const IrqPin *pin);
bool irq_pin_get (const IrqPin *pin);
unsigned irq_line_gsi (const IrqLine *line);

/* Takes the line from its other sources, or gives it back: while taken, @pin alone drives it (the HPET's legacy
 * replacement). One pin of a line may take it. Not part of any saved state. */
void irq_pin_take_line (const IrqPin *pin, bool take);

/* Drives the controllers again after their state was loaded. */
void irq_line_resync (IrqLine *line);

/*
 * MsiRoute: an eventfd that the kernel turns into one message-signalled interrupt. Signal it
 * with msi_route_signal from any thread, or hand its fd to a backend.
 */
typedef struct MsiRoute MsiRoute;

MsiRoute *msi_route_new (Hypervisor *hypervisor);
void msi_route_free (MsiRoute *route);

/* The message to send: as the guest wrote it to MSI(-X) registers; may change at any time. */
void msi_route_set_message (MsiRoute *route, uint64_t address, uint32_t data);
void msi_route_signal (MsiRoute *route);

/* The eventfd for a backend, the route's; -1 while the kernel has no route and each interrupt needs
 * msi_route_signal. May change with each msi_route_set_message. */
int msi_route_fd (MsiRoute *route);

G_END_DECLS
