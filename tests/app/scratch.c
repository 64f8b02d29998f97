/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/scratch.h"

#include "app/bundle/bundle-private.h"

#include <stdbool.h>
#include <sys/stat.h>

char *
scratch_new (void)
{
  g_autoptr (GError) error = NULL;
  char *path = g_dir_make_tmp ("bonsai-test-XXXXXX", &error);

  g_assert_no_error (error);
  return path;
}

void
scratch_free (char *path)
{
  bundle_remove_tree (path);
  g_free (path);
}

void
scratch_env (const char *scratch, const char *name)
{
  g_autofree char *path = g_build_filename (scratch, name, NULL);

  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  g_setenv (name, path, TRUE);
}

gboolean
scratch_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static bool
is_gone (GWeakRef *weak)
{
  g_autoptr (GObject) object = g_weak_ref_get (weak);

  return object == NULL;
}

void
scratch_finalize (gpointer object)
{
  GWeakRef weak;

  g_weak_ref_init (&weak, object);
  g_object_unref (object);
  wait_until (is_gone (&weak));
  g_weak_ref_clear (&weak);
}
