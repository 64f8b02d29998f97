/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mutates inputs of fuzz-image-qcow2 by what they mean: header fields, entries of L1, L2, refcount and
 * snapshot tables become what entries of other tables are, or nearly so. Bytes that are only changed at
 * random seldom get past the first check.
 */
#include "tests/fuzz/fuzz.h"

#include "vmm/base/bytes.h"

#include <stdbool.h>

#define OFFSET_MASK UINT64_C (0x00fffffffffffe00)
#define HEADER_SIZE 112u
#define PIECE_HEAD  6u

typedef struct {
  uint8_t *data;
  size_t size;
  unsigned state; /* of the random numbers */
  unsigned cluster_bits;
} Input;

static unsigned
below (Input *input, unsigned n)
{
  input->state = input->state * 1103515245u + 12345u;
  return (input->state >> 8) % n;
}

/* Where the 8 bytes at @offset of the file are in the input, or NULL: tests/fuzz/fuzz-image.c has the format.
 */
static uint8_t *
find (const Input *input, uint64_t offset)
{
  for (size_t at = 8; at + PIECE_HEAD <= input->size;)
    {
      uint64_t start = (uint64_t)load_le32 (input->data + at) * 512;
      size_t length = MIN (load_le16 (input->data + at + 4), input->size - at - PIECE_HEAD);

      if (offset >= start && length >= 8 && offset - start <= length - 8)
        return input->data + at + PIECE_HEAD + (offset - start);
      at += PIECE_HEAD + length;
    }
  return NULL;
}

static uint64_t
get (const Input *input, uint64_t offset)
{
  const uint8_t *word = find (input, offset);

  return word != NULL ? load_be64 (word) : 0;
}

/* A table that the image has, as far as it can be found. */
static uint64_t
some_table (Input *input)
{
  uint64_t l1 = get (input, 40), reftable = get (input, 48);

  switch (below (input, 6))
    {
    case 0:
      return l1;
    case 1:
      return reftable;
    case 2:
      return get (input, 64); /* snapshots */
    case 3:
      return get (input, reftable + 8 * below (input, 4)) & OFFSET_MASK;
    case 4:
      return get (input, get (input, 64)) & OFFSET_MASK; /* the first snapshot's L1 */
    default:
      return get (input, l1 + 8 * below (input, 8)) & OFFSET_MASK;
    }
}

static uint64_t
some_place (Input *input)
{
  if (below (input, 4) == 0)
    return 8 * below (input, HEADER_SIZE / 8 * 2);
  return some_table (input) + 8 * (below (input, 3) == 0 ? below (input, 4096) : below (input, 32));
}

static uint64_t
some_value (Input *input, uint64_t old)
{
  uint64_t flags[] = { 0, 1, UINT64_C (1) << 62, UINT64_C (1) << 63, UINT64_C (3) << 62 };

  switch (below (input, 8))
    {
    case 0:
      return old ^ UINT64_C (1) << below (input, 64);
    case 1:
      return 0;
    case 2:
      return get (input, some_place (input));
    case 3:
      return old + (below (input, 2) ? 1 : -1) * (UINT64_C (1) << below (input, 32));
    case 4:
      return UINT64_MAX >> below (input, 64);
    case 5:
      return some_table (input) | flags[below (input, G_N_ELEMENTS (flags))];
    default:
      return (uint64_t)below (input, 64) << input->cluster_bits | flags[below (input, G_N_ELEMENTS (flags))];
    }
}

size_t
LLVMFuzzerCustomMutator (uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
  Input input = { .data = data, .size = size, .state = seed };
  bool changed = false;

  input.cluster_bits = (get (&input, 16) & 31) % 22;
  if (below (&input, 4) > 0)
    for (unsigned n = 1 + below (&input, 5); n > 0; n--)
      {
        uint8_t *word = find (&input, some_place (&input));

        if (word == NULL)
          continue;
        store_be64 (word, some_value (&input, load_be64 (word)));
        changed = true;
      }
  return changed ? size : LLVMFuzzerMutate (data, size, max_size);
}
