/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing but the end: what is left is the virtualizer's start. */
#include "multiboot.inc"
	debug_exit
