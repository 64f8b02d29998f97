/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMDK disks: every way to lay one out, descriptors that people edited, hostile ones, parents. */
#include "devices/image/chain.h"
#include "devices/image/jobs/jobs.h"
#include "devices/image/vmdk/vmdk-descriptor.h"

#include "tests/image/vmdk-fixture.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- layouts --- */

static void
test_subformat (VmdkFixture *f, gconstpointer subformat)
{
  uint64_t size = 5 * MIB + 512;
  Image *image;

  vmdk_fixture_create (f, subformat, size);
  image = vmdk_fixture_open (f, f->path, false);
  g_assert_cmpuint (image_size (image), ==, size);
  vmdk_fixture_is_zero (f, image, 0);
  vmdk_fixture_put (f, image, 12345);
  vmdk_fixture_put (f, image, size - PATTERN);
  vmdk_fixture_has (f, image, 12345);
  g_assert_cmpint (image_run (image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  image_close (image);

  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_has (f, image, 12345);
  vmdk_fixture_has (f, image, size - PATTERN);
  vmdk_fixture_is_zero (f, image, MIB);
  g_assert_cmpint (image_run (image, IMAGE_WRITE_ZEROES, 0, NULL, MIB), ==, 0);
  vmdk_fixture_is_zero (f, image, 12345);
  image_close (image);
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), ==, 0);
  vmdk_fixture_peer ("check", "-f", "vmdk", f->path, NULL);
}

/* More than one file, and a disk that ends in the middle of a grain. */
static void
test_split (VmdkFixture *f, gconstpointer subformat)
{
  uint64_t part = 4192256 * UINT64_C (512), size = part * 2 + 70 * 1024;
  g_autofree char *copy = vmdk_fixture_path (f, "copy.vmdk"),
                  *option = g_strdup_printf ("subformat=%s", (const char *)subformat);
  Image *image;

  vmdk_fixture_create (f, subformat, size);
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_put (f, image, part - 100 * 1024);
  vmdk_fixture_put (f, image, size - PATTERN);
  image_close (image);
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), ==, 0);
  vmdk_fixture_peer ("convert", "-f", "vmdk", "-O", "vmdk", "-o", option, f->path, copy, NULL);
  image = vmdk_fixture_open (f, copy, true);
  vmdk_fixture_has (f, image, part - 100 * 1024);
  vmdk_fixture_has (f, image, size - PATTERN);
  image_close (image);
}

static void
test_grow (VmdkFixture *f, gconstpointer subformat)
{
  GError *error = NULL;
  Image *image;

  vmdk_fixture_create (f, subformat, 3 * MIB + 512);
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_put (f, image, 3 * MIB + 512 - PATTERN);
  g_assert_true (image_resize (image, 3000 * MIB, &error));
  g_assert_no_error (error);
  vmdk_fixture_put (f, image, 2900 * MIB);
  vmdk_fixture_is_zero (f, image, 3 * MIB + 512);
  image_close (image);
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), ==, 0);
  vmdk_fixture_peer ("check", "-f", "vmdk", f->path, NULL);
  image = vmdk_fixture_open (f, f->path, true);
  g_assert_cmpuint (image_size (image), ==, 3000 * MIB);
  vmdk_fixture_has (f, image, 3 * MIB + 512 - PATTERN);
  vmdk_fixture_has (f, image, 2900 * MIB);
  image_close (image);
}

static void
test_left_nothing (VmdkFixture *f, gconstpointer data)
{
  const ImageCreateOptions options = { .format = "vmdk",
                                       .subformat = "twoGbMaxExtentSparse",
                                       .size = 6000 * MIB };
  g_autofree char *third = vmdk_fixture_path (f, "disk-s003.vmdk"),
                  *first = vmdk_fixture_path (f, "disk-s001.vmdk");
  g_autoptr (GError) error = NULL;

  g_file_set_contents (third, "mine", -1, NULL);
  g_assert_false (image_create (f->path, &options, &error));
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (first, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (third, G_FILE_TEST_EXISTS));
}

/* --- descriptors --- */

static void
make_flat (const VmdkFixture *f, const char *name)
{
  g_autofree char *path = vmdk_fixture_path (f, name);

  g_assert_true (g_file_set_contents (path, (const char *)f->bytes, PATTERN, NULL));
}

/* Every line is odd in a way that somebody's editor made it. */
static void
test_edited (VmdkFixture *f, gconstpointer data)
{
  static const char before[] =
    "\r\n  # disk DESCRIPTORFILE \r\n\tVersion = 1\r\ncid = \"AB12\"\r\n# kept: a note\r\n"
    "PARENTCID=FFFFFFFF\r\nddb.some.new.thing = \"x = y\"\r\nisNativeSnapshot=\"no\"\r\n\r\n"
    "rw   400\tFlat   \"die Platte ä.vmdk\"   0  \r\nRDONLY 8 ZERO";
  g_autofree char *after = NULL;
  Image *image;

  make_flat (f, "die Platte ä.vmdk");
  g_assert_true (g_file_set_contents (f->path, before, -1, NULL));
  image = vmdk_fixture_open (f, f->path, false);
  g_assert_cmpuint (image_size (image), ==, PATTERN + 8 * 512);
  vmdk_fixture_has (f, image, 0);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 512, f->bytes + 512, 512), ==, 0);
  image_close (image);

  g_assert_true (g_file_get_contents (f->path, &after, NULL, NULL));
  g_assert_nonnull (strstr (after, "# kept: a note\r\n"));
  g_assert_nonnull (strstr (after, "ddb.some.new.thing = \"x = y\"\r\n"));
  g_assert_nonnull (strstr (after, "\"die Platte ä.vmdk\"   0"));
  g_assert_null (strstr (after, "AB12"));
  g_assert_true (g_str_has_suffix (after, "RDONLY 8 ZERO"));
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_has (f, image, 0);
  image_close (image);
}

static void
test_minimal (VmdkFixture *f, gconstpointer data)
{
  Image *image;

  make_flat (f, "a.vmdk");
  g_assert_true (g_file_set_contents (
    f->path, "# Disk DescriptorFile\nRW 200 FLAT a.vmdk 200\nRW 200 VMFS \"a.vmdk\"", -1, NULL));
  image = vmdk_fixture_open (f, f->path, false);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, f->seen, PATTERN), ==, 0);
  g_assert_cmpmem (f->seen, PATTERN / 2, f->bytes + PATTERN / 2, PATTERN / 2);
  g_assert_cmpmem (f->seen + PATTERN / 2, PATTERN / 2, f->bytes, PATTERN / 2);
  vmdk_fixture_put (f, image, 0);
  image_close (image);
  image = vmdk_fixture_open (f, f->path, true);
  vmdk_fixture_has (f, image, 0);
  image_close (image);
}

static void
assert_text_refused (const VmdkFixture *f, const char *extent, const char *line, const char *why)
{
  g_autofree char *text =
    g_strdup_printf ("# Disk DescriptorFile\nversion=1\nCID=123\nparentCID=ffffffff\n%s\n", extent);

  g_assert_true (g_file_set_contents (f->path, text, -1, NULL));
  vmdk_fixture_refuses (f, f->path, true, (const char *[]){ line, why, NULL });
}

static void
test_bad_lines (VmdkFixture *f, gconstpointer data)
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
test_hostile_extents (VmdkFixture *f, gconstpointer data)
{
  g_autofree char *fifo = vmdk_fixture_path (f, "fifo"), *folder = vmdk_fixture_path (f, "folder"),
                  *away = vmdk_fixture_path (f, "away");

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

/* --- parents and content --- */

static void
test_cid (VmdkFixture *f, gconstpointer subformat)
{
  g_autofree char *made = NULL, *read = NULL, *written = NULL;
  Image *image;

  vmdk_fixture_create (f, subformat, 4 * MIB);
  made = vmdk_fixture_detail (f, "CID");
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_is_zero (f, image, 0);
  g_assert_cmpint (image_run (image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  image_close (image);
  read = vmdk_fixture_detail (f, "CID");
  g_assert_cmpstr (read, ==, made);
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_put (f, image, 0);
  image_close (image);
  written = vmdk_fixture_detail (f, "CID");
  g_assert_cmpstr (written, !=, made);
}

static void
test_delta (VmdkFixture *f, gconstpointer subformat)
{
  const ImageCreateOptions options = {
    .format = "vmdk", .subformat = subformat, .backing_path = "disk.vmdk", .backing_format = "vmdk"
  };
  const ImageRebase rebase = { .backing_path = "disk.vmdk", .backing_format = "vmdk", .unsafe = true };
  g_autofree char *child = vmdk_fixture_path (f, "child.vmdk"), *copy = vmdk_fixture_path (f, "copy.raw");
  const ImageSource source = { .path = child };
  GError *error = NULL;
  Image *image;

  vmdk_fixture_create (f, NULL, 4 * MIB);
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_put (f, image, 0);
  image_close (image);
  g_assert_true (image_create (child, &options, &error));
  g_assert_no_error (error);
  image = vmdk_fixture_open (f, child, false);
  vmdk_fixture_has (f, image, 0);
  vmdk_fixture_put (f, image, 2 * MIB);
  g_assert_cmpint (image_run (image, IMAGE_WRITE_ZEROES, 0, NULL, 4096), ==, 0);
  image_close (image);

  image = vmdk_fixture_open (f, child, true);
  vmdk_fixture_has (f, image, 2 * MIB);
  g_assert_cmpint (image_run (image, IMAGE_READ, 4096, f->seen, 4096), ==, 0);
  g_assert_cmpmem (f->seen, 4096, f->bytes + 4096, 4096);
  image_close (image);
  vmdk_fixture_peer ("convert", "-f", "vmdk", "-O", "raw", child, copy, NULL);

  /* The parent changes under it. */
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_put (f, image, 3 * MIB);
  image_close (image);
  vmdk_fixture_refuses (f, child, true, (const char *[]){ "changed since", "rebase --unsafe", NULL });
  g_assert_true (image_rebase (&source, &rebase, NULL, &error));
  g_assert_no_error (error);
  image = vmdk_fixture_open (f, child, true);
  vmdk_fixture_has (f, image, 3 * MIB);
  image_close (image);
}

/* Whatever becomes of a commit, the chain opens again. */
static void
test_commit_cut (VmdkFixture *f, gconstpointer data)
{
  const ImageCreateOptions options = { .format = "vmdk",
                                       .backing_path = "disk.vmdk",
                                       .backing_format = "vmdk" };
  g_autofree char *child = vmdk_fixture_path (f, "child.vmdk");
  GError *error = NULL;
  Image *image;

  vmdk_fixture_create (f, NULL, 4 * MIB);
  g_assert_true (image_create (child, &options, &error));
  for (unsigned i = 0; i < 2; i++)
    {
      image = vmdk_fixture_open (f, child, false);
      vmdk_fixture_put (f, image, i * MIB);
      g_assert_true (image_chain_begin_commit (image, &error));
      g_assert_no_error (error);
      vmdk_fixture_has (f, image, i * MIB);
      image_close (image);
    }
  image = vmdk_fixture_open (f, child, true);
  vmdk_fixture_has (f, image, 0);
  vmdk_fixture_has (f, image, MIB);
  image_close (image);
}

/* Both moved here from elsewhere. */
static void
test_moved (VmdkFixture *f, gconstpointer hint)
{
  const ImageCreateOptions options = { .format = "vmdk",
                                       .backing_path = "disk.vmdk",
                                       .backing_format = "vmdk" };
  g_autofree char *child = vmdk_fixture_path (f, "child.vmdk"), *text = NULL, *line = NULL;
  GError *error = NULL;
  size_t size;
  char *at;
  Image *image;

  vmdk_fixture_create (f, NULL, 4 * MIB);
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_put (f, image, 0);
  image_close (image);
  g_assert_true (image_create (child, &options, &error));
  g_assert_true (g_file_get_contents (child, &text, &size, NULL));
  at = memmem (text, size, "parentFileNameHint=\"disk.vmdk\"", 30);
  g_assert_nonnull (at);
  line = g_strdup_printf ("parentFileNameHint=\"%s\"", (const char *)hint);
  memmove (at + strlen (line), at + 30, 20 * 512 - (at - text) - strlen (line));
  memcpy (at, line, strlen (line));
  vmdk_fixture_edit (child, 512, text + 512, 20 * 512);
  image = vmdk_fixture_open (f, child, true);
  vmdk_fixture_has (f, image, 0);
  image_close (image);
}

static void
test_access (VmdkFixture *f, gconstpointer data)
{
  Image *image;

  make_flat (f, "a.vmdk");
  g_assert_true (g_file_set_contents (
    f->path, "# Disk DescriptorFile\nRDONLY 200 FLAT \"a.vmdk\" 0\nNOACCESS 200 FLAT \"a.vmdk\" 0", -1,
    NULL));
  vmdk_fixture_refuses (f, f->path, false, (const char *[]){ "RDONLY", "read-only", NULL });
  image = vmdk_fixture_open (f, f->path, true);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, f->seen, PATTERN / 2), ==, 0);
  g_assert_cmpint (image_run (image, IMAGE_READ, PATTERN / 2, f->seen, 512), <, 0);
  image_close (image);
}

#define ADD(name, data, test)                                                                                \
  g_test_add ("/vmdk/" name, VmdkFixture, data, vmdk_fixture_setup, test, vmdk_fixture_teardown)

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
  ADD ("cid/sparse", "monolithicSparse", test_cid);
  ADD ("cid/flat", "monolithicFlat", test_cid);
  ADD ("delta/sparse", "monolithicSparse", test_delta);
  ADD ("delta/split", "twoGbMaxExtentSparse", test_delta);
  ADD ("commit-cut", NULL, test_commit_cut);
  ADD ("moved/windows", "C:\\VMs\\old\\disk.vmdk", test_moved);
  ADD ("moved/absolute", "/not/here/disk.vmdk", test_moved);
  ADD ("access", NULL, test_access);
  return g_test_run ();
}
