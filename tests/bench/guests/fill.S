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
	/* Page tables at 0x1000: the first 4 GiB as they are, in pages of 2 MiB, for user mode too. */
	movl	$0x2007, 0x1000
	movl	$0, 0x1004
	movl	$0x2000, %edi
	movl	$0x3007, %eax
1:	movl	%eax, (%edi)
	movl	$0, 4(%edi)
	addl	$8, %edi
	addl	$0x1000, %eax
	cmpl	$0x7007, %eax
	jne	1b
	movl	$0x3000, %edi
	movl	$0x87, %eax
2:	movl	%eax, (%edi)
	movl	$0, 4(%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	jnc	2b

	movl	%cr4, %eax
	orl	$0x20, %eax		/* PAE */
	movl	%eax, %cr4
	movl	$0x1000, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmpl	$0x18, $long_mode

	.code64
long_mode:
	movl	$0x174, %ecx		/* SYSENTER_CS: SYSEXIT's 64-bit code is 32 bytes further */
	movl	$0x18, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x9000, %esp
	pushq	$0x3002			/* user mode may use ports */
	popfq
	movl	$draw, %edx
	movl	%esp, %ecx
	sysexitq
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
