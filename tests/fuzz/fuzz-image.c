/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disk images of one format (FUZZ_FORMAT): whatever is in them, they are opened or refused, read, written,
 * checked and repaired.
 *
 * An input is a sparse file: its size in 8 bytes, then pieces, each with its place in sectors of 512 bytes (4
 * bytes) and its length (2 bytes), all little-endian; tests/fuzz/pack-image makes them. Formats with
 * checksums are tried as they are, and with checksums that are right.
 */
#include "tests/fuzz/fuzz.h"

#include "tests/image/checksums.h"
#include "tests/image/exercise.h"
#include "vmm/base/bytes.h"

#define MAX_SIZE (UINT64_C (64) << 20)

static Medium *
unpack (const uint8_t *data, size_t size)
{
  Medium *medium = medium_new (2 * MAX_SIZE);

  if (size < 8)
    return medium;
  medium_resize (medium, load_le64 (data) % (MAX_SIZE + 1));
  for (size_t at = 8; at + 6 <= size;)
    {
      uint64_t offset = (uint64_t)load_le32 (data + at) * 512 % MAX_SIZE;
      size_t length = MIN (load_le16 (data + at + 4), size - at - 6);

      medium_write (medium, offset, data + at + 6, length);
      at += 6 + length;
    }
  return medium;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static EventLoop *loop; /* one thread for all inputs */
  g_autoptr (Medium) medium = unpack (data, size);

  if (loop == NULL)
    loop = loop_new ("fuzz", NULL);
  exercise_image (loop, medium, FUZZ_FORMAT);
  if (checksums_mend (medium, FUZZ_FORMAT))
    exercise_image (loop, medium, FUZZ_FORMAT);
  return 0;
}
