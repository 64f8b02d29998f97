/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/workspace-fixture.h"

#include "app/workspace/profile.h"

#include <string.h>

int64_t
fixture_now (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

bool
fixture_issue_by (Fixture *fixture, const char *name, Expiry expiry, GError **error)
{
  g_autoptr (Profile) profile = profile_load ("/nowhere", name, NULL);
  g_autoptr (Terms) terms = g_new0 (Terms, 1);

  terms->id = g_uuid_string_random ();
  terms->machine = g_strdup (fixture->config->uuid);
  terms->subject = g_strdup ("anna");
  terms->issued = fixture_now ();
  terms->expiry = expiry;
  profile_apply (profile, terms);
  return workspace_issue (&fixture->place, terms, error);
}

void
fixture_set_up (Fixture *fixture, gconstpointer data)
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

void
fixture_tear_down (Fixture *fixture, gconstpointer data)
{
  vm_config_free (fixture->config);
  g_free (fixture->bundle);
  g_free (fixture->ledger);
  g_free (fixture->folder);
  g_free (fixture->data);
  scratch_free (fixture->scratch);
}

bool
fixture_issue (Fixture *fixture, Expiry expiry, GError **error)
{
  return fixture_issue_by (fixture, "test", expiry, error);
}

bool
fixture_may_start (Fixture *fixture, GError **error)
{
  LeaseStep step;

  if (!workspace_begin_run (&fixture->place, fixture->config, error))
    return false;
  g_assert_true (workspace_look (&fixture->place, false, &step, NULL));
  return true;
}

void
fixture_assert_locked (Fixture *fixture, const char *why)
{
  g_autoptr (GError) error = NULL;
  LeaseStep step;

  g_assert_false (fixture_may_start (fixture, &error));
  g_assert_nonnull (strstr (error->message, why));
  /* What runs is suspended, and nothing is ever destroyed. */
  workspace_look (&fixture->place, true, &step, NULL);
  g_assert_cmpint (step.actions, ==, LEASE_SUSPEND);
}

char *
fixture_slurp (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}
