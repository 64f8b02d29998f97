/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A boot sector for test-pc-state.c, which says what lies where. It reads all disks in turn by the BIOS, looks at
 * what it got, and writes it back now and then. Once it is told to, it goes to protected mode and does what a table
 * says for ever: accesses to registers.
 */
#define PACKET   0x600
#define DRIVES   0x475 /* of the BIOS's data area: how many hard disks there are */
#define MAD      0x7000
#define N_DONE   0x7004
#define N_ERRORS 0x7008
#define TABLE    0x100000

	.section .rodata
	.global pc_state_sector, pc_state_sector_end
pc_state_sector:
	.code16
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7c00, %sp
	sti
	cld
	xor	%ebp, %ebp	/* the block */
	mov	$0x80, %dl
1:	cmpl	$0, MAD
	jne	5f
	movl	$0x00080010, PACKET	/* 8 sectors */
	movl	$0x80000000, PACKET + 4	/* to 8000:0 */
	mov	%ebp, PACKET + 8
	movl	$0, PACKET + 12
	mov	$PACKET, %si
	mov	$0x42, %ah
	push	%dx
	int	$0x13
	pop	%dx
	jc	3f
	mov	$0x8000, %ax
	mov	%ax, %fs
	lea	1(%ebp), %eax
	cmp	%eax, %fs:512	/* each sector begins with its number, but for this one */
	jne	3f
	test	$0x18, %bp
	jnz	2f
	mov	$0x4300, %ax
	mov	$PACKET, %si
	push	%dx
	int	$0x13
	pop	%dx
	jc	3f
2:	lock incl N_DONE
	jmp	4f
3:	lock incl N_ERRORS
4:	inc	%dx
	mov	%dl, %al
	sub	$0x80, %al
	cmp	DRIVES, %al
	jb	1b
	mov	$0x80, %dl
	add	$8, %ebp
	and	$0xff8, %ebp
	jmp	1b

5:	cli
	lgdtl	7f - pc_state_sector + 0x7c00
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$0x08, $(8f - pc_state_sector + 0x7c00)
	.balign 8
6:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
7:	.word	23
	.long	6b - pc_state_sector + 0x7c00

	.code32
8:	mov	$0x10, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7c00, %esp
/* Of each access: what (0: from the beginning; 1, 2, 4: its size, + 8: a read, + 16: memory), where, the value. */
9:	mov	$TABLE, %esi
10:	mov	(%esi), %ecx
	mov	4(%esi), %edx
	mov	8(%esi), %eax
	add	$12, %esi
	jecxz	9b
	lock incl N_DONE
	test	$16, %cl
	jnz	20f
	test	$8, %cl
	jnz	14f
	test	$1, %cl
	jnz	11f
	test	$2, %cl
	jnz	12f
	out	%eax, %dx
	jmp	10b
11:	out	%al, %dx
	jmp	10b
12:	out	%ax, %dx
	jmp	10b
14:	test	$1, %cl
	jnz	15f
	test	$2, %cl
	jnz	16f
	in	%dx, %eax
	jmp	10b
15:	in	%dx, %al
	jmp	10b
16:	in	%dx, %ax
	jmp	10b
20:	test	$8, %cl
	jnz	24f
	test	$1, %cl
	jnz	21f
	test	$2, %cl
	jnz	22f
	mov	%eax, (%edx)
	jmp	10b
21:	mov	%al, (%edx)
	jmp	10b
22:	mov	%ax, (%edx)
	jmp	10b
24:	test	$1, %cl
	jnz	25f
	test	$2, %cl
	jnz	26f
	mov	(%edx), %eax
	jmp	10b
25:	mov	(%edx), %al
	jmp	10b
26:	mov	(%edx), %ax
	jmp	10b
	.org	pc_state_sector + 510
	.word	0xaa55
pc_state_sector_end:

	.section .note.GNU-stack, "", @progbits
