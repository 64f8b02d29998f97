/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-compare.h"

#include "vmm/memory/page-hash.h"
#include "vmm/memory/save-image.h"

#include <unistd.h>

/* Banks, and what is known of them from an image. */
typedef struct {
  SaveBank *banks;
  unsigned n_banks;
  uint64_t n_pages;
  SaveParent *image;
  MemoryPageHash zero;
} Side;

static void
side_clear (Side *side)
{
  save_parent_free (side->image);
  g_free (side->banks);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Side, side_clear)

static void
side_add_bank (Side *side, const MemoryBank *bank)
{
  side->banks[side->n_banks++] = (SaveBank){
    .data = bank->data, .n_pages = bank->size / MEMORY_IMAGE_PAGE, .first = side->n_pages, .bank = bank
  };
  side->n_pages += bank->size / MEMORY_IMAGE_PAGE;
}

static bool
side_learn (Side *side, const char *index, GError **error)
{
  static const uint8_t zero_page[MEMORY_IMAGE_PAGE];

  page_hash (zero_page, sizeof zero_page, &side->zero);
  side->image = save_parent_new (index, side->banks, side->n_banks, side->n_pages, error);
  return side->image != NULL;
}

/* What a page of an image holds, as far as that is known. */
typedef struct {
  const BankBacking *extent; /* NULL: zero */
  const MemoryPageHash *hash;
} KnownPage;

static KnownPage
known_page (const Side *side, const SaveBank *bank, unsigned *at, uint64_t page)
{
  const BankBacking *extent = page_extent_walk (bank->known, bank->n_known, at, page);

  return (KnownPage){ extent, extent ? &save_parent_hashes (side->image)[bank->first + page] : &side->zero };
}

static bool
is_known (const MemoryPageHash *hash)
{
  static const MemoryPageHash none;

  return !page_hash_is_equal (hash, &none);
}

static bool
is_same (KnownPage a, KnownPage b, uint64_t page)
{
  if (a.extent && b.extent && page_is_same_place (a.extent, b.extent, page))
    return true;
  return is_known (a.hash) && page_hash_is_equal (a.hash, b.hash);
}

/* --- saved memories --- */

/* As banks: an image has but their names and sizes. */
static MemoryBank *
banks_of (const MemoryImage *image)
{
  MemoryBank *banks = g_new0 (MemoryBank, image->banks->len + 1);

  for (unsigned i = 0; i < image->banks->len; i++)
    {
      const MemoryImageBank *bank = &g_array_index (image->banks, MemoryImageBank, i);

      banks[i].name = bank->name;
      banks[i].size = bank->size;
    }
  return banks;
}

static void
side_add_banks (Side *side, const MemoryBank *banks, unsigned n)
{
  side->banks = g_new0 (SaveBank, n + 1);
  for (unsigned i = 0; i < n; i++)
    side_add_bank (side, &banks[i]);
}

static uint64_t
count_bank (const Side *from, const Side *to, unsigned number)
{
  const SaveBank *before = &from->banks[number], *after = &to->banks[number];
  unsigned at_before = 0, at_after = 0;
  uint64_t n = 0;

  for (uint64_t page = 0; page < before->n_pages; page++)
    n +=
      !is_same (known_page (from, before, &at_before, page), known_page (to, after, &at_after, page), page);
  return n;
}

bool
memory_compare_saved (const char *from, const char *to, uint64_t *changed, GError **error)
{
  g_autoptr (MemoryImage) image = memory_image_read (from, false, error);
  g_autofree MemoryBank *banks = image ? banks_of (image) : NULL;
  g_auto (Side) before = { 0 };
  g_auto (Side) after = { 0 };

  if (!image)
    return false;
  side_add_banks (&before, banks, image->banks->len);
  side_add_banks (&after, banks, image->banks->len);
  if (!side_learn (&before, from, error) || !side_learn (&after, to, error))
    return false;
  *changed = 0;
  for (unsigned i = 0; i < before.n_banks; i++)
    *changed += count_bank (&before, &after, i) * MEMORY_IMAGE_PAGE;
  return true;
}

/* --- one that is there --- */

typedef struct {
  Side *side;
  GuestMemory *memory;
  PageJudge judge;
  const MemoryCompare *how;
  uint64_t done, changed; /* pages */
} Live;

/* The table of the bank's backing may be another one each time. */
static void
compare_chunk (Live *live, const SaveBank *bank, unsigned *known, uint64_t page, unsigned n)
{
  const KnownPage zero = { NULL, &live->side->zero };
  MemoryPageHash hash;

  g_mutex_lock (&live->memory->backing_lock);
  live->judge.backing = 0;
  page_judge_look (&live->judge, page, n);
  for (uint64_t i = page; i < page + n; i++)
    switch (page_judge (&live->judge, i, &hash))
      {
      case PAGE_SAME:
        break;
      case PAGE_OWN:
        live->changed++;
        break;
      case PAGE_ZERO:
        live->changed += !is_same (known_page (live->side, bank, known, i), zero, i);
        break;
      }
  g_mutex_unlock (&live->memory->backing_lock);
}

static bool
compare_bank (Live *live, const SaveBank *bank, int pagemap, GError **error)
{
  const MemoryCompare *how = live->how;
  unsigned known = 0;

  /* The page table doesn't tell what others have written to a memfd. */
  live->judge.pagemap = bank->bank->fd < 0 ? pagemap : -1;
  live->judge.bank = bank;
  live->judge.known = 0;
  for (uint64_t page = 0; page < bank->n_pages; page += PAGE_JUDGE_CHUNK)
    {
      unsigned n = (unsigned)MIN (PAGE_JUDGE_CHUNK, bank->n_pages - page);

      if (how && g_cancellable_set_error_if_cancelled (how->cancellable, error))
        return false;
      compare_chunk (live, bank, &known, page, n);
      live->done += n;
      if (how && how->progress)
        how->progress (live->done * MEMORY_IMAGE_PAGE, live->side->n_pages * MEMORY_IMAGE_PAGE, how->data);
    }
  return true;
}

static void
keep_bank (MemoryBank *bank, void *data)
{
  g_ptr_array_add (data, memory_bank_ref (bank));
}

bool
memory_compare_live (GuestMemory *memory, const char *index, const MemoryCompare *how, uint64_t *changed,
                     GError **error)
{
  g_autoptr (GPtrArray) banks = g_ptr_array_new_with_free_func ((GDestroyNotify)memory_bank_unref);
  g_auto (Side) side = { 0 };
  Live live = { .side = &side, .memory = memory, .how = how };
  int pagemap;
  bool done;

  guest_memory_foreach (memory, keep_bank, banks);
  side.banks = g_new0 (SaveBank, banks->len + 1);
  for (unsigned i = 0; i < banks->len; i++)
    side_add_bank (&side, banks->pdata[i]);
  if (!side_learn (&side, index, error))
    return false;
  live.judge.known_hashes = save_parent_hashes (side.image);
  live.judge.careful = true;
  pagemap = page_judge_open_pagemap ();
  done = true;
  for (unsigned i = 0; i < side.n_banks && done; i++)
    done = compare_bank (&live, &side.banks[i], pagemap, error);
  if (pagemap >= 0)
    close (pagemap);
  *changed = live.changed * MEMORY_IMAGE_PAGE;
  return done;
}
