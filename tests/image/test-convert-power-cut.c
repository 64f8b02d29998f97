/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The power goes at a random moment while a disk is converted. Then the new image is at its place, and holds
 * all, or the old one is, or none; after success it is the new one. What was left doesn't keep the work from
 * being done once more.
 *
 * The linker leads here (--wrap) what makes, opens, moves and syncs the new image's file: what is in it lies
 * on a disk whose power fails, while its name is a file's, which stays empty.
 */
#include "tests/image/crash-chain.h"
#include "tests/image/power-cut-store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define COPY        "copy.img"
#define MEDIUM_MOST UINT64_C (0x20000000) /* bytes */

/* --- the disk --- */

static struct {
  Medium *medium;  /* NULL: files are files */
  PowerDisk *disk; /* NULL until the image is made */
  uint32_t seed;
  uint64_t changes; /* that it has power for */
} the_copy;         /* of this run, which has a process to itself */

static bool
is_copy (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);

  return the_copy.medium != NULL && g_str_equal (name, COPY);
}

static bool
is_off (void)
{
  return the_copy.disk != NULL && power_disk_is_off (the_copy.disk);
}

static int
without_power (void)
{
  errno = EIO;
  return -1;
}

ImageStore *__real_store_create (const char *path, GError **error);
ImageStore *__wrap_store_create (const char *path, GError **error);
ImageStore *__real_store_open (EventLoop *loop, const char *path, const StoreOptions *options,
                               GError **error);
ImageStore *__wrap_store_open (EventLoop *loop, const char *path, const StoreOptions *options,
                               GError **error);
int __real_fsync (int fd);
int __wrap_fsync (int fd);

ImageStore *
__wrap_store_create (const char *path, GError **error)
{
  ImageStore *file = __real_store_create (path, error);

  if (file == NULL || !is_copy (path))
    return file;
  store_close (file);
  the_copy.disk = power_disk_new (the_copy.medium, the_copy.seed);
  power_disk_cut_after (the_copy.disk, the_copy.changes);
  return power_disk_store (the_copy.disk, NULL, path);
}

ImageStore *
__wrap_store_open (EventLoop *loop, const char *path, const StoreOptions *options, GError **error)
{
  ImageStore *store;

  if (!is_copy (path) || the_copy.disk == NULL)
    return __real_store_open (loop, path, options, error);
  store = power_disk_store (the_copy.disk, loop, path);
  store->read_only = options->read_only;
  return store;
}

int
__wrap_fsync (int fd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *path = g_file_read_link (link, NULL);

  if (is_off ())
    return without_power ();
  if (path != NULL && is_copy (path) && the_copy.disk != NULL)
    {
      g_autoptr (ImageStore) store = power_disk_store (the_copy.disk, NULL, path);

      if (store_sync (store) < 0)
        return without_power ();
    }
  return __real_fsync (fd);
}

#define WRAP(name, declaration, arguments)                                                                   \
  int __real_##name declaration;                                                                             \
  int __wrap_##name declaration;                                                                             \
                                                                                                             \
  int __wrap_##name declaration                                                                              \
  {                                                                                                          \
    return is_off () ? without_power () : __real_##name arguments;                                           \
  }

WRAP (linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
WRAP (renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP (renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
WRAP (unlinkat, (int a, const char *name, int flags), (a, name, flags))
WRAP (unlink, (const char *path), (path))

/* --- a run --- */

typedef struct {
  ImageConvert how;
  bool old; /* there is one to be replaced */
} Kind;

static const CrashChainKind chain_kind = { .layer = { .format = "qcow2" }, .work = CRASH_CONVERT };

static bool
convert (CrashChain *chain, const Kind *kind, GError **error)
{
  const ImageSource source = { chain->disks[CHAIN_TOP].path, "qcow2", NULL };
  g_autofree char *target = g_build_filename (chain->run->folder, COPY, NULL);
  ImageConvert how = kind->how;

  how.verify = run_once_in (chain->run, 3);
  how.replace = kind->old;
  return image_convert (&source, target, &how, NULL, NULL, error);
}

static void
make_old (CrashChain *chain)
{
  g_autofree char *target = g_build_filename (chain->run->folder, COPY, NULL);
  g_autoptr (GError) error = NULL;

  crash_must (chain->run, g_file_set_contents (target, "old", 3, &error), &error, "making the old one");
}

/* Whether the new one's file is in its place; if not, what was there still is. */
static bool
is_in_place (CrashChain *chain, const Kind *kind)
{
  g_autofree char *target = g_build_filename (chain->run->folder, COPY, NULL);
  g_autofree char *text = NULL;
  bool exists = g_file_get_contents (target, &text, NULL, NULL);

  if (exists && *text == '\0')
    return true;
  if (exists != kind->old || (exists && !g_str_equal (text, "old")))
    run_fail (chain->run, "the old one is not what it was");
  return false;
}

static void
verify (CrashChain *chain, Image *image, GError **error)
{
  crash_must (chain->run, image != NULL, error, "the copy");
  crash_log_verify (chain->disks[CHAIN_TOP].log, chain->run, image);
  image_close (image);
}

static void
verify_survivor (CrashChain *chain, const Kind *kind, Medium *survivor)
{
  EventLoop *loop = chain->disks[CHAIN_TOP].loop;
  const ImageOptions options = { .read_only = true, .format = kind->how.create.format };
  g_autoptr (GError) error = NULL;

  verify (chain, image_open_store (loop, memory_store_new (loop, survivor, COPY, true), &options, &error),
          &error);
}

static void
convert_until_cut (CrashChain *chain, const Kind *kind)
{
  Run *run = chain->run;
  g_autoptr (GError) error = NULL;
  g_autoptr (Medium) survivor = NULL;
  bool done;

  the_copy.medium = medium_new (MEDIUM_MOST);
  the_copy.seed = g_rand_int (run->rand);
  the_copy.changes = run_scale (run, 11);
  done = convert (chain, kind, &error);
  if (!done && !is_off ())
    run_fail (run, "converting: %s", error->message);
  power_disk_cut_now (the_copy.disk);
  run_log (run, "power off after %" G_GUINT64_FORMAT " changes, %" G_GUINT64_FORMAT " syncs; %s",
           power_disk_changes (the_copy.disk), power_disk_syncs (the_copy.disk),
           done ? "converted" : error->message);
  survivor = power_disk_survivor (the_copy.disk, POWER_SECTORS);
  g_clear_pointer (&the_copy.disk, power_disk_unref);
  g_clear_pointer (&the_copy.medium, medium_unref);

  if (is_in_place (chain, kind))
    verify_survivor (chain, kind, survivor);
  else if (done)
    run_fail (run, "it is not in its place");
}

static void
convert_again (CrashChain *chain, const Kind *kind)
{
  Kind again = *kind;
  g_autofree char *target = g_build_filename (chain->run->folder, COPY, NULL),
                  *part = g_build_filename (chain->run->folder, "." COPY ".part", NULL);
  const ImageOptions options = { .read_only = true, .format = kind->how.create.format };
  g_autoptr (GError) error = NULL;

  again.old = true;
  crash_must (chain->run, convert (chain, &again, &error), &error, "once more");
  verify (chain, image_open (chain->disks[CHAIN_TOP].loop, target, &options, &error), &error);
  if (g_file_test (part, G_FILE_TEST_EXISTS))
    run_fail (chain->run, "%s was left", part);
}

static void
run_convert (Run *run, const void *data)
{
  Kind kind = *(const Kind *)data;
  CrashChain chain;

  kind.old = run_once_in (run, 2);
  crash_chain_init (&chain, &chain_kind, run);
  crash_chain_start_loop (&chain);
  crash_chain_make (&chain);
  if (kind.old)
    make_old (&chain);
  convert_until_cut (&chain, &kind);
  convert_again (&chain, &kind);
  crash_chain_clear (&chain);
}

static const Kind qcow2 = { .how = { .create = { .format = "qcow2" } } };
static const Kind compressed = { .how = { .create = { .format = "qcow2" }, .compress = true } };
static const Kind lazy = { .how = { .create = { .format = "qcow2", .lazy_refcounts = true } } };
static const Kind vhd = { .how = { .create = { .format = "vhd" } } };
static const Kind vhd_fixed = { .how = { .create = { .format = "vhd", .subformat = "fixed" } } };
static const Kind vdi = { .how = { .create = { .format = "vdi" } } };
static const Kind vmdk = { .how = { .create = { .format = "vmdk" } } };
static const Kind stream = { .how = { .create = { .format = "vmdk", .subformat = "streamOptimized" } } };

static const RunCase cases[] = {
  { "qcow2", run_convert, &qcow2, 6 },         { "qcow2-compressed", run_convert, &compressed, 4 },
  { "qcow2-lazy", run_convert, &lazy, 3 },     { "vhd", run_convert, &vhd, 4 },
  { "vhd-fixed", run_convert, &vhd_fixed, 3 }, { "vdi", run_convert, &vdi, 4 },
  { "vmdk", run_convert, &vmdk, 4 },           { "vmdk-stream", run_convert, &stream, 4 },
};

int
main (int argc, char **argv)
{
  return runner_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
