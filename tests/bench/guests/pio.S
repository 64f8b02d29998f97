/* SPDX-License-Identifier: GPL-3.0-or-later */
/* COUNT port reads that user space answers (the serial port's scratch register). */
#include "rom.inc"
main:	mark	's'
	movl	$COUNT, %ecx
	movw	$0x3ff, %dx
1:	inb	%dx, %al
	decl	%ecx
	jnz	1b
	mark	'e'
	stop
