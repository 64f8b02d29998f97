/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An image of several files takes another one's place, and the run fails, or is killed, at each step in turn:
 * there is the old image or the new one, whole, and nothing else.
 *
 * The linker leads the calls that put files in their places here (--wrap).
 */
#include "devices/image/jobs/jobs.h"
#include "tests/image/image-bench.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIB (UINT64_C (1) << 30)
#define MIB (UINT64_C (1) << 20)

/* --- the step that doesn't come to its end --- */

static struct {
  unsigned step;  /* that fails, from 1; 0: none */
  unsigned steps; /* so far */
  bool kills;
} the_trap; /* --wrap has no other way */

/* Whether this call goes through. */
static bool
take_step (void)
{
  if (++the_trap.steps != the_trap.step)
    return true;
  if (the_trap.kills)
    kill (getpid (), SIGKILL);
  errno = EIO;
  return false;
}

#define WRAP(name, declaration, arguments)                                                                   \
  int __real_##name declaration;                                                                             \
  int __wrap_##name declaration;                                                                             \
                                                                                                             \
  int __wrap_##name declaration                                                                              \
  {                                                                                                          \
    return take_step () ? __real_##name arguments : -1;                                                      \
  }

WRAP (linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
WRAP (renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP (renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
WRAP (fsync, (int fd), (fd))

static void
set_trap (unsigned step, bool kills)
{
  the_trap.step = step;
  the_trap.steps = 0;
  the_trap.kills = kills;
}

/* --- the images --- */

typedef struct {
  const char *subformat;
  const char *old_files, *new_files; /* names, sorted; that each has */
} Shape;

static const Shape sparse = {
  "twoGbMaxExtentSparse",
  "disk-s001.vmdk disk-s002.vmdk disk-s003.vmdk disk.vmdk",
  "disk-1-s001.vmdk disk-1-s002.vmdk disk.vmdk",
};
static const Shape flat = {
  "monolithicFlat",
  "disk-flat.vmdk disk.vmdk",
  "disk-1-flat.vmdk disk.vmdk",
};

static void
make (const ImageBench *bench, const char *name, const char *format, const char *subformat, uint64_t size,
      uint8_t seed)
{
  const ImageCreateOptions options = { .format = format, .subformat = subformat, .size = size };
  Image *image;

  image_bench_create (bench, name, &options);
  image = image_bench_open (bench, name, false);
  image_bench_fill (image, MIB, MIB, seed);
  image_bench_fill (image, size - MIB, MIB, seed);
  image_close (image);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* What is in the folder, but for the source. */
static char *
list (const ImageBench *bench)
{
  g_autoptr (GDir) dir = g_dir_open (bench->folder, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    if (!g_str_equal (name, "source.qcow2"))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return g_strjoinv (" ", (char **)names->pdata);
}

static void
assert_holds (const ImageBench *bench, const char *files, uint64_t size, uint8_t seed)
{
  g_autofree char *found = list (bench);
  Image *image = image_bench_open (bench, "disk.vmdk", true);

  g_assert_cmpstr (found, ==, files);
  g_assert_cmpuint (image_size (image), ==, size);
  image_bench_holds (image, 0, MIB, 0);
  image_bench_holds (image, MIB, MIB, seed);
  image_bench_holds (image, size - MIB, MIB, seed);
  image_close (image);
}

static bool
convert_as (const ImageBench *bench, const Shape *shape, bool replace, const ImageJob *job)
{
  g_autofree char *source = image_bench_path (bench, "source.qcow2"),
                  *target = image_bench_path (bench, "disk.vmdk");
  const ImageConvert how = { .create = { .format = "vmdk", .subformat = shape->subformat },
                             .replace = replace };
  g_autoptr (GError) error = NULL;
  bool done =
    image_convert (&(ImageSource){ .path = source, .format = "qcow2" }, target, &how, job, NULL, &error);

  g_assert_true (done || error != NULL);
  return done;
}

static bool
convert (const ImageBench *bench, const Shape *shape, bool replace)
{
  return convert_as (bench, shape, replace, NULL);
}

#define OLD_SIZE(shape) ((shape) == &sparse ? 5 * GIB : 8 * MIB)
#define NEW_SIZE(shape) ((shape) == &sparse ? 3 * GIB : 4 * MIB)

static ImageBench *
begin (const Shape *shape, bool replace)
{
  ImageBench *bench = image_bench_new ();

  make (bench, "source.qcow2", "qcow2", NULL, NEW_SIZE (shape), 2);
  if (replace)
    make (bench, "disk.vmdk", "vmdk", shape->subformat, OLD_SIZE (shape), 1);
  return bench;
}

static bool
is_new (const ImageBench *bench, const Shape *shape)
{
  Image *image = image_bench_open (bench, "disk.vmdk", true);
  bool new = image_size (image) == NEW_SIZE (shape);

  image_bench_holds (image, image_size (image) - MIB, MIB, new ? 2 : 1);
  image_close (image);
  return new;
}

/* --- failures --- */

static void
test_failures (gconstpointer data)
{
  const Shape *shape = data;
  g_autoptr (ImageBench) bench = begin (shape, true);
  bool done = false;
  unsigned step = 0;

  while (!done)
    {
      set_trap (++step, false);
      done = convert (bench, shape, true);
      the_trap.step = 0;
      g_assert_true (done || the_trap.steps >= step);
      if (!done && is_new (bench, shape))
        break; /* what failed was to make the new name stable */
      if (!done)
        assert_holds (bench, shape->old_files, OLD_SIZE (shape), 1);
    }
  g_assert_cmpuint (step, >, 4);
  if (done)
    assert_holds (bench, shape->new_files, NEW_SIZE (shape), 2);
}

static void
cancel (uint64_t done, uint64_t total, void *data)
{
  g_cancellable_cancel (data);
}

static void
test_cancelled (void)
{
  g_autoptr (ImageBench) bench = begin (&sparse, true);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const ImageJob job = { .cancellable = cancellable, .progress = cancel, .data = cancellable };

  g_assert_false (convert_as (bench, &sparse, true, &job));
  assert_holds (bench, sparse.old_files, OLD_SIZE (&sparse), 1);
}

/* --- kills --- */

/* In a process of its own, which has no other threads yet. */
static bool
convert_until_killed (const ImageBench *bench, const Shape *shape, bool replace, unsigned step)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *number = g_strdup_printf ("%u", step);
  const char *argv[] = {
    self,   "--victim", bench->folder, shape == &sparse ? "sparse" : "flat", replace ? "replace" : "new",
    number, NULL
  };
  g_autoptr (GError) error = NULL;
  int status;

  g_assert_true (
    g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error));
  g_assert_true ((WIFEXITED (status) && WEXITSTATUS (status) == 0)
                 || (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL));
  return WIFEXITED (status);
}

static int
be_victim (char **argv)
{
  ImageBench bench = { .folder = argv[2] };

  set_trap ((unsigned)strtoul (argv[5], NULL, 10), true);
  return convert (&bench, g_str_equal (argv[3], "sparse") ? &sparse : &flat, g_str_equal (argv[4], "replace"))
           ? 0
           : 1;
}

/* The image at the target, whatever lies around it. */
static void
assert_whole (const ImageBench *bench, const Shape *shape, bool replace)
{
  g_autofree char *path = image_bench_path (bench, "disk.vmdk");

  if (replace || g_file_test (path, G_FILE_TEST_EXISTS))
    g_assert_true (is_new (bench, shape) || replace);
}

static void
kill_at_each_step (const Shape *shape, bool replace)
{
  bool done = false;

  for (unsigned step = 1; !done; step++)
    {
      g_autoptr (ImageBench) bench = begin (shape, replace);
      g_autofree char *target = image_bench_path (bench, "disk.vmdk");

      done = convert_until_killed (bench, shape, replace, step);
      assert_whole (bench, shape, replace);
      /* The next run cleans up, whether it has anything to replace or not. */
      if (!done && (replace || !g_file_test (target, G_FILE_TEST_EXISTS)))
        {
          g_autofree char *found = NULL;

          g_assert_true (convert (bench, shape, replace));
          assert_whole (bench, shape, replace);
          found = list (bench);
          g_assert_null (strstr (found, ".part"));
          if (!replace)
            assert_holds (bench,
                          shape == &sparse ? "disk-s001.vmdk disk-s002.vmdk disk.vmdk" : shape->old_files,
                          NEW_SIZE (shape), 2);
        }
    }
}

static void
test_kills (gconstpointer data)
{
  kill_at_each_step (data, true);
  kill_at_each_step (data, false);
}

/* --- what else lies there --- */

static void
test_others_stay (void)
{
  g_autoptr (ImageBench) bench = begin (&sparse, true);
  g_autofree char *other = image_bench_path (bench, "disk-s009.vmdk"),
                  *note = image_bench_path (bench, "disk-notes.txt");

  g_assert_true (g_file_set_contents (other, "mine", -1, NULL));
  g_assert_true (g_file_set_contents (note, "mine too", -1, NULL));
  g_assert_false (convert (bench, &sparse, false));
  g_assert_true (convert (bench, &sparse, true));
  assert_holds (bench, "disk-1-s001.vmdk disk-1-s002.vmdk disk-notes.txt disk-s009.vmdk disk.vmdk", 3 * GIB,
                2);
  g_assert_true (convert (bench, &sparse, true));
  assert_holds (bench, "disk-2-s001.vmdk disk-2-s002.vmdk disk-notes.txt disk-s009.vmdk disk.vmdk", 3 * GIB,
                2);
}

int
main (int argc, char **argv)
{
  if (argc == 6 && g_str_equal (argv[1], "--victim"))
    return be_victim (argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/job-output/failures/sparse", &sparse, test_failures);
  g_test_add_data_func ("/job-output/failures/flat", &flat, test_failures);
  g_test_add_func ("/job-output/cancelled", test_cancelled);
  g_test_add_data_func ("/job-output/kills/sparse", &sparse, test_kills);
  g_test_add_data_func ("/job-output/kills/flat", &flat, test_kills);
  g_test_add_func ("/job-output/others-stay", test_others_stay);
  return g_test_run ();
}
