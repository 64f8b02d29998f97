/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiHostPage: what this computer is to machines: what keeps them from running with its remedy, KVM,
 * memory, room, firmware. Looked at anew whenever it is shown. It has a header bar of its own. Main thread.
 */
#define BONSAI_TYPE_HOST_PAGE (bonsai_host_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiHostPage, bonsai_host_page, BONSAI, HOST_PAGE, AdwBin)

GtkWidget *bonsai_host_page_new (BonsaiLibrary *library);

G_END_DECLS
