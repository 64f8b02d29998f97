/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures of a machine whose guest goes on writing to its memory while they are taken. */
#include "tests/vmm/kvm/guest.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/kvm/host-check.h"
#include "vmm/machine/machine-snapshot.h"
#include "vmm/memory/memory-image.h"

#include <glib/gstdio.h>

#define RAM   (UINT64_C (32) << 20)
#define AREA  (UINT64_C (4) << 20)
#define END   (UINT64_C (24) << 20)
#define PAGE  4096u
#define PRIME UINT64_C (0x9e3779b)

static bool
needs_user_mode (void)
{
  g_autoptr (HostReport) report = host_check (NULL);

  return report->kind == HOST_KVM_PVM;
}

static GuestConfig
writing (void)
{
  bool user = needs_user_mode ();

  return (GuestConfig) {
    GUEST_CODE_OF (writer),
    .ram_size = RAM,
    .user_pages = user,
    .start = { .rdi = AREA, .rsi = END, .rbx = user },
  };
}

static Guest *
guest_writing (uint32_t rounds)
{
  GuestConfig config = writing ();
  Guest *guest = guest_new (&config);

  machine_run (guest->machine);
  guest_wait_count (guest, rounds);
  return guest;
}

/* --- folders --- */

typedef char Folder;

static Folder *
folder_new (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("bonsai-snapshot-XXXXXX", &error);

  g_assert_no_error (error);
  return folder;
}

static void
folder_free (Folder *folder)
{
  const char *argv[] = { "rm", "-rf", folder, NULL };

  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  g_free (folder);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Folder, folder_free)

static char *
node (const Folder *folder, unsigned number)
{
  char *path = g_strdup_printf ("%s/n%u", folder, number);

  g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
  return path;
}

/* --- taking and going back --- */

static MachineSnapshot *
begin (Guest *guest, MachinePicture picture)
{
  g_autoptr (GError) error = NULL;
  MachineSnapshot *snapshot = machine_snapshot_begin (guest->machine, &picture, &error);

  g_assert_no_error (error);
  return snapshot;
}

static void
finish (MachineSnapshot *snapshot)
{
  g_autoptr (GError) error = NULL;

  machine_snapshot_finish (snapshot, NULL, &error);
  g_assert_no_error (error);
  machine_snapshot_free (snapshot);
}

static void
take (Guest *guest, const char *folder, const char *parent)
{
  g_autofree char *index = parent ? g_build_filename (parent, MEMORY_IMAGE_INDEX, NULL) : NULL;

  finish (begin (guest, (MachinePicture) { .folder = folder, .parent = index }));
}

static Guest *
guest_of_picture (const char *folder, const GuestConfig *config)
{
  g_autoptr (GError) error = NULL;
  Guest *guest = guest_new (config);

  g_assert_true (machine_picture_check (folder, &error));
  machine_restore (guest->machine, folder, NULL, &error);
  g_assert_no_error (error);
  return guest;
}

/* One round was under way: pages before some place have its number, the others the one before. */
static uint64_t
check_memory (Guest *guest)
{
  const uint8_t *first = guest_data (guest, AREA);
  uint64_t round = load_le64 (first);
  bool turned = false;

  for (const uint8_t *page = first; page < guest_data (guest, END); page += PAGE)
    {
      uint64_t low = load_le64 (page), high = load_le64 (page + 0xff8);

      if (!turned && low != round)
        turned = true;
      g_assert_cmpuint (low, ==, turned ? round - 1 : round);
      /* The instant may be between the two words of the last page before the turn. */
      if (high != low * PRIME)
        g_assert_cmpuint (high, ==, (low - 1) * PRIME);
    }
  return round;
}

/* Rounds go on without a gap; the guest looks at each page itself. */
static void
check_goes_on (Guest *guest, unsigned rounds)
{
  uint32_t count;

  machine_run (guest->machine);
  guest_wait_count (guest, 1);
  count = guest_count_now (guest);
  guest_wait_count (guest, count + rounds);
  g_assert_cmpuint (guest->gaps, ==, 0);
  g_assert_cmpint (machine_state (guest->machine), ==, MACHINE_RUNNING);
}

static void
check_picture (const char *folder, uint64_t least_round)
{
  GuestConfig config = writing ();
  g_autoptr (Guest) guest = guest_of_picture (folder, &config);

  g_assert_cmpuint (check_memory (guest), >=, least_round);
  check_goes_on (guest, 3);
}

/* --- tests --- */

static void
test_live (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (Guest) guest = guest_writing (2);
  MachineSnapshot *snapshot = begin (guest, (MachinePicture) { .folder = folder });
  uint32_t count = guest_count_now (guest);

  g_assert_cmpint (machine_snapshot_pause (snapshot), >, 0);
  guest_wait_count (guest, count + 3);
  finish (snapshot);
  g_assert_cmpuint (guest->gaps, ==, 0);
  g_assert_cmpuint (guest->n_runs, ==, 1); /* no events */
  g_assert_cmpuint (guest->n_events, ==, 1);
  check_picture (folder, count - 1);
  check_goes_on (guest, 2);
}

/* Without fork it is the same, only that the guest stands longer. */
static void
test_standing (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (Guest) guest = guest_writing (2);

  finish (begin (guest, (MachinePicture) { .folder = folder, .without_fork = true }));
  check_goes_on (guest, 2);
  check_picture (folder, 2);
}

/* A tree of pictures: each taken in a machine that was brought back from any of the others. */
static void
test_tree (void)
{
  enum { N = 10 };
  g_autoptr (Folder) folder = folder_new ();
  GuestConfig config = writing ();
  uint32_t counts[N] = { 0 };

  for (unsigned i = 0; i < N; i++)
    {
      unsigned from = i > 0 ? (unsigned) g_test_rand_int_range (0, (gint32) i) : 0;
      g_autofree char *parent = i > 0 ? node (folder, from) : NULL;
      g_autofree char *path = node (folder, i);
      g_autoptr (Guest) guest = i > 0 ? guest_of_picture (parent, &config) : guest_writing (1);

      if (i > 0)
        {
          g_assert_cmpuint (check_memory (guest), >=, counts[from]);
          check_goes_on (guest, 1);
        }
      counts[i] = guest_count_now (guest);
      take (guest, path, parent);
    }
  for (unsigned i = 0; i < 2 * N; i++)
    {
      unsigned which = (unsigned) g_test_rand_int_range (0, N);
      g_autofree char *path = node (folder, which);

      check_picture (path, counts[which]);
    }
}

static void
test_keep_standing (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (Guest) guest = guest_writing (2);
  uint64_t round;

  finish (begin (guest, (MachinePicture) { .folder = folder, .keep_standing = true }));
  guest_wait_state (guest, MACHINE_PAUSED);
  g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_USER);
  round = check_memory (guest);
  check_picture (folder, round);
  check_goes_on (guest, 2);
}

/* Pictures of a machine that is paused, and of one that never ran. */
static void
test_not_running (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *fresh = node (folder, 0);
  g_autofree char *paused = node (folder, 1);
  GuestConfig config = writing ();
  g_autoptr (Guest) guest = guest_new (&config);
  MachineSnapshot *snapshot;

  take (guest, fresh, NULL);
  machine_run (guest->machine);
  guest_wait_count (guest, 2);
  machine_pause (guest->machine);
  guest_wait_state (guest, MACHINE_PAUSED);
  snapshot = begin (guest, (MachinePicture) { .folder = paused });
  g_assert_cmpint (machine_snapshot_pause (snapshot), ==, 0);
  g_assert_cmpint (machine_state (guest->machine), ==, MACHINE_PAUSED);
  finish (snapshot);
  check_picture (paused, 2);
  {
    g_autoptr (Guest) again = guest_of_picture (fresh, &config);

    check_goes_on (again, 2);
  }
  check_goes_on (guest, 2);
}

static char *
explain (const char *path, const char *flaw)
{
  return g_strdup_printf ("bad news of %s: %s", path, flaw);
}

/* Amid the page, where the guest doesn't look: it would end for what it found before its host finds it. */
static void
flip_page (const char *folder, uint64_t page)
{
  long place = (long) (page * PAGE + PAGE / 2);
  g_autofree char *path = g_build_filename (folder, MEMORY_IMAGE_FILE, NULL);
  FILE *file = g_fopen (path, "r+");
  int byte;

  fseek (file, place, SEEK_SET);
  byte = fgetc (file);
  fseek (file, place, SEEK_SET);
  fputc (byte ^ 1, file);
  fclose (file);
}

/* Whether its page was found to have changed while the guest ran, or before it was to: it is paused, and told why. */
static void
test_damaged (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (Guest) first = guest_writing (3);
  GuestConfig config = writing ();

  take (first, folder, NULL);
  flip_page (folder, (END - PAGE) / PAGE);
  for (unsigned round = 0; round < 4; round++)
    {
      g_autoptr (Guest) guest = guest_new (&config);
      g_autoptr (GError) error = NULL;

      g_assert_true (machine_restore (guest->machine, folder, round < 3 ? explain : NULL, &error));
      g_assert_no_error (error);
      if (round % 2)
        g_usleep (300000); /* either order is right: mostly it stands when the page is found */
      machine_run (guest->machine);
      guest_wait_state (guest, MACHINE_PAUSED);
      g_assert_cmpint (guest->last.reason, ==, MACHINE_REASON_IO_ERROR);
      g_assert_nonnull (strstr (guest->last_message, "1 page of “ram-low” from"));
      g_assert_cmpint (g_str_has_prefix (guest->last_message, "bad news of "), ==, round < 3);
      machine_run (guest->machine);
      guest_wait_state (guest, MACHINE_RUNNING);
    }
}

/* Going back in the machine itself, paused. */
static void
test_back_in_place (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (Guest) guest = guest_writing (3);
  g_autoptr (GError) error = NULL;
  uint32_t count;

  take (guest, folder, NULL);
  guest_wait_count (guest, guest_count_now (guest) + 10);
  g_assert_false (machine_restore (guest->machine, folder, NULL, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  g_clear_error (&error);
  for (unsigned i = 0; i < 3; i++)
    {
      machine_pause (guest->machine);
      guest_wait_state (guest, MACHINE_PAUSED);
      count = guest_count_now (guest);
      machine_restore (guest->machine, folder, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (check_memory (guest), <=, count);
      g_mutex_lock (&guest->lock);
      guest->count = 0;
      g_mutex_unlock (&guest->lock);
      check_goes_on (guest, 5);
    }
}

static bool
refuse (void *data, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY, "not now");
  return false;
}

static void
set (void *data)
{
  *(bool *) data = true;
}

/* What the user wants meanwhile comes later, although others have their turn on the loop. */
static bool
wait_for_others (void *data, GError **error)
{
  Guest *guest = data;
  EventLoop *loop = machine_board (guest->machine)->loop;
  uint64_t round = check_memory (guest);
  bool others_ran = false;

  machine_pause (guest->machine);
  machine_run (guest->machine);
  loop_call (loop, set, &others_ran);
  while (!others_ran)
    loop_wait_for_others (loop);
  g_assert_cmpuint (check_memory (guest), ==, round);
  return true;
}

static void
test_at_instant (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autofree char *refused = node (folder, 0);
  g_autofree char *taken = node (folder, 1);
  g_autoptr (Guest) guest = guest_writing (2);
  g_autoptr (GError) error = NULL;

  g_assert_null (machine_snapshot_begin (
    guest->machine, &(MachinePicture) { .folder = refused, .at_instant = refuse, .keep_standing = true }, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  check_goes_on (guest, 2);
  finish (begin (guest, (MachinePicture) { .folder = taken, .at_instant = wait_for_others, .data = guest }));
  check_goes_on (guest, 2);
  check_picture (taken, 2);
}

static void
test_cancel (void)
{
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (Guest) guest = guest_writing (2);
  g_autoptr (MachineSnapshot) snapshot = begin (guest, (MachinePicture) { .folder = folder });
  g_autoptr (GError) error = NULL;
  MachineSnapshotProgress progress = machine_snapshot_progress (snapshot);

  g_assert_cmpuint (progress.total, >=, RAM);
  machine_snapshot_cancel (snapshot);
  g_assert_false (machine_snapshot_finish (snapshot, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  check_goes_on (guest, 2);
}

/* The machine may end while its picture is written, and isn't kept by that. */
static void
test_machine_ends (void)
{
  g_autoptr (Folder) folder = folder_new ();
  Guest *guest = guest_writing (2);
  MachineSnapshot *snapshot = begin (guest, (MachinePicture) { .folder = folder });

  guest_free (guest);
  finish (snapshot);
  check_picture (folder, 2);
}

static bool
do_nothing (Machine *machine, void *data, GError **error)
{
  return true;
}

static void
test_ended (void)
{
  g_autoptr (Guest) guest = guest_writing (1);
  g_autoptr (GError) error = NULL;
  int64_t stood = 1;
  MachineHold hold = { .stood = &stood };

  g_assert_true (machine_hold (guest->machine, &hold, do_nothing, NULL, &error));
  g_assert_cmpint (stood, >, 0);
  machine_power_off (guest->machine);
  g_assert_false (machine_hold (guest->machine, &hold, do_nothing, NULL, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
}

/* A guest that does nothing but reset itself: no picture has lost the reset that it asked for. */
static void
test_between_request_and_reset (void)
{
  const GuestConfig config = { GUEST_CODE_OF (ask), .start.rax = GUEST_ASK_RESET };
  g_autoptr (Folder) folder = folder_new ();
  g_autoptr (Guest) guest = guest_new (&config);

  machine_run (guest->machine);
  guest_wait_resets (guest, 2);
  for (unsigned i = 0; i < 20; i++)
    {
      g_autofree char *path = node (folder, i);
      g_autoptr (Guest) again = NULL;

      take (guest, path, NULL);
      again = guest_of_picture (path, &config);
      machine_run (again->machine);
      guest_wait_resets (again, 2);
    }
  g_assert_cmpuint (guest->accesses->len, ==, 0); /* it never lived on */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!guest_have_kvm ())
    return 0;
  g_test_add_func ("/snapshot/live", test_live);
  g_test_add_func ("/snapshot/standing", test_standing);
  g_test_add_func ("/snapshot/tree", test_tree);
  g_test_add_func ("/snapshot/keep-standing", test_keep_standing);
  g_test_add_func ("/snapshot/not-running", test_not_running);
  g_test_add_func ("/snapshot/damaged", test_damaged);
  g_test_add_func ("/snapshot/back-in-place", test_back_in_place);
  g_test_add_func ("/snapshot/at-instant", test_at_instant);
  g_test_add_func ("/snapshot/cancel", test_cancel);
  g_test_add_func ("/snapshot/machine-ends", test_machine_ends);
  g_test_add_func ("/snapshot/ended", test_ended);
  g_test_add_func ("/snapshot/between-request-and-reset", test_between_request_and_reset);
  return g_test_run ();
}
