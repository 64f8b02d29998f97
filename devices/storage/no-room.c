/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/no-room.h"

#include <errno.h>

bool
is_no_room (ImageRequestKind kind, int error)
{
  return (error == -ENOSPC || error == -EDQUOT) && kind != IMAGE_READ;
}

void
pause_for_room (Device *device, const char *disk, const Image *image, int error)
{
  g_autofree char *message = g_strdup_printf (
    "Disk “%s” can't be written: %s on the file system of “%s”. Make room there, then "
    "resume the machine; no data is lost.",
    disk, error == -EDQUOT ? "your quota is used up" : "no space is left", image_path (image));

  board_request (device->board, BOARD_REQUEST_PAUSE, 0, message);
}
