/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * BonsaiVmScreen: what thumbnails and large views of a machine's screen have in common: the picture, drawn as
 * large as its shape allows, an icon while there is none, and that only a screen on which somebody looks is
 * kept up to date. Property "width": pixels, the natural one; the shape is 16:9. Main thread.
 */
#define BONSAI_TYPE_VM_SCREEN (bonsai_vm_screen_get_type ())
G_DECLARE_DERIVABLE_TYPE (BonsaiVmScreen, bonsai_vm_screen, BONSAI, VM_SCREEN, GtkWidget)

struct _BonsaiVmScreenClass {
  GtkWidgetClass parent_class;
  /* The machine became another one, or none; optional. */
  void (*vm_changed) (BonsaiVmScreen *self);
  /* The picture may have changed: it is to be shown. Called only with a machine, while on screen. */
  void (*refresh) (BonsaiVmScreen *self);
};

/* @vm: (nullable) */
void bonsai_vm_screen_set_vm (BonsaiVmScreen *self, BonsaiVm *vm);
/* (nullable) (transfer none) */
BonsaiVm *bonsai_vm_screen_get_vm (BonsaiVmScreen *self);

/* For subclasses. @texture: (nullable): there is no picture. */
void bonsai_vm_screen_show (BonsaiVmScreen *self, GdkTexture *texture);
/* For subclasses: shows what there is now, if somebody looks. */
void bonsai_vm_screen_refresh (BonsaiVmScreen *self);

G_END_DECLS
