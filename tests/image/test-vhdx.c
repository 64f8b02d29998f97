/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The VHDX format's own rules, on images that are composed here from [MS-VHDX]: which header counts, what the
 * log says, states of blocks, parents, hostile fields. Reading what another program wrote: tests/image.
 */
#include "devices/image/vhdx/crc32c.h"
#include "vmm/base/bytes.h"

#include "tests/image/image-bench.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define KIB UINT64_C (1024)
#define MIB (KIB * KIB)

enum {
  HEADERS = 64 << 10,
  TABLES = 192 << 10,
  LOG = 1 << 20,
  METADATA = 2 << 20,
  BAT = 3 << 20,
  BITMAP = 4 << 20,
  DATA = 5 << 20, /* of block n: at DATA + n MiB */
  FILE_SIZE = 10 << 20,
  N_BLOCKS = 4,
  LOG_SIZE = 1 << 20,

  ITEM_FILE = 64 << 10, /* in the metadata */
  ITEM_SIZE = ITEM_FILE + 16,
  ITEM_ID = ITEM_SIZE + 16,
  ITEM_SECTOR = ITEM_ID + 16,
  ITEM_PHYSICAL = ITEM_SECTOR + 16,
  ITEM_LOCATOR = 68 << 10,
};

static const uint8_t log_guid[16] = "a log's own guid";
static const uint8_t bat_guid[16] = "\x66\x77\xc2\x2d\x23\xf6\x00\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08";
static const uint8_t metadata_guid[16] = "\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e";
static const struct {
  uint8_t guid[16];
  uint32_t at, size;
} items[] = {
  { "\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b", ITEM_FILE, 8 },
  { "\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8", ITEM_SIZE, 8 },
  { "\xab\x12\xca\xbe\xe6\xb2\x23\x45\x93\xef\xc3\x09\xe0\x00\xc7\x46", ITEM_ID, 16 },
  { "\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f", ITEM_SECTOR, 4 },
  { "\xc7\x48\xa3\xcd\x5d\x44\x71\x44\x9c\xc9\xe9\x88\x52\x51\xc5\x56", ITEM_PHYSICAL, 4 },
  { "\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c", ITEM_LOCATOR, 1024 },
};

typedef struct {
  ImageBench *bench;
  uint8_t *file; /* FILE_SIZE */
} Fixture;

/* --- composing --- */

static void
seal (uint8_t *data, size_t size)
{
  store_le32 (data + 4, 0);
  store_le32 (data + 4, crc32c (0, data, size));
}

static void
put_header (Fixture *f, unsigned i, uint64_t sequence, bool log)
{
  uint8_t *header = f->file + HEADERS + i * (64 << 10);

  memset (header, 0, 4096);
  memcpy (header, "head", 4);
  store_le64 (header + 8, sequence);
  memcpy (header + 32, "data write guid!", 16);
  if (log)
    memcpy (header + 48, log_guid, 16);
  store_le16 (header + 66, 1);
  store_le32 (header + 68, LOG_SIZE);
  store_le64 (header + 72, LOG);
  seal (header, 4096);
}

static void
put_region (uint8_t *entry, const uint8_t *guid, uint64_t at)
{
  memcpy (entry, guid, 16);
  store_le64 (entry + 16, at);
  store_le32 (entry + 24, MIB);
  store_le32 (entry + 28, 1);
}

static void
seal_tables (Fixture *f)
{
  for (unsigned i = 0; i < 2; i++)
    seal (f->file + TABLES + i * (64 << 10), 64 << 10);
}

static void
put_tables (Fixture *f)
{
  for (unsigned i = 0; i < 2; i++)
    {
      uint8_t *table = f->file + TABLES + i * (64 << 10);

      memcpy (table, "regi", 4);
      store_le32 (table + 8, 2);
      put_region (table + 16, bat_guid, BAT);
      put_region (table + 48, metadata_guid, METADATA);
    }
  seal_tables (f);
}

static void
put_metadata (Fixture *f, bool has_parent)
{
  uint8_t *metadata = f->file + METADATA;
  unsigned n = has_parent ? G_N_ELEMENTS (items) : G_N_ELEMENTS (items) - 1;

  memcpy (metadata, "metadata", 8);
  store_le16 (metadata + 10, n);
  for (unsigned i = 0; i < n; i++)
    {
      uint8_t *entry = metadata + 32 + i * 32;

      memcpy (entry, items[i].guid, 16);
      store_le32 (entry + 16, items[i].at);
      store_le32 (entry + 20, items[i].size);
      store_le32 (entry + 24, 4);
    }
  store_le32 (metadata + ITEM_FILE, MIB);
  store_le32 (metadata + ITEM_FILE + 4, has_parent ? 2 : 0);
  store_le64 (metadata + ITEM_SIZE, N_BLOCKS * MIB);
  store_le32 (metadata + ITEM_SECTOR, 512);
  store_le32 (metadata + ITEM_PHYSICAL, 4096);
}

static void
put_entry (uint8_t *at, uint64_t offset, unsigned state)
{
  store_le64 (at, offset | state);
}

/* Blocks 1 and 3 hold bytes of 0x11 and 0x33, 2 is zero, 0 isn't present. */
static void
setup (Fixture *f, gconstpointer data)
{
  f->bench = image_bench_new ();
  f->file = g_malloc0 (FILE_SIZE);
  memcpy (f->file, "vhdxfile", 8);
  put_header (f, 0, 7, false);
  put_header (f, 1, 8, false);
  put_tables (f);
  put_metadata (f, false);
  put_entry (f->file + BAT + 8, DATA + MIB, 6);
  put_entry (f->file + BAT + 16, 0, 2);
  put_entry (f->file + BAT + 24, DATA + 3 * MIB, 6);
  for (unsigned i = 0; i < N_BLOCKS; i++)
    memset (f->file + DATA + i * MIB, 0x11 * i, MIB);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  image_bench_free (f->bench);
  g_free (f->file);
}

static void
save (const Fixture *f, const char *name, uint64_t size)
{
  g_autofree char *path = image_bench_path (f->bench, name);

  g_assert_true (g_file_set_contents (path, (const char *)f->file, size, NULL));
}

static void
assert_byte (Image *image, uint64_t offset, uint64_t length, uint8_t value)
{
  g_autofree uint8_t *bytes = g_malloc (length);

  g_assert_cmpint (image_run (image, IMAGE_READ, offset, bytes, length), ==, 0);
  for (uint64_t i = 0; i < length; i++)
    if (bytes[i] != value)
      g_error ("byte %" G_GUINT64_FORMAT " is 0x%02x, not 0x%02x", offset + i, bytes[i], value);
}

static void
assert_disk (const Fixture *f, const uint8_t *values)
{
  Image *image = image_bench_open (f->bench, "a.vhdx", true);

  g_assert_cmpuint (image_size (image), ==, N_BLOCKS * MIB);
  for (unsigned i = 0; i < N_BLOCKS; i++)
    assert_byte (image, i * MIB, MIB, values[i]);
  image_close (image);
}

static const uint8_t plain[] = { 0, 0x11, 0, 0x33 };

/* --- headers --- */

static void
test_read (Fixture *f, gconstpointer data)
{
  g_autofree char *sectors = NULL;
  Image *image;

  save (f, "a.vhdx", FILE_SIZE);
  assert_disk (f, plain);
  g_assert_cmpuint (image_bench_check (f->bench, "a.vhdx", false), ==, 0);
  image_bench_refuses (f->bench, "a.vhdx", false, "read", "convert", NULL);
  image = image_bench_open (f->bench, "a.vhdx", true);
  sectors = image_bench_detail (image, "sectors");
  g_assert_cmpstr (sectors, ==, "512 bytes, physical 4096");
  image_close (image);
}

static void
test_copies (Fixture *f, gconstpointer data)
{
  /* The newer header counts, while it is intact. */
  store_le16 (f->file + HEADERS + (64 << 10) + 66, 9);
  save (f, "a.vhdx", FILE_SIZE);
  assert_disk (f, plain);
  seal (f->file + HEADERS + (64 << 10), 4096);
  save (f, "a.vhdx", FILE_SIZE);
  image_bench_refuses (f->bench, "a.vhdx", true, "header's version is 9", NULL);
  f->file[HEADERS] = f->file[HEADERS + (64 << 10)] = 0;
  save (f, "a.vhdx", FILE_SIZE);
  image_bench_refuses (f->bench, "a.vhdx", true, "both headers", NULL);
  put_header (f, 0, 9, false);

  f->file[TABLES + 100] = 1;
  save (f, "a.vhdx", FILE_SIZE);
  assert_disk (f, plain);
  g_assert_cmpuint (image_bench_check (f->bench, "a.vhdx", false), ==, 1);
  f->file[TABLES + (64 << 10) + 100] = 1;
  save (f, "a.vhdx", FILE_SIZE);
  image_bench_refuses (f->bench, "a.vhdx", true, "both region tables", NULL);
}

/* --- the log --- */

typedef struct {
  uint64_t offset;
  const uint8_t *data; /* 4 KiB; NULL: @length zeroes */
  uint64_t length;
} Change;

/* One entry at sector @at; @tail: of its sequence. Returns the sector behind it. */
static uint32_t
put_log_entry (Fixture *f, uint32_t at, uint32_t tail, uint64_t sequence, uint64_t flushed,
               const Change *changes, unsigned n)
{
  uint8_t *ring = f->file + LOG;
  uint32_t sectors = LOG_SIZE / 4096, used = 1;
  g_autofree uint8_t *entry = g_malloc0 ((n + 1) * 4096);

  memcpy (entry, "loge", 4);
  store_le32 (entry + 12, tail * 4096);
  store_le64 (entry + 16, sequence);
  store_le32 (entry + 24, n);
  memcpy (entry + 32, log_guid, 16);
  store_le64 (entry + 48, flushed);
  store_le64 (entry + 56, FILE_SIZE);
  for (unsigned i = 0; i < n; i++)
    {
      uint8_t *d = entry + 64 + i * 32;

      memcpy (d, changes[i].data != NULL ? "desc" : "zero", 4);
      store_le64 (d + 16, changes[i].offset);
      store_le64 (d + 24, sequence);
      if (changes[i].data == NULL)
        {
          store_le64 (d + 8, changes[i].length);
          continue;
        }
      memcpy (d + 8, changes[i].data, 8);
      memcpy (d + 4, changes[i].data + 4092, 4);
      memcpy (entry + used * 4096 + 8, changes[i].data + 8, 4084);
      memcpy (entry + used * 4096, "data", 4);
      store_le32 (entry + used * 4096 + 4, sequence >> 32);
      store_le32 (entry + used * 4096 + 4092, (uint32_t)sequence);
      used++;
    }
  store_le32 (entry + 8, used * 4096);
  seal (entry, used * 4096);
  for (uint32_t i = 0; i < used; i++)
    memcpy (ring + (at + i) % sectors * 4096, entry + i * 4096, 4096);
  return (at + used) % sectors;
}

/* The BAT's first page with a block of @values' choosing at 0. */
static void
compose_page (const Fixture *f, uint8_t *page, uint64_t block_0)
{
  memcpy (page, f->file + BAT, 4096);
  put_entry (page, block_0, 6);
}

static void
test_log (Fixture *f, gconstpointer data)
{
  static const uint8_t changed[] = { 0x22, 0x11, 0, 0x33 }, later[] = { 0x33, 0x11, 0, 0x33 };
  static const uint8_t emptied[] = { 0, 0, 0, 0 };
  uint32_t start = LOG_SIZE / 4096 - 1, at; /* the ring's end: entries wrap around */
  g_autofree uint8_t *before = NULL, *after = g_malloc (FILE_SIZE);
  uint8_t page[4096], newer[4096];
  g_autofree char *told = NULL;
  Image *image;

  put_header (f, 1, 9, true);
  save (f, "a.vhdx", FILE_SIZE);
  assert_disk (f, plain); /* begun, nothing written */

  compose_page (f, page, DATA + 2 * MIB);
  compose_page (f, newer, DATA + 3 * MIB);
  at = put_log_entry (f, start, start, UINT64_C (0x100000005), FILE_SIZE, &(Change){ BAT, page, 0 }, 1);
  save (f, "a.vhdx", FILE_SIZE);
  before = g_memdup2 (f->file, FILE_SIZE);
  assert_disk (f, changed);
  image_bench_peek (f->bench, "a.vhdx", 0, after, FILE_SIZE);
  g_assert_cmpmem (before, FILE_SIZE, after, FILE_SIZE);
  image = image_bench_open (f->bench, "a.vhdx", true);
  told = image_bench_detail (image, "log");
  g_assert_nonnull (told);
  image_close (image);

  /* A second entry of the sequence. */
  put_log_entry (f, at, start, UINT64_C (0x100000006), FILE_SIZE, &(Change){ BAT, newer, 0 }, 1);
  save (f, "a.vhdx", FILE_SIZE);
  assert_disk (f, later);

  /* Torn: the sequence ends before it. */
  f->file[LOG + (at + 1) * 4096 + 100] ^= 1;
  save (f, "a.vhdx", FILE_SIZE);
  assert_disk (f, changed);

  /* One that isn't connected, and older. */
  put_log_entry (f, at, at, 4, FILE_SIZE, &(Change){ BAT, newer, 0 }, 1);
  save (f, "a.vhdx", FILE_SIZE);
  assert_disk (f, changed);

  /* Zeroes; and a tail whose entry is gone. */
  put_log_entry (f, at, start, UINT64_C (0x100000006), FILE_SIZE, &(Change){ BAT, NULL, 8192 }, 1);
  save (f, "a.vhdx", FILE_SIZE);
  assert_disk (f, emptied);
  memset (f->file + LOG + start * 4096, 0, 4096);
  save (f, "a.vhdx", FILE_SIZE);
  assert_disk (f, plain);
}

static void
test_bad_log (Fixture *f, gconstpointer data)
{
  g_autofree uint8_t *buffer = g_malloc (MIB);
  uint8_t page[4096];
  Image *image;

  compose_page (f, page, DATA + 2 * MIB);
  put_header (f, 1, 9, true);
  put_log_entry (f, 0, 0, 5, FILE_SIZE + 1, &(Change){ BAT, page, 0 }, 1);
  save (f, "a.vhdx", FILE_SIZE);
  image_bench_refuses (f->bench, "a.vhdx", true, "log", "its end is missing", NULL);

  /* Data is never logged. */
  put_log_entry (f, 0, 0, 5, FILE_SIZE, &(Change){ DATA + MIB + 8192, page, 0 }, 1);
  save (f, "a.vhdx", FILE_SIZE);
  image = image_bench_open (f->bench, "a.vhdx", true);
  g_assert_cmpint (image_run (image, IMAGE_READ, MIB, buffer, MIB), ==, -EIO);
  assert_byte (image, 3 * MIB, MIB, 0x33);
  image_close (image);

  store_le32 (f->file + HEADERS + (64 << 10) + 68, 0x80000000);
  seal (f->file + HEADERS + (64 << 10), 4096);
  save (f, "a.vhdx", FILE_SIZE);
  image_bench_refuses (f->bench, "a.vhdx", true, "log of 2147483648 bytes", NULL);
}

/* --- parents --- */

static void
put_text (uint8_t *locator, uint32_t *at, uint8_t *place, uint8_t *size, const char *text)
{
  store_le32 (place, *at);
  store_le16 (size, strlen (text) * 2);
  for (; *text != 0; text++, *at += 2)
    store_le16 (locator + *at, *text);
}

static void
put_locator (Fixture *f, const char *const (*pairs)[2], unsigned n)
{
  uint8_t *locator = f->file + METADATA + ITEM_LOCATOR;
  uint32_t at = 256;

  memset (locator, 0, 1024);
  store_le16 (locator + 18, n);
  for (unsigned i = 0; i < n; i++)
    {
      uint8_t *entry = locator + 20 + i * 12;

      put_text (locator, &at, entry, entry + 8, pairs[i][0]);
      put_text (locator, &at, entry + 4, entry + 10, pairs[i][1]);
    }
}

/* "data write guid!", as text. */
#define PARENT_GUID "{61746164-7720-6972-7465-206775696421}"

static void
test_parent (Fixture *f, gconstpointer data)
{
  static const char *const good[][2] = { { "parent_linkage", PARENT_GUID },
                                         { "absolute_win32_path", "\\\\?\\C:\\disks\\p.vhdx" },
                                         { "relative_path", ".\\p.vhdx" } };
  static const char *const far[][2] = { { "parent_linkage", PARENT_GUID },
                                        { "absolute_win32_path", "\\\\?\\C:\\disks\\p.vhdx" } };
  static const char *const other[][2] = { { "parent_linkage", "{00000000-7720-6972-7465-206775696421}" },
                                          { "relative_path", "p.vhdx" } };
  static const char *const none[][2] = { { "relative_path", "p.vhdx" } };
  Image *image;

  save (f, "p.vhdx", FILE_SIZE);
  put_metadata (f, true);
  put_locator (f, good, 3);
  /* Block 0 is here but for its sectors 0, 1 and 10; 1 and 3 are the parent's, 2 reads as zeroes. */
  memset (f->file + BAT, 0, 4096);
  memset (f->file + DATA, 0x77, MIB);
  put_entry (f->file + BAT, DATA, 7);
  put_entry (f->file + BAT + 16, 0, 3);
  put_entry (f->file + BAT + 4096 * 8, BITMAP, 6); /* 2^23 sectors are 4096 blocks */
  memset (f->file + BITMAP, 0xff, 256);
  f->file[BITMAP] = 0xfc;
  f->file[BITMAP + 1] = 0xfb;
  save (f, "a.vhdx", FILE_SIZE);
  image = image_bench_open (f->bench, "a.vhdx", true);
  assert_byte (image, 0, 1024, 0);
  assert_byte (image, 1024, 8 * 512, 0x77);
  assert_byte (image, 5120, 512, 0);
  assert_byte (image, 5632, MIB - 5632, 0x77);
  assert_byte (image, MIB, MIB, 0x11);
  assert_byte (image, 2 * MIB, MIB, 0);
  assert_byte (image, 3 * MIB, MIB, 0x33);
  image_close (image);

  put_locator (f, far, 2);
  save (f, "a.vhdx", FILE_SIZE);
  image_close (image_bench_open (f->bench, "a.vhdx", true));
  put_locator (f, other, 2);
  save (f, "a.vhdx", FILE_SIZE);
  image_bench_refuses (f->bench, "a.vhdx", true, "p.vhdx", "not the image it was made on", NULL);
  put_locator (f, none, 1);
  save (f, "a.vhdx", FILE_SIZE);
  image_bench_refuses (f->bench, "a.vhdx", true, "parent_linkage", NULL);
}

static void
put_parent (Fixture *f, const char *name, const char *parent)
{
  const char *const pairs[][2] = { { "parent_linkage", PARENT_GUID }, { "relative_path", parent } };

  put_locator (f, pairs, 2);
  save (f, name, FILE_SIZE);
}

static void
test_bad_parent (Fixture *f, gconstpointer data)
{
  g_autofree char *fifo = image_bench_path (f->bench, "fifo");

  put_metadata (f, true);
  put_parent (f, "a.vhdx", "a.vhdx");
  image_bench_refuses (f->bench, "a.vhdx", true, "a.vhdx", "circle", NULL);
  put_parent (f, "b.vhdx", "a.vhdx");
  put_parent (f, "a.vhdx", "b.vhdx");
  image_bench_refuses (f->bench, "a.vhdx", true, "b.vhdx", "circle", NULL);
  put_parent (f, "a.vhdx", "nowhere.vhdx");
  image_bench_refuses (f->bench, "a.vhdx", true, "nowhere.vhdx", "does not exist", NULL);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  put_parent (f, "a.vhdx", "fifo");
  image_bench_refuses (f->bench, "a.vhdx", true, "fifo", "pipe", NULL);
}

/* --- damage --- */

static void
test_hostile_fields (Fixture *f, gconstpointer data)
{
  static const struct {
    uint32_t at;
    uint64_t value;
    unsigned size;
    const char *says;
  } fields[] = {
    { TABLES + 8, 5000, 4, "entry count is 5000" },
    { TABLES + 16, 0, 8, "unknown region" },
    { TABLES + 32, 12345, 8, "a region at 12345" },
    { TABLES + 32, UINT64_C (1) << 63, 8, "a region at" },
    { TABLES + 40, 8, 4, "BAT region has 8 bytes" },
    { TABLES + 72, 0, 4, "a region at" },
    { METADATA, 0, 8, "metadata table's signature" },
    { METADATA + 10, 2000, 2, "entry count is 2000" },
    { METADATA + 32, 0, 8, "unknown item" },
    { METADATA + 32 + 16, 0xffffff00, 4, "file parameters" },
    { METADATA + 32 + 20, 2, 4, "file parameters" },
    { METADATA + 32 + 32 + 20, 0xffffffff, 4, "virtual disk size" },
    { METADATA + ITEM_FILE, 3 << 20, 4, "block size" },
    { METADATA + ITEM_FILE, 0, 4, "block size" },
    { METADATA + ITEM_SIZE, 0, 8, "virtual disk size" },
    { METADATA + ITEM_SIZE, UINT64_MAX - 511, 8, "virtual disk size" },
    { METADATA + ITEM_SIZE, 1000, 8, "virtual disk size" },
    { METADATA + ITEM_SIZE, UINT64_C (64) << 40, 8, "BAT has" },
    { METADATA + ITEM_SECTOR, 520, 4, "logical sector size is 520" },
    { METADATA + ITEM_FILE + 4, 2, 4, "no parent locator" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      uint8_t old[8];

      memcpy (old, f->file + fields[i].at, 8);
      store_le (f->file + fields[i].at, fields[i].size, fields[i].value);
      memcpy (f->file + TABLES + (64 << 10), f->file + TABLES, 64 << 10);
      seal_tables (f);
      save (f, "a.vhdx", FILE_SIZE);
      image_bench_refuses (f->bench, "a.vhdx", true, "a.vhdx", fields[i].says, NULL);
      memcpy (f->file + fields[i].at, old, 8);
    }
}

static void
test_damaged_bat (Fixture *f, gconstpointer data)
{
  g_autofree uint8_t *buffer = g_malloc (MIB);
  Image *image;

  put_entry (f->file + BAT, DATA + MIB, 6);              /* another's */
  put_entry (f->file + BAT + 16, UINT64_C (1) << 40, 6); /* far away */
  put_entry (f->file + BAT + 24, DATA + 3 * MIB, 5);     /* no such state */
  save (f, "a.vhdx", FILE_SIZE);
  g_assert_cmpuint (image_bench_check (f->bench, "a.vhdx", false), ==, 3);
  image = image_bench_open (f->bench, "a.vhdx", true);
  assert_byte (image, MIB, MIB, 0x11);
  g_assert_cmpint (image_run (image, IMAGE_READ, 2 * MIB, buffer, 512), ==, -EIO);
  g_assert_cmpint (image_run (image, IMAGE_READ, 3 * MIB, buffer, 512), ==, -EIO);
  image_close (image);
}

/* RFC 3720, B.4. */
static void
test_crc (void)
{
  uint8_t data[32];

  memset (data, 0, sizeof data);
  g_assert_cmphex (crc32c (0, data, 32), ==, 0x8a9136aa);
  memset (data, 0xff, sizeof data);
  g_assert_cmphex (crc32c (0, data, 32), ==, 0x62a8ab43);
  for (unsigned i = 0; i < 32; i++)
    data[i] = i;
  g_assert_cmphex (crc32c (0, data, 32), ==, 0x46dd794e);
  g_assert_cmphex (crc32c (crc32c (0, data, 7), data + 7, 25), ==, 0x46dd794e);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vhdx/crc", test_crc);
  g_test_add ("/vhdx/read", Fixture, NULL, setup, test_read, teardown);
  g_test_add ("/vhdx/copies", Fixture, NULL, setup, test_copies, teardown);
  g_test_add ("/vhdx/log", Fixture, NULL, setup, test_log, teardown);
  g_test_add ("/vhdx/bad-log", Fixture, NULL, setup, test_bad_log, teardown);
  g_test_add ("/vhdx/parent", Fixture, NULL, setup, test_parent, teardown);
  g_test_add ("/vhdx/bad-parent", Fixture, NULL, setup, test_bad_parent, teardown);
  g_test_add ("/vhdx/hostile-fields", Fixture, NULL, setup, test_hostile_fields, teardown);
  g_test_add ("/vhdx/damaged-bat", Fixture, NULL, setup, test_damaged_bat, teardown);
  return g_test_run ();
}
