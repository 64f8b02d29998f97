/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/job/job.h"

G_BEGIN_DECLS

/*
 * BonsaiJobs: the jobs of a process, as a GListModel of BonsaiJob, oldest first. Cancelled ones leave; failed
 * ones stay until they are dismissed; done ones until they are dismissed or many newer ones are done.
 *
 * Properties, read-only with notification: "n-running", "n-failed", "fraction" (of those that run, together:
 * 0 to 1; -1 while none knows how far it is).
 *
 * Threading: the main context that was thread-default when it was made.
 */
#define BONSAI_TYPE_JOBS (bonsai_jobs_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiJobs, bonsai_jobs, BONSAI, JOBS, GObject)

BonsaiJobs *bonsai_jobs_new (void);

void bonsai_jobs_add (BonsaiJobs *jobs, BonsaiJob *job);

/* Takes a job that has ended off the list. */
void bonsai_jobs_dismiss (BonsaiJobs *jobs, BonsaiJob *job);
/* All that are done; what failed stays. */
void bonsai_jobs_dismiss_done (BonsaiJobs *jobs);

guint bonsai_jobs_get_n_running (BonsaiJobs *jobs);
guint bonsai_jobs_get_n_failed (BonsaiJobs *jobs);
double bonsai_jobs_get_fraction (BonsaiJobs *jobs);

/* Asks all that can be cancelled to stop. */
void bonsai_jobs_cancel_all (BonsaiJobs *jobs);

/* A job with that subject that runs. (nullable) (transfer none) */
BonsaiJob *bonsai_jobs_find_running (BonsaiJobs *jobs, const char *subject);

G_END_DECLS
