/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"
#include "display/input/input.h"

G_BEGIN_DECLS

/*
 * A keyboard, or a pointer with absolute positions, five buttons and two wheels (virtio 1.2, section 5.8). It
 * takes the hub's input while a driver of the guest's runs it, and leaves it to older devices otherwise.
 */
typedef enum { VIRTIO_INPUT_KEYBOARD, VIRTIO_INPUT_TABLET } VirtioInputKind;

typedef struct {
  PciPlace place;
  VirtioInputKind kind;
  InputHub *hub; /* (nullable) */
} VirtioInputConfig;

extern const DeviceClass virtio_input_class;

G_END_DECLS
