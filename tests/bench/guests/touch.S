/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes to each page of the memory (MIB: its size; 2 GiB at most below 4 GiB), says `t', and then goes on writing to 64
 * MiB of it: a `w' for each MiB. What snapshots are measured with.
 */
#include "rom.inc"

#if MIB > 2048
#define LOW_END  0x80000000
#define HIGH_GIB ((MIB - 2048) / 1024)
#else
#define LOW_END  (MIB << 20)
#define HIGH_GIB 0
#endif
#define FIRST     0x01000000
#define WORK      0x02000000
#define WORK_END  0x06000000
#define TABLES    0x00100000

	.macro	touch_pages			/* from rbx to rsi; r8 is the number to write */
1:	movq	%r8, (%rbx)
	movq	%rbx, 0xff8(%rbx)
	addq	$0x1000, %rbx
	cmpq	%rsi, %rbx
	jb	1b
	.endm

main:	enter_long_mode start

	.code64
start:	movl	$1, %r8d
#if HIGH_GIB > 0
	movl	$TABLES, %edi
	movabsq	$0x100000087, %rax
	movl	$(HIGH_GIB * 512), %ecx
1:	movq	%rax, (%rdi)
	addq	$8, %rdi
	addq	$0x200000, %rax
	decl	%ecx
	jnz	1b
	movl	$0x2020, %edi			/* the pointers, where the first 4 GiB end */
	movl	$(TABLES | 7), %eax
	movl	$HIGH_GIB, %ecx
1:	movq	%rax, (%rdi)
	addq	$8, %rdi
	addq	$0x1000, %rax
	decl	%ecx
	jnz	1b
	movabsq	$0x100000000, %rbx
	movabsq	$(0x100000000 + (HIGH_GIB << 30)), %rsi
	touch_pages
#endif
	movl	$FIRST, %ebx
	movl	$LOW_END, %esi
	touch_pages
	mark	't'

again:	movl	$WORK, %ebx
	incq	%r8
2:	leaq	0x100000(%rbx), %rsi
	touch_pages
	mark	'w'
	cmpq	$WORK_END, %rbx
	jb	2b
	jmp	again
