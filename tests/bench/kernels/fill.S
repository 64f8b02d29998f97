/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets 1920x1080 at 32 bpp through the Bochs VBE ports, then fills the screen with one colour after the
 * other, some 60 times a second by the PIT's second channel. */
#include "multiboot.inc"

	.macro	vbe index, value
	movw	$0x1ce, %dx
	movw	$\index, %ax
	outw	%ax, %dx
	incw	%dx
	movw	$\value, %ax
	outw	%ax, %dx
	.endm

	/* The card is the only 1234:1111: look at bus 0, function 0 of each slot. */
	movl	$0x80000000, %ebx
find:	movl	%ebx, %eax
	movw	$0xcf8, %dx
	outl	%eax, %dx
	movw	$0xcfc, %dx
	inl	%dx, %eax
	cmpl	$0x11111234, %eax
	je	found
	addl	$0x800, %ebx
	jmp	find
found:	leal	0x04(%ebx), %eax		/* command: decode memory */
	movw	$0xcf8, %dx
	outl	%eax, %dx
	movw	$0xcfc, %dx
	movw	$0x0003, %ax
	outw	%ax, %dx
	leal	0x10(%ebx), %eax		/* BAR 0 */
	movw	$0xcf8, %dx
	outl	%eax, %dx
	movw	$0xcfc, %dx
	inl	%dx, %eax
	andl	$0xfffffff0, %eax
	movl	%eax, %ebp

	vbe	4, 0
	vbe	1, 1920
	vbe	2, 1080
	vbe	3, 32
	vbe	4, 0x41
	xorl	%ebx, %ebx
	cld
frame:	movl	%ebp, %edi
	movl	%ebx, %eax
	movl	$(1920 * 1080), %ecx
	rep stosl
	addl	$0x00050301, %ebx

	/* PIT channel 2, mode 0: one shot of 16.7 ms, watched at port 0x61 bit 5. */
	inb	$0x61, %al
	andb	$0xfc, %al
	orb	$0x01, %al
	outb	%al, $0x61
	movb	$0xb0, %al
	outb	%al, $0x43
	movb	$(19886 & 0xff), %al
	outb	%al, $0x42
	movb	$(19886 >> 8), %al
	outb	%al, $0x42
wait:	inb	$0x61, %al
	testb	$0x20, %al
	jz	wait
	jmp	frame
