/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets 1920x1080 at 32 bpp through the Bochs VBE ports, then fills the screen with one colour after the other,
 * some 60 times a second by the PIT's second channel. With USER it does so in 64-bit user mode, the only one
 * that KVM of kind PVM runs natively.
 */
#include "rom.inc"

	.macro	vbe index, value
	movw	$0x1ce, %dx
	movw	$\index, %ax
	outw	%ax, %dx
	movw	$0x1cf, %dx
	movw	$\value, %ax
	outw	%ax, %dx
	.endm

main:	place_display
	movw	$0x3da, %dx		/* the attribute controller: show pictures */
	inb	%dx, %al
	movw	$0x3c0, %dx
	movb	$0x20, %al
	outb	%al, %dx
	vbe	4, 0
	vbe	1, 1920
	vbe	2, 1080
	vbe	3, 32
	vbe	4, 0x41

#ifdef USER
	enter_long_mode draw
	.code64
draw:
#endif
	xorl	%ebx, %ebx
	cld
frame:	movl	$0xe0000000, %edi
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
