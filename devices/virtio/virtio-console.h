/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/legacy/serial-cable.h"
#include "devices/pci/pci.h"
#include "devices/virtio/channel.h"

G_BEGIN_DECLS

/*
 * A console with several ports (virtio 1.2, section 5.3): port 0 is a text terminal on a cable, as a serial
 * port is; each further one a channel, which the guest knows by its name.
 */
#define VIRTIO_CONSOLE_MAX_CHANNELS 4u

typedef struct {
  PciPlace place;
  SerialCableConfig cable;
  const char *channels[VIRTIO_CONSOLE_MAX_CHANNELS]; /* names, copied; NULL ends */
} VirtioConsoleConfig;

extern const DeviceClass virtio_console_class;

/* The functions below: any thread that holds no device's lock. */

/* Connects a console to port 0; as serial_cable_plug. */
bool virtio_console_plug (Device *device, int fd, bool force, GError **error);

/* @device takes over what the cable of @from leads to (serial_cable_take). */
void virtio_console_take_cable (Device *device, Device *from);

/* How large the terminal at port 0's other end is, in characters; 0 if that is unknown. */
void virtio_console_resize (Device *device, uint16_t columns, uint16_t rows);

/* The channel @name, or NULL. (transfer none): lives as long as the device. */
Channel *virtio_console_channel (Device *device, const char *name);

G_END_DECLS
