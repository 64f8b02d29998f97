/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks on NBD servers: every kind of request against a model, servers that can little, servers that die. */
#include "devices/image/image.h"
#include "devices/image/nbd/store-nbd.h"

#include "tests/image/nbd-server.h"
#include "tests/image/small-disk.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SIZE  (2u * 1024 * 1024)
#define BATCH 16u

#define QEMU_NBD    "qemu-nbd -f raw -e 4 -t --pid-file %P -k %S -x disk --discard=unmap %F"
#define NBDKIT      "nbdkit -f -P %P -U %S -e disk"
#define NBDKIT_FILE NBDKIT " file %F"
/* What isn't flushed is lost when it dies. */
#define NBDKIT_VOLATILE NBDKIT " --filter=cache file %F cache=writeback"
#define NBDKIT_COARSE                                                                                        \
  NBDKIT " --filter=blocksize-policy file %F blocksize-minimum=4096 blocksize-preferred=65536 "              \
         "blocksize-maximum=131072 "                                                                         \
         "blocksize-error-policy=error"
#define NBDKIT_POOR NBDKIT " --filter=nozero --filter=noextents --no-sr file %F"

typedef struct {
  char *folder, *path;
  EventLoop *loop;
  NbdServer server;
  ImageStore *store;
  uint8_t *model;
  GRand *rand;
} Fixture;

static void
setup (Fixture *f, gconstpointer command)
{
  const StoreOptions options = { 0 };
  g_autofree char *uri = NULL;
  GError *error = NULL;

  f->folder = scratch_new ();
  f->path = pattern_file_new (f->folder, "disk.img", SIZE);
  f->model = g_malloc (SIZE);
  for (unsigned i = 0; i < SIZE; i++)
    f->model[i] = pattern_byte (i);
  f->rand = g_rand_new_with_seed (7);
  nbd_server_init (&f->server, f->folder, command, f->path);
  f->loop = loop_new ("test", &error);
  g_assert_no_error (error);
  uri = nbd_server_uri (&f->server, "disk");
  f->store = store_open (f->loop, uri, &options, &error);
  g_assert_no_error (error);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  store_close (f->store);
  loop_free (f->loop);
  nbd_server_clear (&f->server);
  g_rand_free (f->rand);
  g_free (f->model);
  g_free (f->path);
  scratch_free (f->folder);
}

/* --- a load --- */

typedef struct {
  StoreIo io;
  struct iovec iov[3];
  uint8_t *buffer;
  GMutex *lock;
  GCond *cond;
  unsigned *left;
  int result;
} Act;

static void
act_done (StoreIo *io, int error)
{
  Act *act = io->data;

  g_mutex_lock (act->lock);
  act->result = error;
  --*act->left;
  g_cond_signal (act->cond);
  g_mutex_unlock (act->lock);
}

/* A random act in [start, end), whose outcome the model has at once. */
static void
draw (Fixture *f, Act *act, uint64_t start, uint64_t end)
{
  uint64_t offset = start + g_rand_int_range (f->rand, 0, end - start - 1);
  uint64_t length = g_rand_int_range (f->rand, 1, end - offset + 1);
  size_t first = g_rand_int_range (f->rand, 0, length),
         second = g_rand_int_range (f->rand, 0, length - first);

  if (g_rand_boolean (f->rand))
    {
      offset &= ~UINT64_C (511);
      length = MIN ((length + 511) & ~UINT64_C (511), end - offset);
    }
  act->buffer = g_malloc (length);
  act->iov[0] = (struct iovec){ act->buffer, first };
  act->iov[1] = (struct iovec){ act->buffer + first, second };
  act->iov[2] = (struct iovec){ act->buffer + first + second, length - first - second };
  act->io = (StoreIo){
    .offset = offset, .length = length, .iov = act->iov, .n_iov = 3, .done = act_done, .data = act
  };
  switch (g_rand_int_range (f->rand, 0, 8))
    {
    case 0 ... 3:
      act->io.kind = STORE_WRITE;
      for (uint64_t i = 0; i < length; i++)
        act->buffer[i] = g_rand_int (f->rand);
      memcpy (f->model + offset, act->buffer, length);
      break;
    case 4:
      act->io.kind = STORE_ZERO;
      memset (f->model + offset, 0, length);
      break;
    case 5:
      act->io.kind = STORE_PUNCH;
      break;
    default:
      act->io.kind = STORE_READ;
    }
}

static void
judge (Fixture *f, Act *act)
{
  if (act->io.kind == STORE_PUNCH && act->result == 0)
    memset (f->model + act->io.offset, 0, act->io.length);
  else if (act->io.kind == STORE_PUNCH)
    g_assert_cmpint (act->result, ==, -EOPNOTSUPP);
  else
    g_assert_cmpint (act->result, ==, 0);
  if (act->io.kind == STORE_READ)
    g_assert_cmpmem (act->buffer, act->io.length, f->model + act->io.offset, act->io.length);
  g_free (act->buffer);
}

/* @meanwhile: with all of them under way. */
static void
run_batch (Fixture *f, void (*meanwhile) (Fixture *f))
{
  Act acts[BATCH] = { 0 };
  GMutex lock;
  GCond cond;
  unsigned left = BATCH;

  g_mutex_init (&lock);
  g_cond_init (&cond);
  for (unsigned i = 0; i < BATCH; i++)
    {
      draw (f, &acts[i], (uint64_t)i * SIZE / BATCH, (uint64_t)(i + 1) * SIZE / BATCH);
      acts[i].lock = &lock;
      acts[i].cond = &cond;
      acts[i].left = &left;
      store_submit (f->store, &acts[i].io);
    }
  if (meanwhile != NULL)
    meanwhile (f);
  g_mutex_lock (&lock);
  while (left > 0)
    g_cond_wait (&cond, &lock);
  g_mutex_unlock (&lock);
  for (unsigned i = 0; i < BATCH; i++)
    judge (f, &acts[i]);
  g_mutex_clear (&lock);
  g_cond_clear (&cond);
}

static void
assert_model (Fixture *f)
{
  g_autofree uint8_t *seen = g_malloc (SIZE);

  g_assert_cmpint (store_read (f->store, 0, seen, SIZE), ==, 0);
  g_assert_cmpmem (seen, SIZE, f->model, SIZE);
}

static void
assert_file (Fixture *f)
{
  g_autofree char *seen = NULL;
  size_t size;

  g_assert_cmpint (store_sync (f->store), ==, 0);
  g_assert_true (g_file_get_contents (f->path, &seen, &size, NULL));
  g_assert_cmpmem (seen, size, f->model, SIZE);
}

static void
test_load (Fixture *f, gconstpointer data)
{
  g_assert_cmpuint (store_size (f->store), ==, SIZE);
  g_assert_true (f->store->fixed_size);
  for (unsigned i = 0; i < 40; i++)
    run_batch (f, NULL);
  assert_model (f);
  assert_file (f);
}

static void
test_edges (Fixture *f, gconstpointer data)
{
  uint8_t bytes[1024];

  memset (bytes, 1, sizeof bytes);
  g_assert_cmpint (store_read (f->store, SIZE - 512, bytes, 1024), ==, 0);
  g_assert_cmpmem (bytes, 512, f->model + SIZE - 512, 512);
  for (unsigned i = 512; i < 1024; i++)
    g_assert_cmpuint (bytes[i], ==, 0);
  g_assert_cmpint (store_write (f->store, SIZE - 512, bytes, 1024), ==, -ENOSPC);
  g_assert_cmpint (store_resize (f->store, SIZE * 2), ==, -EOPNOTSUPP);
}

static void
test_status (Fixture *f, gconstpointer data)
{
  bool is_data;
  uint64_t end;

  g_assert_cmpint (store_punch (f->store, 1u << 20, 1u << 19), ==, 0);
  g_assert_cmpint (store_status (f->store, 0, SIZE, &is_data, &end), ==, 0);
  g_assert_true (is_data);
  g_assert_cmpuint (end, ==, 1u << 20);
  g_assert_cmpint (store_status (f->store, 1u << 20, SIZE - (1u << 20), &is_data, &end), ==, 0);
  g_assert_false (is_data);
  g_assert_cmpuint (end, ==, (1u << 20) + (1u << 19));
}

/* --- servers that die --- */

static void
die_and_return (Fixture *f)
{
  nbd_server_kill (&f->server);
  nbd_server_start (&f->server);
}

static void
test_killed (Fixture *f, gconstpointer data)
{
  for (unsigned i = 0; i < 12; i++)
    {
      run_batch (f, i % 3 == 1 ? die_and_return : NULL);
      if (i % 4 == 3)
        g_assert_cmpint (store_sync (f->store), ==, 0);
    }
  assert_model (f);
  assert_file (f);
}

/* Written, answered, not flushed, and lost by the server: what comes next brings it back. */
static void
test_lost_writes (Fixture *f, gconstpointer data)
{
  for (unsigned round = 0; round < 3; round++)
    {
      run_batch (f, NULL);
      run_batch (f, NULL);
      die_and_return (f);
      if (round == 1)
        assert_model (f);
      assert_file (f);
    }
}

static void
test_gives_up (Fixture *f, gconstpointer data)
{
  uint8_t bytes[512];

  store_nbd_set_patience (f->store, 1);
  nbd_server_kill (&f->server);
  g_assert_cmpint (store_read (f->store, 0, bytes, sizeof bytes), ==, -EIO);
  nbd_server_start (&f->server);
  g_assert_cmpint (store_read (f->store, 0, bytes, sizeof bytes), ==, 0);
  g_assert_cmpmem (bytes, sizeof bytes, f->model, sizeof bytes);
}

static void
use_store_here (void *data)
{
  Fixture *f = data;

  die_and_return (f);
  assert_model (f);
}

static void
test_on_the_loop (Fixture *f, gconstpointer data)
{
  loop_call_sync (f->loop, use_store_here, f);
}

static void
test_without_loop (Fixture *f, gconstpointer data)
{
  const StoreOptions options = { .read_only = true };
  g_autofree char *uri = nbd_server_uri (&f->server, "disk");
  GError *error = NULL;
  g_autoptr (ImageStore) other = store_open (NULL, uri, &options, &error);
  g_autofree uint8_t *seen = g_malloc (SIZE);

  g_assert_no_error (error);
  g_assert_cmpint (store_read (other, 0, seen, SIZE), ==, 0);
  g_assert_cmpmem (seen, SIZE, f->model, SIZE);
  g_assert_cmpint (store_write (other, 0, seen, 512), ==, -EROFS);
}

/* --- refusals --- */

static void
assert_refused (Fixture *f, const char *uri, bool read_only, int code, const char *const *words)
{
  const StoreOptions options = { .read_only = read_only };
  g_autoptr (GError) error = NULL;

  g_assert_null (store_open (f->loop, uri, &options, &error));
  g_assert_error (error, VMM_ERROR, code);
  for (; *words != NULL; words++)
    if (strstr (error->message, *words) == NULL)
      g_error ("“%s” does not say “%s”", error->message, *words);
  g_assert_null (strstr (error->message, "sesame"));
}

static void
test_refusals (Fixture *f, gconstpointer data)
{
  g_autofree char *other = nbd_server_uri (&f->server, "another");
  g_autofree char *none = g_strdup_printf ("nbd+unix:///disk?socket=%s/none&tls-psk-file=sesame", f->folder);

  assert_refused (f, other, false, VMM_ERROR_INVALID, (const char *[]){ "another", "“disk”", NULL });
  assert_refused (f, none, false, VMM_ERROR_FAILED,
                  (const char *[]){ "No NBD server listens", "none", NULL });
  assert_refused (f, "nbd://user:sesame@127.0.0.1:1/x", false, VMM_ERROR_FAILED,
                  (const char *[]){ "nbd://127.0.0.1:1/x", NULL });
  assert_refused (f, "nbd://[", false, VMM_ERROR_FAILED, (const char *[]){ "address", NULL });
}

static void
test_read_only (void)
{
  Fixture f = { 0 };
  const StoreOptions options = { .read_only = true };
  g_autofree char *uri = NULL;
  GError *error = NULL;

  f.folder = scratch_new ();
  f.path = pattern_file_new (f.folder, "disk.img", SIZE);
  f.loop = loop_new ("test", &error);
  nbd_server_init (&f.server, f.folder, "nbdkit -f -r -P %P -U %S file %F", f.path);
  uri = nbd_server_uri (&f.server, "");
  assert_refused (&f, uri, false, VMM_ERROR_PERMISSION, (const char *[]){ "reading only", NULL });
  f.store = store_open (f.loop, uri, &options, &error);
  g_assert_no_error (error);
  store_close (f.store);
  nbd_server_clear (&f.server);
  loop_free (f.loop);
  g_free (f.path);
  scratch_free (f.folder);
}

/* --- TLS --- */

static void
test_tls (void)
{
  Fixture f = { 0 };
  g_autofree char *keys = NULL, *command = NULL, *uri = NULL, *plain = NULL;
  const StoreOptions options = { .read_only = true };
  uint8_t bytes[512];
  GError *error = NULL;

  f.folder = scratch_new ();
  f.path = pattern_file_new (f.folder, "disk.img", SIZE);
  f.loop = loop_new ("test", &error);
  keys = g_build_filename (f.folder, "keys.psk", NULL);
  g_file_set_contents (keys, "ali:00112233445566778899aabbccddeeff\n", -1, NULL);
  command = g_strdup_printf ("nbdkit -f -P %%P -U %%S --tls=require --tls-psk=%s file %%F", keys);
  nbd_server_init (&f.server, f.folder, command, f.path);
  plain = nbd_server_uri (&f.server, "");
  assert_refused (&f, plain, true, VMM_ERROR_PERMISSION, (const char *[]){ "TLS", "nbds", NULL });
  uri = g_strdup_printf ("nbds+unix://ali@/?socket=%s&tls-psk-file=%s", f.server.socket, keys);
  f.store = store_open (f.loop, uri, &options, &error);
  g_assert_no_error (error);
  g_assert_null (strstr (f.store->path, "ali@"));
  g_assert_null (strstr (f.store->path, "keys.psk"));
  g_assert_cmpint (store_read (f.store, 1024, bytes, sizeof bytes), ==, 0);
  for (unsigned i = 0; i < sizeof bytes; i++)
    g_assert_cmpuint (bytes[i], ==, pattern_byte (1024 + i));
  store_close (f.store);
  nbd_server_clear (&f.server);
  loop_free (f.loop);
  g_free (f.path);
  scratch_free (f.folder);
}

/* --- formats on an export --- */

/* Both read and written over NBD, where a file can't grow. */
static void
test_format (gconstpointer data)
{
  const char *format = data;
  const ImageCreateOptions create = { .format = format, .size = 4u << 20 };
  const ImageOptions options = { .exclusive_lock = true, .format = format };
  g_autofree char *folder = scratch_new (), *path = g_build_filename (folder, "disk", NULL), *uri = NULL;
  g_autofree uint8_t *bytes = g_malloc (1u << 20), *seen = g_malloc (1u << 20);
  g_autoptr (EventLoop) loop = NULL;
  NbdServer server;
  GError *error = NULL;
  Image *image;

  for (unsigned i = 0; i < 1u << 20; i++)
    bytes[i] = pattern_byte (i * 7);
  loop = loop_new ("test", &error);
  if (g_str_equal (format, "raw"))
    image_create_raw (path, create.size, &error);
  else
    image_create (path, &create, &error);
  g_assert_no_error (error);
  g_assert_cmpint (truncate (path, 8u << 20), ==, 0);
  nbd_server_init (&server, folder, QEMU_NBD, path);
  uri = nbd_server_uri (&server, "disk");
  for (unsigned turn = 0; turn < 2; turn++)
    {
      image = image_open (loop, uri, &options, &error);
      g_assert_no_error (error);
      if (turn == 0)
        g_assert_cmpint (image_run (image, IMAGE_WRITE, 12345 * 512 / 4, bytes, 1u << 20), ==, 0);
      g_assert_cmpint (image_run (image, IMAGE_READ, 12345 * 512 / 4, seen, 1u << 20), ==, 0);
      g_assert_cmpmem (seen, 1u << 20, bytes, 1u << 20);
      image_close (image);
    }
  nbd_server_clear (&server);
  scratch_free (g_steal_pointer (&folder));
}

#define ADD(name, command, test) g_test_add ("/nbd/" name, Fixture, command, setup, test, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("load/qemu-nbd", QEMU_NBD, test_load);
  ADD ("load/nbdkit", NBDKIT_FILE, test_load);
  ADD ("load/coarse-blocks", NBDKIT_COARSE, test_load);
  ADD ("load/poor-server", NBDKIT_POOR, test_load);
  ADD ("edges", QEMU_NBD, test_edges);
  ADD ("status", QEMU_NBD, test_status);
  ADD ("killed/qemu-nbd", QEMU_NBD, test_killed);
  ADD ("killed/coarse-blocks", NBDKIT_COARSE, test_killed);
  ADD ("killed/volatile", NBDKIT_VOLATILE, test_killed);
  ADD ("lost-writes", NBDKIT_VOLATILE, test_lost_writes);
  ADD ("gives-up", QEMU_NBD, test_gives_up);
  ADD ("on-the-loop", QEMU_NBD, test_on_the_loop);
  ADD ("without-loop", QEMU_NBD, test_without_loop);
  ADD ("refusals", QEMU_NBD, test_refusals);
  g_test_add_func ("/nbd/read-only", test_read_only);
  g_test_add_func ("/nbd/tls", test_tls);
  g_test_add_data_func ("/nbd/format/raw", "raw", test_format);
  g_test_add_data_func ("/nbd/format/qcow2", "qcow2", test_format);
  g_test_add_data_func ("/nbd/format/vdi", "vdi", test_format);
  g_test_add_data_func ("/nbd/format/vmdk", "vmdk", test_format);
  return g_test_run ();
}
