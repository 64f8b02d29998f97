/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/error.h"
#include "vmm/memory/bank-copy.h"
#include "vmm/memory/loan-contents.h"
#include "vmm/memory/memory-loan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
  MemoryBank *bank;
  uint8_t *place;
  GVariant *pieces; /* (transfer full) */
} Lent;

static void
clear_lent (gpointer data)
{
  g_variant_unref (((Lent *)data)->pieces);
}

/* All banks, or NULL with @error set. */
static GArray *
find_banks (GuestMemory *memory, GVariant *lent, GError **error)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (Lent));
  GVariantIter iter;
  const char *name;
  guint64 size, place;
  GVariant *pieces;

  g_array_set_clear_func (found, clear_lent);
  g_variant_iter_init (&iter, lent);
  while (g_variant_iter_next (&iter, "(&stt@" LOAN_PIECES ")", &name, &size, &place, &pieces))
    {
      Lent one = { guest_memory_find (memory, name), (uint8_t *)(uintptr_t)place, pieces };

      g_array_append_val (found, one);
      if (!one.bank || one.bank->size != size)
        break;
    }
  if (found->len == memory->banks->len && found->len == g_variant_n_children (lent)
      && (found->len == 0 || g_array_index (found, Lent, found->len - 1).bank))
    return g_steal_pointer (&found);
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
               "The memory was lent by a machine with other memory or devices");
  return NULL;
}

/* --- RAM is moved --- */

/* A mapping at a time: the kernel moves no more at once. */
static bool
move_piece (const Lent *lent, uintptr_t start, uintptr_t end)
{
  uint8_t *to = lent->bank->data + (start - (uintptr_t)lent->place);

  return mremap ((void *)start, end - start, end - start, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to;
}

/* @maps: the text of /proc/self/maps (proc(5)). */
static bool
move_bank (const Lent *lent, const char *maps)
{
  uintptr_t first = (uintptr_t)lent->place, last = first + lent->bank->size, moved = 0;

  for (const char *line = maps; line && *line; line = strchr (line, '\n'), line += line != NULL)
    {
      unsigned long start, end;

      if (sscanf (line, "%lx-%lx", &start, &end) != 2 || end <= first || start >= last)
        continue;
      start = MAX (start, first);
      end = MIN (end, last);
      if (!move_piece (lent, start, end))
        return false;
      moved += end - start;
    }
  if (moved != lent->bank->size)
    errno = EFAULT;
  return moved == lent->bank->size;
}

static void
take_pieces (const Lent *lent)
{
  MemoryBank *bank = lent->bank;
  GVariantIter iter;
  BankBacking piece;

  if (!bank->backing)
    bank->backing = g_array_new (FALSE, FALSE, sizeof (BankBacking));
  g_array_set_size (bank->backing, 0);
  g_variant_iter_init (&iter, lent->pieces);
  while (g_variant_iter_next (&iter, LOAN_PIECE, &piece.first_page, &piece.n_pages, &piece.file_page,
                              &piece.device, &piece.inode))
    g_array_append_val (bank->backing, piece);
}

/* --- others are copied --- */

static bool
is_zero (const uint8_t *page)
{
  return page[0] == 0 && memcmp (page, page + 1, GUEST_PAGE_SIZE - 1) == 0;
}

static bool
copy_bank (const Lent *lent)
{
  if (!bank_empty (lent->bank))
    return false;
  for (uint64_t at = 0; at < lent->bank->size; at += GUEST_PAGE_SIZE)
    if (!is_zero (lent->place + at))
      memcpy (lent->bank->data + at, lent->place + at, GUEST_PAGE_SIZE);
  munmap (lent->place, lent->bank->size);
  return true;
}

static bool
adopt_bank (const Lent *lent, const char *maps)
{
  if (bank_is_shared (lent->bank))
    return copy_bank (lent);
  take_pieces (lent);
  return move_bank (lent, maps);
}

bool
guest_memory_adopt (GuestMemory *memory, GVariant *lent, GError **error)
{
  g_autoptr (GArray) banks = find_banks (memory, lent, error);
  g_autofree char *maps = NULL;
  bool ok = true;

  if (!banks || !g_file_get_contents ("/proc/self/maps", &maps, NULL, error))
    return false;
  g_mutex_lock (&memory->backing_lock);
  for (unsigned i = 0; i < banks->len && ok; i++)
    {
      const Lent *one = &g_array_index (banks, Lent, i);

      ok = adopt_bank (one, maps) || vmm_set_errno_error (error, errno, "Can't take lent memory");
      bank_advise (one->bank);
    }
  g_mutex_unlock (&memory->backing_lock);
  for (unsigned i = 0; i < banks->len; i++)
    memory_bank_set_dirty (g_array_index (banks, Lent, i).bank, 0, g_array_index (banks, Lent, i).bank->size);
  return ok;
}
