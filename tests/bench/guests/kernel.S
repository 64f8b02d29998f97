/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Multiboot 1 kernel (specification 0.6.96, 3.1.1) that gives a sign of life. */
	.section .text, "ax"
	.code32
	.align	4
	.long	0x1badb002, 0, -0x1badb002
	.globl	_start
_start:
	movw	$0x3f8, %dx
	movb	$'s', %al
	outb	%al, %dx
	cli
1:	hlt
	jmp	1b
