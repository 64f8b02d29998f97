/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/page-judge.h"

#include "vmm/memory/page-hash.h"

#include <fcntl.h>
#include <stdalign.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Linux Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (UINT64_C (1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C (1) << 62)
#define PAGEMAP_FILE    (UINT64_C (1) << 61)

int
page_judge_open_pagemap (void)
{
  return (int)syscall (SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
}

void
page_judge_look (PageJudge *judge, uint64_t page, unsigned n)
{
  uint64_t at = ((uintptr_t)judge->bank->data / MEMORY_IMAGE_PAGE + page) * 8;

  judge->first = page;
  judge->has_entries =
    judge->pagemap >= 0
    && syscall (SYS_pread64, judge->pagemap, judge->entries, n * 8ul, at) == (long)(n * 8ul);
}

static bool
is_zero (const uint8_t *page)
{
  const uint64_t *words = (const uint64_t *)(const void *)page;

  for (unsigned i = 0; i < MEMORY_IMAGE_PAGE / 8; i += 8)
    if ((words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] | words[i + 6]
         | words[i + 7])
        != 0)
      return false;
  return true;
}

const BankBacking *
page_extent_walk (const BankBacking *extents, unsigned n, unsigned *at, uint64_t page)
{
  while (*at < n && extents[*at].first_page + extents[*at].n_pages <= page)
    (*at)++;
  return *at < n && extents[*at].first_page <= page ? &extents[*at] : NULL;
}

static PageFate
judge_content (PageJudge *judge, uint64_t page, const uint8_t *data, MemoryPageHash *hash)
{
  const SaveBank *bank = judge->bank;
  MemoryPageHash its;

  if (is_zero (data))
    return PAGE_ZERO;
  page_hash (data, MEMORY_IMAGE_PAGE, &its);
  if (judge->known_hashes && page_hash_is_equal (&judge->known_hashes[bank->first + page], &its))
    return PAGE_SAME;
  *hash = its;
  return PAGE_OWN;
}

/* A page of a file. */
static PageFate
judge_mapped (PageJudge *judge, uint64_t page, const uint8_t *data, MemoryPageHash *hash)
{
  alignas (8) uint8_t copy[MEMORY_IMAGE_PAGE];
  const struct iovec to = { copy, sizeof copy };
  const struct iovec from = { (void *)(uintptr_t)data, sizeof copy };

  if (!judge->careful)
    return judge_content (judge, page, data, hash);
  if (syscall (SYS_process_vm_readv, (long)getpid (), &to, 1ul, &from, 1ul, 0ul) != (long)sizeof copy)
    return PAGE_OWN;
  return judge_content (judge, page, copy, hash);
}

PageFate
page_judge (PageJudge *judge, uint64_t page, MemoryPageHash *hash)
{
  const SaveBank *bank = judge->bank;
  const GArray *list = bank->bank->backing;
  const uint8_t *data = bank->data + page * MEMORY_IMAGE_PAGE;
  uint64_t entry = judge->has_entries ? judge->entries[page - judge->first] : 0;
  const BankBacking *backing, *known;

  if (!judge->has_entries || (entry & PAGEMAP_SWAPPED)
      || ((entry & PAGEMAP_PRESENT) && !(entry & PAGEMAP_FILE)))
    return judge_content (judge, page, data, hash);
  backing =
    list ? page_extent_walk ((const BankBacking *)(const void *)list->data, list->len, &judge->backing, page)
         : NULL;
  if (!backing)
    return entry & PAGEMAP_PRESENT ? judge_content (judge, page, data, hash) : PAGE_ZERO;
  known = page_extent_walk (bank->known, bank->n_known, &judge->known, page);
  if (known && page_is_same_place (backing, known, page))
    return PAGE_SAME;
  return judge_mapped (judge, page, data, hash);
}
