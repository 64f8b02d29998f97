/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory that is lent to other processes. This program is also the one that borrows. */
#include "vmm/base/error.h"
#include "vmm/loan/loan-client.h"
#include "vmm/memory/memory-image.h"
#include "vmm/memory/memory-loan.h"
#include "vmm/memory/memory-restore.h"
#include "vmm/memory/memory-save.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RAM_SIZE  (UINT64_C (32) << 20)
#define VRAM_SIZE (UINT64_C (1) << 20)
#define PAGE      4096u
#define STATE     "the devices"

typedef struct {
  GuestMemory *memory;
  uint8_t *ram, *vram;
} Guest;

static void
guest_init (Guest *guest, uint64_t ram_size)
{
  g_autoptr (GError) error = NULL;
  MemoryBank *ram, *vram;

  guest->memory = guest_memory_new (NULL);
  ram = guest_memory_add_bank (guest->memory, "ram-low", ram_size, BANK_RAM, &error);
  vram = guest_memory_add_bank (guest->memory, "vram", VRAM_SIZE, BANK_RAM, &error);
  g_assert_no_error (error);
  guest->ram = memory_bank_data (ram);
  guest->vram = memory_bank_data (vram);
}

static void
guest_clear (Guest *guest)
{
  guest_memory_free (guest->memory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Guest, guest_clear)

/* Every third page of the RAM, and some of the other, have something of @age. */
static void
fill (Guest *guest, uint8_t age)
{
  for (uint64_t at = 0; at < RAM_SIZE; at += 3 * PAGE)
    memset (guest->ram + at, (int)(age + at / PAGE % 200), PAGE);
  memset (guest->vram + 5 * PAGE, age, 2 * PAGE);
}

static bool
holds (const Guest *guest, uint8_t age)
{
  for (uint64_t at = 0; at < RAM_SIZE; at += PAGE)
    {
      uint8_t wanted = at / PAGE % 3 == 0 ? (uint8_t)(age + at / PAGE % 200) : 0;

      if (guest->ram[at] != wanted || guest->ram[at + PAGE - 1] != wanted)
        return false;
    }
  return guest->vram[5 * PAGE] == age && guest->vram[7 * PAGE - 1] == age && guest->vram[7 * PAGE] == 0;
}

/* --- the borrower: argv: its path, --borrowed-fd=3, the age, (a folder) --- */

/* A picture of borrowed memory is like one of any other. */
static bool
can_be_pictured (Guest *guest, const char *folder, uint8_t age)
{
  const MemorySaveConfig config = { .folder = folder };
  g_autofree char *index = g_build_filename (folder, MEMORY_IMAGE_INDEX, NULL);
  g_autoptr (MemorySave) save = memory_save_new (guest->memory, &config, NULL);
  g_autoptr (MemoryImage) image = NULL;
  g_auto (Guest) other = { 0 };

  if (!save || !memory_save_take (save, NULL) || !memory_save_finish (save, NULL, NULL))
    return false;
  image = memory_image_read (index, false, NULL);
  guest_init (&other, RAM_SIZE);
  return image && guest_memory_restore (other.memory, image, NULL, NULL, NULL) && holds (&other, age);
}

/* Returns: what to say. */
static const char *
borrow (char **argv)
{
  uint8_t age = (uint8_t)atoi (argv[2]);
  g_autoptr (GBytes) state = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) lent = memory_loan_read (3, &state, &error);
  g_auto (Guest) guest = { 0 };
  bool too_large = argv[3] && g_str_equal (argv[3], "too large");

  guest_init (&guest, too_large ? 2 * RAM_SIZE : RAM_SIZE);
  memset (guest.vram, 0xee, VRAM_SIZE); /* what a new machine has there goes */
  if (!lent || !guest_memory_adopt (guest.memory, lent, &error))
    return g_strdup (error->message);
  if (g_bytes_get_size (state) != sizeof STATE
      || memcmp (g_bytes_get_data (state, NULL), STATE, sizeof STATE) != 0)
    return "another state";
  if (!holds (&guest, age))
    return "another content";
  if (argv[3] && !can_be_pictured (&guest, argv[3], age))
    return "another content in its picture";
  fill (&guest, 99); /* nobody else's */
  return holds (&guest, 99) ? "good" : "can't be written";
}

static int
be_borrower (char **argv)
{
  const char *said = borrow (argv);

  return write (1, said, strlen (said)) < 0;
}

/* --- the lender's side --- */

typedef struct {
  char *folder, *path;
  int lender;
} Fixture;

static void
lend (Fixture *fixture, Guest *guest)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) state = g_bytes_new_static (STATE, sizeof STATE);
  g_autoptr (MemoryLoan) loan = NULL;

  fixture->folder = g_dir_make_tmp ("bonsai-loan-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->folder, "socket", NULL);
  loan = memory_loan_new (guest->memory, fixture->path, &error);
  if (g_error_matches (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED))
    return;
  g_assert_no_error (error);
  memory_loan_take (loan, &error);
  g_assert_no_error (error);
  memory_loan_tell (loan, state, &error);
  g_assert_no_error (error);
  fixture->lender = loan_connect (fixture->path, &error);
  g_assert_no_error (error);
}

/* What one says that was lent this. (transfer full) */
static char *
start (Fixture *fixture, const char *age, const char *folder, bool is_last)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  const char *arguments[] = { self, "--borrowed-fd=3", age, folder, NULL };
  g_auto (GStrv) variables = g_get_environ ();
  g_autoptr (GError) error = NULL;
  char said[512] = "";
  int fds[3], pipe_fds[2];
  LoanProgram program = { .arguments = arguments,
                          .variables = (const char *const *)variables,
                          .folder = "/",
                          .fds = fds,
                          .n_fds = 3,
                          .is_last = is_last };
  size_t at = 0;
  ssize_t got;

  g_assert_true (g_unix_open_pipe (pipe_fds, FD_CLOEXEC, NULL));
  fds[0] = pipe_fds[0];
  fds[1] = pipe_fds[1];
  fds[2] = 2;
  loan_start (fixture->lender, &program, &error);
  close (pipe_fds[1]);
  while ((got = read (pipe_fds[0], said + at, sizeof said - 1 - at)) > 0)
    at += (size_t)got;
  close (pipe_fds[0]);
  return g_strdup (error ? error->message : said);
}

static void
end (Fixture *fixture)
{
  if (fixture->lender > 0)
    close (fixture->lender);
  g_rmdir (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->path);
}

#define SKIP_UNLESS_LENT(fixture)                                                                            \
  if ((fixture).lender <= 0)                                                                                 \
    {                                                                                                        \
      g_test_skip ("a program with a sanitizer can't lend");                                                 \
      end (&(fixture));                                                                                      \
      return;                                                                                                \
    }

static void *
allocate (void *stop)
{
  while (!g_atomic_int_get ((int *)stop))
    g_free (g_malloc (1000));
  return NULL;
}

static void
test_several (void)
{
  g_auto (Guest) guest = { 0 };
  Fixture fixture = { 0 };
  int stop = 0;
  GThread *thread = g_thread_new ("allocate", allocate, &stop);

  guest_init (&guest, RAM_SIZE);
  fill (&guest, 7);
  lend (&fixture, &guest);
  g_atomic_int_set (&stop, 1);
  g_thread_join (thread);
  SKIP_UNLESS_LENT (fixture);
  fill (&guest, 8); /* it goes on */
  for (unsigned i = 0; i < 5; i++)
    {
      g_autofree char *said = start (&fixture, "7", NULL, i == 4);

      g_assert_cmpstr (said, ==, "good");
    }
  g_assert_true (holds (&guest, 8));
  end (&fixture);
}

/* RAM that is partly a file's, and partly written since; what was never touched. */
static void
test_pieces (void)
{
  g_autofree char *folder = g_dir_make_tmp ("bonsai-picture-XXXXXX", NULL);
  g_autofree char *theirs = g_dir_make_tmp ("bonsai-picture-XXXXXX", NULL);
  const MemorySaveConfig config = { .folder = folder };
  g_autofree char *index = g_build_filename (folder, MEMORY_IMAGE_INDEX, NULL);
  g_auto (Guest) first = { 0 }, guest = { 0 };
  g_autoptr (MemorySave) save = NULL;
  g_autoptr (MemoryImage) image = NULL;
  g_autofree char *remove = g_strdup_printf ("rm -r %s %s", folder, theirs), *said = NULL;
  Fixture fixture = { 0 };

  guest_init (&first, RAM_SIZE);
  fill (&first, 20);
  save = memory_save_new (first.memory, &config, NULL);
  g_assert_true (memory_save_take (save, NULL) && memory_save_finish (save, NULL, NULL));
  image = memory_image_read (index, false, NULL);
  guest_init (&guest, RAM_SIZE);
  g_assert_true (guest_memory_restore (guest.memory, image, NULL, NULL, NULL));
  memset (guest.ram, 20, PAGE); /* as it is, but its own */
  lend (&fixture, &guest);
  SKIP_UNLESS_LENT (fixture);
  said = start (&fixture, "20", theirs, true);
  g_assert_cmpstr (said, ==, "good");
  end (&fixture);
  g_assert_cmpint (system (remove), ==, 0);
}

static void
test_refusals (void)
{
  g_auto (Guest) guest = { 0 };
  Fixture fixture = { 0 };
  g_autofree char *large = NULL, *gone = NULL;

  guest_init (&guest, RAM_SIZE);
  fill (&guest, 1);
  lend (&fixture, &guest);
  SKIP_UNLESS_LENT (fixture);
  large = start (&fixture, "1", "too large", true);
  g_assert_nonnull (strstr (large, "other memory or devices"));
  gone = start (&fixture, "1", NULL, false);
  g_assert_nonnull (strstr (gone, "The process that lends memory"));
  end (&fixture);
}

int
main (int argc, char **argv)
{
  if (argc > 1 && g_str_has_prefix (argv[1], "--borrowed-fd"))
    return be_borrower (argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory-loan/several", test_several);
  g_test_add_func ("/memory-loan/pieces", test_pieces);
  g_test_add_func ("/memory-loan/refusals", test_refusals);
  return g_test_run ();
}
