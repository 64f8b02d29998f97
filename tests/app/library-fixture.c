/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/library-fixture.h"

#include "tests/app/scratch.h"

void
library_fixture_set_up (LibraryFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->scratch = scratch_new ();
  fixture->library = bonsai_library_new (fixture->scratch, &error);
  g_assert_no_error (error);
}

void
library_fixture_tear_down (LibraryFixture *fixture, gconstpointer data)
{
  scratch_finalize (fixture->library);
  scratch_free (fixture->scratch);
}
