/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A workspace's files: power cuts between any two writes, and whoever tampers with them. */
#include "app/base/error.h"
#include "tests/app/workspace-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- power cuts --- */

/* All of the workspace's files, as they were at one instant. */
typedef struct {
  char *ledger, *copy, *renewal;
} Picture;

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
  return (Picture){ fixture_slurp (fixture->ledger, "lease.json"),
                    fixture_slurp (fixture->folder, "lease.json"),
                    fixture_slurp (fixture->folder, "renewal-1.json") };
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
  const Expiry over = { EXPIRY_DATE, fixture_now () - 10 }, day = { EXPIRY_DATE, fixture_now () + DAY };
  bool expired = GPOINTER_TO_INT (data);
  Picture before, after;
  LeaseStep step;

  g_assert_true (fixture_issue (fixture, expired ? over : day, NULL));
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
  const Expiry day = { EXPIRY_DATE, fixture_now () + DAY };
  g_autofree char *key = key_file_path (fixture->data, "lease"), *keys = g_path_get_dirname (key);
  g_autofree char *terms = NULL, *bytes = NULL;
  g_autoptr (GError) error = NULL;
  Picture old, good;
  LeaseStep step;
  gsize length;

  g_assert_true (fixture_issue (fixture, day, NULL));
  old = take_picture (fixture);
  workspace_look (&fixture->place, false, &step, NULL);
  g_assert_true (workspace_renew (&fixture->place, &day, false, NULL));
  good = take_picture (fixture);
  terms = fixture_slurp (fixture->folder, "terms.json");

  /* Either copy is missing, damaged, or put back; the renewal, the terms or the key are gone. */
  put (fixture->ledger, "lease.json", NULL);
  fixture_assert_locked (fixture, "--mend");
  put (fixture->ledger, "lease.json", "{}\n");
  fixture_assert_locked (fixture, "--mend");
  put (fixture->ledger, "lease.json", old.ledger);
  fixture_assert_locked (fixture, "older");
  put (fixture->ledger, "lease.json", good.ledger);
  put (fixture->folder, "lease.json", NULL);
  fixture_assert_locked (fixture, "--mend");
  put (fixture->folder, "lease.json", good.copy);
  put (fixture->folder, "renewal-1.json", NULL);
  fixture_assert_locked (fixture, "renewal");
  put (fixture->folder, "renewal-1.json", good.renewal);
  put (fixture->folder, "terms.json", NULL);
  fixture_assert_locked (fixture, "terms");
  put (fixture->folder, "terms.json", terms);
  g_assert_true (g_file_get_contents (key, &bytes, &length, NULL));
  g_unlink (key);
  fixture_assert_locked (fixture, "key");
  g_assert_true (g_file_set_contents (key, bytes, length, NULL));
  g_assert_cmpint (g_chmod (key, 0600), ==, 0);
  g_assert_true (fixture_may_start (fixture, &error));
  g_assert_no_error (error);

  /* A machine that was put back from a backup, with an older copy, is fine. */
  put (fixture->folder, "lease.json", old.copy);
  g_assert_true (fixture_may_start (fixture, &error));
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
  const Expiry over = { EXPIRY_DATE, fixture_now () - 10 }, day = { EXPIRY_DATE, fixture_now () + DAY };
  Picture picture;

  /* Terms of one's own making in the place of the issuer's, and the records of the others. */
  g_assert_true (fixture_issue (fixture, over, NULL));
  picture = take_picture (fixture);
  first = fixture_slurp (fixture->folder, "terms.json");
  put (fixture->folder, "terms.json", NULL);
  put (fixture->folder, "lease.json", NULL);
  put (fixture->ledger, "lease.json", NULL);
  g_unlink (issuer);
  g_assert_true (fixture_issue (fixture, day, NULL));
  put (fixture->ledger, "lease.json", picture.ledger);
  put (fixture->folder, "lease.json", picture.copy);
  fixture_assert_locked (fixture, "--mend");
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
  const Expiry day = { EXPIRY_DATE, fixture_now () + DAY };
  g_autofree char *key = key_file_path (fixture->data, "lease"), *renewal = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (fixture_issue (fixture, day, NULL));
  put (fixture->ledger, "lease.json", NULL);
  g_unlink (key);
  g_assert_false (workspace_renew (&fixture->place, &day, false, &error));
  g_assert_nonnull (strstr (error->message, "--mend"));
  g_clear_error (&error);
  g_assert_true (workspace_renew (&fixture->place, &day, true, &error));
  g_assert_no_error (error);
  g_assert_true (fixture_may_start (fixture, &error));
  /* The record is lost again: the old renewal doesn't mend that. */
  put (fixture->ledger, "lease.json", NULL);
  fixture_assert_locked (fixture, "--mend");
}

static void
test_another_machine (Fixture *fixture, gconstpointer data)
{
  const Expiry day = { EXPIRY_DATE, fixture_now () + DAY };
  g_autofree char *uuid = g_uuid_string_random ();

  g_assert_true (fixture_issue (fixture, day, NULL));
  fixture->place.uuid = uuid;
  fixture_assert_locked (fixture, "another machine");
}

#define ADD(name, func, argument)                                                                            \
  g_test_add ("/workspace/" name, Fixture, argument, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_DATA_HOME");
  g_test_init (&argc, &argv, NULL);
  ADD ("power-cuts/open", test_power_cuts, GINT_TO_POINTER (false));
  ADD ("power-cuts/expired", test_power_cuts, GINT_TO_POINTER (true));
  ADD ("tampering", test_tampering, NULL);
  ADD ("other-terms", test_other_terms, NULL);
  ADD ("mending", test_mending, NULL);
  ADD ("another-machine", test_another_machine, NULL);
  return g_test_run ();
}
