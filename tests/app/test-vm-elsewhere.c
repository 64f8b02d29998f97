/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine that another process runs: what the library says of it, and when. That process is a session
 * without a machine, which listens and holds the bundle's lock as a host does; nothing here is asked to look.
 */
#include "app/library/library.h"
#include "app/session/session-server.h"
#include "app/vm/vm-private.h"
#include "tests/app/fake-session.h"
#include "tests/app/library-fixture.h"
#include "tests/app/scratch.h"

#define UNASKED 2000 /* ms: a while in which nothing is to happen */

typedef struct {
  BonsaiVm *vm;
  FakeSession *fake;
  SessionServer *server;
  BundleLock *lock;
  unsigned states, sessions, pictures; /* how often they were told */
} Elsewhere;

static void
count_up (unsigned *count)
{
  (*count)++;
}

static void
record (Elsewhere *self, BonsaiState state)
{
  BundleRun run = { .state = state };

  g_assert_true (bundle_write_run (bonsai_vm_get_path (self->vm), &run, NULL));
}

static void
begin (Elsewhere *self)
{
  g_autoptr (GError) error = NULL;

  self->lock = bundle_lock (bonsai_vm_get_path (self->vm), &error);
  g_assert_no_error (error);
  record (self, BONSAI_STATE_STARTING);
}

static void
listen_for_others (Elsewhere *self)
{
  g_autoptr (GError) error = NULL;

  fake_session_set_state (self->fake, BONSAI_STATE_RUNNING, BONSAI_REASON_NONE, NULL);
  self->server = session_server_new (BONSAI_SESSION (self->fake), &error);
  g_assert_no_error (error);
}

/* As a host does that has tidied up. */
static void
let_go (Elsewhere *self)
{
  BundleRun run = { .state = self->fake->state, .reason = self->fake->reason, .message = self->fake->message };

  g_assert_true (bundle_write_run (bonsai_vm_get_path (self->vm), &run, NULL));
  g_clear_pointer (&self->server, session_server_free);
  g_clear_pointer (&self->lock, bundle_unlock);
}

static Elsewhere *
elsewhere_new (LibraryFixture *fixture)
{
  g_autoptr (VmConfig) config = vm_config_new ("Far");
  g_autoptr (GError) error = NULL;
  Elsewhere *self = g_new0 (Elsewhere, 1);

  self->vm = bonsai_library_create (fixture->library, config, &error);
  g_assert_no_error (error);
  self->fake = fake_session_new ();
  g_free (self->fake->uuid);
  self->fake->uuid = g_strdup (bonsai_vm_get_uuid (self->vm));
  g_signal_connect_swapped (self->vm, "notify::state", G_CALLBACK (count_up), &self->states);
  g_signal_connect_swapped (self->vm, "notify::session", G_CALLBACK (count_up), &self->sessions);
  g_signal_connect_swapped (self->vm, "thumbnail-changed", G_CALLBACK (count_up), &self->pictures);
  return self;
}

static void
elsewhere_free (Elsewhere *self)
{
  wait_until (!bonsai_vm_is_meeting (self->vm));
  g_signal_handlers_disconnect_by_func (self->vm, count_up, &self->states);
  g_signal_handlers_disconnect_by_func (self->vm, count_up, &self->sessions);
  g_signal_handlers_disconnect_by_func (self->vm, count_up, &self->pictures);
  g_clear_pointer (&self->server, session_server_free);
  g_clear_pointer (&self->lock, bundle_unlock);
  g_assert_finalize_object (self->fake);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Elsewhere, elsewhere_free)

static void
run_and_meet (Elsewhere *self)
{
  begin (self);
  wait_until (bonsai_vm_get_state (self->vm) == BONSAI_STATE_STARTING && !bonsai_vm_is_meeting (self->vm));
  g_assert_null (bonsai_vm_get_session (self->vm));
  listen_for_others (self);
  record (self, BONSAI_STATE_RUNNING);
  wait_until (bonsai_vm_get_session (self->vm) != NULL);
}

static void
test_met (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (Elsewhere) self = elsewhere_new (fixture);

  run_and_meet (self);
  g_assert_cmpuint (self->sessions, ==, 1);
  g_assert_cmpint (bonsai_vm_get_state (self->vm), ==, BONSAI_STATE_RUNNING);
  g_assert_cmpstr (bonsai_vm_get_state_text (self->vm), ==, "");

  fake_session_set_state (self->fake, BONSAI_STATE_PAUSED, BONSAI_REASON_IO_ERROR, "The disk is full");
  wait_until (bonsai_vm_get_state (self->vm) == BONSAI_STATE_PAUSED);
  g_assert_cmpstr (bonsai_vm_get_state_text (self->vm), ==, "The disk is full");
}

static gboolean
set_true (gpointer data)
{
  *(bool *)data = true;
  return G_SOURCE_REMOVE;
}

/* From its end until its host has tidied up, the machine is off, and told so once. */
static void
test_end (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (Elsewhere) self = elsewhere_new (fixture);
  bool rested = false;

  run_and_meet (self);
  self->states = self->sessions = 0;
  fake_session_set_state (self->fake, BONSAI_STATE_STOPPED, BONSAI_REASON_GUEST_OFF, "The guest is off");
  wait_until (bonsai_vm_get_session (self->vm) == NULL);
  g_timeout_add (UNASKED, set_true, &rested);
  wait_until (rested);
  g_assert_cmpuint (self->states, ==, 1);
  g_assert_cmpuint (self->sessions, ==, 1);
  g_assert_cmpint (bonsai_vm_get_state (self->vm), ==, BONSAI_STATE_STOPPED);
  g_assert_cmpstr (bonsai_vm_get_state_text (self->vm), ==, "The guest is off");

  let_go (self);
  wait_until (self->vm->ended_by == 0 && !bonsai_vm_is_meeting (self->vm));
  g_assert_cmpstr (bonsai_vm_get_state_text (self->vm), ==, "The guest is off");

  begin (self);
  listen_for_others (self);
  record (self, BONSAI_STATE_RUNNING);
  wait_until (bonsai_vm_get_session (self->vm) != NULL);
}

/* Its description may change while its host tidies up: it stays off. */
static void
test_changed_at_end (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (Elsewhere) self = elsewhere_new (fixture);
  g_autoptr (VmConfig) config = NULL;

  run_and_meet (self);
  fake_session_set_state (self->fake, BONSAI_STATE_STOPPED, BONSAI_REASON_USER, "It was powered off");
  wait_until (bonsai_vm_get_session (self->vm) == NULL);
  config = vm_config_copy (bonsai_vm_get_config (self->vm));
  config->memory = 1 << 30;
  g_assert_true (bundle_save (bonsai_vm_get_path (self->vm), config, NULL));
  wait_until (bonsai_vm_get_config (self->vm)->memory == 1 << 30);
  wait_until (!bonsai_vm_is_meeting (self->vm));
  g_assert_cmpint (bonsai_vm_get_state (self->vm), ==, BONSAI_STATE_STOPPED);
  g_assert_null (bonsai_vm_get_session (self->vm));
}

/* Who doesn't listen yet when he is looked for is looked for again if there were news meanwhile. */
static void
test_met_late (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (Elsewhere) self = elsewhere_new (fixture);

  begin (self);
  bonsai_vm_reload (self->vm);
  g_assert_true (bonsai_vm_is_meeting (self->vm));
  bonsai_vm_reload (self->vm);
  g_assert_true (self->vm->meet_again);
  listen_for_others (self);
  wait_until (bonsai_vm_get_session (self->vm) != NULL);
}

static void
test_picture (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (Elsewhere) self = elsewhere_new (fixture);
  g_autofree char *path = g_build_filename (bonsai_vm_get_path (self->vm), "screenshot.png", NULL);
  g_autoptr (Surface) surface = surface_new (64, 48), found = NULL;
  unsigned before;

  run_and_meet (self);
  bonsai_vm_watch (self->vm, TRUE);
  wait_until (self->fake->n_watchers == 1);
  before = self->pictures;
  g_signal_emit_by_name (self->fake, "thumbnail-changed");
  wait_until (self->pictures > before);
  bonsai_vm_watch (self->vm, FALSE);

  fake_session_set_state (self->fake, BONSAI_STATE_STOPPED, BONSAI_REASON_USER, "It was powered off");
  wait_until (bonsai_vm_get_session (self->vm) == NULL);
  before = self->pictures;
  g_assert_true (surface_save_png (surface, path, NULL));
  wait_until (self->pictures > before);
  wait_until ((found = bonsai_vm_get_thumbnail (self->vm)) != NULL && found->width == 64);
}

/* Whoever uses it, for however long, is named; and no longer than that. */
static void
test_lock (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (Elsewhere) self = elsewhere_new (fixture);
  g_autofree char *user = g_strdup_printf ("In use by process %d", (int)getpid ());

  self->lock = bundle_lock (bonsai_vm_get_path (self->vm), NULL);
  g_assert_nonnull (self->lock);
  wait_until (g_str_equal (bonsai_vm_get_state_text (self->vm), user));
  g_assert_cmpint (bonsai_vm_get_state (self->vm), ==, BONSAI_STATE_STOPPED);
  g_clear_pointer (&self->lock, bundle_unlock);
  wait_until (g_str_equal (bonsai_vm_get_state_text (self->vm), ""));
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (LibraryFixture *, gconstpointer);
  } tests[] = {
    { "/vm-elsewhere/met", test_met },
    { "/vm-elsewhere/end", test_end },
    { "/vm-elsewhere/changed-at-end", test_changed_at_end },
    { "/vm-elsewhere/met-late", test_met_late },
    { "/vm-elsewhere/picture", test_picture },
    { "/vm-elsewhere/lock", test_lock },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, LibraryFixture, NULL, library_fixture_set_up, tests[i].test,
                library_fixture_tear_down);
  return g_test_run ();
}
