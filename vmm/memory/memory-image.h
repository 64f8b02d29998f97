/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * MemoryImage: where the pages of a saved memory are. A saved memory is a folder with two files:
 *
 *   memory        pages that no other memory file has, flat and sparse, never changed once it is written:
 * running machines map it. Parts may be punched out, and it may be unlinked, when no image names them.
 *   memory.index  this: banks, memory files, and for every piece of a bank which file has it. What no piece
 *                 covers is zero. Complete: no other index has to be read to know where a page is.
 *
 * The index's format (numbers are little-endian) is described in image-format.c.
 *
 * Threading: plain data; not to be changed by one thread while another looks.
 */
#define MEMORY_IMAGE_FILE  "memory"
#define MEMORY_IMAGE_INDEX "memory.index"

#define MEMORY_IMAGE_PAGE        4096u
#define MEMORY_IMAGE_MAX_BANKS   64u
#define MEMORY_IMAGE_MAX_SOURCES 4096u
#define MEMORY_IMAGE_MAX_EXTENTS (4u << 20)

/* Tells one memory file from all others. */
typedef struct {
  uint8_t bytes[16];
} MemoryImageId;

/* XXH3 (128 bits) of a page, in its canonical order of bytes. */
typedef struct {
  uint8_t bytes[16];
} MemoryPageHash;

typedef struct {
  char *name;     /* the MemoryBank's */
  uint64_t size;  /* bytes, a multiple of the page */
  uint64_t place; /* of its first byte in this image's own file */
} MemoryImageBank;

typedef struct {
  MemoryImageId id;
  char *path; /* of the memory file, relative to the index's folder ("../ID/memory"); the first is "memory" */
  uint64_t size; /* bytes that the file has at least */
} MemoryImageSource;

/* @n_pages pages of a bank, from @first_page on, are in a source from its page @file_page on. */
typedef struct {
  uint32_t bank;
  uint32_t source;
  uint64_t first_page;
  uint64_t n_pages; /* > 0 */
  uint64_t file_page;
} MemoryImageExtent;

typedef struct {
  char *folder;    /* (nullable): where the index is, absolute; source paths are relative to it */
  GArray *banks;   /* of MemoryImageBank */
  GArray *sources; /* of MemoryImageSource; the first is the image's own file */
  GArray *extents; /* of MemoryImageExtent, by bank and first page, disjoint */
  GArray
    *hashes; /* of MemoryPageHash: the pages of the own file in the order of the extents; may be absent */
} MemoryImage;

/* An image without pages whose own file has a new id. Returns: (transfer full). */
MemoryImage *memory_image_new (const char *folder);
void memory_image_free (MemoryImage *image);

/* Another one, which shares what it has: neither is to be changed afterwards. Returns: (transfer full). */
MemoryImage *memory_image_share (const MemoryImage *image);

/* Appends one and gives its number. @name, @path: copied. */
unsigned memory_image_add_bank (MemoryImage *image, const char *name, uint64_t size, uint64_t place);
unsigned memory_image_add_source (MemoryImage *image, const char *path, const MemoryImageId *id,
                                  uint64_t size);

/* Appends an extent, or makes the last one longer where it goes on. Extents come in their order. */
void memory_image_add_extent (MemoryImage *image, const MemoryImageExtent *extent);

/**
 * memory_image_read:
 * @path: of a memory.index; untrusted
 * @with_hashes: whether the hashes are wanted too, which only comparing takes (0.4 % of the memory's size)
 *
 * Returns: (transfer full): NULL with @error set (VMM_ERROR_STATE: damaged, VMM_ERROR_UNSUPPORTED: made by a
 * newer version; the path is named).
 */
MemoryImage *memory_image_read (const char *path, bool with_hashes, GError **error);

/* The same of an open file. @fd: stays the caller's. */
MemoryImage *memory_image_read_open (int fd, const char *path, bool with_hashes, GError **error);

/* The same from a file's content. @name: for messages; @folder: (nullable). */
MemoryImage *memory_image_parse (const uint8_t *data, size_t size, bool with_hashes, const char *name,
                                 const char *folder, GError **error);

/* The content of the index file. Returns: (transfer full). */
GByteArray *memory_image_format (const MemoryImage *image);

/* Writes the index to a new file at @path, durably (but for the folder's entry). */
bool memory_image_write (const MemoryImage *image, const char *path, GError **error);

/* A source's path, absolute, and that of the index that was made with it. (transfer full) */
char *memory_image_source_path (const MemoryImage *image, unsigned source);
char *memory_image_source_index (const MemoryImage *image, unsigned source);

/**
 * memory_image_open_source:
 *
 * Opens a memory file and makes sure that it is the one meant: a plain file of the size it had at least,
 * beside which lies the index with its id. Returns: a descriptor, close-on-exec; -1 with @error set.
 */
int memory_image_open_source (const MemoryImage *image, unsigned source, GError **error);

/* Bytes that the image takes from a source. */
uint64_t memory_image_bytes_from (const MemoryImage *image, unsigned source);

/* Whether any page is in the memory file that has this id: while there is such an image, that file must stay,
 * and its index with it. */
bool memory_image_needs (const MemoryImage *image, const MemoryImageId *id);

/* The id of the image's own file. */
const MemoryImageId *memory_image_id (const MemoryImage *image);

typedef struct {
  uint64_t first, end; /* pages of a memory file */
} MemoryImageRange;

/* What images take from the memory file with that id: sorted, apart from each other. @users: (array
 * length=n_users). Returns: (transfer full): of MemoryImageRange. */
GArray *memory_image_ranges (const MemoryImageId *id, MemoryImage *const *users, unsigned n_users);

/**
 * memory_image_punch:
 * @image: the one whose own file is to become smaller; it must not be needed as a whole any more
 * @users: (array length=n_users): all images that may take pages from it
 *
 * Gives the parts of @image's own file back to the host's file system that none of @users refers to.
 * Returns: bytes given back; 0 where the file system can't (no error: it costs space only).
 */
uint64_t memory_image_punch (const MemoryImage *image, MemoryImage *const *users, unsigned n_users);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MemoryImage, memory_image_free)

G_END_DECLS
