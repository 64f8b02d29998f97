/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-image.h"

#include "vmm/base/error.h"
#include "vmm/memory/image-format.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a source may be in 4 KiB pages: 2^52 bytes. */
#define MAX_FILE_SIZE (UINT64_C (1) << 52)

static void
clear_bank (void *data)
{
  g_free (((MemoryImageBank *)data)->name);
}

static void
clear_source (void *data)
{
  g_free (((MemoryImageSource *)data)->path);
}

MemoryImage *
memory_image_new_empty (const char *folder)
{
  MemoryImage *image = g_new0 (MemoryImage, 1);

  image->folder = folder ? g_canonicalize_filename (folder, NULL) : NULL;
  image->banks = g_array_new (FALSE, FALSE, sizeof (MemoryImageBank));
  image->sources = g_array_new (FALSE, FALSE, sizeof (MemoryImageSource));
  image->extents = g_array_new (FALSE, FALSE, sizeof (MemoryImageExtent));
  g_array_set_clear_func (image->banks, clear_bank);
  g_array_set_clear_func (image->sources, clear_source);
  return image;
}

MemoryImage *
memory_image_new (const char *folder)
{
  MemoryImage *image = memory_image_new_empty (folder);
  MemoryImageId id = { { 0 } };

  /* Never short for so few bytes, and never interrupted once there is entropy: random(4). */
  while (getrandom (&id, sizeof id, 0) < 0 && errno == EINTR)
    ;
  memory_image_add_source (image, MEMORY_IMAGE_FILE, &id, 0);
  return image;
}

MemoryImage *
memory_image_share (const MemoryImage *image)
{
  MemoryImage *copy = g_new0 (MemoryImage, 1);

  copy->folder = g_strdup (image->folder);
  copy->banks = g_array_ref (image->banks);
  copy->sources = g_array_ref (image->sources);
  copy->extents = g_array_ref (image->extents);
  copy->hashes = image->hashes ? g_array_ref (image->hashes) : NULL;
  return copy;
}

void
memory_image_free (MemoryImage *image)
{
  if (!image)
    return;
  g_array_unref (image->banks);
  g_array_unref (image->sources);
  g_array_unref (image->extents);
  if (image->hashes)
    g_array_unref (image->hashes);
  g_free (image->folder);
  g_free (image);
}

unsigned
memory_image_add_bank (MemoryImage *image, const char *name, uint64_t size, uint64_t place)
{
  MemoryImageBank bank = { g_strdup (name), size, place };

  g_array_append_val (image->banks, bank);
  return image->banks->len - 1;
}

unsigned
memory_image_add_source (MemoryImage *image, const char *path, const MemoryImageId *id, uint64_t size)
{
  MemoryImageSource source = { *id, g_strdup (path), size };

  g_array_append_val (image->sources, source);
  return image->sources->len - 1;
}

void
memory_image_add_extent (MemoryImage *image, const MemoryImageExtent *extent)
{
  MemoryImageExtent *last = image->extents->len > 0
                              ? &g_array_index (image->extents, MemoryImageExtent, image->extents->len - 1)
                              : NULL;

  if (last && last->bank == extent->bank && last->source == extent->source
      && last->first_page + last->n_pages == extent->first_page
      && last->file_page + last->n_pages == extent->file_page)
    last->n_pages += extent->n_pages;
  else
    g_array_append_val (image->extents, *extent);
}

/* --- what is checked, whoever made it --- */

static bool
is_sound_bank (const MemoryImage *image, unsigned n)
{
  const MemoryImageBank *bank = &g_array_index (image->banks, MemoryImageBank, n);

  if (bank->name[0] == '\0' || bank->size == 0 || bank->size % MEMORY_IMAGE_PAGE != 0
      || bank->size > MAX_FILE_SIZE || bank->place % MEMORY_IMAGE_PAGE != 0 || bank->place > MAX_FILE_SIZE)
    return false;
  for (unsigned i = 0; i < n; i++)
    if (g_str_equal (g_array_index (image->banks, MemoryImageBank, i).name, bank->name))
      return false;
  return true;
}

/* @last: (nullable): the one before. */
static bool
is_sound_extent (const MemoryImage *image, const MemoryImageExtent *extent, const MemoryImageExtent *last)
{
  uint64_t bank_pages, file_pages;

  if (extent->bank >= image->banks->len || extent->source >= image->sources->len || extent->n_pages == 0)
    return false;
  bank_pages = g_array_index (image->banks, MemoryImageBank, extent->bank).size / MEMORY_IMAGE_PAGE;
  file_pages = g_array_index (image->sources, MemoryImageSource, extent->source).size / MEMORY_IMAGE_PAGE;
  if (extent->first_page >= bank_pages || extent->n_pages > bank_pages - extent->first_page)
    return false;
  if (extent->file_page >= file_pages || extent->n_pages > file_pages - extent->file_page)
    return false;
  if (last
      && (extent->bank < last->bank
          || (extent->bank == last->bank && extent->first_page < last->first_page + last->n_pages)))
    return false;
  return true;
}

const char *
memory_image_fault (const MemoryImage *image)
{
  if (image->sources->len == 0)
    return "it names no memory file";
  for (unsigned i = 0; i < image->banks->len; i++)
    if (!is_sound_bank (image, i))
      return "a memory bank is described wrongly";
  for (unsigned i = 0; i < image->sources->len; i++)
    {
      const MemoryImageSource *source = &g_array_index (image->sources, MemoryImageSource, i);

      if (source->path[0] == '\0' || source->size > MAX_FILE_SIZE || source->size % MEMORY_IMAGE_PAGE != 0)
        return "a memory file is described wrongly";
    }
  for (unsigned i = 0; i < image->extents->len; i++)
    {
      const MemoryImageExtent *extent = &g_array_index (image->extents, MemoryImageExtent, i);

      if (!is_sound_extent (image, extent, i > 0 ? extent - 1 : NULL))
        return "it says of pages that they are where they can't be";
    }
  return NULL;
}

uint64_t
memory_image_bytes_from (const MemoryImage *image, unsigned source)
{
  uint64_t pages = 0;

  for (unsigned i = 0; i < image->extents->len; i++)
    {
      const MemoryImageExtent *extent = &g_array_index (image->extents, MemoryImageExtent, i);

      if (extent->source == source)
        pages += extent->n_pages;
    }
  return pages * MEMORY_IMAGE_PAGE;
}

const MemoryImageId *
memory_image_id (const MemoryImage *image)
{
  return &g_array_index (image->sources, MemoryImageSource, 0).id;
}

/* The number of the source with that id, or -1. */
static int
find_source (const MemoryImage *image, const MemoryImageId *id)
{
  for (unsigned i = 0; i < image->sources->len; i++)
    if (memcmp (&g_array_index (image->sources, MemoryImageSource, i).id, id, sizeof *id) == 0)
      return (int)i;
  return -1;
}

bool
memory_image_needs (const MemoryImage *image, const MemoryImageId *id)
{
  int source = find_source (image, id);

  return source >= 0 && memory_image_bytes_from (image, (unsigned)source) > 0;
}

/* --- files --- */

char *
memory_image_source_path (const MemoryImage *image, unsigned source)
{
  const char *path = g_array_index (image->sources, MemoryImageSource, source).path;

  return g_canonicalize_filename (path, image->folder);
}

char *
memory_image_source_index (const MemoryImage *image, unsigned source)
{
  g_autofree char *path = memory_image_source_path (image, source);
  g_autofree char *folder = g_path_get_dirname (path);

  return g_build_filename (folder, MEMORY_IMAGE_INDEX, NULL);
}

static bool
check_source_id (const MemoryImage *image, unsigned source, const char *path, GError **error)
{
  g_autofree char *index = memory_image_source_index (image, source);
  const MemoryImageId *id = &g_array_index (image->sources, MemoryImageSource, source).id;
  MemoryImageId found;

  if (!memory_image_read_id (index, &found, error))
    return false;
  if (memcmp (&found, id, sizeof found) == 0)
    return true;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_STATE,
    "The memory file \"%s\" is another one than the snapshot was made with; put the right one back", path);
  return false;
}

int
memory_image_open_source (const MemoryImage *image, unsigned source, GError **error)
{
  const MemoryImageSource *wanted = &g_array_index (image->sources, MemoryImageSource, source);
  g_autofree char *path = memory_image_source_path (image, source);
  struct stat status;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0)
    {
      vmm_set_errno_error (error, errno, "Can't open the memory file \"%s\"", path);
      return -1;
    }
  if (fstat (fd, &status) < 0 || !S_ISREG (status.st_mode) || (uint64_t)status.st_size < wanted->size)
    g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                 "The memory file \"%s\" is damaged: it is shorter than its index says", path);
  else if (source == 0 || check_source_id (image, source, path, error))
    return fd;
  close (fd);
  return -1;
}

/* --- what is used --- */

static int
compare_ranges (gconstpointer a, gconstpointer b)
{
  const MemoryImageRange *x = a;
  const MemoryImageRange *y = b;

  return x->first < y->first ? -1 : x->first > y->first;
}

/* Makes ranges that touch or overlap one. @ranges: by their first. */
static void
merge_ranges (GArray *ranges)
{
  unsigned n = 0;

  for (unsigned i = 0; i < ranges->len; i++)
    {
      MemoryImageRange range = g_array_index (ranges, MemoryImageRange, i);
      MemoryImageRange *last = n > 0 ? &g_array_index (ranges, MemoryImageRange, n - 1) : NULL;

      if (last && range.first <= last->end)
        last->end = MAX (last->end, range.end);
      else
        g_array_index (ranges, MemoryImageRange, n++) = range;
    }
  g_array_set_size (ranges, n);
}

GArray *
memory_image_ranges (const MemoryImageId *id, MemoryImage *const *users, unsigned n_users)
{
  GArray *ranges = g_array_new (FALSE, FALSE, sizeof (MemoryImageRange));

  for (unsigned u = 0; u < n_users; u++)
    {
      int source = find_source (users[u], id);

      for (unsigned i = 0; source >= 0 && i < users[u]->extents->len; i++)
        {
          const MemoryImageExtent *extent = &g_array_index (users[u]->extents, MemoryImageExtent, i);
          MemoryImageRange range = { extent->file_page, extent->file_page + extent->n_pages };

          if (extent->source == (uint32_t)source)
            g_array_append_val (ranges, range);
        }
    }
  g_array_sort (ranges, compare_ranges);
  merge_ranges (ranges);
  return ranges;
}

/* --- punching --- */

static uint64_t
allocated_bytes (int fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0;
}

static void
punch (int fd, uint64_t first, uint64_t end)
{
  if (end > first)
    (void)fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(first * MEMORY_IMAGE_PAGE),
                     (off_t)((end - first) * MEMORY_IMAGE_PAGE));
}

uint64_t
memory_image_punch (const MemoryImage *image, MemoryImage *const *users, unsigned n_users)
{
  g_autofree char *path = memory_image_source_path (image, 0);
  g_autoptr (GArray) ranges = memory_image_ranges (memory_image_id (image), users, n_users);
  uint64_t size = g_array_index (image->sources, MemoryImageSource, 0).size / MEMORY_IMAGE_PAGE;
  uint64_t at = 0, before, after;
  int fd = open (path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

  if (fd < 0)
    return 0;
  before = allocated_bytes (fd);
  for (unsigned i = 0; i < ranges->len; i++)
    {
      const MemoryImageRange *range = &g_array_index (ranges, MemoryImageRange, i);

      punch (fd, at, MIN (range->first, size));
      at = MAX (at, range->end);
    }
  punch (fd, at, size);
  after = allocated_bytes (fd);
  close (fd);
  return before > after ? before - after : 0;
}
