/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"
#include "vmm/base/iov.h"

/* Physical region pages: section 4.3. Lists are bounded by the length, which is bounded by the caller. */

#define LIST_ENTRY 8u

/* Pages that follow each other become one piece. */
typedef struct {
  Nvme *nvme;
  bool for_writing;
  struct iovec *iov;
  unsigned n_iov;
  uint64_t start, size; /* the run so far */
} Pieces;

static bool
end_run (Pieces *pieces)
{
  unsigned n = NVME_MAX_PIECES - pieces->n_iov;

  if (pieces->size == 0)
    return true;
  if (n == 0
      || !guest_map_iov (pieces->nvme->pci.device.board->memory, pieces->start, pieces->size,
                         pieces->for_writing, pieces->iov + pieces->n_iov, &n))
    return false;
  pieces->n_iov += n;
  pieces->size = 0;
  return true;
}

static bool
add_piece (Pieces *pieces, uint64_t address, uint64_t size)
{
  if (pieces->size > 0 && pieces->start + pieces->size == address)
    {
      pieces->size += size;
      return true;
    }
  if (!end_run (pieces))
    return false;
  pieces->start = address;
  pieces->size = size;
  return true;
}

/* Entries follow each other to the end of the page; where more are needed, the last one is the next list's
 * place. */
static uint16_t
walk_list (Pieces *pieces, uint64_t list, uint64_t length)
{
  GuestMemory *memory = pieces->nvme->pci.device.board->memory;

  while (length > 0)
    {
      uint64_t room = (NVME_PAGE - list % NVME_PAGE) / LIST_ENTRY,
               wanted = (length + NVME_PAGE - 1) / NVME_PAGE;
      unsigned n = MIN (room, wanted);
      uint8_t entries[NVME_PAGE];

      if (list % LIST_ENTRY != 0)
        return NVME_PRP_OFFSET_INVALID | NVME_DNR;
      if (!guest_read (memory, list, entries, n * LIST_ENTRY))
        return NVME_DATA_TRANSFER_ERROR | NVME_DNR;
      list = 0;
      if (wanted > room)
        {
          list = load_le64 (entries + --n * LIST_ENTRY);
          if (n == 0 && list % NVME_PAGE != 0) /* a chain of lists that hold nothing else */
            return NVME_PRP_OFFSET_INVALID | NVME_DNR;
        }
      for (unsigned i = 0; i < n; i++)
        {
          uint64_t page = load_le64 (entries + i * LIST_ENTRY), size = MIN (length, NVME_PAGE);

          if (page % NVME_PAGE != 0)
            return NVME_PRP_OFFSET_INVALID | NVME_DNR;
          if (!add_piece (pieces, page, size))
            return NVME_DATA_TRANSFER_ERROR | NVME_DNR;
          length -= size;
        }
    }
  return NVME_OK;
}

uint16_t
nvme_map_data (Nvme *nvme, const NvmeCommand *command, uint64_t length, bool for_writing, struct iovec *iov,
               unsigned *n_iov)
{
  Pieces pieces = { .nvme = nvme, .for_writing = for_writing, .iov = iov };
  uint64_t first = MIN (length, NVME_PAGE - command->prp1 % NVME_PAGE);
  uint16_t status = NVME_OK;

  *n_iov = 0;
  if (length > NVME_MAX_TRANSFER)
    return NVME_INVALID_FIELD | NVME_DNR;
  if (command->prp1 % 4 != 0)
    return NVME_PRP_OFFSET_INVALID | NVME_DNR;
  if (!add_piece (&pieces, command->prp1, first))
    return NVME_DATA_TRANSFER_ERROR | NVME_DNR;
  length -= first;
  if (length > NVME_PAGE)
    status = walk_list (&pieces, command->prp2, length);
  else if (length > 0 && command->prp2 % NVME_PAGE != 0)
    status = NVME_PRP_OFFSET_INVALID | NVME_DNR;
  else if (length > 0 && !add_piece (&pieces, command->prp2, length))
    status = NVME_DATA_TRANSFER_ERROR | NVME_DNR;
  if (status == NVME_OK && !end_run (&pieces))
    status = NVME_DATA_TRANSFER_ERROR | NVME_DNR;
  *n_iov = pieces.n_iov;
  return status;
}

uint16_t
nvme_give (Nvme *nvme, const NvmeCommand *command, const void *data, size_t size, uint64_t wanted)
{
  struct iovec iov[NVME_MAX_PIECES];
  unsigned n_iov;
  uint16_t status;

  size = MIN (size, wanted);
  if (size == 0)
    return NVME_OK;
  status = nvme_map_data (nvme, command, size, true, iov, &n_iov);
  if (status == NVME_OK)
    iov_scatter (iov, n_iov, 0, data, size);
  return status;
}
