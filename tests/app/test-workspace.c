/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workspaces as they are used, and their end. */
#include "app/base/error.h"
#include "app/snapshot/clone.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/snapshot/snapshot-take.h"
#include "app/workspace/profile.h"
#include "devices/image/image.h"
#include "tests/app/workspace-fixture.h"
#include "vmm/base/error.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const ImageSecret secret = { .data = (const uint8_t *)"right", .length = 5 };

/* --- the usual --- */

static void
test_usual (Fixture *fixture, gconstpointer data)
{
  const Expiry day = { EXPIRY_DATE, fixture_now () + DAY }, over = { EXPIRY_DATE, fixture_now () - 10 };
  g_autoptr (GError) error = NULL;
  g_autoptr (Workspace) workspace = NULL, after = NULL;
  g_autofree char *log = g_build_filename (fixture->ledger, "log", NULL), *text = NULL;
  LeaseStep step;

  g_assert_true (fixture_may_start (fixture, &error)); /* no workspace */
  g_assert_null (workspace_read (&fixture->place, false, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (fixture_issue (fixture, day, &error));
  g_assert_false (fixture_issue (fixture, day, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS);
  g_clear_error (&error);
  workspace = workspace_read (&fixture->place, false, &error);
  g_assert_cmpint (workspace->step.record.stage, ==, LEASE_NOT_STARTED);
  g_assert_cmpint (workspace->step.remaining, >, DAY - 60);
  g_assert_cmpstr (workspace->terms->subject, ==, "anna");

  g_assert_true (workspace_begin_run (&fixture->place, fixture->config, &error));
  g_assert_true (workspace_look (&fixture->place, true, &step, &error));
  g_assert_cmpint (step.record.stage, ==, LEASE_ACTIVE);
  g_assert_true (workspace_renew (&fixture->place, &over, false, &error)); /* taken back */
  g_assert_true (workspace_look (&fixture->place, true, &step, &error));
  g_assert_cmpint (step.actions, ==, LEASE_SUSPEND);
  g_assert_true (workspace_look (&fixture->place, false, &step, &error));
  g_assert_cmpint (step.record.stage, ==, LEASE_GRACE);
  fixture_assert_locked (fixture, "renew");
  g_assert_true (workspace_renew (&fixture->place, &day, false, &error));
  g_assert_true (fixture_may_start (fixture, &error));
  after = workspace_read (&fixture->place, false, &error);
  g_assert_cmpuint (after->renewals, ==, 2);
  g_assert_true (g_file_get_contents (log, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "active → expired"));
  g_assert_nonnull (strstr (text, "renewed"));
}

static void
test_promises (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Terms) terms = g_new0 (Terms, 1);
  g_autoptr (Profile) profile = profile_load ("/nowhere", "test", NULL);
  g_autoptr (GError) error = NULL;

  terms->id = g_uuid_string_random ();
  terms->machine = g_strdup (fixture->config->uuid);
  terms->subject = g_strdup ("anna");
  profile_apply (profile, terms);
  terms->afterwards = AFTERWARDS_DESTROY;
  g_assert_false (workspace_issue (&fixture->place, terms, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_assert_true (fixture_may_start (fixture, NULL)); /* nothing stayed */
}

static void
test_use (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Terms) terms = g_new0 (Terms, 1);
  g_autoptr (Profile) profile = profile_load ("/nowhere", "secure", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (workspace_check_use (fixture->bundle, WORKSPACE_SNAPSHOTS, NULL));
  terms->id = g_uuid_string_random ();
  terms->machine = g_strdup (fixture->config->uuid);
  terms->subject = g_strdup ("anna");
  profile_apply (profile, terms);
  g_assert_true (workspace_issue (&fixture->place, terms, &error));
  g_assert_false (workspace_check_use (fixture->bundle, WORKSPACE_SNAPSHOTS, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_false (workspace_check_use (fixture->bundle, WORKSPACE_EXPORT, NULL));
  g_assert_false (fixture_may_start (fixture, &error)); /* the machine has NAT */
  g_assert_nonnull (strstr (error->message, "network"));
}

/* --- ways out --- */

static void
assert_refused (bool done, GError **error)
{
  g_assert_false (done);
  g_assert_error (*error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_assert_nonnull (strstr ((*error)->message, "terms"));
  g_clear_error (error);
}

/* Its disk by its name, a link's, and as what another image lies on; from its folder to another place, and
 * down. */
static void
test_copies (Fixture *fixture, gconstpointer data)
{
  g_autofree char *disk = g_build_filename (fixture->bundle, "disks", "disk0.qcow2", NULL);
  g_autofree char *beside = g_build_filename (fixture->bundle, "disks", "new.qcow2", NULL);
  g_autofree char *link = g_build_filename (fixture->scratch, "link.qcow2", NULL);
  g_autofree char *over = g_build_filename (fixture->scratch, "over.qcow2", NULL);
  g_autofree char *below = g_build_filename (fixture->scratch, "below.qcow2", NULL);
  g_autofree char *json = g_build_filename (fixture->bundle, "vm.json", NULL);
  g_autofree char *top = g_build_filename (fixture->bundle, "disks", "top.qcow2", NULL);
  const ImageCreateOptions create = { .format = "qcow2", .size = 1024 * 1024 };
  ImageCreateOptions layer = { .format = "qcow2", .backing_path = disk, .backing_format = "qcow2" };
  g_autoptr (VmConfig) other = vm_config_new ("Other");
  g_autoptr (GError) error = NULL;
  g_autofree char *bundle = bundle_create (fixture->scratch, other, &error);

  g_assert_true (image_create (disk, &create, &error) && image_create (below, &create, &error));
  g_assert_cmpint (symlink (disk, link), ==, 0);
  g_assert_true (image_create (over, &layer, &error));
  layer.backing_path = below;
  g_assert_true (image_create (top, &layer, &error));
  vm_config_add_disk (other, over, 0);
  g_assert_true (snapshot_guard_copy (disk, below, &error) && snapshot_guard_terms (bundle, other, &error));
  g_assert_true (fixture_issue_by (fixture, "corporate", (Expiry){ EXPIRY_NEVER, 0 }, &error));
  assert_refused (snapshot_guard_copy (disk, below, &error), &error);
  assert_refused (snapshot_guard_copy (disk, NULL, &error), &error);
  assert_refused (snapshot_guard_copy (link, below, &error), &error);
  assert_refused (snapshot_guard_copy (over, below, &error), &error);
  assert_refused (snapshot_guard_terms (bundle, other, &error), &error);
  assert_refused (snapshot_guard_commit (top, 0, &error), &error);
  g_assert_true (snapshot_guard_copy (disk, beside, &error)); /* it stays in its folder */
  g_assert_true (snapshot_guard_copy (below, disk, &error));
  /* Nor does it help to make vm.json unreadable. */
  g_assert_true (g_file_set_contents (json, "{", 1, NULL));
  g_assert_false (snapshot_guard_copy (disk, NULL, &error));
}

static void
test_whole (Fixture *fixture, gconstpointer data)
{
  const CloneHow how = { .name = "Copy" };
  const SnapshotTake take = { .name = "One" };
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL, *id = NULL;

  g_assert_true (fixture_issue_by (fixture, "secure", (Expiry){ EXPIRY_NEVER, 0 }, &error));
  path = clone_make (fixture->bundle, fixture->scratch, &how, &error);
  assert_refused (path != NULL, &error);
  id = snapshot_take (fixture->bundle, &take, &error);
  assert_refused (id != NULL, &error);
  assert_refused (workspace_check_use (fixture->bundle, WORKSPACE_HOST_FILES, &error), &error);
  g_assert_true (workspace_check_use (fixture->bundle, WORKSPACE_SCREENSHOTS, &error));
}

/* A disk elsewhere that its guest may write to is a way out; one that it only reads isn't. */
static void
test_host_files (Fixture *fixture, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (fixture->scratch, "elsewhere.qcow2", NULL);
  const ImageCreateOptions create = {
    .format = "qcow2", .size = 1024 * 1024, .secret = &secret, .secret_milliseconds = 1
  };
  g_autoptr (VmConfig) config = vm_config_copy (fixture->config);
  g_autoptr (GError) error = NULL;
  VmDisk *disk;

  g_assert_true (image_create (elsewhere, &create, &error));
  config->agents.clipboard = CLIPBOARD_OFF;
  g_assert_true (fixture_issue_by (fixture, "corporate", (Expiry){ EXPIRY_NEVER, 0 }, &error));
  g_assert_true (workspace_check_config (fixture->bundle, config, &error));
  disk = vm_config_add_disk (config, elsewhere, 0);
  assert_refused (workspace_check_config (fixture->bundle, config, &error), &error);
  disk->read_only = true;
  g_assert_true (workspace_check_config (fixture->bundle, config, &error));
  config->agents.clipboard = CLIPBOARD_TO_HOST;
  assert_refused (workspace_check_config (fixture->bundle, config, &error), &error);
}

/* --- the end --- */

static bool
opens (const char *path, GError **error)
{
  const ImageOptions options = {
    .format = "qcow2", .read_only = true, .no_backing = true, .secret = &secret
  };
  g_autoptr (EventLoop) loop = loop_new ("test", error);
  g_autoptr (Image) image = image_open (loop, path, &options, error);

  return image != NULL;
}

/* The key is gone from the file, wherever else it is still known by another name. */
static void
test_destruction (Fixture *fixture, gconstpointer data)
{
  const ImageCreateOptions create = {
    .format = "qcow2", .size = 1024 * 1024, .secret = &secret, .secret_milliseconds = 1
  };
  g_autofree char *disk = g_build_filename (fixture->bundle, "disks", "disk0.qcow2", NULL);
  g_autofree char *memory = g_build_filename (fixture->bundle, "suspended", NULL);
  g_autofree char *elsewhere = g_build_filename (fixture->scratch, "kept.qcow2", NULL), *log = NULL;
  const ImageCreateOptions create_layer = {
    .format = "qcow2", .backing_path = "disk0.qcow2", .backing_format = "qcow2", .same_key = true
  };
  g_autofree char *layer = g_build_filename (fixture->bundle, "disks", "disk0-abcdefghij.qcow2", NULL);
  g_autofree char *layer_elsewhere = g_build_filename (fixture->scratch, "kept-layer.qcow2", NULL);
  g_autoptr (GError) error = NULL;
  g_auto (LeaseFiles) files = { 0 };
  LeaseStep step;

  g_assert_true (image_create (disk, &create, &error));
  g_assert_cmpint (link (disk, elsewhere), ==, 0);
  g_assert_true (image_create (layer, &create_layer, &error));
  g_assert_cmpint (link (layer, layer_elsewhere), ==, 0);
  g_assert_cmpint (g_mkdir (memory, 0700), ==, 0);
  g_assert_true (opens (elsewhere, &error));
  g_assert_true (
    fixture_issue_by (fixture, "secure", (Expiry){ EXPIRY_DATE, fixture_now () - 10 * DAY }, &error));
  /* Over for long, but nothing was seen of the grace time. */
  for (unsigned i = 0; i < 3; i++)
    {
      g_assert_true (workspace_look (&fixture->place, false, &step, &error));
      g_assert_cmpint (step.record.stage, ==, LEASE_GRACE);
      g_assert_true (opens (elsewhere, &error) && opens (layer_elsewhere, &error));
    }
  g_assert_true (lease_store_read (&fixture->place, &files, &error));
  files.record.grace_seen = 86400;
  g_assert_true (lease_store_write (&fixture->place, &files.record, &error));
  g_assert_true (workspace_look (&fixture->place, false, &step, &error));
  g_assert_no_error (error);
  g_assert_cmpint (step.record.stage, ==, LEASE_DESTROYED);
  g_assert_false (opens (elsewhere, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_PERMISSION);
  g_clear_error (&error);
  g_assert_false (opens (layer_elsewhere, NULL));
  g_assert_false (g_file_test (disk, G_FILE_TEST_EXISTS) || g_file_test (memory, G_FILE_TEST_EXISTS));
  log = fixture_slurp (fixture->ledger, "log");
  g_assert_true (strstr (log, "grace → destroying") < strstr (log, "keys wiped and verified: 2"));
  /* Power fails amid it: it is done again. */
  files.record.stage = LEASE_DESTROYING;
  files.record.sequence = step.record.sequence;
  g_assert_true (lease_store_write (&fixture->place, &files.record, &error));
  g_assert_true (workspace_look (&fixture->place, false, &step, &error));
  g_assert_cmpint (step.record.stage, ==, LEASE_DESTROYED);
  g_assert_false (workspace_renew (&fixture->place, &(Expiry){ EXPIRY_NEVER, 0 }, true, &error));
  g_assert_nonnull (strstr (error->message, "too late"));
  g_clear_error (&error);
  g_assert_false (fixture_may_start (fixture, &error));
  g_assert_nonnull (strstr (error->message, "destroyed"));
}

#define ADD(name, func, argument)                                                                            \
  g_test_add ("/workspace/" name, Fixture, argument, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_DATA_HOME");
  g_test_init (&argc, &argv, NULL);
  ADD ("usual", test_usual, NULL);
  ADD ("promises", test_promises, NULL);
  ADD ("use", test_use, NULL);
  ADD ("copies", test_copies, NULL);
  ADD ("whole", test_whole, NULL);
  ADD ("host-files", test_host_files, NULL);
  ADD ("destruction", test_destruction, NULL);
  return g_test_run ();
}
