/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/memory-image.h"
#include "vmm/memory/memory-private.h"

G_BEGIN_DECLS

/*
 * Tells what has become of a bank's pages since an image of them was made. Only system calls and plain
 * memory, as it runs in save-writer's child, too.
 *
 * Threading: plain data of one thread. The bank's backing must not change between page_judge_look and the
 * last page_judge after it.
 */
typedef enum {
  PAGE_ZERO,
  PAGE_SAME, /* as in the image */
  PAGE_OWN,  /* something else */
} PageFate;

/* A piece of the image; as BankBacking, by first_page. */
typedef BankBacking KnownExtent;

typedef struct {
  const uint8_t
    *data; /* private memory: its page table tells what was never touched, or not since it was mapped */
  uint64_t n_pages;
  uint64_t place;         /* in the memory file, bytes */
  uint64_t first;         /* its first page's place among those of all banks */
  const MemoryBank *bank; /* its backing as of the instant */
  const KnownExtent *known;
  unsigned n_known;
} SaveBank;

#define PAGE_JUDGE_CHUNK 256u /* pages that are looked at together */

typedef struct {
  const SaveBank *bank;
  const MemoryPageHash *known_hashes; /* (nullable): by SaveBank.first + page; all 0: not known */
  int pagemap;  /* a descriptor of /proc/self/pagemap; -1: it can't be read, or says nothing of this bank */
  bool careful; /* pages of files are read so that one that the host can't read, which is PAGE_OWN then, does
                   not end the process */
  unsigned backing, known; /* where the walk along those lists is: 0 at the bank's first page */
  uint64_t first;
  bool has_entries;
  uint64_t entries[PAGE_JUDGE_CHUNK];
} PageJudge;

/* Which the caller closes; or -1. */
int page_judge_open_pagemap (void);

/* @n pages from @page on, PAGE_JUDGE_CHUNK at most, are judged next; chunks come in their order. */
void page_judge_look (PageJudge *judge, uint64_t page, unsigned n);

/* @hash: set for a page that is PAGE_OWN, unless it can't be read. */
PageFate page_judge (PageJudge *judge, uint64_t page, MemoryPageHash *hash);

static inline bool
page_hash_is_equal (const MemoryPageHash *a, const MemoryPageHash *b)
{
  const uint64_t *x = (const uint64_t *)(const void *)a;
  const uint64_t *y = (const uint64_t *)(const void *)b;

  return x[0] == y[0] && x[1] == y[1];
}

/* Whether @page of both is the same page of the same file. */
static inline bool
page_is_same_place (const BankBacking *a, const BankBacking *b, uint64_t page)
{
  return a->device == b->device && a->inode == b->inode
         && a->file_page + (page - a->first_page) == b->file_page + (page - b->first_page);
}

/* The extent that @page is in, or NULL, walking on from *@at; pages come in their order. */
const BankBacking *page_extent_walk (const BankBacking *extents, unsigned n, unsigned *at, uint64_t page);

G_END_DECLS
