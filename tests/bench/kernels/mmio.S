/* SPDX-License-Identifier: GPL-3.0-or-later */
/* COUNT memory reads that user space answers (the VGA window while the card is in a planar mode). */
#include "multiboot.inc"
	movl	$COUNT, %ecx
	movl	$0xa0000, %esi
1:	movb	(%esi), %al
	decl	%ecx
	jnz	1b
	debug_exit
