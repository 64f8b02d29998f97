/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "vmm/kvm/host-check.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiCreateWizard: from "what shall it run?" to a machine: source, details, what an installation would
 * ask, summary; devices for who wants to. Signal: "created" (BonsaiVm, gboolean: start it).
 */
#define BONSAI_TYPE_CREATE_WIZARD (bonsai_create_wizard_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiCreateWizard, bonsai_create_wizard, BONSAI, CREATE_WIZARD, AdwWindow)

/* @host must outlive the wizard. */
BonsaiCreateWizard *bonsai_create_wizard_new (GtkWindow *parent, BonsaiLibrary *library,
                                              const HostReport *host);

/* A file that was dropped on the app, or opened with it: an ISO image or a disk image. */
void bonsai_create_wizard_set_file (BonsaiCreateWizard *wizard, const char *path);

G_END_DECLS
