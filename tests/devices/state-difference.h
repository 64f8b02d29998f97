/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* Says where two saved machines (machine_save) differ: "board/nvme-disk0/sq[1]/tail+0: 03 00 | 04 00", a line
 * for each eight bytes of a field. Lines that match one of the patterns @but (* and ?; NULL ends) don't
 * count. Returns: (transfer full): "" if they are the same. */
char *state_difference (GBytes *a, GBytes *b, const char *const *but);

G_END_DECLS
