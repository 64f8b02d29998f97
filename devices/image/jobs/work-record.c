/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/jobs/job-private.h"

#include "vmm/base/error.h"

#include <unistd.h>

/*
 * ".NAME.work" beside an image: what is to be done with its layers, for whoever opens it after a crash.
 *
 *   [work]
 *   kind=rebase
 *   layer=0
 *   layer-path=…
 *   backing-path=base.qcow2
 *   backing-format=qcow2
 */
#define GROUP "work"

static const char *const names[] = {
  [IMAGE_WORK_FLATTEN] = "flatten",
  [IMAGE_WORK_COMMIT] = "commit",
  [IMAGE_WORK_MERGE] = "merge",
  [IMAGE_WORK_REBASE] = "rebase",
};

const char *
image_work_name (ImageWorkKind kind)
{
  return names[kind];
}

bool
image_work_find (const char *name, ImageWorkKind *kind)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (names[i], name))
      {
        *kind = (ImageWorkKind)i;
        return true;
      }
  return false;
}

void
image_work_clear (ImageWork *work)
{
  g_clear_pointer (&work->layer_path, g_free);
  g_clear_pointer (&work->backing_path, g_free);
  g_clear_pointer (&work->backing_format, g_free);
}

/* (transfer full): where the record of the image at @path lies. */
static char *
record_path (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path), *name = g_path_get_basename (path);

  return g_strdup_printf ("%s/.%s.work", folder, name);
}

bool
job_work_record (const char *path, const ImageWork *work, GError **error)
{
  g_autofree char *record = record_path (path), *text = NULL;
  g_autoptr (GKeyFile) file = g_key_file_new ();
  gsize length;

  g_key_file_set_string (file, GROUP, "kind", names[work->kind]);
  g_key_file_set_integer (file, GROUP, "layer", (int)work->layer);
  if (work->layer_path != NULL)
    g_key_file_set_string (file, GROUP, "layer-path", work->layer_path);
  if (work->backing_path != NULL)
    g_key_file_set_string (file, GROUP, "backing-path", work->backing_path);
  if (work->backing_format != NULL)
    g_key_file_set_string (file, GROUP, "backing-format", work->backing_format);
  text = g_key_file_to_data (file, &length, NULL);
  return g_file_set_contents_full (record, text, (gssize)length,
                                   G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, error);
}

bool
image_work_pending (const char *path, ImageWork *work)
{
  g_autofree char *record = record_path (path), *kind = NULL;
  g_autoptr (GKeyFile) file = g_key_file_new ();

  *work = (ImageWork){ 0 };
  if (!g_file_test (record, G_FILE_TEST_IS_REGULAR)
      || !g_key_file_load_from_file (file, record, G_KEY_FILE_NONE, NULL))
    return false;
  kind = g_key_file_get_string (file, GROUP, "kind", NULL);
  if (kind == NULL || !image_work_find (kind, &work->kind))
    return false;
  work->layer = (unsigned)MAX (g_key_file_get_integer (file, GROUP, "layer", NULL), 0);
  work->layer_path = g_key_file_get_string (file, GROUP, "layer-path", NULL);
  work->backing_path = g_key_file_get_string (file, GROUP, "backing-path", NULL);
  work->backing_format = g_key_file_get_string (file, GROUP, "backing-format", NULL);
  return work->kind != IMAGE_WORK_REBASE || (work->backing_path != NULL && work->backing_format != NULL);
}

void
image_work_forget (const char *path)
{
  g_autofree char *record = record_path (path);

  unlink (record);
}
