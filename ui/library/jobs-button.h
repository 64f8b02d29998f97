/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/job/jobs.h"

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiJobsButton: how far the application's jobs are, together, and in its popover each for itself, with
 * what became of it. It shows while there is any. Main thread.
 */
#define BONSAI_TYPE_JOBS_BUTTON (bonsai_jobs_button_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiJobsButton, bonsai_jobs_button, BONSAI, JOBS_BUTTON, AdwBin)

G_END_DECLS
