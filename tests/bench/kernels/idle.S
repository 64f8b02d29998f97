/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sleeps for ever with interrupts off: the least that a guest can do. */
#include "multiboot.inc"
1:	hlt
	jmp	1b
