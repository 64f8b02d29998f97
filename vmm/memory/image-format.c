/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/image-format.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/base/new-file.h"
#include "vmm/memory/page-hash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * memory.index, version 1; numbers are little-endian, checks are XXH3 (128 bits) in canonical order.
 *
 *   0  8  magic "BonsaiMI"
 *   8  4  version
 *  12  4  number of banks
 *  16  4  number of sources
 *  20  4  number of extents
 *  24  8  number of hashes: 0, or the pages of all extents in source 0
 *  32  8  bytes of the tables
 *  40 16  id of the own memory file (that of source 0)
 *  56  8  0
 *  64 16  check of bytes 0..63 and the tables
 *  80     tables: banks    {u64 size, u64 place, u16 length, name}
 *                 sources  {16 bytes id, u64 size, u16 length, path}
 *                 extents  {u32 bank, u32 source, u64 first page, u64 pages, u64 page in the file}
 *   then  hashes of 16 bytes, and if there are any, their check
 */
static const char magic[8] = "BonsaiMI";

#define VERSION     1u
#define HEAD_SIZE   80u
#define CHECKED     64u
#define EXTENT_SIZE 32u
#define MAX_NAME    255u
#define MAX_PATH    4095u
#define MAX_TABLES                                                                                           \
  (MEMORY_IMAGE_MAX_BANKS * (18u + MAX_NAME) + MEMORY_IMAGE_MAX_SOURCES * (26u + MAX_PATH)                   \
   + MEMORY_IMAGE_MAX_EXTENTS * (uint64_t)EXTENT_SIZE)

typedef struct {
  uint32_t n_banks, n_sources, n_extents;
  uint64_t n_hashes;
  uint64_t tables_size;
  MemoryImageId id;
} Head;

typedef struct {
  const uint8_t *data;
  size_t size;
} Reader;

static bool
damaged (GError **error, const char *name, const char *cause)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The memory index \"%s\" is damaged: %s", name, cause);
  return false;
}

/* --- reading --- */

static const uint8_t *
take (Reader *reader, size_t size)
{
  const uint8_t *data = reader->data;

  if (size > reader->size)
    return NULL;
  reader->data += size;
  reader->size -= size;
  return data;
}

/* A string behind its length. (transfer full) */
static char *
take_string (Reader *reader, size_t longest)
{
  const uint8_t *length = take (reader, 2);
  const uint8_t *text;
  size_t size;

  if (!length)
    return NULL;
  size = load_le16 (length);
  text = size <= longest ? take (reader, size) : NULL;
  if (!text || memchr (text, '\0', size))
    return NULL;
  return g_strndup ((const char *)text, size);
}

/* @size: bytes at @data, at least those of a head. */
static bool
parse_head (const uint8_t *data, const char *name, Head *head, GError **error)
{
  uint32_t version = load_le32 (data + 8);

  if (memcmp (data, magic, sizeof magic) != 0)
    return damaged (error, name, "it doesn't begin as one");
  if (version > VERSION)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "The memory index \"%s\" was made by a newer version of Bonsai (format %u; this one knows %u); "
        "update Bonsai",
        name, version, VERSION);
      return false;
    }
  *head = (Head){ .n_banks = load_le32 (data + 12),
                  .n_sources = load_le32 (data + 16),
                  .n_extents = load_le32 (data + 20),
                  .n_hashes = load_le64 (data + 24),
                  .tables_size = load_le64 (data + 32) };
  memcpy (&head->id, data + 40, sizeof head->id);
  if (version == 0 || head->n_banks > MEMORY_IMAGE_MAX_BANKS || head->n_sources > MEMORY_IMAGE_MAX_SOURCES
      || head->n_extents > MEMORY_IMAGE_MAX_EXTENTS || head->tables_size > MAX_TABLES
      || load_le64 (data + 56) != 0)
    return damaged (error, name, "its head says what can't be");
  return true;
}

static bool
parse_banks (Reader *reader, unsigned n, MemoryImage *image)
{
  for (unsigned i = 0; i < n; i++)
    {
      const uint8_t *numbers = take (reader, 16);
      g_autofree char *name = numbers ? take_string (reader, MAX_NAME) : NULL;

      if (!name)
        return false;
      memory_image_add_bank (image, name, load_le64 (numbers), load_le64 (numbers + 8));
    }
  return true;
}

static bool
parse_sources (Reader *reader, unsigned n, MemoryImage *image)
{
  for (unsigned i = 0; i < n; i++)
    {
      const uint8_t *fixed = take (reader, 24);
      g_autofree char *path = fixed ? take_string (reader, MAX_PATH) : NULL;
      MemoryImageId id;

      if (!path)
        return false;
      memcpy (&id, fixed, sizeof id);
      memory_image_add_source (image, path, &id, load_le64 (fixed + 16));
    }
  return true;
}

static bool
parse_extents (Reader *reader, unsigned n, MemoryImage *image)
{
  if (reader->size != (size_t)n * EXTENT_SIZE)
    return false;
  g_array_set_size (image->extents, n);
  for (unsigned i = 0; i < n; i++)
    {
      const uint8_t *from = reader->data + (size_t)i * EXTENT_SIZE;

      g_array_index (image->extents, MemoryImageExtent, i) = (MemoryImageExtent){
        .bank = load_le32 (from),
        .source = load_le32 (from + 4),
        .first_page = load_le64 (from + 8),
        .n_pages = load_le64 (from + 16),
        .file_page = load_le64 (from + 24),
      };
    }
  return true;
}

/* @data: head and tables. */
static MemoryImage *
parse_tables (const uint8_t *data, const Head *head, const char *name, const char *folder, GError **error)
{
  g_autoptr (MemoryImage) image = memory_image_new_empty (folder);
  Reader reader = { data + HEAD_SIZE, head->tables_size };
  g_autofree uint8_t *checked = g_malloc (CHECKED + head->tables_size);
  MemoryPageHash check;
  const char *fault;

  memcpy (checked, data, CHECKED);
  memcpy (checked + CHECKED, data + HEAD_SIZE, head->tables_size);
  page_hash (checked, CHECKED + head->tables_size, &check);
  if (memcmp (&check, data + CHECKED, sizeof check) != 0)
    fault = "its checksum is wrong";
  else if (!parse_banks (&reader, head->n_banks, image) || !parse_sources (&reader, head->n_sources, image)
           || !parse_extents (&reader, head->n_extents, image))
    fault = "its tables are cut off";
  else
    fault = memory_image_fault (image);
  if (!fault && memcmp (memory_image_id (image), &head->id, sizeof head->id) != 0)
    fault = "it belongs to another memory file";
  if (!fault && head->n_hashes != 0
      && head->n_hashes != memory_image_bytes_from (image, 0) / MEMORY_IMAGE_PAGE)
    fault = "its hashes don't fit its pages";
  if (!fault)
    return g_steal_pointer (&image);
  damaged (error, name, fault);
  return NULL;
}

static bool
take_hashes (MemoryImage *image, const Head *head, const uint8_t *data, const char *name, GError **error)
{
  MemoryPageHash check;

  image->hashes = g_array_new (FALSE, FALSE, sizeof (MemoryPageHash));
  if (head->n_hashes == 0)
    return true;
  page_hash (data, head->n_hashes * sizeof check, &check);
  if (memcmp (&check, data + head->n_hashes * sizeof check, sizeof check) != 0)
    return damaged (error, name, "the checksum of its hashes is wrong");
  g_array_append_vals (image->hashes, data, (guint)head->n_hashes);
  return true;
}

/* Bytes of the hashes and their check. */
static uint64_t
hashes_size (const Head *head)
{
  return head->n_hashes > 0 ? (head->n_hashes + 1) * sizeof (MemoryPageHash) : 0;
}

/* A size that @head may have: no more pages than extents' numbers can hold, and no overflow. */
static bool
is_size (const Head *head, uint64_t size)
{
  return head->n_hashes < G_MAXUINT32 && head->tables_size <= size && size - head->tables_size >= HEAD_SIZE
         && size - head->tables_size - HEAD_SIZE == hashes_size (head);
}

MemoryImage *
memory_image_parse (const uint8_t *data, size_t size, bool with_hashes, const char *name, const char *folder,
                    GError **error)
{
  g_autoptr (MemoryImage) image = NULL;
  Head head;

  if (size < HEAD_SIZE)
    {
      damaged (error, name, "it is cut off");
      return NULL;
    }
  if (!parse_head (data, name, &head, error))
    return NULL;
  if (!is_size (&head, size))
    {
      damaged (error, name, "it has not the size that it says");
      return NULL;
    }
  image = parse_tables (data, &head, name, folder, error);
  if (!image
      || (with_hashes && !take_hashes (image, &head, data + HEAD_SIZE + head.tables_size, name, error)))
    return NULL;
  return g_steal_pointer (&image);
}

/* --- files --- */

static bool
read_fully (int fd, uint8_t *to, size_t size, uint64_t offset, const char *path, GError **error)
{
  while (size > 0)
    {
      ssize_t n = pread (fd, to, size, (off_t)offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return vmm_set_errno_error (error, errno, "Can't read the memory index \"%s\"", path);
      if (n == 0)
        return damaged (error, path, "it is cut off");
      to += n;
      offset += (uint64_t)n;
      size -= (size_t)n;
    }
  return true;
}

static bool
read_head (int fd, const char *path, Head *head, GError **error)
{
  uint8_t data[HEAD_SIZE];
  struct stat status;

  if (fstat (fd, &status) < 0)
    return vmm_set_errno_error (error, errno, "Can't look at the memory index \"%s\"", path);
  if (!S_ISREG (status.st_mode) || status.st_size < HEAD_SIZE)
    return damaged (error, path, S_ISREG (status.st_mode) ? "it is cut off" : "it is no plain file");
  if (!read_fully (fd, data, HEAD_SIZE, 0, path, error) || !parse_head (data, path, head, error))
    return false;
  return is_size (head, (uint64_t)status.st_size)
         || damaged (error, path, "it has not the size that it says");
}

static int
open_index (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0)
    vmm_set_errno_error (error, errno, "Can't open the memory index \"%s\"", path);
  return fd;
}

bool
memory_image_read_id (const char *path, MemoryImageId *id, GError **error)
{
  int fd = open_index (path, error);
  Head head;
  bool ok;

  if (fd < 0)
    return false;
  ok = read_head (fd, path, &head, error);
  close (fd);
  if (ok)
    *id = head.id;
  return ok;
}

static MemoryImage *
read_tables (int fd, const Head *head, const char *path, GError **error)
{
  size_t size = HEAD_SIZE + head->tables_size;
  g_autofree uint8_t *data = g_malloc (size);
  g_autofree char *folder = g_path_get_dirname (path);

  if (!read_fully (fd, data, size, 0, path, error))
    return NULL;
  return parse_tables (data, head, path, folder, error);
}

static bool
read_hashes (int fd, MemoryImage *image, const Head *head, const char *path, GError **error)
{
  size_t size = hashes_size (head);
  g_autofree uint8_t *data = g_malloc (size);

  return read_fully (fd, data, size, HEAD_SIZE + head->tables_size, path, error)
         && take_hashes (image, head, data, path, error);
}

MemoryImage *
memory_image_read_open (int fd, const char *path, bool with_hashes, GError **error)
{
  g_autoptr (MemoryImage) image = NULL;
  Head head;

  if (!read_head (fd, path, &head, error))
    return NULL;
  image = read_tables (fd, &head, path, error);
  if (!image || (with_hashes && !read_hashes (fd, image, &head, path, error)))
    return NULL;
  return g_steal_pointer (&image);
}

MemoryImage *
memory_image_read (const char *path, bool with_hashes, GError **error)
{
  int fd = open_index (path, error);
  MemoryImage *image;

  if (fd < 0)
    return NULL;
  image = memory_image_read_open (fd, path, with_hashes, error);
  close (fd);
  return image;
}

/* --- writing --- */

static void
append (GByteArray *out, uint64_t value, unsigned size)
{
  uint8_t bytes[8];

  store_le (bytes, size, value);
  g_byte_array_append (out, bytes, size);
}

static void
append_string (GByteArray *out, const char *text)
{
  size_t length = strlen (text);

  append (out, length, 2);
  g_byte_array_append (out, (const uint8_t *)text, (guint)length);
}

static void
append_tables (GByteArray *out, const MemoryImage *image)
{
  for (unsigned i = 0; i < image->banks->len; i++)
    {
      const MemoryImageBank *bank = &g_array_index (image->banks, MemoryImageBank, i);

      append (out, bank->size, 8);
      append (out, bank->place, 8);
      append_string (out, bank->name);
    }
  for (unsigned i = 0; i < image->sources->len; i++)
    {
      const MemoryImageSource *source = &g_array_index (image->sources, MemoryImageSource, i);

      g_byte_array_append (out, source->id.bytes, sizeof source->id);
      append (out, source->size, 8);
      append_string (out, source->path);
    }
  for (unsigned i = 0; i < image->extents->len; i++)
    {
      const MemoryImageExtent *extent = &g_array_index (image->extents, MemoryImageExtent, i);

      append (out, extent->bank, 4);
      append (out, extent->source, 4);
      append (out, extent->first_page, 8);
      append (out, extent->n_pages, 8);
      append (out, extent->file_page, 8);
    }
}

GByteArray *
memory_image_format (const MemoryImage *image)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GByteArray) checked = g_byte_array_new ();
  unsigned n_hashes = image->hashes ? image->hashes->len : 0;
  MemoryPageHash check;

  g_byte_array_append (checked, (const uint8_t *)magic, sizeof magic);
  append (checked, VERSION, 4);
  append (checked, image->banks->len, 4);
  append (checked, image->sources->len, 4);
  append (checked, image->extents->len, 4);
  append (checked, n_hashes, 8);
  append (checked, 0, 8);
  g_byte_array_append (checked, memory_image_id (image)->bytes, sizeof (MemoryImageId));
  append (checked, 0, 8);
  append_tables (checked, image);
  store_le64 (checked->data + 32, checked->len - CHECKED);
  page_hash (checked->data, checked->len, &check);

  g_byte_array_append (out, checked->data, CHECKED);
  g_byte_array_append (out, check.bytes, sizeof check);
  g_byte_array_append (out, checked->data + CHECKED, checked->len - CHECKED);
  if (n_hashes > 0)
    {
      const uint8_t *hashes = (const uint8_t *)image->hashes->data;

      page_hash (hashes, n_hashes * sizeof check, &check);
      g_byte_array_append (out, hashes, n_hashes * (guint)sizeof check);
      g_byte_array_append (out, check.bytes, sizeof check);
    }
  return out;
}

bool
memory_image_write (const MemoryImage *image, const char *path, GError **error)
{
  g_autoptr (GByteArray) data = memory_image_format (image);
  const struct iovec piece = { data->data, data->len };

  return new_file_write (path, &piece, 1)
         || vmm_set_errno_error (error, errno, "Can't write the memory index \"%s\"", path);
}
