/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures of memory: taken while it changes, upon one another, and brought back. */
#include "vmm/base/error.h"
#include "vmm/memory/memory-compare.h"
#include "vmm/memory/memory-image.h"
#include "vmm/memory/memory-restore.h"
#include "vmm/memory/memory-save.h"
#include "vmm/memory/memory-verify.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE      4096u
#define RAM_SIZE  (UINT64_C (8) << 20)
#define VRAM_SIZE (UINT64_C (1) << 20)
#define ROM_SIZE  (UINT64_C (64) << 10)
#define N_PAGES   (RAM_SIZE / PAGE)

typedef struct {
  GuestMemory *memory;
  uint8_t *ram, *vram, *rom;
} Guest;

static void
guest_init_sized (Guest *guest, uint64_t ram_size)
{
  g_autoptr (GError) error = NULL;
  MemoryBank *ram, *vram, *rom;

  guest->memory = guest_memory_new (NULL);
  ram = guest_memory_add_bank (guest->memory, "ram-low", ram_size, BANK_RAM, &error);
  vram = guest_memory_add_bank (guest->memory, "vram", VRAM_SIZE, BANK_RAM, &error);
  rom = guest_memory_add_bank (guest->memory, "bios", ROM_SIZE, BANK_ROM, &error);
  g_assert_no_error (error);
  g_assert_true (memory_bank_map (ram, 0));
  guest->ram = memory_bank_data (ram);
  guest->vram = memory_bank_data (vram);
  guest->rom = memory_bank_data (rom);
}

static void
guest_init (Guest *guest)
{
  guest_init_sized (guest, RAM_SIZE);
}

static void
guest_clear (Guest *guest)
{
  guest_memory_free (guest->memory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Guest, guest_clear)

static void
fill_page (uint8_t *memory, uint64_t page, uint32_t seed)
{
  uint32_t *words = (uint32_t *)(void *)(memory + page * PAGE);

  for (unsigned i = 0; i < PAGE / 4; i++)
    words[i] = (seed = seed * 1664525u + 1013904223u);
}

static void
fill_pages (uint8_t *memory, uint64_t first, uint64_t n, uint32_t seed)
{
  for (uint64_t page = first; page < first + n; page++)
    fill_page (memory, page, seed * 7919u + (uint32_t)page);
}

static void
fill (Guest *guest, uint32_t seed)
{
  fill_pages (guest->ram, 3, 700, seed);
  fill_pages (guest->ram, N_PAGES - 10, 10, seed);
  fill_pages (guest->vram, 100, 20, seed);
  fill_pages (guest->rom, 0, ROM_SIZE / PAGE, seed);
}

/* --- folders --- */

typedef char Folder;

static Folder *
folder_new (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("bonsai-memory-XXXXXX", &error);

  g_assert_no_error (error);
  return folder;
}

static char *
node (const Folder *folder, const char *name)
{
  char *path = g_build_filename (folder, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
  return path;
}

static void
folder_free (Folder *folder)
{
  const char *argv[] = { "rm", "-rf", folder, NULL };

  g_assert_true (
    g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  g_free (folder);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Folder, folder_free)

static char *
index_of (const char *folder)
{
  return g_build_filename (folder, MEMORY_IMAGE_INDEX, NULL);
}

/* --- taking and going back --- */

static MemorySave *
begin (Guest *guest, const char *folder, const char *parent, bool without_fork)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *parent_index = parent ? index_of (parent) : NULL;
  MemorySaveConfig config = { .folder = folder, .parent = parent_index, .without_fork = without_fork };
  MemorySave *save = memory_save_new (guest->memory, &config, &error);

  g_assert_no_error (error);
  memory_save_take (save, &error);
  g_assert_no_error (error);
  return save;
}

static void
finish (MemorySave *save)
{
  g_autoptr (GError) error = NULL;
  uint64_t done, total, written;

  memory_save_finish (save, NULL, &error);
  g_assert_no_error (error);
  memory_save_progress (save, &done, &total, &written);
  g_assert_cmpuint (done, ==, total);
  memory_save_free (save);
}

static void
take (Guest *guest, const char *folder, const char *parent)
{
  finish (begin (guest, folder, parent, false));
}

static MemoryImage *
image_in (const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = index_of (folder);
  MemoryImage *image = memory_image_read (path, true, &error);

  g_assert_no_error (error);
  return image;
}

static bool
try_restore (Guest *guest, const char *folder, GError **error)
{
  g_autofree char *path = index_of (folder);
  g_autoptr (MemoryImage) image = memory_image_read (path, false, error);

  return image && guest_memory_restore (guest->memory, image, NULL, NULL, error);
}

static void
restore (Guest *guest, const char *folder)
{
  g_autoptr (GError) error = NULL;

  try_restore (guest, folder, &error);
  g_assert_no_error (error);
}

static uint64_t
own_bytes (const char *folder)
{
  g_autoptr (MemoryImage) image = image_in (folder);

  return memory_image_bytes_from (image, 0);
}

typedef struct {
  uint8_t *ram, *vram, *rom;
} Copy;

static void
copy_init (Copy *copy, const Guest *guest)
{
  copy->ram = g_memdup2 (guest->ram, RAM_SIZE);
  copy->vram = g_memdup2 (guest->vram, VRAM_SIZE);
  copy->rom = g_memdup2 (guest->rom, ROM_SIZE);
}

static void
copy_clear (Copy *copy)
{
  g_free (copy->ram);
  g_free (copy->vram);
  g_free (copy->rom);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Copy, copy_clear)

static void
check_equal (const Guest *guest, const Copy *copy)
{
  g_assert_true (memcmp (guest->ram, copy->ram, RAM_SIZE) == 0);
  g_assert_true (memcmp (guest->vram, copy->vram, VRAM_SIZE) == 0);
  g_assert_true (memcmp (guest->rom, copy->rom, ROM_SIZE) == 0);
}

static void
check_restores_to (const char *folder, const Copy *copy)
{
  g_auto (Guest) guest = { 0 };

  guest_init (&guest);
  restore (&guest, folder);
  check_equal (&guest, copy);
}

/* --- tests --- */

static void
round_trip (bool without_fork)
{
  g_autoptr (Folder) folder = folder_new ();
  g_auto (Guest) guest = { 0 };
  g_auto (Copy) copy = { 0 };
  g_autofree char *file = g_build_filename (folder, MEMORY_IMAGE_FILE, NULL);
  struct stat status;
  MemorySave *save;

  guest_init (&guest);
  fill (&guest, 1);
  copy_init (&copy, &guest);
  save = begin (&guest, folder, NULL, without_fork);
  g_assert_true (memory_save_was_standing (save) == without_fork);
  fill (&guest, 2); /* the picture stays what it was */
  finish (save);
  check_restores_to (folder, &copy);
  g_assert_cmpuint (own_bytes (folder), ==, (710 + 20) * PAGE + ROM_SIZE);
  g_assert_cmpint (stat (file, &status), ==, 0);
  g_assert_cmpuint ((uint64_t)status.st_blocks * 512, <, (710 + 20) * PAGE + ROM_SIZE + 256 * 1024);
}

static void
test_round_trip (void)
{
  round_trip (false);
}

static void
test_without_fork (void)
{
  round_trip (true);
}

/* What was in a memory before it is restored is gone, and it can be restored again. */
static void
test_over_old_content (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_auto (Guest) guest = { 0 };
  g_auto (Copy) first = { 0 };
  g_auto (Copy) second = { 0 };

  guest_init (&guest);
  copy_init (&first, &guest);
  take (&guest, a, NULL);
  fill (&guest, 1);
  copy_init (&second, &guest);
  take (&guest, b, a);
  for (unsigned i = 0; i < 3; i++)
    {
      restore (&guest, a);
      check_equal (&guest, &first);
      restore (&guest, b);
      check_equal (&guest, &second);
      fill (&guest, i);
    }
}

/* Only what has changed since the parent is written, even when the change was undone; any number of
 * generations. */
static void
test_generations (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_auto (Guest) guest = { 0 };
  g_autofree char *previous = NULL;
  Copy copies[6];
  char *folders[6];

  guest_init (&guest);
  fill (&guest, 1);
  for (unsigned i = 0; i < 6; i++)
    {
      g_autofree char *name = g_strdup_printf ("node%u", i);

      folders[i] = node (folder, name);
      if (i > 0)
        {
          fill_pages (guest.ram, 40 * i, 5, 100 + i);
          fill_page (guest.ram, 1500, 7);
          memset (guest.ram + 650 * PAGE, 0, PAGE);
          guest.ram[200 * PAGE] ^= 1;
          guest.ram[200 * PAGE] ^= 1;
        }
      copy_init (&copies[i], &guest);
      take (&guest, folders[i], i > 0 ? folders[i - 1] : NULL);
      if (i > 0)
        g_assert_cmpuint (own_bytes (folders[i]), ==, (i == 1 ? 6 : 5) * PAGE);
    }
  for (unsigned i = 6; i-- > 0;)
    {
      check_restores_to (folders[i], &copies[i]);
      copy_clear (&copies[i]);
      g_free (folders[i]);
    }
}

/* After going back, pages that were not touched need not even be read to be known. */
static void
test_take_after_restore (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_autofree char *c = node (folder, "c");
  g_auto (Guest) first = { 0 };
  g_auto (Guest) guest = { 0 };
  g_auto (Copy) copy = { 0 };

  guest_init (&first);
  fill (&first, 1);
  take (&first, a, NULL);

  guest_init (&guest);
  restore (&guest, a);
  take (&guest, b, a);
  g_assert_cmpuint (own_bytes (b), ==, 0);
  fill_pages (guest.ram, 300, 3, 9);
  fill_pages (guest.ram, 1600, 2, 9);
  memset (guest.ram + 302 * PAGE, 0, PAGE);
  g_assert_cmpuint (guest_memory_discard (guest.memory, 320 * PAGE, 10 * PAGE), ==, 10 * PAGE);
  copy_init (&copy, &guest);
  take (&guest, c, b);
  g_assert_cmpuint (own_bytes (c), ==, 4 * PAGE);
  check_restores_to (c, &copy);
}

static bool
are_zeros (const uint8_t *data, size_t size)
{
  return data[0] == 0 && memcmp (data, data + 1, size - 1) == 0;
}

/* What the guest gives back reads as zeros, although a file is mapped there. */
static void
test_discard (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_auto (Guest) first = { 0 };
  g_auto (Guest) guest = { 0 };
  g_auto (Copy) copy = { 0 };

  guest_init (&first);
  fill (&first, 1);
  copy_init (&copy, &first);
  take (&first, folder, NULL);
  guest_init (&guest);
  restore (&guest, folder);
  g_assert_cmpuint (guest_memory_discard (guest.memory, 10 * PAGE, PAGE), ==, PAGE);
  g_assert_cmpuint (guest_memory_discard (guest.memory, 8 * PAGE, 4 * PAGE), ==, 4 * PAGE);
  g_assert_cmpuint (guest_memory_discard (guest.memory, 690 * PAGE + 7, 20 * PAGE), ==, 19 * PAGE);
  g_assert_true (are_zeros (guest.ram + 8 * PAGE, 4 * PAGE));
  g_assert_true (are_zeros (guest.ram + 691 * PAGE, 20 * PAGE));
  g_assert_true (memcmp (guest.ram + 12 * PAGE, copy.ram + 12 * PAGE, 679 * PAGE) == 0);
  fill_page (guest.ram, 9, 5);
  g_assert_cmpuint (guest_memory_discard (guest.memory, 0, RAM_SIZE), ==, RAM_SIZE);
  g_assert_true (are_zeros (guest.ram, RAM_SIZE));
}

/* Every other page changed: too many pieces to be mapped one by one. */
static void
test_many_pieces (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_autofree char *c = node (folder, "c");
  g_auto (Guest) guest = { 0 };
  g_auto (Guest) again = { 0 };
  g_auto (Copy) copy = { 0 };

  guest_init (&guest);
  fill_pages (guest.ram, 0, N_PAGES, 1);
  take (&guest, a, NULL);
  for (uint64_t page = 0; page < N_PAGES; page += page < 600 ? 2 : 100)
    fill_page (guest.ram, page, 77);
  copy_init (&copy, &guest);
  take (&guest, b, a);
  check_restores_to (b, &copy);
  guest_init (&again);
  restore (&again, b);
  take (&again, c, b);
  g_assert_cmpuint (own_bytes (c), ==, 0);
  check_restores_to (c, &copy);
}

/* Other threads of the process are in the middle of anything when it forks. */
static gpointer
keep_busy (gpointer data)
{
  int *stop = data;

  while (!g_atomic_int_get (stop))
    {
      g_autofree char *text = g_strdup_printf ("%p %d", data, g_random_int_range (0, 1000));
      g_autoptr (GError) error = NULL;

      g_set_error (&error, VMM_ERROR, VMM_ERROR_FAILED, "%s", text);
    }
  return NULL;
}

static void
test_beside_threads (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_auto (Guest) guest = { 0 };
  GThread *threads[4];
  int stop = 0;

  guest_init (&guest);
  for (unsigned i = 0; i < 4; i++)
    threads[i] = g_thread_new ("busy", keep_busy, &stop);
  for (unsigned i = 0; i < 8; i++)
    {
      g_autofree char *name = g_strdup_printf ("n%u", i);
      g_autofree char *path = node (folder, name);
      g_auto (Copy) copy = { 0 };
      MemorySave *save;

      fill (&guest, i);
      copy_init (&copy, &guest);
      save = begin (&guest, path, NULL, false);
      fill (&guest, 1000 + i);
      finish (save);
      check_restores_to (path, &copy);
    }
  g_atomic_int_set (&stop, 1);
  for (unsigned i = 0; i < 4; i++)
    g_thread_join (threads[i]);
}

/* --- what goes wrong --- */

static void
test_cancel (void)
{
  for (unsigned how = 0; how < 3; how++)
    {
      g_autoptr (Folder) folder = folder_new ();
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (MemorySave) save = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *index = index_of (folder);
      g_auto (Guest) guest = { 0 };

      guest_init (&guest);
      fill (&guest, 1);
      save = begin (&guest, folder, NULL, how == 2);
      if (how == 0)
        memory_save_cancel (save);
      else
        g_cancellable_cancel (cancellable);
      g_assert_false (memory_save_finish (save, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_false (g_file_test (index, G_FILE_TEST_EXISTS));
    }
}

static void
test_given_up (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_auto (Guest) guest = { 0 };

  guest_init (&guest);
  fill (&guest, 1);
  memory_save_free (begin (&guest, folder, NULL, false));
}

/* The picture outlives the memory that it is of. */
static void
test_memory_ends (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_auto (Copy) copy = { 0 };
  Guest guest = { 0 };
  MemorySave *save;

  guest_init (&guest);
  fill (&guest, 1);
  copy_init (&copy, &guest);
  save = begin (&guest, folder, NULL, false);
  guest_clear (&guest);
  finish (save);
  check_restores_to (folder, &copy);
}

/* A file that may not grow stands for a disk that is full: both are what the write says. */
static void
test_no_room (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (MemorySave) save = NULL;
  g_autoptr (GError) error = NULL;
  MemorySaveConfig config = { .folder = folder };
  struct rlimit before, small;
  g_auto (Guest) guest = { 0 };

  guest_init (&guest);
  fill (&guest, 1);
  save = memory_save_new (guest.memory, &config, &error);
  g_assert_no_error (error);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  small = (struct rlimit){ 1 << 20, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_true (memory_save_take (save, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_false (memory_save_finish (save, NULL, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, g_strerror (EFBIG)));
  g_assert_nonnull (strstr (error->message, folder));
}

static int
child_of_this_thread (void)
{
  g_autofree char *children = NULL;

  if (!g_file_get_contents ("/proc/thread-self/children", &children, NULL, NULL))
    return 0;
  return atoi (children);
}

#define BIG_SIZE (UINT64_C (96) << 20)

/* Waits until nobody has the other end of @pipe, and stops the child then. False: it had come to its end. */
static bool
stop_at_hang_up (int child, int pipe)
{
  struct pollfd end = { .fd = pipe };
  siginfo_t info = { 0 };

  while (poll (&end, 1, -1) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  g_assert_cmphex (end.revents, ==, POLLHUP);
  kill (child, SIGSTOP);
  g_assert_cmpint (waitid (P_PID, (id_t)child, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL), ==, 0);
  return info.si_code == CLD_STOPPED;
}

/* What others opened ends when they close it, or die, while a picture is written. */
static void
test_descriptors (void)
{
  bool caught = false;

  for (unsigned i = 0; i < 10 && !caught; i++)
    {
      g_autoptr (Folder) folder = folder_new ();
      g_autoptr (MemorySave) save = NULL;
      g_auto (Guest) guest = { 0 };
      int ends[2], child;

      g_assert_cmpint (pipe (ends), ==, 0);
      guest_init_sized (&guest, BIG_SIZE);
      fill_pages (guest.ram, 0, BIG_SIZE / PAGE, 1);
      save = begin (&guest, folder, NULL, false);
      child = child_of_this_thread ();
      close (ends[1]);
      if (child <= 0)
        g_test_skip ("the kernel doesn't tell a thread's children");
      caught = child <= 0 || stop_at_hang_up (child, ends[0]);
      close (ends[0]);
    }
  g_assert_true (caught);
}

static void
test_child_is_killed (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (MemorySave) save = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Guest) guest = { 0 };
  int child;

  guest_init_sized (&guest, BIG_SIZE);
  fill_pages (guest.ram, 0, BIG_SIZE / PAGE, 1);
  save = begin (&guest, folder, NULL, false);
  child = child_of_this_thread ();
  if (child <= 0)
    {
      g_test_skip ("the kernel doesn't tell a thread's children");
      return;
    }
  g_assert_cmpint (kill (child, SIGKILL), ==, 0);
  g_assert_false (memory_save_finish (save, NULL, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "signal 9"));
}

static void
take_and_die (void)
{
  const char *folder = g_getenv ("TEST_FOLDER");
  g_autofree char *text = NULL;
  g_autofree char *path = g_build_filename (folder, "child", NULL);
  Guest guest;

  guest_init_sized (&guest, BIG_SIZE);
  fill_pages (guest.ram, 0, BIG_SIZE / PAGE, 1);
  begin (&guest, folder, NULL, false);
  text = g_strdup_printf ("%d", child_of_this_thread ());
  g_file_set_contents (path, text, -1, NULL);
  raise (SIGKILL);
}

/* When the machine's process dies, nobody goes on writing. */
static void
test_parent_is_killed (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *path = g_build_filename (folder, "child", NULL);
  g_autofree char *index = index_of (folder);
  g_autofree char *child = NULL;
  struct pollfd pidfd = { .events = POLLIN };

  g_setenv ("TEST_FOLDER", folder, TRUE);
  g_test_trap_subprocess ("/memory-save/take-and-die/subprocess", 0, 0);
  g_test_trap_assert_failed ();
  g_assert_true (g_file_get_contents (path, &child, NULL, NULL));
  g_assert_cmpint (atoi (child), >, 0);
  pidfd.fd = (int)syscall (SYS_pidfd_open, atoi (child), 0);
  if (pidfd.fd >= 0)
    {
      g_assert_cmpint (poll (&pidfd, 1, 30000), ==, 1);
      close (pidfd.fd);
    }
  g_assert_false (g_file_test (index, G_FILE_TEST_EXISTS));
}

static void
check_refused (const char *folder, int code, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_auto (Guest) guest = { 0 };

  guest_init (&guest);
  fill (&guest, 9);
  g_assert_false (try_restore (&guest, folder, &error));
  g_assert_error (error, VMM_ERROR, code);
  if (!strstr (error->message, says))
    g_error ("\"%s\" doesn't say \"%s\"", error->message, says);
  /* Nothing has changed. */
  g_assert_false (are_zeros (guest.ram + 3 * PAGE, PAGE));
}

static void
test_memory_file_is_wrong (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_autofree char *a_file = g_build_filename (a, MEMORY_IMAGE_FILE, NULL);
  g_autofree char *a_index = index_of (a);
  g_autofree char *b_index = index_of (b);
  g_auto (Guest) guest = { 0 };

  guest_init (&guest);
  fill (&guest, 1);
  take (&guest, a, NULL);
  fill_page (guest.ram, 5, 5);
  take (&guest, b, a);

  g_assert_cmpint (truncate (a_file, 12345), ==, 0);
  check_refused (b, VMM_ERROR_STATE, "shorter");
  check_refused (a, VMM_ERROR_STATE, a_file);
  g_assert_cmpint (g_unlink (a_file), ==, 0);
  check_refused (b, VMM_ERROR_FAILED, a_file);
  g_assert_cmpint (g_mkdir (a_file, 0700), ==, 0);
  check_refused (b, VMM_ERROR_STATE, a_file);
  g_assert_cmpint (g_rmdir (a_file), ==, 0);
  g_assert_cmpint (g_unlink (a_index), ==, 0);
  take (&guest, a, NULL); /* another one in its place */
  check_refused (b, VMM_ERROR_STATE, "another one");
  g_assert_cmpint (g_unlink (b_index), ==, 0);
  check_refused (b, VMM_ERROR_FAILED, b_index);
}

static void
test_other_machine (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_auto (Guest) guest = { 0 };

  guest_init_sized (&guest, RAM_SIZE * 2);
  take (&guest, folder, NULL);
  check_refused (folder, VMM_ERROR_STATE, "other memory");
}

/* A parent that is no good costs space only. */
static void
test_parent_is_damaged (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_autofree char *index = index_of (a);
  g_auto (Guest) guest = { 0 };
  g_auto (Copy) copy = { 0 };

  guest_init (&guest);
  fill (&guest, 1);
  copy_init (&copy, &guest);
  g_assert_true (g_file_set_contents (index, "BonsaiMI, or rather not", -1, NULL));
  take (&guest, b, a);
  check_restores_to (b, &copy);
}

static void
test_file_is_there (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Guest) guest = { 0 };

  guest_init (&guest);
  take (&guest, folder, NULL);
  g_assert_null (memory_save_new (guest.memory, &(MemorySaveConfig){ .folder = folder }, &error));
  g_assert_nonnull (error);
}

/* --- making room --- */

static void
test_punch (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_autoptr (MemoryImage) image_a = NULL;
  g_autoptr (MemoryImage) image_b = NULL;
  g_auto (Guest) guest = { 0 };
  g_auto (Copy) copy = { 0 };

  guest_init (&guest);
  fill (&guest, 1);
  take (&guest, a, NULL);
  fill_pages (guest.ram, 100, 500, 5);
  copy_init (&copy, &guest);
  take (&guest, b, a);
  image_a = image_in (a);
  image_b = image_in (b);
  g_assert_true (memory_image_needs (image_b, memory_image_id (image_a)));
  g_assert_false (memory_image_needs (image_a, memory_image_id (image_b)));
  /* But for what the file system needs to remember the pieces. */
  g_assert_cmpuint (memory_image_punch (image_a, &image_b, 1), >=, 490 * PAGE);
  check_restores_to (b, &copy);
}

typedef struct {
  char *bank;
  uint64_t first, n;
  unsigned n_runs;
  uint64_t n_bytes;
} Damage;

static void
on_damage (const char *bank, uint64_t first_page, uint64_t n_pages, void *data)
{
  Damage *damage = data;

  g_free (damage->bank);
  *damage = (Damage){ g_strdup (bank), first_page, n_pages, damage->n_runs + 1, damage->n_bytes };
}

static void
on_verified (uint64_t n_bytes, void *data)
{
  ((Damage *)data)->n_bytes += n_bytes;
}

/* Runs of damaged pages; the last of them is *@damage. */
static unsigned
verify (const MemoryImage *image, MemoryImage *const *users, unsigned n_users, Damage *damage)
{
  const MemoryImageVerify how = { .progress = on_verified, .damaged = on_damage, .data = damage };
  g_autoptr (GError) error = NULL;

  damage->n_runs = 0;
  damage->n_bytes = 0;
  g_assert_true (memory_image_verify (image, users, n_users, &how, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (damage->n_bytes, ==, memory_image_bytes_from (image, 0));
  return damage->n_runs;
}

static void
flip_byte (const MemoryImage *image, uint64_t at)
{
  g_autofree char *path = memory_image_source_path (image, 0);
  int fd = open (path, O_RDWR | O_CLOEXEC);
  uint8_t byte;

  g_assert_cmpint (pread (fd, &byte, 1, (off_t)at), ==, 1);
  byte ^= 1;
  g_assert_cmpint (pwrite (fd, &byte, 1, (off_t)at), ==, 1);
  close (fd);
}

/* Each changed byte is found, and told by bank and page; of a file that others use, those pages alone. */
static void
test_verify (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_autoptr (MemoryImage) image_a = NULL;
  g_autoptr (MemoryImage) image_b = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Guest) guest = { 0 };
  Damage damage = { 0 };
  uint64_t place;

  guest_init (&guest);
  fill (&guest, 1);
  take (&guest, a, NULL);
  fill_pages (guest.ram, 100, 500, 5);
  take (&guest, b, a);
  image_a = image_in (a);
  image_b = image_in (b);
  g_assert_cmpuint (verify (image_a, NULL, 0, &damage), ==, 0);
  g_assert_cmpuint (verify (image_b, NULL, 0, &damage), ==, 0);
  place = g_array_index (image_a->banks, MemoryImageBank, 0).place;

  flip_byte (image_a, place + 50 * PAGE + 4095);
  flip_byte (image_a, place + 51 * PAGE);
  g_assert_cmpuint (verify (image_a, NULL, 0, &damage), ==, 1);
  g_assert_cmpstr (damage.bank, ==, g_array_index (image_a->banks, MemoryImageBank, 0).name);
  g_assert_cmpuint (damage.first, ==, 50);
  g_assert_cmpuint (damage.n, ==, 2);
  flip_byte (image_a, place + 300 * PAGE);
  g_assert_cmpuint (verify (image_a, NULL, 0, &damage), ==, 2);
  g_assert_cmpuint (damage.first, ==, 300);
  g_assert_cmpuint (damage.n, ==, 1);
  g_assert_cmpuint (verify (image_b, NULL, 0, &damage), ==, 0);

  /* b has page 300 itself. */
  g_assert_cmpuint (verify (image_a, &image_b, 1, &damage), ==, 1);
  g_assert_cmpuint (damage.first, ==, 50);
  flip_byte (image_a, place + 50 * PAGE + 4095);
  flip_byte (image_a, place + 51 * PAGE);
  memory_image_punch (image_a, &image_b, 1);
  g_assert_cmpuint (verify (image_a, &image_b, 1, &damage), ==, 0);
  g_free (damage.bank);

  g_cancellable_cancel (cancellable);
  g_assert_false (
    memory_image_verify (image_a, NULL, 0, &(MemoryImageVerify){ .cancellable = cancellable }, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

typedef struct {
  GMutex lock;
  GCond told;
  char *path, *flaw;
} Flaw;

static void
on_flaw (const char *path, const char *flaw, void *data)
{
  Flaw *told = data;

  g_mutex_lock (&told->lock);
  g_assert_null (told->flaw);
  told->path = g_strdup (path);
  told->flaw = g_strdup (flaw);
  g_cond_signal (&told->told);
  g_mutex_unlock (&told->lock);
}

/* Damage of a file that the memory is mapped from, or lies in pieces too small for that, is told of by its
 * file; also when that was unlinked as soon as the memory had it. */
static void
test_flaw (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_autofree char *index = index_of (b);
  g_autofree char *memory = g_build_filename (a, MEMORY_IMAGE_FILE, NULL);
  g_autoptr (MemoryImage) image_a = NULL;
  g_auto (Guest) guest = { 0 };
  uint64_t place;

  guest_init (&guest);
  fill (&guest, 1);
  take (&guest, a, NULL);
  fill_pages (guest.ram, 100, 20, 5);
  take (&guest, b, a);
  image_a = image_in (a);
  place = g_array_index (image_a->banks, MemoryImageBank, 0).place;
  flip_byte (image_a, place + 105 * PAGE); /* b has that one itself */
  flip_byte (image_a, place + 300 * PAGE);
  for (unsigned round = 0; round < 3; round++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MemoryImage) image = memory_image_read (index, false, &error);
      Flaw told = { 0 };

      g_assert_true (guest_memory_restore (guest.memory, image, on_flaw, &told, &error));
      g_assert_no_error (error);
      if (round == 2)
        {
          g_assert_cmpint (g_unlink (memory), ==, 0);
          g_assert_cmpint (g_unlink (index), ==, 0);
        }
      g_mutex_lock (&told.lock);
      while (!told.flaw)
        g_cond_wait (&told.told, &told.lock);
      g_mutex_unlock (&told.lock);
      g_assert_cmpstr (told.path, ==, memory);
      g_assert_cmpstr (told.flaw, ==, "1 page of “ram-low” from 300 on has changed since");
      g_free (told.path);
      g_free (told.flaw);
    }
}

/* --- what differs --- */

static uint64_t
differing_pages (const char *from, const char *to)
{
  g_autofree char *before = index_of (from);
  g_autofree char *after = index_of (to);
  g_autoptr (GError) error = NULL;
  uint64_t changed = UINT64_MAX;

  memory_compare_saved (before, after, &changed, &error);
  g_assert_no_error (error);
  return changed / PAGE;
}

static uint64_t
pages_changed_since (Guest *guest, const char *folder)
{
  g_autofree char *index = index_of (folder);
  g_autoptr (GError) error = NULL;
  uint64_t changed = UINT64_MAX;

  memory_compare_live (guest->memory, index, NULL, &changed, &error);
  g_assert_no_error (error);
  return changed / PAGE;
}

/* Pages count if what they hold is something else, wherever it is kept. */
static void
test_compare (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_autofree char *c = node (folder, "c");
  g_auto (Guest) guest = { 0 };

  guest_init (&guest);
  fill (&guest, 1);
  take (&guest, a, NULL);
  g_assert_cmpuint (pages_changed_since (&guest, a), ==, 0);
  fill_pages (guest.ram, 300, 3, 9);
  fill_pages (guest.vram, 5, 2, 9);
  memset (guest.ram + 310 * PAGE, 0, PAGE);
  guest.ram[320 * PAGE] ^= 1;
  guest.ram[320 * PAGE] ^= 1;
  g_assert_cmpuint (pages_changed_since (&guest, a), ==, 6);
  take (&guest, b, a);
  take (&guest, c, NULL); /* all pages elsewhere */
  g_assert_cmpuint (differing_pages (a, b), ==, 6);
  g_assert_cmpuint (differing_pages (b, a), ==, 6);
  g_assert_cmpuint (differing_pages (a, c), ==, 6);
  g_assert_cmpuint (differing_pages (b, c), ==, 0);
}

static void
test_compare_restored (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *a = node (folder, "a");
  g_autofree char *b = node (folder, "b");
  g_autofree char *c = node (folder, "c");
  g_auto (Guest) first = { 0 };
  g_auto (Guest) guest = { 0 };

  guest_init (&first);
  fill (&first, 1);
  take (&first, a, NULL);
  fill_pages (first.ram, 500, 4, 3);
  take (&first, b, a);
  memset (first.ram + 200 * PAGE, 0, PAGE);
  fill_page (first.ram, 199, 3);
  fill_page (first.ram, 201, 3);
  take (&first, c, a); /* which has a hole */
  guest_init (&guest);
  restore (&guest, c);
  g_assert_cmpuint (pages_changed_since (&guest, c), ==, 0);
  g_assert_cmpuint (pages_changed_since (&guest, b), ==, 3);
  restore (&guest, b);
  g_assert_cmpuint (pages_changed_since (&guest, b), ==, 0);
  g_assert_cmpuint (pages_changed_since (&guest, c), ==, 3);
  g_assert_cmpuint (pages_changed_since (&guest, a), ==, 4);
  fill_page (guest.ram, 10, 77);
  fill_page (guest.ram, 1500, 77);
  g_assert_cmpuint (guest_memory_discard (guest.memory, 320 * PAGE, 10 * PAGE), ==, 10 * PAGE);
  g_assert_cmpuint (pages_changed_since (&guest, b), ==, 12);
  g_assert_cmpuint (pages_changed_since (&guest, a), ==, 16);
}

static void
test_compare_fails (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *index = index_of (folder);
  g_auto (Guest) guest = { 0 };
  uint64_t changed;

  guest_init (&guest);
  g_assert_false (memory_compare_live (guest.memory, index, NULL, &changed, &error));
  g_assert_nonnull (strstr (error->message, index));
  g_clear_error (&error);
  g_assert_false (memory_compare_saved (index, index, &changed, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  take (&guest, folder, NULL);
  g_cancellable_cancel (cancellable);
  g_assert_false (memory_compare_live (guest.memory, index, &(MemoryCompare){ .cancellable = cancellable },
                                       &changed, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory-save/round-trip", test_round_trip);
  g_test_add_func ("/memory-save/without-fork", test_without_fork);
  g_test_add_func ("/memory-save/over-old-content", test_over_old_content);
  g_test_add_func ("/memory-save/generations", test_generations);
  g_test_add_func ("/memory-save/take-after-restore", test_take_after_restore);
  g_test_add_func ("/memory-save/discard", test_discard);
  g_test_add_func ("/memory-save/many-pieces", test_many_pieces);
  g_test_add_func ("/memory-save/beside-threads", test_beside_threads);
  g_test_add_func ("/memory-save/cancel", test_cancel);
  g_test_add_func ("/memory-save/given-up", test_given_up);
  g_test_add_func ("/memory-save/memory-ends", test_memory_ends);
  g_test_add_func ("/memory-save/no-room", test_no_room);
  g_test_add_func ("/memory-save/descriptors", test_descriptors);
  g_test_add_func ("/memory-save/child-is-killed", test_child_is_killed);
  g_test_add_func ("/memory-save/take-and-die/subprocess", take_and_die);
  g_test_add_func ("/memory-save/parent-is-killed", test_parent_is_killed);
  g_test_add_func ("/memory-save/memory-file-is-wrong", test_memory_file_is_wrong);
  g_test_add_func ("/memory-save/other-machine", test_other_machine);
  g_test_add_func ("/memory-save/parent-is-damaged", test_parent_is_damaged);
  g_test_add_func ("/memory-save/file-is-there", test_file_is_there);
  g_test_add_func ("/memory-save/punch", test_punch);
  g_test_add_func ("/memory-save/verify", test_verify);
  g_test_add_func ("/memory-save/flaw", test_flaw);
  g_test_add_func ("/memory-save/compare", test_compare);
  g_test_add_func ("/memory-save/compare-restored", test_compare_restored);
  g_test_add_func ("/memory-save/compare-fails", test_compare_fails);
  return g_test_run ();
}
