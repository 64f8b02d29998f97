/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define UI_RESOURCE "/org/bonsaivm/Bonsai/"

/*
 * BonsaiApplication: the desktop app's one instance. It holds the library, and stays while machines that it
 * hosts run, even without a window.
 */
#define BONSAI_TYPE_APPLICATION (bonsai_application_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiApplication, bonsai_application, BONSAI, APPLICATION, AdwApplication)

BonsaiApplication *bonsai_application_new (void);

G_END_DECLS
