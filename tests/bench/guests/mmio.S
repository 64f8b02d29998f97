/* SPDX-License-Identifier: GPL-3.0-or-later */
/* COUNT memory reads that user space answers (the display card's VBE identification). */
#include "rom.inc"
main:	place_display
	mark	's'
	movl	$COUNT, %ecx
	movl	$0xe8000500, %esi
1:	movw	(%esi), %ax
	decl	%ecx
	jnz	1b
	mark	'e'
	stop
