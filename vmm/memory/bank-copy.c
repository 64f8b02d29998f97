/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/bank-copy.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

bool
bank_is_shared (const MemoryBank *bank)
{
  return bank->fd >= 0;
}

uint8_t *
bank_copy_new (const MemoryBank *bank, GError **error)
{
  void *copy =
    mmap (NULL, bank->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (copy != MAP_FAILED)
    return copy;
  vmm_set_errno_error (error, errno, "Can't copy the memory \"%s\" for a snapshot", bank->name);
  return NULL;
}

void
bank_copy_free (const MemoryBank *bank, uint8_t *copy)
{
  if (copy)
    munmap (copy, bank->size);
}

/* What the copy has where the bank has nothing goes; the rest is copied. */
void
bank_copy_fill (const MemoryBank *bank, uint8_t *copy)
{
  uint64_t at = 0;

  while (at < bank->size)
    {
      off_t data = lseek (bank->fd, (off_t)at, SEEK_DATA);
      off_t hole = data < 0 ? -1 : lseek (bank->fd, data, SEEK_HOLE);
      uint64_t start = data < 0 ? bank->size : MIN ((uint64_t)data, bank->size);
      uint64_t end = hole < 0 ? bank->size : MIN ((uint64_t)hole, bank->size);

      if (start > at)
        madvise (copy + at, start - at, MADV_DONTNEED);
      if (start < end)
        memcpy (copy + start, bank->data + start, end - start);
      at = MAX (end, start);
    }
}

void
bank_let_child_have (const MemoryBank *bank, bool let)
{
  if (!bank_is_shared (bank))
    madvise (bank->data, bank->size, let ? MADV_DOFORK : MADV_DONTFORK);
}
