/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* A lock on the folder, as vm.json is another file after each change. A file system that knows none, as some
 * of networks', leaves changes as they would be without. */
struct BundleEdit {
  int fd;
};

BundleEdit *
bundle_edit_begin (const char *path)
{
  BundleEdit *edit = g_new (BundleEdit, 1);

  edit->fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  while (edit->fd >= 0 && flock (edit->fd, LOCK_EX) < 0 && errno == EINTR)
    ;
  return edit;
}

void
bundle_edit_end (BundleEdit *edit)
{
  if (edit == NULL)
    return;
  if (edit->fd >= 0)
    {
      /* A child that is between fork and exec shares the description: closing alone would not unlock. */
      flock (edit->fd, LOCK_UN);
      close (edit->fd);
    }
  g_free (edit);
}
