/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the guests that work a disk share: what is to be done, the serial port, PCI. */
#pragma once

#include <stdint.h>

#ifndef DEPTH
#define DEPTH 1
#endif
#ifndef BLOCK
#define BLOCK 4096
#endif
#ifndef COUNT
#define COUNT 20000
#endif
#ifndef TYPE
#define TYPE 0 /* 0: reads, 1: writes */
#endif

#define BARS 0xe0000000u
#define DATA 0x200000u

static inline void
out8 (uint16_t port, uint8_t value)
{
  __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void
out32 (uint16_t port, uint32_t value)
{
  __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint32_t
in32 (uint16_t port)
{
  uint32_t value;

  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static void
say (char c)
{
  out8 (0x3f8, (uint8_t)c);
}

static void
stop (void)
{
  for (;;)
    __asm__ volatile("pause");
}

static uint32_t
config_read (unsigned slot, unsigned offset)
{
  out32 (0xcf8, 0x80000000u | slot << 11 | (offset & 0xfc));
  return in32 (0xcfc) >> (offset & 3) * 8;
}

static void
config_write (unsigned slot, unsigned offset, uint32_t value)
{
  out32 (0xcf8, 0x80000000u | slot << 11 | (offset & 0xfc));
  out32 (0xcfc, value);
}

/* The function 0 on bus 0 whose register at @offset is @value where @mask is. */
static unsigned
find_slot (unsigned offset, uint32_t mask, uint32_t value)
{
  for (unsigned slot = 0; slot < 32; slot++)
    if ((config_read (slot, offset) & mask) == value)
      return slot;
  say ('x');
  stop ();
  return 0;
}

/* Every memory BAR gets a MiB of its own. */
static void
place_bars (unsigned slot)
{
  for (unsigned bar = 0; bar < 6; bar++)
    {
      uint32_t kind = config_read (slot, 0x10 + bar * 4);

      if (kind & 1)
        continue;
      config_write (slot, 0x10 + bar * 4, BARS + bar * 0x100000);
      if ((kind & 6) == 4)
        config_write (slot, 0x10 + ++bar * 4, 0);
    }
  config_write (slot, 4, 6); /* memory and bus master */
}

static uint64_t
next_block (uint64_t *state, uint64_t n_blocks)
{
#ifdef SEQUENTIAL
  return (*state)++ % n_blocks;
#else
  *state ^= *state << 13; /* xorshift */
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state % n_blocks;
#endif
}
