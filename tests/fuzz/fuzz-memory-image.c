/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An index of a saved memory from who knows where, with wrong checksums and with right ones. */
#include "tests/fuzz/fuzz.h"

#include "vmm/base/bytes.h"
#include "vmm/memory/memory-image.h"
#include "vmm/memory/memory-restore.h"
#include "vmm/memory/page-hash.h"

#define HEAD_SIZE 80u

/* What the format's reader takes its writer must be able to write. */
static void
use (const MemoryImage *image)
{
  g_autoptr (GuestMemory) memory = guest_memory_new (NULL);
  g_autoptr (GByteArray) bytes = memory_image_format (image);
  g_autoptr (MemoryImage) again = memory_image_parse (bytes->data, bytes->len, true, "again", NULL, NULL);

  g_assert_nonnull (again);
  for (unsigned i = 0; i < image->sources->len; i++)
    {
      g_autofree char *path = memory_image_source_path (image, i);

      g_assert_true (g_path_is_absolute (path));
    }
  guest_memory_add_bank (memory, "ram-low", 1 << 20, BANK_RAM, NULL);
  guest_memory_restore (memory, image, NULL, NULL, NULL);
}

static void
parse (const uint8_t *data, size_t size)
{
  g_autoptr (MemoryImage) image = memory_image_parse (data, size, true, "fuzz", "/nowhere", NULL);

  if (image)
    use (image);
}

/* Makes the head say what is there, so that the tables are looked at. */
static void
mend (uint8_t *data, size_t size)
{
  uint64_t n_hashes = size > 200 ? data[24] % 4 : 0;
  uint64_t tables = size - HEAD_SIZE - (n_hashes ? (n_hashes + 1) * 16 : 0);
  g_autofree uint8_t *checked = g_malloc (size);
  MemoryPageHash check;

  memcpy (data, "BonsaiMI\1\0\0\0", 12);
  for (unsigned at = 12; at < 24; at += 4)
    store_le32 (data + at, data[at] % 8);
  store_le64 (data + 24, n_hashes);
  store_le64 (data + 32, tables);
  store_le64 (data + 56, 0);
  memcpy (checked, data, 64);
  memcpy (checked + 64, data + HEAD_SIZE, tables);
  page_hash (checked, 64 + tables, &check);
  memcpy (data + 64, &check, sizeof check);
  if (n_hashes == 0)
    return;
  page_hash (data + HEAD_SIZE + tables, n_hashes * 16, &check);
  memcpy (data + HEAD_SIZE + tables + n_hashes * 16, &check, sizeof check);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree uint8_t *copy = g_memdup2 (data, size);

  parse (data, size);
  if (size < HEAD_SIZE)
    return 0;
  mend (copy, size);
  parse (copy, size);
  return 0;
}
