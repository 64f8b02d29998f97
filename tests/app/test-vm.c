/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Machines of the library that run in this process. Needs KVM, of any kind. */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/library/library.h"
#include "tests/app/library-fixture.h"
#include "tests/app/scratch.h"
#include "tests/app/tiny-guest.h"

#include <glib/gstdio.h>
#include <string.h>

/* cli; lidt of zeroes; ud2: the fault has nowhere to go */
static const guint8 crash_code[] = { 0xfa, 0x0f, 0x01, 0x1d, 0x00, 0x00, 0x50, 0x00, 0x0f, 0x0b };

static void
test_life (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);
  g_autoptr (GError) error = NULL;

  g_assert_true (tiny_guest_start (vm, &error));
  g_assert_no_error (error);
  g_assert_cmpint (bonsai_vm_get_state (vm), ==, BONSAI_STATE_RUNNING);
  g_assert_true (bonsai_vm_is_hosted_here (vm));
  g_assert_cmpuint (bonsai_library_count_hosted (fixture->library), ==, 1);
  g_assert_false (tiny_guest_start (vm, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);

  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_PAUSE, 0, &error));
  g_assert_cmpint (bonsai_vm_get_state (vm), ==, BONSAI_STATE_PAUSED);
  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_RESUME, 0, &error));
  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_RESET, 0, &error));
  g_assert_false (tiny_guest_control (vm, BONSAI_CONTROL_SHUTDOWN, 200, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_cmpint (bonsai_vm_get_state (vm), ==, BONSAI_STATE_RUNNING);

  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_POWER_OFF, 0, &error));
  wait_until (!bonsai_vm_is_hosted_here (vm));
  g_assert_cmpint (bonsai_vm_get_state (vm), ==, BONSAI_STATE_STOPPED);
  g_assert_cmpint (bonsai_vm_get_reason (vm), ==, BONSAI_REASON_USER);
  g_assert_false (tiny_guest_control (vm, BONSAI_CONTROL_PAUSE, 0, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING);
  g_clear_error (&error);

  /* And again. */
  g_assert_true (tiny_guest_start (vm, &error));
  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_POWER_OFF, 0, &error));
  wait_until (!bonsai_vm_is_hosted_here (vm));
}

/* One crashes its guest; the other does not notice. */
static void
test_side_by_side (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *sleeper = tiny_guest_create_sleeper (fixture);
  BonsaiVm *crasher = tiny_guest_create (fixture, "crasher", crash_code, sizeof crash_code);
  g_autoptr (GError) error = NULL;

  g_assert_true (tiny_guest_start (sleeper, &error));
  for (unsigned round = 0; round < 3; round++)
    {
      /* It may be over before the start is told. */
      if (!tiny_guest_start (crasher, &error))
        g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING);
      g_clear_error (&error);
      wait_until (!bonsai_vm_is_hosted_here (crasher));
      g_assert_cmpint (bonsai_vm_get_state (crasher), ==, BONSAI_STATE_CRASHED);
      g_assert_cmpint (bonsai_vm_get_reason (crasher), ==, BONSAI_REASON_TRIPLE_FAULT);
      g_assert_cmpstr (bonsai_vm_get_state_text (crasher), !=, "");
      g_assert_cmpint (bonsai_vm_get_state (sleeper), ==, BONSAI_STATE_RUNNING);
    }
  g_assert_true (tiny_guest_control (sleeper, BONSAI_CONTROL_PAUSE, 0, &error));
  g_assert_true (tiny_guest_control (sleeper, BONSAI_CONTROL_RESUME, 0, &error));
  g_assert_true (tiny_guest_control (sleeper, BONSAI_CONTROL_POWER_OFF, 0, &error));
  wait_until (!bonsai_vm_is_hosted_here (sleeper));
}

static void
count_up (int *n)
{
  (*n)++;
}

/* Somebody who looks gets a picture; the last one stays. */
static void
test_thumbnail (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);
  g_autoptr (Surface) before = bonsai_vm_get_thumbnail (vm), live = NULL, after = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *file = g_build_filename (bonsai_vm_get_path (vm), "screenshot.png", NULL);
  int n_changes = 0;

  g_assert_null (before);
  g_signal_connect_swapped (vm, "thumbnail-changed", G_CALLBACK (count_up), &n_changes);
  bonsai_vm_watch (vm, TRUE);
  g_assert_true (tiny_guest_start (vm, &error));
  wait_until (n_changes > 0);
  live = bonsai_vm_get_thumbnail (vm);
  g_assert_cmpint (live->width, <=, 320);
  g_assert_cmpint (live->height, <=, 180);
  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_POWER_OFF, 0, &error));
  wait_until (!bonsai_vm_is_hosted_here (vm));
  after = bonsai_vm_get_thumbnail (vm);
  g_assert_nonnull (after);
  g_assert_true (g_file_test (file, G_FILE_TEST_IS_REGULAR));
  bonsai_vm_watch (vm, FALSE);
}

/* Letting go of a library with a machine that runs pulls its plug, and leaves a bundle that says so. */
static void
test_library_goes (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);
  g_autofree char *path = g_strdup (bonsai_vm_get_path (vm));
  g_auto (BundleRun) run = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (tiny_guest_start (vm, &error));
  g_assert_finalize_object (fixture->library);
  g_assert_cmpint (bundle_lock_holder (path), ==, 0);
  bundle_read_run (path, &run);
  g_assert_cmpint (run.state, ==, BONSAI_STATE_STOPPED);
  g_assert_cmpint (run.reason, ==, BONSAI_REASON_USER);
  fixture->library = bonsai_library_new (fixture->scratch, &error);
}

static void
test_failed_start (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);
  g_autofree char *kernel = g_build_filename (fixture->scratch, "sleeper", NULL);
  g_autoptr (VmConfig) config = vm_config_copy (bonsai_vm_get_config (vm));
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_remove (kernel), ==, 0);
  g_assert_false (tiny_guest_start (vm, &error));
  g_assert_nonnull (strstr (error->message, kernel));
  g_assert_false (bonsai_vm_is_hosted_here (vm));
  g_assert_cmpint (bonsai_vm_get_state (vm), ==, BONSAI_STATE_STOPPED);
  g_assert_nonnull (strstr (bonsai_vm_get_state_text (vm), kernel));
  g_clear_error (&error);

  config->memory = 8ull << 40;
  g_assert_true (bonsai_vm_save_config (vm, config, &error));
  g_assert_false (tiny_guest_start (vm, &error));
  g_assert_nonnull (strstr (error->message, "this host has"));
}

/* --- disks that come and go --- */

static DiskSpec *
attach (BonsaiVm *vm, const char *path, DiskBus bus, GError **error)
{
  const DiskSpec disk = { .kind = DISK_KIND_DISK, .bus = bus, .path = (char *)path };
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_attach_disk_async (vm, &disk, FALSE, NULL, tiny_guest_keep_result, &result);
  wait_until (result != NULL);
  return bonsai_vm_attach_disk_finish (vm, result, error);
}

static gboolean
detach (BonsaiVm *vm, const char *disk, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_detach_disk_async (vm, disk, FALSE, NULL, tiny_guest_keep_result, &result);
  wait_until (result != NULL);
  return bonsai_vm_detach_disk_finish (vm, result, error);
}

static gboolean
change_medium (BonsaiVm *vm, const char *path, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_session_change_medium_async (bonsai_vm_get_session (vm), NULL, path, false, NULL,
                                      tiny_guest_keep_result, &result);
  wait_until (result != NULL);
  return bonsai_session_change_medium_finish (bonsai_vm_get_session (vm), result, error);
}

/* What the file says, not what is remembered of it. (nullable) */
static char *
described_path (BonsaiVm *vm, const char *id)
{
  g_autoptr (VmConfig) config = bundle_load (bonsai_vm_get_path (vm), NULL);
  VmDisk *disk = vm_config_find_disk (config, id);

  return disk != NULL ? g_strdup (disk->path != NULL ? disk->path : "empty") : NULL;
}

#define assert_described(vm, id, expected)                                                                   \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *described = described_path (vm, id);                                                    \
    g_assert_cmpstr (described, ==, expected);                                                               \
  }                                                                                                          \
  G_STMT_END

/* By hand, while the machine runs. */
static void
edit_notes (BonsaiVm *vm)
{
  g_autoptr (VmConfig) config = bundle_load (bonsai_vm_get_path (vm), NULL);

  vm_config_set (&config->notes, "edited meanwhile");
  g_assert_true (bundle_save (bonsai_vm_get_path (vm), config, NULL));
}

static gboolean
set_link (BonsaiVm *vm, const char *nic, gboolean up, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_set_link_async (vm, nic, up, NULL, tiny_guest_keep_result, &result);
  wait_until (result != NULL);
  return bonsai_vm_set_link_finish (vm, result, error);
}

static bool
described_link (BonsaiVm *vm)
{
  g_autoptr (VmConfig) config = bundle_load (bonsai_vm_get_path (vm), NULL);

  return !vm_config_find_nic (config, "net0")->link_down;
}

/* Cables are moved, and stay as they are, whether the machine runs or not. */
static void
test_link (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);
  g_autoptr (GError) error = NULL;

  g_assert_true (set_link (vm, "net0", FALSE, &error));
  g_assert_false (described_link (vm));
  g_assert_false (set_link (vm, "net7", FALSE, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (tiny_guest_start (vm, &error));
  edit_notes (vm);
  g_assert_true (set_link (vm, "net0", TRUE, &error));
  g_assert_true (described_link (vm));
  g_assert_false (set_link (vm, "net7", TRUE, &error));
  g_assert_nonnull (strstr (error->message, "net7"));
  g_clear_error (&error);
  {
    g_autoptr (VmConfig) after = bundle_load (bonsai_vm_get_path (vm), NULL);

    g_assert_cmpstr (after->notes, ==, "edited meanwhile");
  }
}

static void
test_disks (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);
  g_autofree char *image = g_build_filename (fixture->scratch, "a.qcow2", NULL);
  g_autofree char *own = g_build_filename (bonsai_vm_get_path (vm), "disks", "own.img", NULL);
  g_autoptr (VmConfig) config = vm_config_copy (bonsai_vm_get_config (vm)), after = NULL;
  g_autoptr (DiskSpec) first = NULL, second = NULL, third = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (image_create (image, &(ImageCreateOptions){ .format = "qcow2", .size = 1 << 20 }, &error));
  g_assert_true (image_create_raw (own, 1 << 20, &error));
  vm_config_add_cdrom (config, NULL);
  g_assert_true (bonsai_vm_save_config (vm, config, &error));
  g_assert_true (tiny_guest_start (vm, &error));
  edit_notes (vm);

  first = attach (vm, image, DISK_BUS_AHCI, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (first->options.format, ==, "qcow2");
  assert_described (vm, first->id, image);
  g_assert_null (attach (vm, image, DISK_BUS_AHCI, &error));
  g_assert_nonnull (strstr (error->message, "in use"));
  g_clear_error (&error);
  /* What lies in the bundle is named from there. */
  second = attach (vm, own, DISK_BUS_AHCI, &error);
  g_assert_no_error (error);
  assert_described (vm, second->id, "disks/own.img");
  g_assert_true (change_medium (vm, image, &error));
  assert_described (vm, "cd0", image);
  g_assert_true (change_medium (vm, NULL, &error));
  assert_described (vm, "cd0", "empty");
  g_assert_true (detach (vm, first->id, &error));
  assert_described (vm, first->id, NULL);

  /* A description that can't be changed is told; the disk is there all the same. */
  {
    g_autofree char *file = g_build_filename (bonsai_vm_get_path (vm), "vm.json", NULL), *text = NULL;

    g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
    g_assert_true (g_file_set_contents (file, "{ half an edit", -1, NULL));
    g_assert_null (attach (vm, image, DISK_BUS_AHCI, &error));
    g_assert_nonnull (strstr (error->message, "until the machine's end"));
    g_clear_error (&error);
    g_assert_true (g_file_set_contents (file, text, -1, NULL));
  }
  after = bundle_load (bonsai_vm_get_path (vm), &error);
  g_assert_cmpstr (after->notes, ==, "edited meanwhile");

  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_POWER_OFF, 0, &error));
  wait_until (!bonsai_vm_is_hosted_here (vm));
  third = attach (vm, image, DISK_BUS_SCSI, &error);
  g_assert_no_error (error);
  assert_described (vm, third->id, image);
  g_assert_true (tiny_guest_start (vm, &error));
  g_assert_false (detach (vm, "disk9", &error));
  g_clear_error (&error);
  g_assert_true (detach (vm, third->id, &error));
  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_POWER_OFF, 0, &error));
  wait_until (!bonsai_vm_is_hosted_here (vm));
}

/* Nothing is changed in a machine that another process has. */
static void
test_disks_locked (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);
  g_autofree char *image = g_build_filename (fixture->scratch, "a.img", NULL);
  g_autoptr (BundleLock) lock = bundle_lock (bonsai_vm_get_path (vm), NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (image_create_raw (image, 1 << 20, &error));
  g_assert_null (attach (vm, image, DISK_BUS_VIRTIO, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (detach (vm, "disk0", &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
}

/* --- passphrases --- */

static char *
find_locked (BonsaiVm *vm)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) ids = NULL;

  bonsai_vm_find_locked_async (vm, NULL, tiny_guest_keep_result, &result);
  wait_until (result != NULL);
  ids = bonsai_vm_find_locked_finish (vm, result, &error);
  g_assert_no_error (error);
  return g_strjoinv (" ", ids);
}

#define assert_locked(vm, expected)                                                                          \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *locked = find_locked (vm);                                                              \
    g_assert_cmpstr (locked, ==, expected);                                                                  \
  }                                                                                                          \
  G_STMT_END

static gboolean
unlock (BonsaiVm *vm, const char *text, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_unlock_async (vm, disk_secret_new (text, strlen (text), NULL), NULL, tiny_guest_keep_result,
                          &result);
  wait_until (result != NULL);
  return bonsai_vm_unlock_finish (vm, result, error);
}

static void
add_encrypted (LibraryFixture *fixture, VmConfig *config, const char *name, const char *text)
{
  const ImageSecret secret = { (const uint8_t *)text, strlen (text) };
  const ImageCreateOptions options = {
    .format = "qcow2", .size = 1 << 20, .secret = text[0] != '\0' ? &secret : NULL, .secret_milliseconds = 1
  };
  g_autofree char *path = g_build_filename (fixture->scratch, name, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (image_create (path, &options, &error));
  g_assert_no_error (error);
  vm_config_set (&vm_config_add_disk (config, path, 0)->options.format, "qcow2");
}

static void
test_unlock (LibraryFixture *fixture, gconstpointer data)
{
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);
  g_autoptr (VmConfig) config = vm_config_copy (bonsai_vm_get_config (vm));
  g_autoptr (GError) error = NULL;

  assert_locked (vm, "");
  add_encrypted (fixture, config, "plain", "");
  add_encrypted (fixture, config, "one", "horse");
  add_encrypted (fixture, config, "two", "horse");
  add_encrypted (fixture, config, "three", "staple");
  g_assert_true (bonsai_vm_save_config (vm, config, &error));
  assert_locked (vm, "disk1 disk2 disk3");
  g_assert_false (tiny_guest_start (vm, &error));
  g_assert_nonnull (strstr (error->message, "passphrase"));
  g_clear_error (&error);

  g_assert_false (unlock (vm, "donkey", &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_true (unlock (vm, "horse", &error));
  assert_locked (vm, "disk3");
  bonsai_vm_forget_secrets (vm);
  assert_locked (vm, "disk1 disk2 disk3");
  g_assert_true (unlock (vm, "staple", &error));
  g_assert_true (unlock (vm, "horse", &error));
  assert_locked (vm, "");
  g_assert_true (tiny_guest_start (vm, &error));
  g_assert_no_error (error);
  g_assert_true (tiny_guest_control (vm, BONSAI_CONTROL_POWER_OFF, 0, &error));
  wait_until (!bonsai_vm_is_hosted_here (vm));
  /* They were for that start. */
  assert_locked (vm, "disk1 disk2 disk3");
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (LibraryFixture *, gconstpointer);
  } tests[] = {
    { "/vm/life", test_life },
    { "/vm/side-by-side", test_side_by_side },
    { "/vm/thumbnail", test_thumbnail },
    { "/vm/library-goes", test_library_goes },
    { "/vm/failed-start", test_failed_start },
    { "/vm/link", test_link },
    { "/vm/disks", test_disks },
    { "/vm/disks-locked", test_disks_locked },
    { "/vm/unlock", test_unlock },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, LibraryFixture, NULL, library_fixture_set_up, tests[i].test,
                library_fixture_tear_down);
  return g_test_run ();
}
