/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "vmm/kvm/host-check.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiCreateWizard: from "what shall it run?" to a machine in three pages: source, details, summary.
 * Signal: "created" (BonsaiVm).
 */
#define BONSAI_TYPE_CREATE_WIZARD (bonsai_create_wizard_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiCreateWizard, bonsai_create_wizard, BONSAI, CREATE_WIZARD, AdwWindow)

/* @host is copied from; it must outlive the wizard. */
BonsaiCreateWizard *bonsai_create_wizard_new (GtkWindow *parent, BonsaiLibrary *library,
                                              const HostReport *host);

G_END_DECLS
