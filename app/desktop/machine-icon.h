/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The name of the icon for a machine with that operating system. @os: (nullable): an id of app/os, such as
 * "http://debian.org/debian/12". Any thread. */
const char *machine_icon_name (const char *os);

G_END_DECLS
