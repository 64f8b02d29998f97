/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMDK disks: every way to lay one out, descriptors that people edited, hostile ones, damage, parents,
 * streams. */
#include "devices/image/image.h"
#include "devices/image/jobs.h"
#include "devices/image/vmdk-descriptor.h"

#include "tests/devices/small-disk.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB     (UINT64_C (1) << 20)
#define GRAIN   65536u
#define PATTERN (200u * 1024)

typedef struct {
  char *folder, *path;
  EventLoop *loop;
  uint8_t *bytes, *seen; /* PATTERN */
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  GError *error = NULL;

  f->folder = scratch_new ();
  f->path = g_build_filename (f->folder, "disk.vmdk", NULL);
  f->loop = loop_new ("test", &error);
  g_assert_no_error (error);
  f->bytes = g_malloc (PATTERN);
  f->seen = g_malloc (PATTERN);
  for (unsigned i = 0; i < PATTERN; i++)
    f->bytes[i] = pattern_byte (i * 3) | 1;
}

static void
teardown (Fixture *f, gconstpointer data)
{
  loop_free (f->loop);
  g_free (f->bytes);
  g_free (f->seen);
  g_free (f->path);
  scratch_free (f->folder);
}

static char *
in_folder (const Fixture *f, const char *name)
{
  return g_build_filename (f->folder, name, NULL);
}

static void
create (const Fixture *f, const char *subformat, uint64_t size)
{
  const ImageCreateOptions options = { .format = "vmdk", .subformat = subformat, .size = size };
  GError *error = NULL;

  image_create (f->path, &options, &error);
  g_assert_no_error (error);
}

static Image *
open_disk (const Fixture *f, const char *path, bool read_only)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = read_only };
  GError *error = NULL;
  Image *image = image_open (f->loop, path, &options, &error);

  g_assert_no_error (error);
  return image;
}

/* @words: what the error must say. */
static void
assert_refused (const Fixture *f, const char *path, bool read_only, const char *const *words)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = read_only, .format = "vmdk" };
  g_autoptr (GError) error = NULL;

  g_assert_null (image_open (f->loop, path, &options, &error));
  for (; *words != NULL; words++)
    if (strstr (error->message, *words) == NULL)
      g_error ("“%s” does not say “%s”", error->message, *words);
}

static void
put (const Fixture *f, Image *image, uint64_t offset)
{
  g_assert_cmpint (image_run (image, IMAGE_WRITE, offset, f->bytes, PATTERN), ==, 0);
}

static void
assert_there (const Fixture *f, Image *image, uint64_t offset)
{
  g_assert_cmpint (image_run (image, IMAGE_READ, offset, f->seen, PATTERN), ==, 0);
  g_assert_cmpmem (f->seen, PATTERN, f->bytes, PATTERN);
}

static void
assert_zero (const Fixture *f, Image *image, uint64_t offset)
{
  g_assert_cmpint (image_run (image, IMAGE_READ, offset, f->seen, PATTERN), ==, 0);
  for (unsigned i = 0; i < PATTERN; i++)
    g_assert_cmpuint (f->seen[i], ==, 0);
}

static uint64_t
check (const Fixture *f, bool repair, uint64_t *repaired)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = !repair, .lenient = true };
  ImageCheck result = { .repair = repair };
  GError *error = NULL;
  Image *image = image_open (f->loop, f->path, &options, &error);

  g_assert_no_error (error);
  g_assert_true (image_check (image, &result, &error));
  g_assert_no_error (error);
  image_close (image);
  if (repaired != NULL)
    *repaired = result.repaired;
  return result.corruptions + result.leaks;
}

static void
peer (const char *verb, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *said = NULL;
  va_list args;
  char *argument;
  int status;
  GError *error = NULL;

  g_ptr_array_add (argv, (char *)"qemu-img");
  g_ptr_array_add (argv, (char *)verb);
  va_start (args, verb);
  while ((argument = va_arg (args, char *)) != NULL)
    g_ptr_array_add (argv, argument);
  va_end (args);
  g_ptr_array_add (argv, NULL);
  g_spawn_sync (NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &said, NULL, &status,
                &error);
  g_assert_no_error (error);
  if (status != 0)
    g_error ("qemu-img %s: %s", verb, said);
}

static char *
detail (const Fixture *f, const char *name)
{
  g_autoptr (Image) image = open_disk (f, f->path, true);
  g_autoptr (ImageInfo) info = image_info (image, 0);

  for (unsigned i = 0; i + 1 < info->details->len; i += 2)
    if (g_str_equal (info->details->pdata[i], name))
      return g_strdup (info->details->pdata[i + 1]);
  return NULL;
}

static void
edit (const char *path, uint64_t offset, const void *data, size_t size)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (pwrite (fd, data, size, offset), ==, size);
  close (fd);
}

static void
edit32 (const char *path, uint64_t offset, uint32_t value)
{
  uint8_t bytes[4];

  store_le32 (bytes, value);
  edit (path, offset, bytes, sizeof bytes);
}

static uint32_t
peek32 (const char *path, uint64_t offset)
{
  uint8_t bytes[4];
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (pread (fd, bytes, sizeof bytes, offset), ==, sizeof bytes);
  close (fd);
  return load_le32 (bytes);
}

/* --- layouts --- */

static void
test_subformat (Fixture *f, gconstpointer subformat)
{
  uint64_t size = 5 * MIB + 512;
  Image *image;

  create (f, subformat, size);
  image = open_disk (f, f->path, false);
  g_assert_cmpuint (image_size (image), ==, size);
  assert_zero (f, image, 0);
  put (f, image, 12345);
  put (f, image, size - PATTERN);
  assert_there (f, image, 12345);
  g_assert_cmpint (image_run (image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  image_close (image);

  image = open_disk (f, f->path, false);
  assert_there (f, image, 12345);
  assert_there (f, image, size - PATTERN);
  assert_zero (f, image, MIB);
  g_assert_cmpint (image_run (image, IMAGE_WRITE_ZEROES, 0, NULL, MIB), ==, 0);
  assert_zero (f, image, 12345);
  image_close (image);
  g_assert_cmpuint (check (f, false, NULL), ==, 0);
  peer ("check", "-f", "vmdk", f->path, NULL);
}

/* More than one file, and a disk that ends in the middle of a grain. */
static void
test_split (Fixture *f, gconstpointer subformat)
{
  uint64_t part = 4192256 * UINT64_C (512), size = part * 2 + 70 * 1024;
  g_autofree char *copy = in_folder (f, "copy.vmdk"),
                  *option = g_strdup_printf ("subformat=%s", (const char *)subformat);
  Image *image;

  create (f, subformat, size);
  image = open_disk (f, f->path, false);
  put (f, image, part - 100 * 1024);
  put (f, image, size - PATTERN);
  image_close (image);
  g_assert_cmpuint (check (f, false, NULL), ==, 0);
  peer ("convert", "-f", "vmdk", "-O", "vmdk", "-o", option, f->path, copy, NULL);
  image = open_disk (f, copy, true);
  assert_there (f, image, part - 100 * 1024);
  assert_there (f, image, size - PATTERN);
  image_close (image);
}

static void
test_grow (Fixture *f, gconstpointer subformat)
{
  GError *error = NULL;
  Image *image;

  create (f, subformat, 3 * MIB + 512);
  image = open_disk (f, f->path, false);
  put (f, image, 3 * MIB + 512 - PATTERN);
  g_assert_true (image_resize (image, 3000 * MIB, &error));
  g_assert_no_error (error);
  put (f, image, 2900 * MIB);
  assert_zero (f, image, 3 * MIB + 512);
  image_close (image);
  g_assert_cmpuint (check (f, false, NULL), ==, 0);
  peer ("check", "-f", "vmdk", f->path, NULL);
  image = open_disk (f, f->path, true);
  g_assert_cmpuint (image_size (image), ==, 3000 * MIB);
  assert_there (f, image, 3 * MIB + 512 - PATTERN);
  assert_there (f, image, 2900 * MIB);
  image_close (image);
}

static void
test_left_nothing (Fixture *f, gconstpointer data)
{
  const ImageCreateOptions options = { .format = "vmdk",
                                       .subformat = "twoGbMaxExtentSparse",
                                       .size = 6000 * MIB };
  g_autofree char *third = in_folder (f, "disk-s003.vmdk"), *first = in_folder (f, "disk-s001.vmdk");
  g_autoptr (GError) error = NULL;

  g_file_set_contents (third, "mine", -1, NULL);
  g_assert_false (image_create (f->path, &options, &error));
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (first, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (third, G_FILE_TEST_EXISTS));
}

/* --- descriptors --- */

static void
make_flat (const Fixture *f, const char *name)
{
  g_autofree char *path = in_folder (f, name);

  g_assert_true (g_file_set_contents (path, (const char *)f->bytes, PATTERN, NULL));
}

/* Every line is odd in a way that somebody's editor made it. */
static void
test_edited (Fixture *f, gconstpointer data)
{
  static const char before[] =
    "\r\n  # disk DESCRIPTORFILE \r\n\tVersion = 1\r\ncid = \"AB12\"\r\n# kept: a note\r\n"
    "PARENTCID=FFFFFFFF\r\nddb.some.new.thing = \"x = y\"\r\nisNativeSnapshot=\"no\"\r\n\r\n"
    "rw   400\tFlat   \"die Platte ä.vmdk\"   0  \r\nRDONLY 8 ZERO";
  g_autofree char *after = NULL;
  Image *image;

  make_flat (f, "die Platte ä.vmdk");
  g_assert_true (g_file_set_contents (f->path, before, -1, NULL));
  image = open_disk (f, f->path, false);
  g_assert_cmpuint (image_size (image), ==, PATTERN + 8 * 512);
  assert_there (f, image, 0);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 512, f->bytes + 512, 512), ==, 0);
  image_close (image);

  g_assert_true (g_file_get_contents (f->path, &after, NULL, NULL));
  g_assert_nonnull (strstr (after, "# kept: a note\r\n"));
  g_assert_nonnull (strstr (after, "ddb.some.new.thing = \"x = y\"\r\n"));
  g_assert_nonnull (strstr (after, "\"die Platte ä.vmdk\"   0"));
  g_assert_null (strstr (after, "AB12"));
  g_assert_true (g_str_has_suffix (after, "RDONLY 8 ZERO"));
  image = open_disk (f, f->path, false);
  assert_there (f, image, 0);
  image_close (image);
}

static void
test_minimal (Fixture *f, gconstpointer data)
{
  Image *image;

  make_flat (f, "a.vmdk");
  g_assert_true (g_file_set_contents (
    f->path, "# Disk DescriptorFile\nRW 200 FLAT a.vmdk 200\nRW 200 VMFS \"a.vmdk\"", -1, NULL));
  image = open_disk (f, f->path, false);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, f->seen, PATTERN), ==, 0);
  g_assert_cmpmem (f->seen, PATTERN / 2, f->bytes + PATTERN / 2, PATTERN / 2);
  g_assert_cmpmem (f->seen + PATTERN / 2, PATTERN / 2, f->bytes, PATTERN / 2);
  put (f, image, 0);
  image_close (image);
  image = open_disk (f, f->path, true);
  assert_there (f, image, 0);
  image_close (image);
}

static void
assert_text_refused (const Fixture *f, const char *extent, const char *line, const char *why)
{
  g_autofree char *text =
    g_strdup_printf ("# Disk DescriptorFile\nversion=1\nCID=123\nparentCID=ffffffff\n%s\n", extent);

  g_assert_true (g_file_set_contents (f->path, text, -1, NULL));
  assert_refused (f, f->path, true, (const char *[]){ line, why, NULL });
}

static void
test_bad_lines (Fixture *f, gconstpointer data)
{
  make_flat (f, "a.vmdk");
  assert_text_refused (f, "RW x FLAT \"a.vmdk\" 0", "line 5", "size in sectors");
  assert_text_refused (f, "\nRW", "line 6", "size in sectors");
  assert_text_refused (f, "RW 18446744073709551615 FLAT \"a.vmdk\" 0", "line 5", "size in sectors");
  assert_text_refused (f, "RW 10", "line 5", "extent type");
  assert_text_refused (f, "RW 10 THIN \"a.vmdk\"", "line 5", "THIN");
  assert_text_refused (f, "RW 10 VMFSSPARSE \"a.vmdk\"", "line 5", "OVF");
  assert_text_refused (f, "RW 10 SESPARSE \"a.vmdk\"", "line 5", "OVF");
  assert_text_refused (f, "RW 10 FLAT", "line 5", "file name");
  assert_text_refused (f, "RW 10 FLAT \"a.vmdk 0", "line 5", "quote");
  assert_text_refused (f, "RW 10 FLAT \"a.vmdk\" -3", "line 5", "offset");
  assert_text_refused (f, "RW 401 FLAT \"a.vmdk\" 0", "line 5", "cut off");
  assert_text_refused (f, "RW 10 FLAT \"a.vmdk\" 1125899906842624", "line 5", "cut off");
  assert_text_refused (f, "RW 10 SPARSE \"a.vmdk\"", "a.vmdk", "magicNumber");
  assert_text_refused (f, "# nothing", "no extent", "RW 4192256");
  assert_text_refused (f, "RW 0 FLAT \"a.vmdk\" 0", "no extent", "RW 4192256");
}

static void
test_hostile_extents (Fixture *f, gconstpointer data)
{
  g_autofree char *fifo = in_folder (f, "fifo"), *folder = in_folder (f, "folder"),
                  *away = in_folder (f, "away");

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (mkdir (folder, 0700), ==, 0);
  g_assert_cmpint (symlink ("/etc/passwd", away), ==, 0);
  make_flat (f, "a.vmdk");
  assert_text_refused (f, "RW 10 FLAT \"/etc/passwd\" 0", "own folder", "bare name");
  assert_text_refused (f, "RW 10 FLAT \"../a.vmdk\" 0", "own folder", "..");
  assert_text_refused (f, "RW 10 FLAT \"..\" 0", "own folder", "line 5");
  assert_text_refused (f, "RW 10 FLAT \"C:\\\\x\\\\a.vmdk\" 0", "own folder", "line 5");
  assert_text_refused (f, "RW 10 FLAT \"fifo\" 0", "no ordinary file", "fifo");
  assert_text_refused (f, "RW 10 FLAT \"folder\" 0", "no ordinary file", "folder");
  assert_text_refused (f, "RW 1 FLAT \"away\" 0", "link", "/etc");
  assert_text_refused (f, "RW 1 FLAT \"disk.vmdk\" 0", "descriptor itself", "line 5");
  assert_text_refused (f, "RW 1 FLAT \"none.vmdk\" 0", "missing", "none.vmdk");
  assert_text_refused (f, "RW 1 FLAT \"a.vmdk\" 0\nRDONLY 1 FLAT \"a.vmdk\" 1\nRW 1 SPARSE \"a.vmdk\"",
                       "a.vmdk", "line 7");
  g_assert_cmpint (rmdir (folder), ==, 0);
}

/* What an editor may do to the text changes nothing but what was to be changed. */
static void
test_rewrite (void)
{
  static const char text[] =
    "# Disk DescriptorFile\nparentCID=ffffffff\nCID = 1 \ncreateType=\"custom\"\nRW 7 ZERO\nRW 8 ZERO";
  g_autoptr (VmdkDescriptor) descriptor = vmdk_descriptor_parse (text, sizeof text - 1, "here", NULL);
  g_autofree char *out = NULL;

  g_assert_nonnull (descriptor);
  vmdk_descriptor_set_cid (descriptor, "CID", 0xabc);
  vmdk_descriptor_set (descriptor, "parentFileNameHint", "p q.vmdk", true);
  vmdk_descriptor_set_sectors (descriptor, 1, 99);
  out = vmdk_descriptor_text (descriptor);
  g_assert_cmpstr (out, ==,
                   "# Disk DescriptorFile\nparentCID=ffffffff\nCID=00000abc\ncreateType=\"custom\"\n"
                   "parentFileNameHint=\"p q.vmdk\"\nRW 7 ZERO\nRW 99 ZERO");
  vmdk_descriptor_remove (descriptor, "PARENTfileNameHint");
  vmdk_descriptor_set_sectors (descriptor, 0, 1);
  g_free (out);
  out = vmdk_descriptor_text (descriptor);
  g_assert_nonnull (strstr (out, "\nRW 1 ZERO\nRW 99 ZERO"));
}

/* --- headers --- */

static void
test_bad_header (Fixture *f, gconstpointer data)
{
  static const struct {
    unsigned offset;
    uint32_t value;
    const char *field;
  } cases[] = {
    { 4, 9, "version" },
    { 12, 0, "capacity" },
    { 16, 0x7fffffff, "capacity" },
    { 20, 0, "grainSize" },
    { 20, 3, "grainSize" },
    { 20, 1u << 20, "grainSize" },
    { 24, 1, "grainSize" },
    { 28, 0x7fffffff, "descriptorOffset" },
    { 36, 0, "descriptorSize" },
    { 36, 0x7fffffff, "descriptorSize" },
    { 44, 0, "numGTEsPerGT" },
    { 44, 0x80000000, "numGTEsPerGT" },
    { 28, 0, "one part" },
    { 73, 0x20200d0a, "singleEndLineChar" },
    { 77, 7, "compressAlgorithm" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      unlink (f->path);
      create (f, NULL, 4 * MIB);
      edit32 (f->path, cases[i].offset, cases[i].value);
      assert_refused (f, f->path, true, (const char *[]){ cases[i].field, f->path, NULL });
    }
  g_assert_true (g_file_set_contents (f->path, "COWD and more", -1, NULL));
  assert_refused (f, f->path, true, (const char *[]){ "COWD", "OVF", NULL });
}

/* --- damage --- */

static void
make_full (Fixture *f)
{
  Image *image;

  create (f, NULL, 100 * MIB);
  image = open_disk (f, f->path, false);
  for (unsigned i = 0; i < 4; i++)
    put (f, image, i * 30 * MIB);
  image_close (image);
  g_assert_cmpuint (check (f, false, NULL), ==, 0);
}

static void
assert_whole (Fixture *f)
{
  Image *image = open_disk (f, f->path, true);

  for (unsigned i = 0; i < 4; i++)
    assert_there (f, image, i * 30 * MIB);
  image_close (image);
}

static void
assert_repaired (Fixture *f, uint64_t at_least)
{
  uint64_t found = check (f, true, NULL);

  g_assert_cmpuint (found, >=, at_least);
  g_assert_cmpuint (check (f, false, NULL), ==, 0);
  peer ("check", "-f", "vmdk", f->path, NULL);
}

/* Each of directory, header entry, table and entry may be lost: there are two of them. */
static void
test_redundant (Fixture *f, gconstpointer data)
{
  uint32_t gd, table;

  make_full (f);
  gd = peek32 (f->path, 56) * 512;
  table = peek32 (f->path, gd + 4) * 512;
  edit32 (f->path, gd + 4, 0x12345678); /* a table is lost */
  assert_whole (f);
  assert_repaired (f, 1);
  assert_whole (f);

  table = peek32 (f->path, gd) * 512;
  edit32 (f->path, table, 0xfffffff0); /* an entry leads nowhere */
  assert_repaired (f, 1);
  assert_whole (f);
  edit32 (f->path, table, 0); /* an entry is lost */
  assert_repaired (f, 1);
  assert_whole (f);

  edit32 (f->path, 56, 0x00ffffff); /* the directory is lost */
  assert_whole (f);
  assert_refused (f, f->path, false, (const char *[]){ "gdOffset", "check --repair", NULL });
  assert_repaired (f, 1);
  assert_whole (f);
}

static void
test_overlap (Fixture *f, gconstpointer data)
{
  uint32_t tables[2], grain;
  uint64_t directories[2];

  make_full (f);
  directories[0] = peek32 (f->path, 48) * UINT64_C (512);
  directories[1] = peek32 (f->path, 56) * UINT64_C (512);
  for (unsigned i = 0; i < 2; i++)
    {
      tables[i] = peek32 (f->path, directories[i]) * 512;
      grain = peek32 (f->path, tables[i]);
      edit32 (f->path, tables[i] + 40, grain);           /* two of the disk's in one of the file's */
      edit32 (f->path, tables[i] + 44, tables[0] / 512); /* data in a table */
    }
  g_assert_cmpuint (check (f, false, NULL), ==, 2);
  assert_repaired (f, 2);
  assert_whole (f);
}

static void
test_leak (Fixture *f, gconstpointer data)
{
  struct stat st;
  g_autofree uint8_t *junk = g_malloc0 (GRAIN * 3);

  make_full (f);
  memset (junk, 7, GRAIN * 3);
  g_assert_cmpint (stat (f->path, &st), ==, 0);
  edit (f->path, st.st_size, junk, GRAIN * 3);
  g_assert_cmpuint (check (f, false, NULL), >=, 2);
  assert_repaired (f, 2);
  assert_whole (f);
}

/* A file that was not closed is checked, and repaired, when it is opened for writing. */
static void
test_unclean (Fixture *f, gconstpointer data)
{
  uint8_t one = 1;
  uint32_t table;
  Image *image;

  make_full (f);
  g_assert_cmpuint (peek32 (f->path, 72) & 0xff, ==, 0);
  edit (f->path, 72, &one, 1);
  table = peek32 (f->path, peek32 (f->path, 56) * 512) * 512;
  edit32 (f->path, table, 0xfffffff0);
  image = open_disk (f, f->path, false);
  assert_there (f, image, 0);
  put (f, image, 10 * MIB);
  g_assert_cmpint (image_run (image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  g_assert_cmpuint (peek32 (f->path, 72) & 0xff, ==, 1);
  image_close (image);
  g_assert_cmpuint (peek32 (f->path, 72) & 0xff, ==, 0);
  g_assert_cmpuint (check (f, false, NULL), ==, 0);
}

/* --- parents and content --- */

static void
test_cid (Fixture *f, gconstpointer subformat)
{
  g_autofree char *made = NULL, *read = NULL, *written = NULL;
  Image *image;

  create (f, subformat, 4 * MIB);
  made = detail (f, "CID");
  image = open_disk (f, f->path, false);
  assert_zero (f, image, 0);
  g_assert_cmpint (image_run (image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  image_close (image);
  read = detail (f, "CID");
  g_assert_cmpstr (read, ==, made);
  image = open_disk (f, f->path, false);
  put (f, image, 0);
  image_close (image);
  written = detail (f, "CID");
  g_assert_cmpstr (written, !=, made);
}

static void
test_delta (Fixture *f, gconstpointer subformat)
{
  const ImageCreateOptions options = {
    .format = "vmdk", .subformat = subformat, .backing_path = "disk.vmdk", .backing_format = "vmdk"
  };
  const ImageRebase rebase = { .backing_path = "disk.vmdk", .backing_format = "vmdk", .unsafe = true };
  g_autofree char *child = in_folder (f, "child.vmdk"), *copy = in_folder (f, "copy.raw");
  const ImageSource source = { .path = child };
  GError *error = NULL;
  Image *image;

  create (f, NULL, 4 * MIB);
  image = open_disk (f, f->path, false);
  put (f, image, 0);
  image_close (image);
  g_assert_true (image_create (child, &options, &error));
  g_assert_no_error (error);
  image = open_disk (f, child, false);
  assert_there (f, image, 0);
  put (f, image, 2 * MIB);
  g_assert_cmpint (image_run (image, IMAGE_WRITE_ZEROES, 0, NULL, 4096), ==, 0);
  image_close (image);

  image = open_disk (f, child, true);
  assert_there (f, image, 2 * MIB);
  g_assert_cmpint (image_run (image, IMAGE_READ, 4096, f->seen, 4096), ==, 0);
  g_assert_cmpmem (f->seen, 4096, f->bytes + 4096, 4096);
  image_close (image);
  peer ("convert", "-f", "vmdk", "-O", "raw", child, copy, NULL);

  /* The parent changes under it. */
  image = open_disk (f, f->path, false);
  put (f, image, 3 * MIB);
  image_close (image);
  assert_refused (f, child, true, (const char *[]){ "changed since", "rebase --unsafe", NULL });
  g_assert_true (image_rebase (&source, &rebase, NULL, &error));
  g_assert_no_error (error);
  image = open_disk (f, child, true);
  assert_there (f, image, 3 * MIB);
  image_close (image);
}

/* Both moved here from elsewhere. */
static void
test_moved (Fixture *f, gconstpointer hint)
{
  const ImageCreateOptions options = { .format = "vmdk",
                                       .backing_path = "disk.vmdk",
                                       .backing_format = "vmdk" };
  g_autofree char *child = in_folder (f, "child.vmdk"), *text = NULL, *line = NULL;
  GError *error = NULL;
  size_t size;
  char *at;
  Image *image;

  create (f, NULL, 4 * MIB);
  image = open_disk (f, f->path, false);
  put (f, image, 0);
  image_close (image);
  g_assert_true (image_create (child, &options, &error));
  g_assert_true (g_file_get_contents (child, &text, &size, NULL));
  at = memmem (text, size, "parentFileNameHint=\"disk.vmdk\"", 30);
  g_assert_nonnull (at);
  line = g_strdup_printf ("parentFileNameHint=\"%s\"", (const char *)hint);
  memmove (at + strlen (line), at + 30, 20 * 512 - (at - text) - strlen (line));
  memcpy (at, line, strlen (line));
  edit (child, 512, text + 512, 20 * 512);
  image = open_disk (f, child, true);
  assert_there (f, image, 0);
  image_close (image);
}

static void
test_access (Fixture *f, gconstpointer data)
{
  Image *image;

  make_flat (f, "a.vmdk");
  g_assert_true (g_file_set_contents (
    f->path, "# Disk DescriptorFile\nRDONLY 200 FLAT \"a.vmdk\" 0\nNOACCESS 200 FLAT \"a.vmdk\" 0", -1,
    NULL));
  assert_refused (f, f->path, false, (const char *[]){ "RDONLY", "read-only", NULL });
  image = open_disk (f, f->path, true);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, f->seen, PATTERN / 2), ==, 0);
  g_assert_cmpint (image_run (image, IMAGE_READ, PATTERN / 2, f->seen, 512), <, 0);
  image_close (image);
}

/* Zeroed grains: a version 2 disk of the peer's. */
static void
test_zeroed_grains (Fixture *f, gconstpointer data)
{
  const ImageCreateOptions options = { .format = "vmdk", .size = 4 * MIB };
  g_autofree char *child = in_folder (f, "child.vmdk");
  GError *error = NULL;
  Image *image;

  g_assert_true (image_create (child, &options, &error));
  image = open_disk (f, child, false);
  put (f, image, 0);
  image_close (image);
  peer ("create", "-q", "-f", "vmdk", "-o", "zeroed_grain=on", "-F", "vmdk", "-b", child, f->path, NULL);
  image = open_disk (f, f->path, false);
  assert_there (f, image, 0);
  g_assert_cmpint (image_run (image, IMAGE_WRITE_ZEROES, 0, NULL, 4 * GRAIN), ==, 0);
  assert_zero (f, image, 0);
  image_close (image);
  g_assert_cmpuint (peek32 (f->path, peek32 (f->path, peek32 (f->path, 56) * 512) * 512), ==, 1);
  image = open_disk (f, f->path, false);
  assert_zero (f, image, 0);
  put (f, image, 0);
  assert_there (f, image, 0);
  image_close (image);
  g_assert_cmpuint (check (f, false, NULL), ==, 0);
}

/* --- streams --- */

static void
make_stream (Fixture *f)
{
  const ImageConvert how = { .create = { .format = "vmdk", .subformat = "streamOptimized" }, .verify = true };
  g_autofree char *raw = in_folder (f, "disk.raw");
  const ImageSource source = { .path = raw, .format = "raw" };
  GError *error = NULL;
  Image *image;

  g_assert_true (image_create_raw (raw, 200 * MIB + 512, &error));
  image = image_open (f->loop, raw, &(ImageOptions){ .format = "raw" }, &error);
  g_assert_no_error (error);
  put (f, image, 100);
  put (f, image, 70 * MIB);
  put (f, image, 200 * MIB + 512 - PATTERN);
  image_close (image);
  g_assert_true (image_convert (&source, f->path, &how, NULL, NULL, &error));
  g_assert_no_error (error);
}

/* As a reader sees it that can't seek. Returns the number of grains. */
static unsigned
walk_stream (const uint8_t *file, size_t size)
{
  uint64_t at = 128 * 512, next = 0;
  unsigned grains = 0, tables = 0;

  g_assert_cmpuint (load_le64 (file + 56), ==, UINT64_MAX);
  for (;;)
    {
      const uint8_t *marker = file + at;
      uint64_t value = load_le64 (marker);
      uint32_t code = load_le32 (marker + 8);

      g_assert_cmpuint (at + 512, <=, size);
      if (code != 0)
        {
          g_assert_cmpuint (value, >=, next);
          next = value + 128;
          grains++;
          at += (12 + code + 511) / 512 * 512;
          continue;
        }
      switch (load_le32 (marker + 12))
        {
        case 0: /* the end */
          g_assert_cmpuint (value, ==, 0);
          g_assert_cmpuint (at + 512, ==, size);
          g_assert_cmpuint (tables, ==, 3);
          return grains;
        case 1:
          g_assert_cmpuint (value, ==, 4);
          tables++;
          break;
        case 2:
          g_assert_cmpuint (value, ==, 1);
          break;
        case 3:
          g_assert_cmpuint (value, ==, 1);
          g_assert_cmpmem (marker + 512, 56, file, 56);
          g_assert_cmpuint (at + 3 * 512, ==, size);
          break;
        default:
          g_assert_not_reached ();
        }
      at += 512 + value * 512;
    }
}

static void
test_stream (Fixture *f, gconstpointer data)
{
  g_autofree char *file = NULL, *copy = in_folder (f, "copy.raw"), *back = in_folder (f, "back.vmdk");
  g_autofree char *raw = in_folder (f, "disk.raw");
  size_t size;
  Image *image;

  make_stream (f);
  g_assert_true (g_file_get_contents (f->path, &file, &size, NULL));
  g_assert_cmpuint (walk_stream ((uint8_t *)file, size), ==, 4 + 4 + 5);
  image = open_disk (f, f->path, true);
  assert_there (f, image, 100);
  assert_there (f, image, 70 * MIB);
  assert_zero (f, image, 150 * MIB);
  assert_there (f, image, 200 * MIB + 512 - PATTERN);
  image_close (image);
  g_assert_cmpuint (check (f, false, NULL), ==, 0);
  peer ("check", "-f", "vmdk", f->path, NULL);
  peer ("compare", "-f", "vmdk", "-F", "raw", f->path, raw, NULL);
  assert_refused (f, f->path, false, (const char *[]){ "streamOptimized", "read-only", NULL });

  peer ("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, back, NULL);
  image = open_disk (f, back, true);
  assert_there (f, image, 70 * MIB);
  assert_there (f, image, 200 * MIB + 512 - PATTERN);
  image_close (image);
}

static void
test_cut_stream (Fixture *f, gconstpointer data)
{
  struct stat st;
  Image *image;

  make_stream (f);
  edit32 (f->path, 128 * 512 + 8, 0x7fffffff); /* a code of 2 GiB */
  image = open_disk (f, f->path, true);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, f->seen, 512), <, 0);
  assert_there (f, image, 70 * MIB);
  image_close (image);
  edit32 (f->path, 128 * 512 + 8, 40); /* one that ends early */
  image = open_disk (f, f->path, true);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, f->seen, 512), <, 0);
  image_close (image);
  g_assert_cmpint (stat (f->path, &st), ==, 0);
  g_assert_cmpint (truncate (f->path, st.st_size - 512), ==, 0);
  assert_refused (f, f->path, true, (const char *[]){ "no footer", "cut off", NULL });
}

#define ADD(name, data, test) g_test_add ("/vmdk/" name, Fixture, data, setup, test, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("subformat/monolithicSparse", "monolithicSparse", test_subformat);
  ADD ("subformat/monolithicFlat", "monolithicFlat", test_subformat);
  ADD ("subformat/twoGbMaxExtentSparse", "twoGbMaxExtentSparse", test_subformat);
  ADD ("subformat/twoGbMaxExtentFlat", "twoGbMaxExtentFlat", test_subformat);
  ADD ("split/sparse", "twoGbMaxExtentSparse", test_split);
  ADD ("split/flat", "twoGbMaxExtentFlat", test_split);
  ADD ("grow/sparse", "monolithicSparse", test_grow);
  ADD ("grow/flat", "monolithicFlat", test_grow);
  ADD ("left-nothing", NULL, test_left_nothing);
  ADD ("descriptor/edited", NULL, test_edited);
  ADD ("descriptor/minimal", NULL, test_minimal);
  ADD ("descriptor/bad-lines", NULL, test_bad_lines);
  ADD ("descriptor/hostile-extents", NULL, test_hostile_extents);
  g_test_add_func ("/vmdk/descriptor/rewrite", test_rewrite);
  ADD ("bad-header", NULL, test_bad_header);
  ADD ("redundant", NULL, test_redundant);
  ADD ("overlap", NULL, test_overlap);
  ADD ("leak", NULL, test_leak);
  ADD ("unclean", NULL, test_unclean);
  ADD ("cid/sparse", "monolithicSparse", test_cid);
  ADD ("cid/flat", "monolithicFlat", test_cid);
  ADD ("delta/sparse", "monolithicSparse", test_delta);
  ADD ("delta/split", "twoGbMaxExtentSparse", test_delta);
  ADD ("moved/windows", "C:\\VMs\\old\\disk.vmdk", test_moved);
  ADD ("moved/absolute", "/not/here/disk.vmdk", test_moved);
  ADD ("access", NULL, test_access);
  ADD ("zeroed-grains", NULL, test_zeroed_grains);
  ADD ("stream", NULL, test_stream);
  ADD ("stream/damaged", NULL, test_cut_stream);
  return g_test_run ();
}
