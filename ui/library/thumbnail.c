/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/thumbnail.h"

#include "ui/base/texture.h"

struct _BonsaiThumbnail {
  BonsaiVmScreen parent;
};

G_DEFINE_FINAL_TYPE (BonsaiThumbnail, bonsai_thumbnail, BONSAI_TYPE_VM_SCREEN)

static void
bonsai_thumbnail_refresh (BonsaiVmScreen *screen)
{
  g_autoptr (Surface) surface = bonsai_vm_get_thumbnail (bonsai_vm_screen_get_vm (screen));
  g_autoptr (GdkTexture) texture = surface ? texture_from_surface (surface) : NULL;

  bonsai_vm_screen_show (screen, texture);
}

static void
bonsai_thumbnail_class_init (BonsaiThumbnailClass *klass)
{
  BONSAI_VM_SCREEN_CLASS (klass)->refresh = bonsai_thumbnail_refresh;
}

static void
bonsai_thumbnail_init (BonsaiThumbnail *self)
{
}
