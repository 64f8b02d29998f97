/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing but a sign of life: what is left is the virtualizer's start. */
#include "rom.inc"
main:	mark	's'
	stop
