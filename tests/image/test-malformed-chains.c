/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chains that nobody should have made: they lead in circles, to pipes and devices, to nothing, or to what a
 * guest may have written. Each is refused by an error that names the thing; nothing hangs.
 */
#include "devices/image/image.h"
#include "tests/image/small-disk.h"
#include "vmm/base/bytes.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB     UINT64_C (1048576)
#define LONGEST 60 /* seconds that a test may take */

static EventLoop *loop;

typedef struct {
  char *folder, *path;
} Chain;

static void
setup (Chain *chain, const void *data)
{
  alarm (LONGEST);
  chain->folder = scratch_new ();
  chain->path = g_build_filename (chain->folder, "top.qcow2", NULL);
}

static void
teardown (Chain *chain, const void *data)
{
  scratch_free (chain->folder);
  g_free (chain->path);
}

/* A qcow2 header by hand, on whatever one likes: docs/interop/qcow2.txt. @format: (nullable). */
static void
write_overlay (const char *path, const char *backing, const char *format)
{
  uint8_t image[4 * 4096] = { 'Q', 'F', 'I', 0xfb };
  unsigned at = 104;

  store_be32 (image + 4, 3);
  store_be32 (image + 20, 12);         /* clusters of 4 KiB */
  store_be64 (image + 24, 512 * 4096); /* what one L2 table maps */
  store_be32 (image + 36, 1);
  store_be64 (image + 40, 3 * 4096); /* L1 table */
  store_be64 (image + 48, 1 * 4096); /* refcount table */
  store_be32 (image + 56, 1);
  store_be32 (image + 96, 4);
  store_be32 (image + 100, 104);
  if (format != NULL)
    {
      store_be32 (image + at, 0xe2792aca);
      store_be32 (image + at + 4, (uint32_t)strlen (format));
      memcpy (image + at + 8, format, strlen (format));
      at += 8 + (unsigned)(strlen (format) + 7) / 8 * 8;
    }
  at += 8; /* end of extensions */
  store_be64 (image + 8, at);
  store_be32 (image + 16, (uint32_t)strlen (backing));
  memcpy (image + at, backing, strlen (backing));
  store_be64 (image + 4096, 2 * 4096);
  for (unsigned i = 0; i < 4; i++)
    store_be16 (image + 2 * 4096 + 2 * i, 1);
  g_assert_true (g_file_set_contents (path, (const char *)image, sizeof image, NULL));
}

static void
assert_refused_with (Chain *chain, bool lenient, const char *words)
{
  const ImageOptions options = { .exclusive_lock = true, .lenient = lenient };
  g_autofree char *pattern = g_strdup_printf ("(%s)", words);
  g_autoptr (GError) error = NULL;
  Image *image = image_open (loop, chain->path, &options, &error);

  if (image != NULL)
    g_error ("it was opened; it should be said: %s", words);
  if (!g_regex_match_simple (pattern, error->message, G_REGEX_CASELESS, 0))
    g_error ("“%s” does not say (%s)", error->message, words);
}

static void
assert_refused (Chain *chain, const char *words)
{
  assert_refused_with (chain, false, words);
}

static void
test_no_parent (Chain *chain, const void *data)
{
  write_overlay (chain->path, "missing.qcow2", "qcow2");
  assert_refused (chain, "missing.qcow2.*does not exist");
}

static void
test_own_parent (Chain *chain, const void *data)
{
  write_overlay (chain->path, "top.qcow2", "qcow2");
  assert_refused (chain, "itself|circle|circular|loop|below");
}

static void
test_circle (Chain *chain, const void *data)
{
  g_autofree char *other = g_build_filename (chain->folder, "other.qcow2", NULL);
  g_autofree char *third = g_build_filename (chain->folder, "third.qcow2", NULL);

  write_overlay (chain->path, "other.qcow2", "qcow2");
  write_overlay (other, third, "qcow2");
  write_overlay (third, "./other.qcow2", "qcow2");
  assert_refused (chain, "itself|circle|circular|loop|below");
}

static void
test_circle_by_link (Chain *chain, const void *data)
{
  g_autofree char *other = g_build_filename (chain->folder, "other.qcow2", NULL);

  write_overlay (chain->path, "other.qcow2", "qcow2");
  g_assert_cmpint (link (chain->path, other), ==, 0);
  assert_refused (chain, "itself|circle|circular|loop|below");
}

static void
test_fifo (Chain *chain, const void *data)
{
  g_autofree char *fifo = g_build_filename (chain->folder, "fifo", NULL);

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  write_overlay (chain->path, "fifo", "raw");
  assert_refused (chain, "pipe");
}

static void
test_device (Chain *chain, const void *data)
{
  write_overlay (chain->path, "/dev/zero", "raw");
  assert_refused (chain, "character device");
}

static void
test_folder (Chain *chain, const void *data)
{
  write_overlay (chain->path, "/", "raw");
  assert_refused (chain, "folder");
}

static void
test_unknown_format (Chain *chain, const void *data)
{
  g_autofree char *below = g_build_filename (chain->folder, "below", NULL);

  g_assert_true (g_file_set_contents (below, "some content", -1, NULL));
  write_overlay (chain->path, "below", "cloop");
  assert_refused (chain, "cloop");
}

/* The classic attack: a guest writes a header with a backing file to its raw disk, and the next one who
 * guesses the format reads the host's file to the guest. */
static void
test_guessed_raw (Chain *chain, const void *data)
{
  g_autofree char *below = g_build_filename (chain->folder, "below", NULL);

  g_assert_true (g_file_set_contents (below, "some content", -1, NULL));
  write_overlay (chain->path, "below", NULL);
  assert_refused (chain, "format");
}

/* Said to be raw, it is raw, whatever it looks like. */
static void
test_said_raw (Chain *chain, const void *data)
{
  const ImageOptions options = { .exclusive_lock = true };
  g_autofree char *below = g_build_filename (chain->folder, "below", NULL);
  GError *error = NULL;
  uint8_t magic[4];
  Image *image;

  write_overlay (below, "/etc/passwd", "raw");
  write_overlay (chain->path, "below", "raw");
  image = image_open (loop, chain->path, &options, &error);
  g_assert_no_error (error);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, magic, 4), ==, 0);
  g_assert_cmpmem (magic, 4, "QFI\xfb", 4);
  image_close (image);
}

static void
test_named_pipe_as_protocol (Chain *chain, const void *data)
{
  write_overlay (chain->path, "json:{\"driver\":\"raw\",\"file\":{\"filename\":\"/etc/passwd\"}}", "raw");
  assert_refused (chain, "json");
}

/* Deeper than anyone needs: opened or refused, within bounds. */
static void
test_deep (Chain *chain, const void *data)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = true };
  g_autofree char *base = g_build_filename (chain->folder, "0", NULL);
  g_autofree char *below = g_strdup ("0");
  g_autoptr (GError) error = NULL;
  Image *image;

  g_assert_true (g_file_set_contents (base, "base", -1, NULL));
  for (unsigned i = 1; i <= 2000; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);
      g_autofree char *path =
        i == 2000 ? g_strdup (chain->path) : g_build_filename (chain->folder, name, NULL);

      write_overlay (path, below, i == 1 ? "raw" : "qcow2");
      g_free (below);
      below = g_steal_pointer (&name);
    }
  image = image_open (loop, chain->path, &options, &error);
  g_assert_true (image != NULL || error != NULL);
  if (image == NULL)
    g_assert_nonnull (strstr (error->message, "top.qcow2"));
  image_close (image);
}

/* --- the same, of each format that knows parents --- */

/* a, b on it, c on that. */
static void
make_chain (const Chain *chain, const char *format)
{
  static const char *const names[] = { "a", "b", "c" };

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (chain->folder, names[i], NULL);
      const ImageCreateOptions create = { .format = format,
                                          .subformat =
                                            i > 0 && g_str_equal (format, "vhd") ? "differencing" : NULL,
                                          .size = i == 0 ? 4 * MIB : 0,
                                          .backing_path = i > 0 ? names[i - 1] : NULL,
                                          .backing_format = i > 0 ? format : NULL };
      GError *error = NULL;

      image_create (path, &create, &error);
      g_assert_no_error (error);
    }
}

/* @name (nullable) takes the place of the bottom of the chain, then @top is opened. */
static void
assert_chain_refused (Chain *chain, const char *name, const char *top, const char *words)
{
  g_autofree char *bottom = g_build_filename (chain->folder, "a", NULL);

  if (name != NULL)
    {
      g_autofree char *from = g_build_filename (chain->folder, name, NULL);

      g_assert_cmpint (rename (from, bottom), ==, 0);
    }
  g_free (chain->path);
  chain->path = g_build_filename (chain->folder, top, NULL);
  assert_refused (chain, words);
}

/* Most formats see already that the parent isn't the one they were made on; a check looks on. */
static void
test_format_circle (Chain *chain, const void *data)
{
  make_chain (chain, data);
  assert_chain_refused (chain, "c", "b", "circle|unique id|changed since");
  assert_refused_with (chain, true, "circle");
}

static void
test_format_own_parent (Chain *chain, const void *data)
{
  make_chain (chain, data);
  assert_chain_refused (chain, "b", "a", "circle");
}

static void
test_format_no_parent (Chain *chain, const void *data)
{
  g_autofree char *bottom = g_build_filename (chain->folder, "a", NULL);

  make_chain (chain, data);
  g_assert_cmpint (unlink (bottom), ==, 0);
  assert_chain_refused (
    chain, NULL, "c",
    "(“|/)a”.*(does not exist|missing|not found)|(does not exist|missing|not found).*(“|/)a”");
}

static void
test_format_fifo (Chain *chain, const void *data)
{
  g_autofree char *fifo = g_build_filename (chain->folder, "fifo", NULL);

  make_chain (chain, data);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  assert_chain_refused (chain, "fifo", "b", "pipe");
}

static void
test_format_device (Chain *chain, const void *data)
{
  g_autofree char *link = g_build_filename (chain->folder, "link", NULL);

  make_chain (chain, data);
  g_assert_cmpint (symlink ("/dev/zero", link), ==, 0);
  assert_chain_refused (chain, "link", "b", "character device");
}

static void
test_format_folder (Chain *chain, const void *data)
{
  g_autofree char *bottom = g_build_filename (chain->folder, "a", NULL);
  g_autofree char *folder = g_build_filename (chain->folder, "folder", NULL);

  make_chain (chain, data);
  g_assert_cmpint (unlink (bottom), ==, 0);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  assert_chain_refused (chain, "folder", "b", "folder");
}

#define ADD(name, func) g_test_add ("/image/malformed/" name, Chain, NULL, setup, func, teardown)

static void
add_formats (void)
{
  static const char *const formats[] = { "qcow2", "vhd", "vmdk" };
  static const struct {
    const char *name;
    void (*func) (Chain *chain, const void *data);
  } tests[] = {
    { "circle", test_format_circle },       { "own-parent", test_format_own_parent },
    { "no-parent", test_format_no_parent }, { "fifo", test_format_fifo },
    { "device", test_format_device },       { "folder", test_format_folder },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    for (unsigned j = 0; j < G_N_ELEMENTS (tests); j++)
      {
        g_autofree char *name = g_strdup_printf ("/image/malformed/%s/%s", formats[i], tests[j].name);

        g_test_add (name, Chain, formats[i], setup, tests[j].func, teardown);
      }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  loop = loop_new ("malformed", NULL);
  ADD ("no-parent", test_no_parent);
  ADD ("own-parent", test_own_parent);
  ADD ("circle", test_circle);
  ADD ("circle-by-link", test_circle_by_link);
  ADD ("fifo", test_fifo);
  ADD ("device", test_device);
  ADD ("folder", test_folder);
  ADD ("unknown-format", test_unknown_format);
  ADD ("guessed-raw", test_guessed_raw);
  ADD ("said-raw", test_said_raw);
  ADD ("json-name", test_named_pipe_as_protocol);
  ADD ("deep", test_deep);
  add_formats ();
  result = g_test_run ();
  loop_free (loop);
  return result;
}
