/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/job/jobs.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiJobRow: one job: how far it is, a way to cancel it, and what became of it. */
#define BONSAI_TYPE_JOB_ROW (bonsai_job_row_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiJobRow, bonsai_job_row, BONSAI, JOB_ROW, GtkListBoxRow)

GtkWidget *bonsai_job_row_new (BonsaiJobs *jobs, BonsaiJob *job);

G_END_DECLS
