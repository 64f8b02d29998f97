/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A workspace's files: power cuts between any two writes, and whoever tampers with them. */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/workspace/profile.h"
#include "app/workspace/workspace.h"
#include "tests/app/scratch.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define DAY INT64_C (86400)

typedef struct {
  char *scratch, *data, *bundle, *ledger, *folder;
  VmConfig *config;
  LeasePlace place;
} Fixture;

static int64_t
now (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

static bool
issue (Fixture *fixture, Expiry expiry, GError **error)
{
  g_autoptr (Profile) profile = profile_load ("/nowhere", "test", NULL);
  g_autoptr (Terms) terms = g_new0 (Terms, 1);

  terms->id = g_uuid_string_random ();
  terms->machine = g_strdup (fixture->config->uuid);
  terms->subject = g_strdup ("anna");
  terms->issued = now ();
  terms->expiry = expiry;
  profile_apply (profile, terms);
  return workspace_issue (&fixture->place, terms, error);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->scratch = scratch_new ();
  fixture->data = g_build_filename (fixture->scratch, "data", NULL);
  fixture->config = vm_config_new ("Anna's");
  fixture->bundle = bundle_create (fixture->scratch, fixture->config, &error);
  g_assert_no_error (error);
  fixture->place = (LeasePlace){ fixture->bundle, fixture->config->uuid, fixture->data };
  fixture->ledger = g_build_filename (fixture->data, "bonsai", "workspaces", fixture->config->uuid, NULL);
  fixture->folder = g_build_filename (fixture->bundle, "workspace", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  vm_config_free (fixture->config);
  g_free (fixture->bundle);
  g_free (fixture->ledger);
  g_free (fixture->folder);
  g_free (fixture->data);
  scratch_free (fixture->scratch);
}

static bool
may_start (Fixture *fixture, GError **error)
{
  LeaseStep step;

  if (!workspace_begin_run (&fixture->place, fixture->config, error))
    return false;
  g_assert_true (workspace_look (&fixture->place, false, &step, NULL));
  return true;
}

static void
assert_locked (Fixture *fixture, const char *why)
{
  g_autoptr (GError) error = NULL;
  LeaseStep step;

  g_assert_false (may_start (fixture, &error));
  g_assert_nonnull (strstr (error->message, why));
  /* What runs is suspended, and nothing is ever destroyed. */
  workspace_look (&fixture->place, true, &step, NULL);
  g_assert_cmpint (step.actions, ==, LEASE_SUSPEND);
}

/* --- the usual --- */

static void
test_usual (Fixture *fixture, gconstpointer data)
{
  const Expiry day = { EXPIRY_DATE, now () + DAY }, over = { EXPIRY_DATE, now () - 10 };
  g_autoptr (GError) error = NULL;
  g_autoptr (Workspace) workspace = NULL, after = NULL;
  g_autofree char *log = g_build_filename (fixture->ledger, "log", NULL), *text = NULL;
  LeaseStep step;

  g_assert_true (may_start (fixture, &error)); /* no workspace */
  g_assert_null (workspace_read (&fixture->place, false, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (issue (fixture, day, &error));
  g_assert_false (issue (fixture, day, &error));
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
  assert_locked (fixture, "renew");
  g_assert_true (workspace_renew (&fixture->place, &day, false, &error));
  g_assert_true (may_start (fixture, &error));
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
  g_assert_true (may_start (fixture, NULL)); /* nothing stayed */
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
  g_assert_false (may_start (fixture, &error)); /* the machine has NAT */
  g_assert_nonnull (strstr (error->message, "network"));
}

/* --- power cuts --- */

/* All of the workspace's files, as they were at one instant. */
typedef struct {
  char *ledger, *copy, *renewal;
} Picture;

static char *
slurp (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

static void
put (const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  if (text != NULL)
    g_assert_true (g_file_set_contents (path, text, -1, NULL));
  else
    g_unlink (path);
}

static Picture
take_picture (const Fixture *fixture)
{
  return (Picture){ slurp (fixture->ledger, "lease.json"), slurp (fixture->folder, "lease.json"),
                    slurp (fixture->folder, "renewal-1.json") };
}

static void
picture_clear (Picture *picture)
{
  g_free (picture->ledger);
  g_free (picture->copy);
  g_free (picture->renewal);
}

/* The first @n of the writes were done. */
static void
put_back (const Fixture *fixture, const Picture *before, const Picture *after, unsigned n)
{
  put (fixture->folder, "renewal-1.json", n > 0 ? after->renewal : before->renewal);
  put (fixture->ledger, "lease.json", n > 1 ? after->ledger : before->ledger);
  put (fixture->folder, "lease.json", n > 2 ? after->copy : before->copy);
}

/* A renewal, cut off after each of its writes, of a workspace in each stage. */
static void
test_power_cuts (Fixture *fixture, gconstpointer data)
{
  const Expiry over = { EXPIRY_DATE, now () - 10 }, day = { EXPIRY_DATE, now () + DAY };
  bool expired = GPOINTER_TO_INT (data);
  Picture before, after;
  LeaseStep step;

  g_assert_true (issue (fixture, expired ? over : day, NULL));
  workspace_look (&fixture->place, false, &step, NULL);
  before = take_picture (fixture);
  g_assert_true (workspace_renew (&fixture->place, expired ? &day : &over, false, NULL));
  after = take_picture (fixture);
  for (unsigned n = 0; n <= 3; n++)
    {
      bool renewed = n > 0, open = expired == renewed;
      g_autoptr (GError) error = NULL;

      put_back (fixture, &before, &after, n);
      g_assert_true (workspace_look (&fixture->place, false, &step, &error));
      g_assert_no_error (error);
      g_assert_cmpint (step.verdict, ==, open ? LEASE_OPEN : LEASE_OVER);
      g_assert_cmpuint (step.record.renewals, ==, renewed);
    }
  picture_clear (&before);
  picture_clear (&after);
}

/* --- tampering --- */

static void
test_tampering (Fixture *fixture, gconstpointer data)
{
  const Expiry day = { EXPIRY_DATE, now () + DAY };
  g_autofree char *key = key_file_path (fixture->data, "lease"), *keys = g_path_get_dirname (key);
  g_autofree char *terms = NULL, *bytes = NULL;
  g_autoptr (GError) error = NULL;
  Picture old, good;
  LeaseStep step;
  gsize length;

  g_assert_true (issue (fixture, day, NULL));
  old = take_picture (fixture);
  workspace_look (&fixture->place, false, &step, NULL);
  g_assert_true (workspace_renew (&fixture->place, &day, false, NULL));
  good = take_picture (fixture);
  terms = slurp (fixture->folder, "terms.json");

  /* Either copy is missing, damaged, or put back; the renewal, the terms or the key are gone. */
  put (fixture->ledger, "lease.json", NULL);
  assert_locked (fixture, "--mend");
  put (fixture->ledger, "lease.json", "{}\n");
  assert_locked (fixture, "--mend");
  put (fixture->ledger, "lease.json", old.ledger);
  assert_locked (fixture, "older");
  put (fixture->ledger, "lease.json", good.ledger);
  put (fixture->folder, "lease.json", NULL);
  assert_locked (fixture, "--mend");
  put (fixture->folder, "lease.json", good.copy);
  put (fixture->folder, "renewal-1.json", NULL);
  assert_locked (fixture, "renewal");
  put (fixture->folder, "renewal-1.json", good.renewal);
  put (fixture->folder, "terms.json", NULL);
  assert_locked (fixture, "terms");
  put (fixture->folder, "terms.json", terms);
  g_assert_true (g_file_get_contents (key, &bytes, &length, NULL));
  g_unlink (key);
  assert_locked (fixture, "key");
  g_assert_true (g_file_set_contents (key, bytes, length, NULL));
  g_assert_cmpint (g_chmod (key, 0600), ==, 0);
  g_assert_true (may_start (fixture, &error));
  g_assert_no_error (error);

  /* A machine that was put back from a backup, with an older copy, is fine. */
  put (fixture->folder, "lease.json", old.copy);
  g_assert_true (may_start (fixture, &error));
  g_assert_no_error (error);
  picture_clear (&old);
  picture_clear (&good);
}

static void
test_other_terms (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = NULL, *issuer = key_file_path (fixture->data, "issuer");
  g_autofree char *key = key_file_path (fixture->data, "lease");
  g_autoptr (GError) error = NULL;
  const Expiry over = { EXPIRY_DATE, now () - 10 }, day = { EXPIRY_DATE, now () + DAY };
  Picture picture;

  /* Terms of one's own making in the place of the issuer's, and the records of the others. */
  g_assert_true (issue (fixture, over, NULL));
  picture = take_picture (fixture);
  first = slurp (fixture->folder, "terms.json");
  put (fixture->folder, "terms.json", NULL);
  put (fixture->folder, "lease.json", NULL);
  put (fixture->ledger, "lease.json", NULL);
  g_unlink (issuer);
  g_assert_true (issue (fixture, day, NULL));
  put (fixture->ledger, "lease.json", picture.ledger);
  put (fixture->folder, "lease.json", picture.copy);
  assert_locked (fixture, "--mend");
  /* Whoever isn't the issuer can't renew. */
  put (fixture->folder, "terms.json", first);
  g_assert_false (workspace_renew (&fixture->place, &day, true, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "issuer"));
  picture_clear (&picture);
}

/* A renewal mends a lost record, and a lost key; only one that says so, and only while it is new. */
static void
test_mending (Fixture *fixture, gconstpointer data)
{
  const Expiry day = { EXPIRY_DATE, now () + DAY };
  g_autofree char *key = key_file_path (fixture->data, "lease"), *renewal = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (issue (fixture, day, NULL));
  put (fixture->ledger, "lease.json", NULL);
  g_unlink (key);
  g_assert_false (workspace_renew (&fixture->place, &day, false, &error));
  g_assert_nonnull (strstr (error->message, "--mend"));
  g_clear_error (&error);
  g_assert_true (workspace_renew (&fixture->place, &day, true, &error));
  g_assert_no_error (error);
  g_assert_true (may_start (fixture, &error));
  /* The record is lost again: the old renewal doesn't mend that. */
  put (fixture->ledger, "lease.json", NULL);
  assert_locked (fixture, "--mend");
}

static void
test_another_machine (Fixture *fixture, gconstpointer data)
{
  const Expiry day = { EXPIRY_DATE, now () + DAY };
  g_autofree char *uuid = g_uuid_string_random ();

  g_assert_true (issue (fixture, day, NULL));
  fixture->place.uuid = uuid;
  assert_locked (fixture, "another machine");
}

#define ADD(name, func, argument) g_test_add ("/workspace/" name, Fixture, argument, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_DATA_HOME");
  g_test_init (&argc, &argv, NULL);
  ADD ("usual", test_usual, NULL);
  ADD ("promises", test_promises, NULL);
  ADD ("use", test_use, NULL);
  ADD ("power-cuts/open", test_power_cuts, GINT_TO_POINTER (false));
  ADD ("power-cuts/expired", test_power_cuts, GINT_TO_POINTER (true));
  ADD ("tampering", test_tampering, NULL);
  ADD ("other-terms", test_other_terms, NULL);
  ADD ("mending", test_mending, NULL);
  ADD ("another-machine", test_another_machine, NULL);
  return g_test_run ();
}
