/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/job/jobs.h"
#include "app/library/trash.h"
#include "ui/base/ui-state.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiApplication: the desktop app's one instance. It holds the library, and stays while machines that it
 * hosts run, even without a window.
 */
#define BONSAI_TYPE_APPLICATION (bonsai_application_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiApplication, bonsai_application, BONSAI, APPLICATION, AdwApplication)

BonsaiApplication *bonsai_application_new (void);

/* Opened when it is asked for first. (nullable): it can't be, which was shown. (transfer none) */
BonsaiLibrary *bonsai_application_get_library (BonsaiApplication *application);

/* What takes longer than a moment. (transfer none) */
BonsaiJobs *bonsai_application_get_jobs (BonsaiApplication *application);

/* Of its library, once that is open. (transfer none) */
BonsaiTrash *bonsai_application_get_trash (BonsaiApplication *application);

/* How it looked last time. (transfer none) */
UiState *bonsai_application_get_state (BonsaiApplication *application);

/* Another window of the library, at @place (library-sidebar.h; NULL: where it was last). (transfer none): to
 * be presented */
GtkWindow *bonsai_application_new_window (BonsaiApplication *application, const char *place);

G_END_DECLS
