/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk of 1 MiB whose boot sector gives a sign of life and sleeps for ever, with the BIOS's text screen on. */
	.section .text, "ax"
	.code16
	.globl	_start
_start:
	movw	$0x3f8, %dx
	movb	$'s', %al
	outb	%al, %dx
	cli
1:	hlt
	jmp	1b
	.org	510
	.word	0xaa55
	.org	0x100000 - 1
	.byte	0
