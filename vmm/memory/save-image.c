/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/save-image.h"

#include "vmm/base/error.h"
#include "vmm/memory/page-hash.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Zero pages between written ones are part of their extent: the file has holes there. */
#define MAX_ZERO_GAP 64u
/* With more pages the hashes would not fit into an index. */
#define MAX_HASHES (1u << 26)

struct SaveParent {
  MemoryImage *image;
  int *image_bank; /* of each SaveBank; -1: the parent has none like it */
  GArray **known;  /* of KnownExtent, for each SaveBank */
  unsigned n_banks;
  MemoryPageHash *hashes;
  size_t hashes_size;
};

/* --- the parent's pages --- */

/* A piece of a memory file with hashes. */
typedef struct {
  uint64_t file_page, n_pages;
  const MemoryPageHash *hashes;
} HashedPiece;

static int
compare_pieces (gconstpointer a, gconstpointer b)
{
  const HashedPiece *x = a;
  const HashedPiece *y = b;

  return x->file_page < y->file_page ? -1 : x->file_page > y->file_page;
}

/* What hashes an image has of its own file. */
static GArray *
hashed_pieces (const MemoryImage *image)
{
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (HashedPiece));
  uint64_t at = 0;

  for (unsigned i = 0; i < image->extents->len && image->hashes && image->hashes->len > 0; i++)
    {
      const MemoryImageExtent *extent = &g_array_index (image->extents, MemoryImageExtent, i);
      HashedPiece piece = { extent->file_page, extent->n_pages,
                            (const MemoryPageHash *)(void *)image->hashes->data + at };

      if (extent->source != 0)
        continue;
      g_array_append_val (pieces, piece);
      at += extent->n_pages;
    }
  g_array_sort (pieces, compare_pieces);
  return pieces;
}

/* The piece that @page of the file is in, or NULL. */
static const HashedPiece *
find_piece (const GArray *pieces, uint64_t page)
{
  unsigned low = 0, high = pieces->len;

  while (low < high)
    {
      unsigned middle = (low + high) / 2;
      const HashedPiece *piece = &((const HashedPiece *)(const void *)pieces->data)[middle];

      if (piece->file_page + piece->n_pages <= page)
        low = middle + 1;
      else if (piece->file_page > page)
        high = middle;
      else
        return piece;
    }
  return NULL;
}

static void
take_hashes (MemoryPageHash *to, const GArray *pieces, uint64_t file_page, uint64_t n)
{
  for (uint64_t i = 0; i < n;)
    {
      const HashedPiece *piece = find_piece (pieces, file_page + i);
      uint64_t skip, count;

      if (!piece)
        {
          i++;
          continue;
        }
      skip = file_page + i - piece->file_page;
      count = MIN (n - i, piece->n_pages - skip);
      memcpy (to + i, piece->hashes + skip, count * sizeof *to);
      i += count;
    }
}

static int
save_bank_of (const SaveParent *parent, uint32_t image_bank)
{
  for (unsigned i = 0; i < parent->n_banks; i++)
    if (parent->image_bank[i] == (int)image_bank)
      return (int)i;
  return -1;
}

/* Takes over what @source has, if it is the file that it should be. */
static void
learn_source (SaveParent *parent, unsigned source, const SaveBank *banks)
{
  MemoryImage *image = parent->image;
  int fd = memory_image_bytes_from (image, source) > 0 ? memory_image_open_source (image, source, NULL) : -1;
  g_autofree char *path = memory_image_source_path (image, source);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *index = g_build_filename (folder, MEMORY_IMAGE_INDEX, NULL);
  g_autoptr (MemoryImage) its_image = NULL;
  g_autoptr (GArray) pieces = NULL;
  struct stat status;

  if (fd < 0)
    return;
  if (source != 0)
    its_image = memory_image_read (index, true, NULL);
  pieces = source == 0 || its_image ? hashed_pieces (source == 0 ? image : its_image) : NULL;
  for (unsigned i = 0; i < image->extents->len && fstat (fd, &status) == 0; i++)
    {
      const MemoryImageExtent *extent = &g_array_index (image->extents, MemoryImageExtent, i);
      int bank = extent->source == source ? save_bank_of (parent, extent->bank) : -1;
      KnownExtent known = { extent->first_page, extent->n_pages, extent->file_page, status.st_dev,
                            status.st_ino };

      if (bank < 0)
        continue;
      g_array_append_val (parent->known[bank], known);
      if (pieces)
        take_hashes (parent->hashes + banks[bank].first + extent->first_page, pieces, extent->file_page,
                     extent->n_pages);
    }
  close (fd);
}

static int
compare_known (gconstpointer a, gconstpointer b)
{
  const KnownExtent *x = a;
  const KnownExtent *y = b;

  return x->first_page < y->first_page ? -1 : x->first_page > y->first_page;
}

static int
find_bank (const MemoryImage *image, const MemoryBank *bank)
{
  for (unsigned i = 0; i < image->banks->len; i++)
    {
      const MemoryImageBank *candidate = &g_array_index (image->banks, MemoryImageBank, i);

      if (candidate->size == bank->size && g_str_equal (candidate->name, bank->name))
        return (int)i;
    }
  return -1;
}

SaveParent *
save_parent_new (const char *path, SaveBank *banks, unsigned n_banks, uint64_t n_pages, GError **error)
{
  MemoryImage *image = memory_image_read (path, true, error);
  SaveParent *parent;

  if (!image)
    return NULL;
  parent = g_new0 (SaveParent, 1);
  parent->image = image;
  parent->n_banks = n_banks;
  parent->image_bank = g_new (int, n_banks);
  parent->known = g_new0 (GArray *, n_banks);
  parent->hashes_size = n_pages * sizeof (MemoryPageHash);
  parent->hashes = mmap (NULL, parent->hashes_size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (unsigned i = 0; i < n_banks; i++)
    {
      parent->image_bank[i] = find_bank (image, banks[i].bank);
      parent->known[i] = g_array_new (FALSE, FALSE, sizeof (KnownExtent));
    }
  if (parent->hashes == MAP_FAILED)
    {
      vmm_set_errno_error (error, errno, "There is not enough memory for comparing with \"%s\"", path);
      parent->hashes = NULL;
      save_parent_free (parent);
      return NULL;
    }
  for (unsigned source = 0; source < image->sources->len; source++)
    learn_source (parent, source, banks);
  for (unsigned i = 0; i < n_banks; i++)
    {
      g_array_sort (parent->known[i], compare_known);
      banks[i].known = (const KnownExtent *)(const void *)parent->known[i]->data;
      banks[i].n_known = parent->known[i]->len;
    }
  return parent;
}

void
save_parent_free (SaveParent *parent)
{
  if (!parent)
    return;
  for (unsigned i = 0; i < parent->n_banks; i++)
    g_array_unref (parent->known[i]);
  if (parent->hashes)
    munmap (parent->hashes, parent->hashes_size);
  memory_image_free (parent->image);
  g_free (parent->known);
  g_free (parent->image_bank);
  g_free (parent);
}

const MemoryPageHash *
save_parent_hashes (const SaveParent *parent)
{
  return parent->hashes;
}

/* --- the new image --- */

typedef struct {
  MemoryImage *image;
  const SaveParent *parent;
  unsigned *source_of; /* the parent's sources' numbers in the new image; 0: not there yet */
  MemoryPageHash zero;
  bool with_hashes;
} Maker;

/* From @folder to @path, so that the two may move together. Both absolute and canonical. (transfer full) */
static char *
relative_path (const char *folder, const char *path)
{
  g_auto (GStrv) from = g_strsplit (folder, "/", -1);
  g_auto (GStrv) to = g_strsplit (path, "/", -1);
  GString *result = g_string_new (NULL);
  unsigned common = 0;

  while (from[common] && to[common] && to[common + 1] && g_str_equal (from[common], to[common]))
    common++;
  for (unsigned i = common; from[i]; i++)
    g_string_append (result, "../");
  for (unsigned i = common; to[i]; i++)
    g_string_append_printf (result, "%s%s", i > common ? "/" : "", to[i]);
  return g_string_free (result, FALSE);
}

static unsigned
source_of (Maker *maker, unsigned parent_source)
{
  const MemoryImage *theirs = maker->parent->image;
  const MemoryImageSource *source = &g_array_index (theirs->sources, MemoryImageSource, parent_source);
  g_autofree char *path = NULL, *absolute = NULL, *folder = NULL, *relative = NULL;

  if (maker->source_of[parent_source] != 0)
    return maker->source_of[parent_source];
  path = memory_image_source_path (theirs, parent_source);
  absolute = g_canonicalize_filename (path, NULL);
  folder = g_canonicalize_filename (maker->image->folder, NULL);
  relative = relative_path (folder, absolute);
  return maker->source_of[parent_source] =
           memory_image_add_source (maker->image, relative, &source->id, source->size);
}

static void
add_own (Maker *maker, unsigned bank_number, const SaveBank *bank, const uint8_t *fates,
         const MemoryPageHash *hashes, uint64_t first, uint64_t n)
{
  memory_image_add_extent (
    maker->image, &(MemoryImageExtent){ bank_number, 0, first, n, bank->place / MEMORY_IMAGE_PAGE + first });
  for (uint64_t page = first; page < first + n && maker->with_hashes; page++)
    {
      const MemoryPageHash *hash = fates[page] == PAGE_OWN ? &hashes[page] : &maker->zero;

      g_array_append_vals (maker->image->hashes, hash, 1);
    }
}

/* Pages that are as in the parent, where it has them. */
static void
add_same (Maker *maker, unsigned bank_number, uint64_t first, uint64_t n, unsigned *at)
{
  const GArray *extents = maker->parent->image->extents;
  uint32_t theirs = (uint32_t)maker->parent->image_bank[bank_number];

  for (uint64_t page = first; page < first + n && *at < extents->len;)
    {
      const MemoryImageExtent *extent = &((const MemoryImageExtent *)(const void *)extents->data)[*at];
      uint64_t skip, count;

      if (extent->bank < theirs || (extent->bank == theirs && extent->first_page + extent->n_pages <= page))
        {
          (*at)++;
          continue;
        }
      if (extent->bank != theirs || extent->first_page > page)
        return;
      skip = page - extent->first_page;
      count = MIN (first + n - page, extent->n_pages - skip);
      memory_image_add_extent (maker->image,
                               &(MemoryImageExtent){ bank_number, source_of (maker, extent->source), page,
                                                     count, extent->file_page + skip });
      page += count;
    }
}

static uint64_t
run_length (const uint8_t *fates, uint64_t first, uint64_t end, PageFate fate)
{
  uint64_t page = first;

  while (page < end && fates[page] == fate)
    page++;
  return page - first;
}

/* Written pages from @first on, and the small holes between them. */
static uint64_t
own_length (const uint8_t *fates, uint64_t first, uint64_t end)
{
  uint64_t length = 0;

  for (;;)
    {
      uint64_t gap;

      length += run_length (fates, first + length, end, PAGE_OWN);
      gap = run_length (fates, first + length, end, PAGE_ZERO);
      if (gap == 0 || gap > MAX_ZERO_GAP || first + length + gap >= end
          || fates[first + length + gap] != PAGE_OWN)
        return length;
      length += gap;
    }
}

static bool
add_bank_pages (Maker *maker, unsigned number, const SaveBank *bank, const uint8_t *fates,
                const MemoryPageHash *hashes)
{
  unsigned at = 0;

  fates += bank->first;
  hashes += bank->first;
  for (uint64_t page = 0, n; page < bank->n_pages; page += n)
    {
      if (fates[page] == PAGE_OWN)
        {
          n = own_length (fates, page, bank->n_pages);
          add_own (maker, number, bank, fates, hashes, page, n);
        }
      else
        {
          n = run_length (fates, page, bank->n_pages, fates[page]);
          if (fates[page] == PAGE_SAME)
            add_same (maker, number, page, n, &at);
        }
      if (maker->image->extents->len > MEMORY_IMAGE_MAX_EXTENTS)
        return false;
    }
  return true;
}

static uint64_t
count_own (const SaveBank *banks, unsigned n_banks, const uint8_t *fates)
{
  uint64_t n = 0;

  for (unsigned i = 0; i < n_banks; i++)
    for (uint64_t page = 0; page < banks[i].n_pages; page++)
      n += fates[banks[i].first + page] != PAGE_SAME;
  return n;
}

MemoryImage *
save_image (const char *folder, const SaveBank *banks, unsigned n_banks, const uint8_t *fates,
            const MemoryPageHash *hashes, const SaveParent *parent, GError **error)
{
  static const uint8_t zero_page[MEMORY_IMAGE_PAGE];
  g_autoptr (MemoryImage) image = memory_image_new (folder);
  unsigned n_sources = parent ? parent->image->sources->len : 0;
  g_autofree unsigned *numbers = g_new0 (unsigned, n_sources + 1);
  Maker maker = { .image = image, .parent = parent, .source_of = numbers };

  page_hash (zero_page, sizeof zero_page, &maker.zero);
  maker.with_hashes = count_own (banks, n_banks, fates) <= MAX_HASHES;
  image->hashes = g_array_new (FALSE, FALSE, sizeof (MemoryPageHash));
  for (unsigned i = 0; i < n_banks; i++)
    {
      memory_image_add_bank (image, banks[i].bank->name, banks[i].bank->size, banks[i].place);
      g_array_index (image->sources, MemoryImageSource, 0).size = banks[i].place + banks[i].bank->size;
    }
  for (unsigned i = 0; i < n_banks; i++)
    if (!add_bank_pages (&maker, i, &banks[i], fates, hashes))
      {
        g_set_error (
          error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
          "The guest's memory is in too many pieces, new and old, for a snapshot upon its parent; take one "
          "when the machine is off");
        return NULL;
      }
  return g_steal_pointer (&image);
}
