/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/disk/disk-look.h"

#include "app/disk/disk-report.h"
#include "devices/image/image.h"

bool
disk_look (DiskLook *look, const char *path, const char *format, GError **error)
{
  const ImageOptions options = { .read_only = true, .format = format, .no_backing = true, .lenient = true };
  g_autoptr (EventLoop) loop = loop_new ("image-look", error);
  g_autoptr (Image) image = loop != NULL ? image_open (loop, path, &options, error) : NULL;
  g_autoptr (ImageInfo) info = image != NULL ? image_info (image, 0) : NULL;

  if (info == NULL)
    return false;
  *look = (DiskLook){
    .format = g_strdup (image_format_name (image)),
    .size = image_size (image),
    .encrypted = info->encrypted,
  };
  return true;
}

void
disk_look_clear (DiskLook *look)
{
  g_clear_pointer (&look->format, g_free);
}

char *
disk_look_text (const DiskLook *look)
{
  g_autofree char *size = disk_size_short (look->size);

  return g_strdup_printf ("%s, %s%s", look->format, size, look->encrypted ? ", encrypted" : "");
}
