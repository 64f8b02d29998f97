/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Guests of a few instructions. guest.h says where they lie and what the test device does.
 * The 64-bit ones start with the registers that the test gave; rcx is the base of the test device's memory.
 */
#define PORT_LOG   0x500
#define PORT_COUNT 0x504
#define PORT_EXIT  0x508
#define PORT_ASK   0x50c

#define MMIO_COUNT 0xd000f000
#define MMIO_EXIT  0xd000f008

	.section .rodata

	.macro guest name
	.balign 16
	.global guest_\name
guest_\name:
	.endm

	.macro end name
	.global guest_\name\()_end
guest_\name\()_end:
	.endm

	.macro quit status
	mov	$\status, %al
	mov	$PORT_EXIT, %dx
	out	%al, %dx
1:	jmp	1b
	.endm

/* Reads the log port in each width and writes back what it read. */
	guest ports
	.code64
	mov	$PORT_LOG, %dx
	in	%dx, %al
	out	%al, %dx
	in	%dx, %ax
	out	%ax, %dx
	in	%dx, %eax
	out	%eax, %dx
	quit	1
	end ports

/* Reads in each size, writes the same back 0x100 further on; then eight bytes across a page's end. */
	guest mmio
	.code64
	mov	(%rcx), %al
	mov	%al, 0x100(%rcx)
	mov	(%rcx), %ax
	mov	%ax, 0x100(%rcx)
	mov	(%rcx), %eax
	mov	%eax, 0x100(%rcx)
	mov	(%rcx), %rax
	mov	%rax, 0x100(%rcx)
	movabs	$0x8877665544332211, %rax
	mov	%rax, 0xffd(%rcx)
	quit	1
	end mmio

/* From rsi to the port and from the port to rdi, rbx elements of each width. */
	guest strings
	.code64
	cld
	mov	$PORT_LOG, %dx
	mov	%rbx, %rcx
	rep outsb
	mov	%rbx, %rcx
	rep outsw
	mov	%rbx, %rcx
	rep outsl
	mov	%rbx, %rcx
	rep insb
	mov	%rbx, %rcx
	rep insw
	mov	%rbx, %rcx
	rep insl
	quit	1
	end strings

/* Counts on the count port for ever, and in memory at rdi. */
	guest count
	.code64
1:	inc	%ebx
	mov	%ebx, (%rdi)
	mov	$PORT_COUNT, %dx
	mov	%ebx, %eax
	out	%eax, %dx
	jmp	1b
	end count

/* Asks for what al says (test device) and tells if it lives on. */
	guest ask
	.code64
	mov	$PORT_ASK, %dx
	out	%al, %dx
	mov	$PORT_LOG, %dx
	out	%al, %dx
1:	jmp	1b
	end ask

	guest triple_fault
	.code64
	push	$0
	push	$0
	lidt	(%rsp)
	ud2
	end triple_fault

/* Runs into the test device's memory, where no instructions can be fetched. */
	guest run_away
	.code64
	jmp	*%rcx
	end run_away

/* Writes to the ROM at rdi, then reads it. */
	guest write_rom
	.code64
	movl	$0x12345678, (%rdi)
	mov	(%rdi), %eax
	mov	$PORT_LOG, %dx
	out	%eax, %dx
	quit	1
	end write_rom

/* Reads the MSR ecx. */
	guest read_msr
	.code64
	rdmsr
	mov	$PORT_LOG, %dx
	out	%eax, %dx
	quit	1
	end read_msr

/* Signals twice by port and three times by memory, then ends. */
	guest kick
	.code64
	mov	$7, %eax
	mov	$PORT_LOG, %dx
	out	%ax, %dx
	out	%ax, %dx
	mov	%ax, 0x40(%rcx)
	mov	%ax, 0x40(%rcx)
	mov	%ax, 0x40(%rcx)
	quit	1
	end kick

/* Builds an IDT at rdi whose vector 0x41 counts, enables the local APIC at rsi, and halts until ebx
 * interrupts came. */
	guest messages
	.code64
	lea	10f(%rip), %rax
	mov	%ax, 0x410(%rdi)
	movw	$0x10, 0x412(%rdi)
	movw	$0x8e00, 0x414(%rdi)
	shr	$16, %rax
	mov	%ax, 0x416(%rdi)
	movq	$0, 0x418(%rdi)
	push	%rdi
	sub	$8, %rsp
	movw	$0xfff, 6(%rsp)
	lidt	6(%rsp)
	movl	$0x1ff, 0xf0(%rsi)
	xor	%ebp, %ebp
	mov	$PORT_LOG, %dx
	mov	$1, %al
	out	%al, %dx
1:	sti
	hlt
	cli
	cmp	%ebx, %ebp
	jb	1b
	quit	1
10:	inc	%ebp
	push	%rax
	push	%rdx
	mov	%ebp, %eax
	mov	$PORT_COUNT, %dx
	out	%eax, %dx
	movl	$0, 0xb0(%rsi)
	pop	%rdx
	pop	%rax
	iretq
	end messages

/* The local APIC at rsi: INIT and SIPI to all others, which start at page dl and count at rdi; waits for
 * ebx of them. */
	guest smp
	.code64
	movl	$0x1ff, 0xf0(%rsi)
	movl	$0xc4500, 0x300(%rsi)
	movzx	%dl, %eax
	or	$0xc4600, %eax
	mov	%eax, 0x300(%rsi)
1:	mov	(%rdi), %eax
	cmp	%ebx, %eax
	jb	1b
	quit	1
	end smp

/* What they run: at a page of their own in real mode, the counter 0x800 further on. */
	guest smp_other
	.code16
	mov	%cs, %ax
	mov	%ax, %ds
	mov	$PORT_LOG, %dx
	mov	$0xa5, %al
	out	%al, %dx
	lock incl 0x800
1:	cli
	hlt
	jmp	1b
	end smp_other

/* The same, but they count on for ever. */
	guest smp_spinner
	.code16
	mov	%cs, %ax
	mov	%ax, %ds
	lock incl 0x800
1:	incl	0x900
	jmp	1b
	end smp_spinner

/* As smp, but asks for what bl says (test device) as soon as the others are told to start. */
	guest smp_hurry
	.code64
	movl	$0x1ff, 0xf0(%rsi)
	movl	$0xc4500, 0x300(%rsi)
	movzx	%dl, %eax
	or	$0xc4600, %eax
	mov	%eax, 0x300(%rsi)
	mov	%bl, %al
	mov	$PORT_ASK, %dx
	out	%al, %dx
1:	jmp	1b
	end smp_hurry

/* For a processor where it has no business: tells. */
	guest smp_lost
	.code16
	mov	$PORT_LOG, %dx
	mov	$0xee, %al
	out	%al, %dx
1:	cli
	hlt
	jmp	1b
	end smp_lost

/* Real mode at f000:0000, where the reset vector leads. Counts 3 ticks of the PIT while halted, then edges of
 * ISA interrupt 5 until it was told enough: BX in all. */
	guest real_mode
	.code16
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x7000, %sp
	movw	$(20f - guest_real_mode), 0x20
	movw	$0xf000, 0x22
	movw	$(30f - guest_real_mode), 0x34
	movw	$0xf000, 0x36
	mov	$0x11, %al
	out	%al, $0x20
	mov	$0x08, %al
	out	%al, $0x21
	mov	$0x04, %al
	out	%al, $0x21
	mov	$0x01, %al
	out	%al, $0x21
	mov	$0xde, %al
	out	%al, $0x21
	mov	$0x34, %al
	out	%al, $0x43
	mov	$0x00, %al
	out	%al, $0x40
	mov	$0x10, %al
	out	%al, $0x40
	xor	%cx, %cx
1:	sti
	hlt
	cli
	cmp	$3, %cx
	jb	1b
	mov	$0xdf, %al
	out	%al, $0x21
	mov	$PORT_LOG, %dx
	mov	$0x55, %al
	out	%al, %dx
	xor	%bx, %bx
2:	sti
	hlt
	cli
	cmp	$3, %bx
	jb	2b
	quit	1
20:	inc	%cx
	jmp	40f
30:	inc	%bx
	mov	%bl, %al
	mov	$PORT_LOG, %dx
	out	%al, %dx
40:	mov	$0x20, %al
	out	%al, $0x20
	iret
	end real_mode

/* Writes a number of its own and one computed of it to every page from rdi to rsi, again and again, each time the next
 * one, and looks first whether the last one is there; counts the rounds. Ends with status 9 if it isn't. With ebx it
 * does so in user mode, the only one that KVM of kind PVM runs natively. */
	guest writer
	.code64
	test	%ebx, %ebx
	jz	1f
	mov	$0x174, %ecx		/* SYSENTER_CS: SYSEXIT's 64-bit code is 32 bytes further */
	mov	$0x10, %eax
	xor	%edx, %edx
	wrmsr
	lea	1f(%rip), %rdx
	mov	%rsp, %rcx
	sysexitq
1:	xor	%r8d, %r8d
2:	inc	%r8
	mov	%rdi, %rbx
3:	lea	-1(%r8), %rax
	cmp	%rax, (%rbx)
	jne	9f
	imul	$0x9e3779b, %rax, %rax
	cmp	%rax, 0xff8(%rbx)
	jne	9f
	mov	%r8, (%rbx)
	imul	$0x9e3779b, %r8, %rax
	mov	%rax, 0xff8(%rbx)
	add	$0x1000, %rbx
	cmp	%rsi, %rbx
	jb	3b
	mov	$MMIO_COUNT, %eax
	mov	%r8d, (%rax)
	jmp	2b
9:	mov	$MMIO_EXIT, %eax
	movl	$9, (%rax)
1:	jmp	1b
	end writer

	.section .note.GNU-stack, "", @progbits
