/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LUKS headers: whatever they say, they are opened or refused, and a passphrase is tried. */
#include "tests/fuzz/fuzz.h"

#include "devices/image/luks/luks.h"
#include "tests/image/memory-store.h"
#include "vmm/base/bytes.h"

#define SLOTS_OFFSET      208u /* LUKS On-Disk Format Specification 1.2.3, figure 1 */
#define SLOT_SIZE         48u
#define SLOT_ITERATIONS   4u
#define DIGEST_ITERATIONS 164u
#define FEW_ITERATIONS    3u

/* How long a passphrase takes is the header's to say; here it shall not take long. */
static void
hurry (uint8_t *header, size_t size)
{
  if (size >= DIGEST_ITERATIONS + 4)
    store_be32 (header + DIGEST_ITERATIONS, 1 + load_be32 (header + DIGEST_ITERATIONS) % FEW_ITERATIONS);
  for (size_t slot = SLOTS_OFFSET; slot + SLOT_SIZE <= size && slot < SLOTS_OFFSET + LUKS_SLOTS * SLOT_SIZE;
       slot += SLOT_SIZE)
    store_be32 (header + slot + SLOT_ITERATIONS,
                1 + load_be32 (header + slot + SLOT_ITERATIONS) % FEW_ITERATIONS);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const ImageSecret secret = { (const uint8_t *)"secret", 6 };
  g_autofree uint8_t *header = g_memdup2 (data, size);
  g_autoptr (Medium) medium = NULL;
  g_autoptr (ImageStore) store = NULL;
  g_autoptr (Luks) luks = NULL;

  hurry (header, size);
  medium = medium_new_from (header, size, UINT64_C (64) << 20);
  store = memory_store_new (NULL, medium, "fuzzed.luks", false);
  luks = luks_open (store, 0, LUKS_HEADER_SIZE, NULL);
  if (luks == NULL)
    return 0;
  g_assert_true (g_utf8_validate (luks_uuid (luks), -1, NULL));
  g_assert_cmpuint (luks_n_secrets (luks), <=, LUKS_SLOTS);
  if (luks_unlock (luks, &secret, NULL, NULL))
    {
      uint8_t sector[LUKS_SECTOR_SIZE] = { 0 };

      luks_crypt (luks, 7, sector, sizeof sector, true);
      luks_crypt (luks, 7, sector, sizeof sector, false);
      g_assert_cmpuint (sector[0], ==, 0);
    }
  return 0;
}
