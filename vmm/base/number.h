/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Whole numbers in text that somebody else wrote. The text is digits and nothing else. GLib's own parsers
 * judge by errno, which a lock that they take on the way may have set.
 */

/* @base: 2..16. False, with @number untouched, if @text is no number or not in @low..@high. */
bool number_parse (const char *text, unsigned base, uint64_t low, uint64_t high, uint64_t *number);

/* The same with base 10 and perhaps a minus. */
bool number_parse_signed (const char *text, int64_t low, int64_t high, int64_t *number);

G_END_DECLS
