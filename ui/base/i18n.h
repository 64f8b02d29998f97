/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib/gi18n.h>

G_BEGIN_DECLS

/*
 * What people read: _("Start"), ngettext ("%u machine", "%u machines", n), C_("noun", "Snapshot") where one
 * word is two; N_("Start") in a table, whose reader says _(). Templates say translatable="yes". po/POTFILES
 * lists the files that do so; tests/po.py compares.
 */

/* Finds the translations: of the build tree that the program runs from, or installed. Before anything speaks.
 */
void i18n_init (void);

G_END_DECLS
