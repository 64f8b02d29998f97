/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"

G_BEGIN_DECLS

/*
 * The text consoles of a machine, numbered as bonsai_session_open_serial_async does it: its serial ports, as
 * far as they are consoles, and the virtio console.
 *
 * Threading: none; plain values.
 */
#define VM_N_CONSOLES     5u
#define VM_CONSOLE_VIRTIO 4u

/* "Serial port 1 (COM1)", "Virtio console"; in the reader's language, as bonsai_state_label. @port: below
 * VM_N_CONSOLES. */
const char *vm_console_name (unsigned port);

/* Whether @port is a console as the machine is described. Ports that the description leaves out are; the
 * virtio console always is, but says something only if the guest has a driver. */
bool vm_config_has_console (const VmConfig *config, unsigned port);

/* Whether any serial port is a console. */
bool vm_config_has_serial_console (const VmConfig *config);

/* The serial port that had best become a console if none is: one that leads nowhere, else the last. */
unsigned vm_config_best_console (const VmConfig *config);

/* Makes serial port @port, which the description has, a console, wherever it led before. */
void vm_config_make_console (VmConfig *config, unsigned port);

G_END_DECLS
