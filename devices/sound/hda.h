/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"
#include "display/sound/sound.h"

G_BEGIN_DECLS

/*
 * The ICH9's High Definition Audio controller with one codec: a DAC behind a line-out jack, an ADC behind a
 * microphone jack (High Definition Audio specification, revision 1.0a). What is played goes to the hub at the
 * pace of the machine's clock, what is recorded comes from there; while nothing is, the card costs nothing.
 */
typedef struct {
  PciPlace place;
  SoundHub *hub; /* (nullable): silence; a reference is taken */
} HdaConfig;

extern const DeviceClass hda_class;

G_END_DECLS
