/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How the host is powered, and how hot it is, as sysfs says (Documentation/ABI/testing/sysfs-class-power and
 * sysfs-class-thermal). NaN: unknown. */
typedef struct {
  double charge;      /* of all its batteries: 0 to 1 */
  double on_battery;  /* 1: it runs on them; 0: it doesn't, or has none */
  double temperature; /* of its hottest zone, °C */
} HostPower;

/* @sysfs: (nullable): elsewhere than in /sys. Any thread; firmware may take its time to answer. */
HostPower host_power_read (const char *sysfs);

G_END_DECLS
