/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/play.h"

void
play_init (Play *play, Run *run)
{
  g_autoptr (GError) error = NULL;

  *play = (Play){ .run = run, .peer_reads = true, .may_resize = true };
  play->below = g_ptr_array_new_with_free_func ((GDestroyNotify)medium_unref);
  play->model = medium_new (UINT64_MAX);
  play->loop = loop_new ("play", &error);
  if (play->loop == NULL)
    run_fail (run, "%s", error->message);
}

void
play_clear (Play *play)
{
  image_close (play->image);
  loop_free (play->loop);
  medium_unref (play->model);
  g_ptr_array_unref (play->below);
  g_free (play->path);
  g_free (play->passphrase);
}

char *
play_new_path (Play *play, const char *suffix)
{
  return g_strdup_printf ("%s/%u%s", play->run->folder, play->n_files++, suffix);
}

ImageSecret
play_secret (const Play *play)
{
  return (ImageSecret){ (const uint8_t *)play->passphrase,
                        play->passphrase != NULL ? strlen (play->passphrase) : 0 };
}
