/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A guest of a multiboot kernel's form (Multiboot 0.6.96, section 3.1) that counts in its memory, and tells the number
 * in eight hexadecimal digits, a line each, on its serial port.
 */
#define LOAD_ADDRESS 0x100000
#define COUNTER      0x200000
#define MAGIC        0x1badb002
#define FLAGS        0x10000

  .section .rodata
  .global counting_guest, counting_guest_end
  .code32
counting_guest:
  .long MAGIC, FLAGS, -(MAGIC + FLAGS)
  .long LOAD_ADDRESS, LOAD_ADDRESS, 0, 0, LOAD_ADDRESS + (start - counting_guest)

start:
  mov $COUNTER, %edi
again:
  incl (%edi)
  mov (%edi), %esi
  mov $8, %ecx
digit:
  rol $4, %esi
  mov %esi, %ebx
  and $15, %bl
  add $'0', %bl
  cmp $'9', %bl
  jbe wait_for_room
  add $('a' - '9' - 1), %bl
wait_for_room:
  mov $0x3fd, %dx
  in %dx, %al
  test $0x20, %al
  jz wait_for_room
  mov $0x3f8, %dx
  mov %bl, %al
  out %al, %dx
  dec %ecx
  jnz digit
  mov $'\n', %al
  out %al, %dx
  mov $2000, %ecx
rest:
  dec %ecx
  jnz rest
  jmp again
counting_guest_end:

  .section .note.GNU-stack, "", @progbits
