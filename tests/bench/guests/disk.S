/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to disk.c. */
#include "rom.inc"

main:	enter_long_mode work
	.section .note.GNU-stack, "", @progbits
