/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/page-hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

void
page_hash (const void *data, size_t size, MemoryPageHash *hash)
{
  XXH128_canonical_t canonical;

  G_STATIC_ASSERT (sizeof canonical == sizeof *hash);
  XXH128_canonicalFromHash (&canonical, XXH3_128bits (data, size));
  *hash = *(const MemoryPageHash *)(const void *)&canonical;
}
