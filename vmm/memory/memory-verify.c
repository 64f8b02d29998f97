/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-verify.h"

#include "vmm/base/error.h"
#include "vmm/memory/page-hash.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PIECE_PAGES UINT64_C (256)  /* are read and compared at a time */
#define AHEAD_PAGES UINT64_C (4096) /* the host is asked for before, so that its disk is never idle */

/* Pages that are neighbours in the file and in a bank. */
typedef struct {
  uint64_t file_page, first_page, n_pages;
  uint64_t hash; /* the place of the first one's */
  uint32_t bank;
} Run;

/* A place in the list of runs. */
typedef struct {
  unsigned run;
  uint64_t at;   /* pages into it */
  uint64_t done; /* pages before it, of all runs */
} Cursor;

typedef struct {
  const MemoryImage *image;
  const MemoryImageVerify *how;
  GArray *runs; /* of Run */
  Cursor ahead;
  uint8_t *piece;
  int fd;
  const char *bank; /* of the pages that have changed and are not told of yet */
  uint64_t first, n;
} Verifier;

/* --- what is looked at --- */

static unsigned
first_range_after (const GArray *ranges, uint64_t page)
{
  unsigned low = 0, high = ranges->len;

  while (low < high)
    {
      unsigned middle = low + (high - low) / 2;

      if (g_array_index (ranges, MemoryImageRange, middle).end > page)
        high = middle;
      else
        low = middle + 1;
    }
  return low;
}

static void
add_run (GArray *runs, const MemoryImageExtent *extent, uint64_t hash, MemoryImageRange range)
{
  uint64_t first = MAX (range.first, extent->file_page);
  uint64_t skipped = first - extent->file_page;
  uint64_t end = MIN (range.end, extent->file_page + extent->n_pages);
  Run run = { first, extent->first_page + skipped, end - first, hash + skipped, extent->bank };

  g_array_append_val (runs, run);
}

/* @ranges: (nullable): what is wanted; NULL: all. */
static GArray *
find_runs (const MemoryImage *image, const GArray *ranges)
{
  GArray *runs = g_array_new (FALSE, FALSE, sizeof (Run));
  uint64_t hash = 0;

  for (unsigned i = 0; i < image->extents->len; i++)
    {
      const MemoryImageExtent *extent = &g_array_index (image->extents, MemoryImageExtent, i);

      if (extent->source != 0)
        continue;
      if (!ranges)
        add_run (runs, extent, hash, (MemoryImageRange){ 0, UINT64_MAX });
      for (unsigned r = ranges ? first_range_after (ranges, extent->file_page) : 0; ranges && r < ranges->len;
           r++)
        {
          MemoryImageRange range = g_array_index (ranges, MemoryImageRange, r);

          if (range.first >= extent->file_page + extent->n_pages)
            break;
          add_run (runs, extent, hash, range);
        }
      hash += extent->n_pages;
    }
  return runs;
}

/* --- what has changed --- */

static void
end_damage (Verifier *verifier)
{
  if (verifier->n > 0 && verifier->how->damaged)
    verifier->how->damaged (verifier->bank, verifier->first, verifier->n, verifier->how->data);
  verifier->n = 0;
}

static void
note_damage (Verifier *verifier, const char *bank, uint64_t page)
{
  if (verifier->n > 0 && (verifier->bank != bank || verifier->first + verifier->n != page))
    end_damage (verifier);
  if (verifier->n == 0)
    {
      verifier->bank = bank;
      verifier->first = page;
    }
  verifier->n++;
}

/* --- the work --- */

static const Run *
run_at (const Verifier *verifier, const Cursor *cursor)
{
  return cursor->run < verifier->runs->len ? &g_array_index (verifier->runs, Run, cursor->run) : NULL;
}

static void
advance (Cursor *cursor, const Run *run, uint64_t n)
{
  cursor->at += n;
  cursor->done += n;
  if (cursor->at < run->n_pages)
    return;
  cursor->run++;
  cursor->at = 0;
}

static void
read_ahead (Verifier *verifier, uint64_t until)
{
  const Run *run;

  while (verifier->ahead.done < until && (run = run_at (verifier, &verifier->ahead)) != NULL)
    {
      uint64_t n = MIN (PIECE_PAGES, run->n_pages - verifier->ahead.at);

      (void)readahead (verifier->fd, (off64_t)((run->file_page + verifier->ahead.at) * MEMORY_IMAGE_PAGE),
                       n * MEMORY_IMAGE_PAGE);
      advance (&verifier->ahead, run, n);
    }
}

static bool
read_piece (const Verifier *verifier, uint64_t page, uint64_t n, GError **error)
{
  uint64_t at = 0;

  while (at < n * MEMORY_IMAGE_PAGE)
    {
      ssize_t got = pread (verifier->fd, verifier->piece + at, n * MEMORY_IMAGE_PAGE - at,
                           (off_t)(page * MEMORY_IMAGE_PAGE + at));

      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        {
          g_autofree char *path = memory_image_source_path (verifier->image, 0);

          vmm_set_errno_error (error, got < 0 ? errno : EIO, "Can't read the memory file \"%s\"", path);
          return false;
        }
      at += (uint64_t)got;
    }
  return true;
}

static bool
verify_piece (Verifier *verifier, const Run *run, uint64_t at, uint64_t n, GError **error)
{
  const char *bank = g_array_index (verifier->image->banks, MemoryImageBank, run->bank).name;
  const MemoryPageHash *hashes = &g_array_index (verifier->image->hashes, MemoryPageHash, run->hash + at);

  if (!read_piece (verifier, run->file_page + at, n, error))
    return false;
  for (uint64_t i = 0; i < n; i++)
    {
      MemoryPageHash hash;

      page_hash (verifier->piece + i * MEMORY_IMAGE_PAGE, MEMORY_IMAGE_PAGE, &hash);
      if (memcmp (&hash, &hashes[i], sizeof hash) != 0)
        note_damage (verifier, bank, run->first_page + at + i);
    }
  if (verifier->how->progress)
    verifier->how->progress (n * MEMORY_IMAGE_PAGE, verifier->how->data);
  return true;
}

static bool
verify_runs (Verifier *verifier, GError **error)
{
  Cursor cursor = { 0 };
  const Run *run;

  while ((run = run_at (verifier, &cursor)) != NULL)
    {
      uint64_t n = MIN (PIECE_PAGES, run->n_pages - cursor.at);

      read_ahead (verifier, cursor.done + AHEAD_PAGES);
      if (g_cancellable_set_error_if_cancelled (verifier->how->cancellable, error)
          || !verify_piece (verifier, run, cursor.at, n, error))
        return false;
      advance (&cursor, run, n);
    }
  end_damage (verifier);
  if (verifier->how->progress)
    verifier->how->progress (memory_image_bytes_from (verifier->image, 0) - cursor.done * MEMORY_IMAGE_PAGE,
                             verifier->how->data);
  return true;
}

bool
memory_image_verify_file (const MemoryImage *image, int fd, MemoryImage *const *users, unsigned n_users,
                          const MemoryImageVerify *how, GError **error)
{
  g_autoptr (GArray) ranges =
    n_users > 0 ? memory_image_ranges (memory_image_id (image), users, n_users) : NULL;
  g_autoptr (GArray) runs = NULL;
  g_autofree uint8_t *piece = NULL;
  Verifier verifier = { .image = image, .how = how, .fd = fd };

  if (!image->hashes || image->hashes->len == 0)
    return true;
  verifier.runs = runs = find_runs (image, ranges);
  verifier.piece = piece = g_malloc (PIECE_PAGES * MEMORY_IMAGE_PAGE);
  return verify_runs (&verifier, error);
}

bool
memory_image_verify (const MemoryImage *image, MemoryImage *const *users, unsigned n_users,
                     const MemoryImageVerify *how, GError **error)
{
  int fd = memory_image_open_source (image, 0, error);
  bool ok;

  if (fd < 0)
    return false;
  ok = memory_image_verify_file (image, fd, users, n_users, how, error);
  close (fd);
  return ok;
}
